/* SPDX-License-Identifier: MIT */
/* The stock of free spans: what serves again, how much is kept, and for how long. */
#include "unit/cold_unit.h"

#include "coldbox/purge.h"
#include "coldbox/spans.h"

#include <pthread.h>
#include <string.h>

static size_t slices(size_t count)
{
    return count << HK_SLICE_SHIFT;
}

/* A test's set-up: nothing in stock. */
static int nothing_stocked(void **state)
{
    calm_os(state);
    hk_cold.trim(NULL, 0);
    return hk_spans_stocked() ? 1 : 0;
}

static void freed_span_serves_again(void **state)
{
    (void)state;
    bool zero = true;
    void *block = take_large(slices(6), 16, 0);
    size_t leased = cold_stat().leased;
    give_large(block);
    assert_int_equal(hk_spans_stocked(), 6);
    assert_int_equal(cold_stat().leased, leased - slices(6));

    void *again = hk_cold.large_alloc(slices(6), 16, 0, &zero);

    assert_ptr_equal(again, block);
    assert_false(zero);
    assert_int_equal(cold_stat().leased, leased);
    assert_int_equal(hk_spans_stocked(), 0);
    give_large(again);
    assert_null(hk_cold.check());
}

static void stocked_span_counts_as_dirty(void **state)
{
    (void)state;
    size_t dirty = cold_stat().dirty;
    give_large(take_large(slices(6), 16, 0));
    assert_int_equal(cold_stat().dirty, dirty + slices(6));
    hk_cold.trim(NULL, 0);
    assert_int_equal(cold_stat().dirty, 0);
}

static void span_longer_by_a_quarter_serves(void **state)
{
    (void)state;
    void *ten = take_large(slices(10), 16, 0);
    give_large(ten);
    void *seven = take_large(slices(7), 16, 0);
    assert_ptr_not_equal(seven, ten);
    void *eight = take_large(slices(8), 16, 0);
    assert_ptr_equal(eight, ten);
    assert_int_equal(hk_cold.large_size(hk_page_of(eight), eight), slices(10));
    give_large(seven);
    give_large(eight);
    assert_null(hk_cold.check());
}

static void last_of_a_length_serves_first(void **state)
{
    (void)state;
    void *block[3];
    for (size_t i = 0; i < 3; i++) {
        block[i] = take_large(slices(5), 16, 0);
    }
    for (size_t i = 0; i < 3; i++) {
        give_large(block[i]);
    }
    for (size_t i = 3; i-- > 0;) {
        assert_ptr_equal(take_large(slices(5), 16, 0), block[i]);
    }
    for (size_t i = 0; i < 3; i++) {
        give_large(block[i]);
    }
}

static void stock_keeps_what_policy_allows(void **state)
{
    (void)state;
    enum { BLOCKS = 40 };
    void *block[BLOCKS];
    for (size_t i = 0; i < BLOCKS; i++) {
        block[i] = take_large(slices(5 + i % 9), 16, 0);
    }
    for (size_t i = 0; i < BLOCKS; i++) {
        give_large(block[i]);
        size_t allowed = atomic_load(&hk_slabs.purge_above);
        assert_true(slices(hk_spans_stocked()) <= allowed);
        assert_null(hk_cold.check());
    }
}

/* Of many short ones no more are kept than there are places. */
static void full_stock_gives_up_old_spans(void **state)
{
    (void)state;
    enum { BLOCKS = 64 };
    void *block[BLOCKS];
    for (size_t i = 0; i < BLOCKS; i++) {
        block[i] = take_large(slices(1), 16, 0);
    }
    for (size_t i = 0; i < BLOCKS; i++) {
        give_large(block[i]);
    }
    assert_in_range(hk_spans_stocked(), 1, BLOCKS - 1);
    assert_ptr_equal(take_large(slices(1), 16, 0), block[BLOCKS - 1]);
    give_large(block[BLOCKS - 1]);
    assert_null(hk_cold.check());
}

static void aligned_span_is_aligned(void **state)
{
    (void)state;
    void *block = take_large(slices(5), slices(4), 0);
    assert_int_equal((uintptr_t)block % slices(4), 0);
    give_large(block);
    void *plain = take_large(slices(5), 16, 0);
    void *aligned = take_large(slices(5), slices(8), 0);
    assert_int_equal((uintptr_t)aligned % slices(8), 0);
    give_large(plain);
    give_large(aligned);
}

static void unused_stock_is_emptied_at_the_second_tick(void **state)
{
    (void)state;
    give_large(take_large(slices(6), 16, 0));
    hk_spans_tick();
    assert_int_equal(hk_spans_stocked(), 6);
    hk_spans_tick();
    assert_int_equal(hk_spans_stocked(), 0);
    assert_null(hk_cold.check());
}

static void used_stock_outlives_ticks(void **state)
{
    (void)state;
    for (int i = 0; i < 5; i++) {
        give_large(take_large(slices(6), 16, 0));
        hk_spans_tick();
        assert_int_equal(hk_spans_stocked(), 6);
    }
}

static void check_finds_a_stocked_span_in_use(void **state)
{
    (void)state;
    void *block = take_large(slices(6), 16, 0);
    give_large(block);
    struct hk_page *page = hk_page_of(block);

    page->kind = HK_KIND_SPAN;
    const char *broken = hk_cold.check();
    page->kind = HK_KIND_FREE;

    assert_string_equal(broken, "a stocked span has a descriptor in use");
}

static void check_finds_a_stocked_span_that_is_free(void **state)
{
    (void)state;
    void *block = take_large(slices(6), 16, 0);
    give_large(block);
    struct hk_superslab *slab = (struct hk_superslab *)hk_page_superslab(hk_page_of(block));
    uint64_t bit = (uint64_t)1 << hk_page_slice(hk_page_of(block));

    slab->free |= bit;
    const char *broken = hk_spans_check();
    slab->free &= ~bit;

    assert_string_equal(broken, "a stocked span is free in its superslab");
}

static void eager_policy_stocks_nothing(void **state)
{
    (void)state;
    give_large(take_large(slices(6), 16, 0));
    assert_int_equal(hk_spans_stocked(), 0);
    assert_null(hk_cold.check());
}

#if !HK_SINGLE
enum { THREADS = 6, ROUNDS = 2000, HELD = 8 };
static _Atomic(bool) overlapping;

/* Nobody else writes to a block that this thread holds. */
static void *churn(void *arg)
{
    uint32_t seed = (uint32_t)(uintptr_t)arg;
    uint32_t *held[HELD] = {NULL};
    for (uint32_t i = 0; i < ROUNDS; i++) {
        uint32_t **place = &held[(seed = seed * 1664525 + 1013904223) >> 29];
        if (*place) {
            if (**place != (uint32_t)(uintptr_t)arg) {
                atomic_store(&overlapping, true);
            }
            give_large(*place);
            *place = NULL;
        } else {
            *place = take_large(slices(5 + (seed >> 20) % 12), 16, 0);
            **place = (uint32_t)(uintptr_t)arg;
        }
        if (i % 512 == 0) {
            hk_spans_tick();
        }
    }
    for (uint32_t i = 0; i < HELD; i++) {
        if (held[i]) {
            give_large(held[i]);
        }
    }
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
    assert_null(hk_cold.check());
}
#endif

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(freed_span_serves_again, nothing_stocked),
        cmocka_unit_test_setup(stocked_span_counts_as_dirty, nothing_stocked),
        cmocka_unit_test_setup(span_longer_by_a_quarter_serves, nothing_stocked),
        cmocka_unit_test_setup(last_of_a_length_serves_first, nothing_stocked),
        cmocka_unit_test_setup(stock_keeps_what_policy_allows, nothing_stocked),
        cmocka_unit_test_setup(full_stock_gives_up_old_spans, nothing_stocked),
        cmocka_unit_test_setup(aligned_span_is_aligned, nothing_stocked),
        cmocka_unit_test_setup(unused_stock_is_emptied_at_the_second_tick, nothing_stocked),
        cmocka_unit_test_setup(used_stock_outlives_ticks, nothing_stocked),
        cmocka_unit_test_setup(check_finds_a_stocked_span_in_use, nothing_stocked),
        cmocka_unit_test_setup(check_finds_a_stocked_span_that_is_free, nothing_stocked),
#if !HK_SINGLE
        cmocka_unit_test_setup(threads_never_share_a_span, nothing_stocked),
#endif
    };
    const struct CMUnitTest eager[] = {
        cmocka_unit_test_setup(eager_policy_stocks_nothing, nothing_stocked),
    };
    if (HK_FREE_POLICY == HK_FREE_EAGER) {
        return cmocka_run_group_tests_name("spans", eager, start_cold, NULL);
    }
    return cmocka_run_group_tests_name("spans", tests, start_cold, NULL);
}
