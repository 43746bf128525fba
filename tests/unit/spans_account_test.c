/* SPDX-License-Identifier: MIT */
/* Free spans at heaps' hands: how much all keep together and for how long, and who takes them back.
 */
#include "unit/spans_unit.h"

#include <sys/wait.h>
#include <unistd.h>

static void heaps_keep_what_policy_allows(void **state)
{
    (void)state;
    enum { BLOCKS = 40 };
    void *block[BLOCKS];
    for (size_t i = 0; i < BLOCKS; i++) {
        block[i] = take(5 + i % 9);
    }
    for (size_t i = 0; i < BLOCKS; i++) {
        give(block[i]);
        size_t allowed = atomic_load(&hk_slabs.purge_above);
        assert_true(slices(hk_spans_claimed()) <= allowed / 2);
        assert_right();
    }
}

/* Policy allows less than is kept: the next free makes good for it. */
static void heap_heeds_a_policy_that_sinks(void **state)
{
    (void)state;
    void *one = take(2);
    void *two = take(2);
    give(take(30));
    give(one);
    assert_int_equal(hk_spans_kept(), 32);
    atomic_store(&hk_slabs.purge_above, slices(16));
    give(two);
    assert_true(hk_spans_claimed() <= 8);
    assert_right();
    assert_int_equal(nothing_kept(state), 0);
}

/* A budget of less than a step of claims is a budget. */
static void small_account_is_used(void **state)
{
    (void)state;
    void *block = take(5);
    atomic_store(&hk_slabs.purge_above, slices(12));
    give(block);
    assert_int_equal(hk_spans_kept(), 5);
    assert_int_equal(hk_spans_claimed(), 5);
    assert_int_equal(nothing_kept(state), 0);
}

/* All heaps together: one alone fills the account, and another finds none of it. */
static void heaps_share_one_account(void **state)
{
    (void)state;
    enum { EACH = 24 };
    struct hk_heap *heaps[2] = {own, hk_cold.birth(16384)};
    void *block[2][EACH];
    for (size_t i = 0; i < 2 * EACH; i++) {
        block[i % 2][i / 2] = take_by(heaps[i % 2], 20);
    }
    for (size_t i = 0; i < 2 * EACH; i++) {
        give_by(heaps[i % 2], block[i % 2][i / 2]);
        assert_true(slices(hk_spans_claimed()) <= atomic_load(&hk_slabs.purge_above) / 2);
        assert_right();
    }
    hk_cold.death(heaps[1]);
}

/* Heaps that have nothing left leave the account to others. */
static void idle_heap_leaves_the_account_to_others(void **state)
{
    (void)state;
    struct hk_heap *other = hk_cold.birth(16384);
    size_t most = atomic_load(&hk_slabs.purge_above) / 2 / HK_SLICE;
    size_t count = 0;
    for (size_t kept = 0; kept + 30 <= most && count < HK_SPAN_PLACES; kept += 30) {
        count++;
    }
    void *block[HK_SPAN_PLACES];
    for (size_t i = 0; i < count; i++) {
        block[i] = take(30);
    }
    for (size_t i = 0; i < count; i++) {
        give(block[i]);
    }
    hk_spans_tick();
    hk_spans_tick();
    void *mine = take_by(other, 30);
    give_by(other, mine);
    assert_int_equal(hk_spans_kept(), 30);
    hk_cold.death(other);
    assert_int_equal(hk_spans_kept(), 0);
}

static void unused_spans_go_at_the_second_tick(void **state)
{
    (void)state;
    give(take(6));
    hk_spans_tick();
    assert_int_equal(hk_spans_kept(), 6);
    hk_spans_tick();
    assert_int_equal(hk_spans_kept(), 0);
    assert_int_equal(hk_spans_claimed(), 0);
    assert_right();
}

static void used_spans_outlive_ticks(void **state)
{
    (void)state;
    for (int i = 0; i < 5; i++) {
        give(take(6));
        hk_spans_tick();
        assert_int_equal(hk_spans_kept(), 6);
    }
}

/* What was asked for in vain was not used. */
static void spans_of_other_lengths_go_as_well(void **state)
{
    (void)state;
    give(take(6));
    hk_spans_tick();
    assert_null(hk_cold.large_pop(own, slices(20)));
    hk_spans_tick();
    assert_int_equal(hk_spans_kept(), 0);
}

/* The holder finds out by itself what others have taken back, at a pop and at a keep. */
static void holder_goes_on_after_spans_were_taken_back(void **state)
{
    (void)state;
    void *block[4];
    for (int round = 0; round < 2; round++) {
        for (size_t i = 0; i < 4; i++) {
            block[i] = take(3 + i);
        }
        for (size_t i = 0; i < 4; i++) {
            give(block[i]);
        }
        hk_cold.trim(NULL, 0);
        assert_int_equal(hk_spans_claimed(), 0);
        if (round) {
            assert_null(hk_cold.large_pop(own, slices(4)));
        }
        void *other = take_large(slices(9), 16, 0);
        give(other);
        assert_int_equal(hk_spans_kept(), 9);
        assert_right();
        assert_ptr_equal(take(9), other);
        give(other);
    }
}

static void dead_heap_keeps_no_spans(void **state)
{
    (void)state;
    struct hk_heap *mine = own;
    own = hk_cold.birth(8192);
    give(take(6));
    assert_int_equal(hk_spans_kept(), 6);
    hk_cold.death(own);
    own = mine;
    assert_int_equal(hk_spans_kept(), 0);
    assert_int_equal(hk_spans_claimed(), 0);
}

/* -> true: the heap keeps spans and serves them. */
static bool goes_on(struct hk_heap *heap)
{
    for (size_t count = 5; count <= 9; count += 2) {
        void *block = take_by(heap, count);
        give_by(heap, block);
        if (hk_cold.large_pop(heap, slices(count)) != block || hk_spans_check(&heap->spans)) {
            return false;
        }
        give_by(heap, block);
    }
    return true;
}

/* In the child only the forking thread's heap keeps what it had. */
static void child_takes_back_what_others_kept(void **state)
{
    (void)state;
    struct hk_heap *idle = hk_cold.birth(16384);
    struct hk_heap *busy = hk_cold.birth(32768);
    void *mine = take(4);
    void *idles = take_by(idle, 5);
    void *listed = take_by(idle, 7);
    void *out = take_by(idle, 9);
    void *busys = take_by(busy, 6);
    give(mine);
    give_by(idle, idles);
    give_by(idle, listed);
    give_by(idle, out);
    assert_ptr_equal(take_by(idle, 9), out);
    give_by(busy, busys);
    busy->busy = 1;
    size_t dirty = cold_stat().dirty;
    assert_int_equal(hk_spans_kept(), 22);

    hk_cold.prefork();
    pid_t child = fork();
    if (child == 0) {
        idle->spans.slices += 1; /* it was left in the middle of a pop */
        hk_cold.child(own);
        bool right =
            hk_spans_kept() == 4 && hk_spans_claimed() == 4 && cold_stat().dirty == dirty &&
            !hk_cold.check() && !hk_spans_check(&own->spans) && !hk_spans_check(&idle->spans) &&
            !idle->spans.taken && !idle->spans.lengths && take(4) == mine &&
            !hk_cold.large_pop(own, slices(5)) && hk_cold.birth(8192) == idle && goes_on(idle);
        _exit(right ? 0 : 1);
    }
    hk_cold.parent();
    int status = -1;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(status, 0);
    assert_int_equal(hk_spans_kept(), 22);
    give_by(idle, out);
    busy->busy = 0;
    hk_cold.death(idle);
    hk_cold.death(busy);
}

#if !HK_SINGLE
enum { THREADS = 6, ROUNDS = 2000, HELD = 8 };
static _Atomic(bool) overlapping;

/* Nobody else writes to a block that this thread holds. */
static void *churn(void *arg)
{
    uint32_t mark = (uint32_t)(uintptr_t)arg;
    uint32_t seed = mark;
    uint32_t *held[HELD] = {NULL};
    struct hk_heap *heap = hk_cold.birth(8192 * (uintptr_t)arg);
    for (uint32_t i = 0; i < ROUNDS; i++) {
        uint32_t **place = &held[(seed = seed * 1664525 + 1013904223) >> 29];
        if (*place) {
            if (**place != mark) {
                atomic_store(&overlapping, true);
            }
            give_by(heap, *place);
            *place = NULL;
        } else {
            *place = take_by(heap, 5 + (seed >> 20) % 12);
            **place = mark;
        }
        if (i % 512 == 0) {
            hk_spans_tick();
        }
    }
    for (uint32_t i = 0; i < HELD; i++) {
        if (held[i]) {
            give_by(heap, held[i]);
        }
    }
    hk_cold.death(heap);
    return NULL;
}

static void threads_never_share_a_span(void **state)
{
    (void)state;
    run_threads(THREADS, churn);
    assert_false(overlapping);
    assert_int_equal(hk_spans_claimed(), 0);
    assert_right();
}
#endif

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(heaps_keep_what_policy_allows, nothing_kept),
        cmocka_unit_test_setup(heap_heeds_a_policy_that_sinks, nothing_kept),
        cmocka_unit_test_setup(small_account_is_used, nothing_kept),
        cmocka_unit_test_setup(heaps_share_one_account, nothing_kept),
        cmocka_unit_test_setup(idle_heap_leaves_the_account_to_others, nothing_kept),
        cmocka_unit_test_setup(unused_spans_go_at_the_second_tick, nothing_kept),
        cmocka_unit_test_setup(used_spans_outlive_ticks, nothing_kept),
        cmocka_unit_test_setup(spans_of_other_lengths_go_as_well, nothing_kept),
        cmocka_unit_test_setup(holder_goes_on_after_spans_were_taken_back, nothing_kept),
        cmocka_unit_test_setup(dead_heap_keeps_no_spans, nothing_kept),
        cmocka_unit_test_setup(child_takes_back_what_others_kept, nothing_kept),
#if !HK_SINGLE
        cmocka_unit_test_setup(threads_never_share_a_span, nothing_kept),
#endif
    };
    if (HK_FREE_POLICY == HK_FREE_EAGER) {
        return 77; /* skipped: nothing is kept, which tests/unit/spans_test.c sees */
    }
    return cmocka_run_group_tests_name("spans_account", tests, start, NULL);
}
