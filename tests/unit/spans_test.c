/* SPDX-License-Identifier: MIT */
/* Free spans at a heap's hand: what serves again, and what is kept. */
#include "unit/spans_unit.h"

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

/* The short way takes what there is room for, and makes none. */
static void room_is_made_by_the_long_way(void **state)
{
    (void)state;
    void *block = take(6);
    assert_false(hk_cold.large_keep(own, hk_page_of(block), block));
    assert_int_equal(hk_spans_claimed(), 0);
    hk_cold.large_free(own, hk_page_of(block), block);
    assert_int_equal(hk_spans_kept(), 6);
    assert_ptr_equal(hk_cold.large_pop(own, slices(6)), block);
    assert_true(hk_cold.large_keep(own, hk_page_of(block), block));
    assert_int_equal(hk_spans_kept(), 6);
    assert_right();
}

/* Whoever has no heap keeps nothing. */
static void nobody_keeps_nothing(void **state)
{
    (void)state;
    give_large(take(6));
    assert_int_equal(hk_spans_kept(), 0);
    assert_int_equal(hk_spans_claimed(), 0);
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
    own->keeps = false;
    hk_cold.large_free(own, hk_page_of(block), block);
    own->keeps = true;
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

/* The span that was kept last serves its own length; for others it is one among all. */
static void shortest_that_fits_serves(void **state)
{
    (void)state;
    void *eight = take(8);
    void *ten = take(10);
    give(eight);
    give(ten);
    assert_right();
    assert_ptr_equal(take(8), eight);
    assert_right();
    assert_ptr_equal(take(10), ten);
    give(ten);
    give(eight);
    assert_ptr_equal(take(9), ten);
    assert_ptr_equal(take(7), eight);
    assert_int_equal(hk_spans_kept(), 0);
    give(ten);
    assert_null(hk_cold.large_pop(own, slices(11)));
    assert_null(hk_cold.large_pop(own, slices(7)));
    assert_int_equal(hk_spans_kept(), 10);
    assert_right();
    assert_ptr_equal(take(8), ten);
    give(ten);
    give(eight);
}

/* Whatever comes last: two lengths in turn find what they freed, even if there is hardly room. */
static void two_lengths_in_turn_are_served(void **state)
{
    (void)state;
    size_t most = atomic_load(&hk_slabs.purge_above) / 2 / HK_SLICE;
    size_t longer = most * 6 / 11 < 32 ? most * 6 / 11 : 32;
    size_t shorter = longer - longer / 6;
    assert_true(shorter > 0);
    for (int i = 0; i < 8; i++) {
        void *one = hk_cold.large_pop(own, slices(shorter));
        void *two = hk_cold.large_pop(own, slices(longer));
        assert_true(i == 0 || (one && two));
        one = one ? one : take(shorter);
        two = two ? two : take(longer);
        give(one);
        give(two);
        assert_right();
    }
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

static void check_finds_a_kept_span_in_use(void **state)
{
    (void)state;
    void *block = take(6);
    give(block);
    struct hk_page *page = hk_page_of(block);

    page->kind = HK_KIND_SPAN;
    const char *broken = hk_spans_check(&own->spans);
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
    const char *broken = hk_spans_check(&own->spans);
    slab->free &= ~bit;

    assert_string_equal(broken, "a kept span is free in its superslab");
}

static void check_finds_a_last_span_of_another_length(void **state)
{
    (void)state;
    give(take(6));
    own->spans.last_length = 5;
    const char *broken = hk_spans_check(&own->spans);
    own->spans.last_length = 6;
    assert_string_equal(broken, "a heap's last place is not what it is taken for");
    own->spans.last_length = 0;
    broken = hk_spans_check(&own->spans);
    own->spans.last_length = 6;
    assert_string_equal(broken, "a heap's last place is not what it is taken for");
    own->spans.slices += 1;
    broken = hk_spans_check(&own->spans);
    own->spans.slices -= 1;
    assert_string_equal(broken, "a heap's spans do not sum to its count");
    assert_right();
}

static void eager_policy_keeps_nothing(void **state)
{
    (void)state;
    give(take(6));
    assert_int_equal(hk_spans_claimed(), 0);
    assert_right();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(freed_span_serves_again, nothing_kept),
        cmocka_unit_test_setup(kept_span_counts_as_dirty, nothing_kept),
        cmocka_unit_test_setup(room_is_made_by_the_long_way, nothing_kept),
        cmocka_unit_test_setup(nobody_keeps_nothing, nothing_kept),
        cmocka_unit_test_setup(what_is_not_kept_is_as_it_was, nothing_kept),
        cmocka_unit_test_setup(span_longer_by_a_quarter_serves, nothing_kept),
        cmocka_unit_test_setup(shortest_that_fits_serves, nothing_kept),
        cmocka_unit_test_setup(two_lengths_in_turn_are_served, nothing_kept),
        cmocka_unit_test_setup(last_of_a_length_serves_first, nothing_kept),
        cmocka_unit_test_setup(full_heap_gives_up_old_spans, nothing_kept),
        cmocka_unit_test_setup(page_is_leased_of_a_kept_span, nothing_kept),
        cmocka_unit_test_setup(spans_stay_while_other_memory_is_free, nothing_kept),
        cmocka_unit_test_setup(check_finds_a_kept_span_in_use, nothing_kept),
        cmocka_unit_test_setup(check_finds_a_kept_span_that_is_free, nothing_kept),
        cmocka_unit_test_setup(check_finds_a_last_span_of_another_length, nothing_kept),
    };
    const struct CMUnitTest eager[] = {
        cmocka_unit_test_setup(eager_policy_keeps_nothing, nothing_kept),
    };
    if (HK_FREE_POLICY == HK_FREE_EAGER) {
        return cmocka_run_group_tests_name("spans", eager, start, NULL);
    }
    return cmocka_run_group_tests_name("spans", tests, start, NULL);
}
