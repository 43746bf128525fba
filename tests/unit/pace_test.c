/* SPDX-License-Identifier: MIT */
/* How often the short ways of large blocks have the clock looked at. The clock moves with each of
 * them, so that the time of the last look says which one it was. */
#include "unit/unit.h"

#include "coldbox/cold.h"
#include "coldbox/superslab.h"
#include "common/self.h"
#include "fakes/os_fake.h"
#include "gate/gate.h"
#include "gate/header.h"
#include "gate/pace.h"

#include <errno.h>
#include <string.h>

enum { QUICKLY = 1000, SLOWLY = 1000000 }; /* ns from one to the next */

static uint64_t now = 1000000000000u;
static struct hk_heap *heap;

static int start(void **state)
{
    (void)state;
    hk_os_fake_set_now(now);
    hk_free(hk_malloc(1));
    heap = hk_self_object(hk_self());
    return heap ? 0 : 1;
}

/* -> true: the clock was looked at. */
static bool one(uint64_t ns)
{
    now += ns;
    hk_os_fake_set_now(now);
    void *block = hk_pace_large(heap, &now);
    assert_ptr_equal(block, &now);
    assert_int_equal(heap->busy, 0);
    return heap->pace.looked == now;
}

/* -> short ways up to the next look. */
static size_t until_look(uint64_t ns)
{
    size_t count = 1;
    while (!one(ns)) {
        count += 1;
        assert_true(count <= HK_PACE_QUICK);
    }
    return count;
}

static void quick_calls_look_seldom(void **state)
{
    (void)state;
    (void)until_look(SLOWLY);
    (void)until_look(QUICKLY);
    for (int i = 0; i < 3; i++) {
        assert_int_equal(until_look(QUICKLY), HK_PACE_QUICK);
    }
}

static void slow_calls_look_often(void **state)
{
    (void)state;
    (void)until_look(SLOWLY);
    for (int i = 0; i < 20; i++) {
        size_t count = until_look(SLOWLY);
        assert_true(i == 0 || count == HK_PACE);
    }
}

/* Calls that become slow wait once for the end of a long pause. */
static void pause_is_long_once(void **state)
{
    (void)state;
    (void)until_look(QUICKLY);
    (void)until_look(QUICKLY);
    assert_int_equal(until_look(QUICKLY), HK_PACE_QUICK);
    assert_int_equal(until_look(SLOWLY), HK_PACE_QUICK);
    assert_int_equal(until_look(SLOWLY), HK_PACE);
}

/* The bound: a pause that took so long is followed by a short one, a shorter by a long one. */
static void pause_follows_its_length(void **state)
{
    (void)state;
    (void)until_look(SLOWLY);
    (void)until_look(SLOWLY);
    assert_int_equal(until_look(HK_PACE_NS), HK_PACE);
    assert_int_equal(until_look(HK_PACE_NS - 1), HK_PACE);
    assert_int_equal(until_look(HK_PACE_NS - 1), HK_PACE_QUICK);
    assert_int_equal(until_look(HK_PACE_NS), HK_PACE_QUICK);
    assert_int_equal(until_look(HK_PACE_NS), HK_PACE);
}

static void errno_is_left_alone(void **state)
{
    (void)state;
    for (int i = 0; i < HK_PACE_QUICK; i++) {
        errno = 77;
        (void)one(SLOWLY);
        assert_int_equal(errno, 77);
    }
}

/* A thread that does nothing else still has the memory age that nobody uses. */
static void memory_goes_back_beside_large_blocks(void **state)
{
    (void)state;
    enum { USED = 3 << 20, ELSEWHERE = HK_POOL_MAX + 1 };
    if (atomic_load(&hk_slabs.purge_above) < 2 * (size_t)USED) {
        skip(); /* a budget that gives it back at once */
    }
    const uint64_t tick = (uint64_t)HK_PURGE_DELAY_MS * 1000000u;
    hk_free(hk_malloc(ELSEWHERE));
    char *block = hk_malloc(USED);
    memset(block, 1, USED);
    hk_free(block);
    uint64_t purges = hk_os_fake_calls(HK_OS_PURGE);
    for (int i = 0; i < 4 * HK_PACE_QUICK; i++) {
        now += tick / 8;
        hk_os_fake_set_now(now);
        hk_free(hk_malloc(ELSEWHERE));
    }
    assert_true(hk_os_fake_calls(HK_OS_PURGE) > purges);
}

enum { LONG = 1000 }; /* a pause that nothing here comes to the end of */

static uint32_t calls_of(void (*what)(size_t size), size_t size)
{
    what(size); /* so that there is one to be served again, and its size has been asked for twice */
    what(size);
    what(size);
    heap->pace.left = LONG;
    what(size);
    uint32_t calls = LONG - heap->pace.left;
    heap->pace.left = 1;
    return calls;
}

static void malloc_and_free(size_t size)
{
    hk_free(hk_malloc(size));
}

static void calloc_and_free(size_t size)
{
    hk_free(hk_calloc(1, size));
}

static void aligned_and_free(size_t size)
{
    hk_free(hk_aligned_alloc(4096, size));
}

static void short_ways_are_counted(void **state)
{
    (void)state;
    size_t allowed = atomic_load(&hk_slabs.purge_above);
    if (allowed < 3 * (size_t)HK_SPAN_MAX) {
        skip(); /* a budget that has no room for what is freed */
    }
    assert_int_equal(calls_of(malloc_and_free, HK_POOL_MAX + 1), 1);
    assert_int_equal(calls_of(calloc_and_free, HK_POOL_MAX + 1), 1);
    assert_int_equal(calls_of(aligned_and_free, HK_POOL_MAX + 4096), 1);
    assert_int_equal(calls_of(malloc_and_free, HK_SPAN_MAX + 1), 2);
}

/* -> times that the clock, or a slow path, was counted while `count` blocks of `size` that others
 * had taken came back, and none went out. */
static uint32_t counted_frees(size_t size, int count)
{
    enum { AT_ONCE = 8 };
    void *block[AT_ONCE];
    uint32_t before = heap->refills;
    heap->pace.left = LONG;
    for (int i = 0; i < count / AT_ONCE; i++) {
        for (int j = 0; j < AT_ONCE; j++) {
            bool zero;
            block[j] = hk_cold.large_alloc(size, 16, 0, &zero);
        }
        for (int j = 0; j < AT_ONCE; j++) {
            hk_plain_free(block[j]);
        }
    }
    uint32_t counted = heap->refills - before + LONG - heap->pace.left;
    heap->pace.left = 1;
    return counted;
}

static void frees_alone_are_counted_too(void **state)
{
    (void)state;
    enum { BLOCKS = 400 };
    assert_true(counted_frees(HK_POOL_MAX + 1, BLOCKS) >= BLOCKS / (HK_SPAN_PLACES + 1));
    assert_int_equal(counted_frees(HK_SPAN_MAX + 1, BLOCKS), BLOCKS);
}

/* What no short way serves is counted with all other slow paths. */
static void long_ways_are_not(void **state)
{
    (void)state;
    for (size_t size = HK_POOL_MAX + 1; size <= HK_SPAN_MAX + 1;
         size += HK_SPAN_MAX - HK_POOL_MAX) {
        hk_malloc_trim(0);
        heap->pace.left = LONG;
        uint32_t before = heap->refills;
        void *block = hk_malloc(size);
        assert_int_equal(heap->refills, before + 1);
        heap->keeps = false;
        hk_free(block);
        heap->keeps = true;
        assert_int_equal(heap->refills, before + 2);
        assert_int_equal(heap->pace.left, LONG);
        heap->pace.left = 1;
    }
}

/* A heap that has grown has the learner look, and the clock keeps its turn. */
static void learner_does_not_wait_for_the_clock(void **state)
{
    (void)state;
    (void)until_look(SLOWLY);
    (void)until_look(SLOWLY);
    uint64_t looked = heap->pace.looked;
    for (uint32_t i = 1; i < HK_PACE; i++) {
        heap->grown = HK_LEARN_GROWTH + (uint32_t)heap->slice_count;
        assert_false(one(SLOWLY));
        assert_int_equal(heap->grown, 0);
        assert_int_equal(heap->pace.left, HK_PACE - i);
        assert_int_equal(heap->pace.looked, looked);
    }
    assert_true(one(SLOWLY));
}

/* The thread's end is not another's beginning. */
static void next_thread_has_its_own_pace(void **state)
{
    (void)state;
    struct hk_heap *first = hk_cold.birth(4096);
    assert_int_equal(first->pace.left, 1);
    first->pace = (struct hk_pace){.left = 2, .pause = HK_PACE_QUICK, .looked = now};
    hk_cold.death(first);
    struct hk_heap *second = hk_cold.birth(8192);
    assert_ptr_equal(second, first);
    assert_int_equal(second->pace.left, 1);
    assert_int_equal(second->pace.pause | second->pace.looked, 0);
    hk_cold.death(second);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(quick_calls_look_seldom),      cmocka_unit_test(slow_calls_look_often),
        cmocka_unit_test(pause_is_long_once),           cmocka_unit_test(pause_follows_its_length),
        cmocka_unit_test(errno_is_left_alone),          cmocka_unit_test(long_ways_are_not),
        cmocka_unit_test(next_thread_has_its_own_pace),
    };
    /* with other policies nothing is kept, or nothing goes back */
    const struct CMUnitTest batch[] = {
        cmocka_unit_test(memory_goes_back_beside_large_blocks),
        cmocka_unit_test(short_ways_are_counted),
        cmocka_unit_test(frees_alone_are_counted_too),
    };
    const struct CMUnitTest learner[] = {cmocka_unit_test(learner_does_not_wait_for_the_clock)};
    int failed = cmocka_run_group_tests_name("pace", tests, start, NULL);
    if (HK_FREE_POLICY == HK_FREE_BATCH) {
        failed += cmocka_run_group_tests_name("pace, batch", batch, NULL, NULL);
    }
    if (HK_POLICY != HK_POLICY_FROZEN) {
        failed += cmocka_run_group_tests_name("pace, learner", learner, NULL, NULL);
    }
    return failed;
}
