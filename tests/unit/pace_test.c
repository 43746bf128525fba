/* SPDX-License-Identifier: MIT */
/* How often the short ways of large blocks have the clock looked at. The clock moves with each of
 * them, so that the time of the last look says which one it was. */
#include "unit/unit.h"

#include "common/self.h"
#include "fakes/os_fake.h"
#include "gate/gate.h"
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
    hk_heap_enter(heap);
    void *block = hk_pace_large_and_leave(heap, &now);
    assert_ptr_equal(block, &now);
    assert_int_equal(heap->busy, 0);
    return heap->large_looked == now;
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
    enum { USED = 3 << 20, ELSEWHERE = 300 << 10 };
    const uint64_t tick = (uint64_t)HK_PURGE_DELAY_MS * 1000000u;
    hk_free(hk_malloc(ELSEWHERE));
    char *block = hk_malloc(USED);
    memset(block, 1, USED);
    uint64_t purges = hk_os_fake_calls(HK_OS_PURGE);
    hk_free(block);
    for (int i = 0; i < 2 * HK_PACE_QUICK; i++) {
        now += tick / 8;
        hk_os_fake_set_now(now);
        hk_free(hk_malloc(ELSEWHERE));
    }
    assert_true(hk_os_fake_calls(HK_OS_PURGE) > purges);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(quick_calls_look_seldom),
        cmocka_unit_test(slow_calls_look_often),
        cmocka_unit_test(pause_is_long_once),
        cmocka_unit_test(pause_follows_its_length),
        cmocka_unit_test(errno_is_left_alone),
        cmocka_unit_test(memory_goes_back_beside_large_blocks),
    };
    return cmocka_run_group_tests_name("pace", tests, start, NULL);
}
