/* SPDX-License-Identifier: MIT */
/* Free spans at a heap's hand: what serves again, how much is kept, and for how long. */
#include "unit/cold_unit.h"

#include "coldbox/purge.h"
#include "coldbox/spans.h"

#include <pthread.h>
#include <string.h>

static struct hk_heap *own;

static size_t slices(size_t count)
{
    return count << HK_SLICE_SHIFT;
}

static void *take_by(struct hk_heap *heap, size_t count)
{
    void *kept = hk_cold.large_pop(heap, slices(count));
    return kept ? kept : take_large(slices(count), 16, 0);
}

static void give_by(struct hk_heap *heap, void *block)
{
    if (!hk_cold.large_keep(heap, hk_page_of(block), block)) {
        give_large(block);
    }
}

static void *take(size_t count)
{
    return take_by(own, count);
}

static void give(void *block)
{
    give_by(own, block);
}

static void assert_right(void)
{
    assert_null(hk_spans_check(own));
    assert_null(hk_cold.check());
    assert_true(hk_spans_kept() <= hk_spans_claimed());
}

static int start(void **state)
{
    return start_cold(state) || !(own = hk_cold.birth(4096));
}

/* A test's set-up: nothing is kept. */
static int nothing_kept(void **state)
{
    calm_os(state);
    hk_cold.trim(own, 0);
    return hk_spans_claimed() ? 1 : 0;
}

static void freed_span_serves_again(void **state)
{
    (void)state;
    void *block = take(6);
    size_t leased = cold_stat().leased;
    give(block);
    assert_int_equal(hk_spans_kept(), 6);
    assert_int_equal(cold_stat().leased, leased - slices(6));

    void *again = hk_cold.large_pop(own, slices(6));

    assert_ptr_equal(again, block);
    assert_int_equal(cold_stat().leased, leased);
    assert_int_equal(hk_spans_kept(), 0);
    give(again);
    assert_right();
}

static void kept_span_counts_as_dirty(void **state)
{
    (void)state;
    size_t dirty = cold_stat().dirty;
    give(take(6));
    assert_int_equal(cold_stat().dirty, dirty + slices(6));
    hk_cold.trim(own, 0);
    assert_int_equal(cold_stat().dirty, 0);
}

/* Neither huge blocks, nor anything while a heap is being given up. */
static void what_is_not_kept_is_as_it_was(void **state)
{
    (void)state;
    void *huge = take_large(HK_SPAN_MAX + 1, 16, 0);
    assert_false(hk_cold.large_keep(own, hk_page_of(huge), huge));
    give_large(huge);
    assert_null(hk_cold.large_pop(own, HK_SPAN_MAX + 1));

    void *block = take(6);
    own->keeps = false;
    assert_false(hk_cold.large_keep(own, hk_page_of(block), block));
    own->keeps = true;
    assert_int_equal(hk_cold.large_size(hk_page_of(block), block), slices(6));
    give_large(block);
    assert_int_equal(hk_spans_kept(), 0);
    assert_right();
}

static void span_longer_by_a_quarter_serves(void **state)
{
    (void)state;
    void *ten = take(10);
    give(ten);
    void *seven = take(7);
    assert_ptr_not_equal(seven, ten);
    void *eight = take(8);
    assert_ptr_equal(eight, ten);
    assert_int_equal(hk_cold.large_size(hk_page_of(eight), eight), slices(10));
    give(seven);
    give(eight);
    assert_right();
}

static void last_of_a_length_serves_first(void **state)
{
    (void)state;
    void *block[3];
    for (size_t i = 0; i < 3; i++) {
        block[i] = take(5);
    }
    for (size_t i = 0; i < 3; i++) {
        give(block[i]);
    }
    for (size_t i = 3; i-- > 0;) {
        assert_ptr_equal(take(5), block[i]);
    }
    for (size_t i = 0; i < 3; i++) {
        give(block[i]);
    }
}

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

/* Of many short ones no more are kept than there are places. */
static void full_heap_gives_up_old_spans(void **state)
{
    (void)state;
    enum { BLOCKS = 64 };
    void *block[BLOCKS];
    for (size_t i = 0; i < BLOCKS; i++) {
        block[i] = take(1);
    }
    for (size_t i = 0; i < BLOCKS; i++) {
        give(block[i]);
    }
    assert_int_equal(hk_spans_kept(), HK_SPAN_PLACES);
    assert_ptr_equal(take(1), block[BLOCKS - 1]);
    give(block[BLOCKS - 1]);
    assert_right();
}

static void unused_spans_go_at_the_second_age(void **state)
{
    (void)state;
    give(take(6));
    hk_cold.age(own);
    assert_int_equal(hk_spans_kept(), 6);
    hk_cold.age(own);
    assert_int_equal(hk_spans_kept(), 0);
    assert_int_equal(hk_spans_claimed(), 0);
    assert_right();
}

static void used_spans_outlive_ages(void **state)
{
    (void)state;
    for (int i = 0; i < 5; i++) {
        give(take(6));
        hk_cold.age(own);
        assert_int_equal(hk_spans_kept(), 6);
    }
}

static struct hk_page *lease_one(void)
{
    return hk_cold.lease(&(struct hk_lease){.heap = own,
                                            .block_size = 64,
                                            .bin_index = 4,
                                            .kind = HK_KIND_TINY,
                                            .slices = 1,
                                            .grow = true});
}

/* A page comes from kept memory before it comes from memory that was never used. */
static void page_is_leased_of_a_kept_span(void **state)
{
    (void)state;
    void *block = take(6);
    give(block);

    struct hk_page *page = lease_one();

    assert_ptr_equal(hk_page_start(page), block);
    assert_false(page->flags & HK_PAGE_ZERO);
    assert_int_equal(hk_spans_kept(), 0);
    assert_int_equal(hk_spans_claimed(), 0);
    hk_cold.retire(own, page);
    assert_right();
}

/* While other used memory is free, spans stay. */
static void spans_stay_while_other_memory_is_free(void **state)
{
    (void)state;
    void *block = take(6);
    void *free_memory = take(5);
    give_large(free_memory);
    give(block);

    struct hk_page *page = lease_one();

    assert_ptr_equal(hk_page_start(page), free_memory);
    assert_int_equal(hk_spans_kept(), 6);
    hk_cold.retire(own, page);
    assert_right();
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

static void check_finds_a_kept_span_in_use(void **state)
{
    (void)state;
    void *block = take(6);
    give(block);
    struct hk_page *page = hk_page_of(block);

    page->kind = HK_KIND_SPAN;
    const char *broken = hk_spans_check(own);
    page->kind = HK_KIND_FREE;

    assert_string_equal(broken, "a kept span has a descriptor in use");
}

static void check_finds_a_kept_span_that_is_free(void **state)
{
    (void)state;
    void *block = take(6);
    give(block);
    struct hk_superslab *slab = (struct hk_superslab *)hk_page_superslab(hk_page_of(block));
    uint64_t bit = (uint64_t)1 << hk_page_slice(hk_page_of(block));

    slab->free |= bit;
    const char *broken = hk_spans_check(own);
    slab->free &= ~bit;

    assert_string_equal(broken, "a kept span is free in its superslab");
}

static void eager_policy_keeps_nothing(void **state)
{
    (void)state;
    give(take(6));
    assert_int_equal(hk_spans_claimed(), 0);
    assert_right();
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
            hk_cold.age(heap);
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
    pthread_t thread[THREADS];
    for (uintptr_t i = 0; i < THREADS; i++) {
        assert_int_equal(pthread_create(&thread[i], NULL, churn, (void *)(i + 1)), 0);
    }
    for (size_t i = 0; i < THREADS; i++) {
        pthread_join(thread[i], NULL);
    }
    assert_false(overlapping);
    assert_int_equal(hk_spans_claimed(), 0);
    assert_right();
}
#endif

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(freed_span_serves_again, nothing_kept),
        cmocka_unit_test_setup(kept_span_counts_as_dirty, nothing_kept),
        cmocka_unit_test_setup(what_is_not_kept_is_as_it_was, nothing_kept),
        cmocka_unit_test_setup(span_longer_by_a_quarter_serves, nothing_kept),
        cmocka_unit_test_setup(last_of_a_length_serves_first, nothing_kept),
        cmocka_unit_test_setup(heaps_keep_what_policy_allows, nothing_kept),
        cmocka_unit_test_setup(heap_heeds_a_policy_that_sinks, nothing_kept),
        cmocka_unit_test_setup(full_heap_gives_up_old_spans, nothing_kept),
        cmocka_unit_test_setup(unused_spans_go_at_the_second_age, nothing_kept),
        cmocka_unit_test_setup(used_spans_outlive_ages, nothing_kept),
        cmocka_unit_test_setup(page_is_leased_of_a_kept_span, nothing_kept),
        cmocka_unit_test_setup(spans_stay_while_other_memory_is_free, nothing_kept),
        cmocka_unit_test_setup(dead_heap_keeps_no_spans, nothing_kept),
        cmocka_unit_test_setup(check_finds_a_kept_span_in_use, nothing_kept),
        cmocka_unit_test_setup(check_finds_a_kept_span_that_is_free, nothing_kept),
#if !HK_SINGLE
        cmocka_unit_test_setup(threads_never_share_a_span, nothing_kept),
#endif
    };
    const struct CMUnitTest eager[] = {
        cmocka_unit_test_setup(eager_policy_keeps_nothing, nothing_kept),
    };
    if (HK_FREE_POLICY == HK_FREE_EAGER) {
        return cmocka_run_group_tests_name("spans", eager, start, NULL);
    }
    return cmocka_run_group_tests_name("spans", tests, start, NULL);
}
