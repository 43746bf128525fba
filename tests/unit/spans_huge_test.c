/* SPDX-License-Identifier: MIT */
/* Free huge blocks at a heap's hand. */
#include "unit/spans_unit.h"

#include "coldbox/large.h"

#include <string.h>

enum { SIZE = 3 << 20 };

/* Policy allows as much as a small process may have, until the account is drawn up anew. */
static void allow_little(void)
{
    atomic_store(&hk_slabs.purge_above, slices(96));
    assert_int_equal(most_slices(), 72);
}

static size_t huge_kept(void)
{
    return hk_spans_kept().huge;
}

static void *take_huge(size_t size)
{
    void *kept = hk_cold.large_pop(own, size);
    return kept ? kept : take_large(size, 16, 0);
}

static bool keep_huge(void *block)
{
    return hk_cold.large_keep(own, hk_page_of(block), block);
}

static void freed_huge_block_serves_again(void **state)
{
    (void)state;
    void *block = take_huge(SIZE);
    struct hk_page *page = hk_page_of(block);
    struct hk_cold_stat before = cold_stat();

    assert_true(keep_huge(block));

    assert_int_equal(huge_kept(), SIZE);
    assert_int_equal(kept_slices(), 0);
    assert_int_equal(hk_spans_claimed(), SIZE >> HK_SLICE_SHIFT);
    assert_int_equal(cold_stat().huge, before.huge - SIZE);
    assert_int_equal(cold_stat().dirty, before.dirty + SIZE);
    assert_int_equal(page->kind, HK_KIND_FREE);
    assert_int_equal(hk_page_owner(page), HK_OWNER_NONE);
    assert_int_equal(hk_page_head(page)->kind, HK_KIND_FREE);
    assert_right();

    assert_ptr_equal(hk_cold.large_pop(own, SIZE), block);
    assert_int_equal(page->kind, HK_KIND_HUGE);
    assert_int_equal(hk_page_owner(page), HK_OWNER_LARGE);
    assert_int_equal(hk_page_head(page)->kind, HK_KIND_HUGE);
    assert_int_equal(hk_cold.large_size(page, block), SIZE);
    assert_int_equal(cold_stat().huge, before.huge);
    assert_null(hk_cold.large_pop(own, SIZE));
    give_large(block);
    assert_right();
}

static void huge_block_longer_by_a_quarter_serves(void **state)
{
    (void)state;
    void *block = take_huge(SIZE);
    assert_true(keep_huge(block));
    assert_null(hk_cold.large_pop(own, SIZE + 1));
    assert_null(hk_cold.large_pop(own, SIZE / 5 * 4 - 16));
    assert_ptr_equal(hk_cold.large_pop(own, SIZE / 5 * 4 + 16), block);
    give_large(block);
}

/* A request for a span gets none, however long it is. */
static void huge_block_serves_no_span(void **state)
{
    (void)state;
    void *block = take_huge(HK_SPAN_MAX + 1);
    assert_true(keep_huge(block));
    assert_null(hk_cold.large_pop(own, HK_SPAN_MAX));
    assert_ptr_equal(hk_cold.large_pop(own, HK_SPAN_MAX + 1), block);
    give_large(block);
}

/* -> true: the block, which is as the test wants it, is not kept, and goes the long way. */
static bool is_not_kept(void *block)
{
    bool kept = keep_huge(block);
    if (!kept) {
        give_large(block);
    }
    assert_right();
    return !kept && huge_kept() == 0;
}

static void changed_huge_block_is_not_kept(void **state)
{
    (void)state;
    assert_true(is_not_kept(take_large(SIZE, 16, 4 * SIZE))); /* with a reserve */

    void *shrunk = take_large(SIZE, 16, 0);
    assert_ptr_equal(hk_cold.large_resize(hk_page_of(shrunk), shrunk, HK_SPAN_MAX / 2), shrunk);
    assert_true(is_not_kept(shrunk));

    void *moved = take_large(HK_SPAN_MAX + 1, 16, 0);
    void *after = take_large(SIZE, 16, 0);
    void *to = hk_cold.large_resize(hk_page_of(moved), moved, 2 * SIZE);
    assert_non_null(to);
    assert_ptr_not_equal(to, moved);
    assert_true(is_not_kept(to));
    give_large(after);
}

static void huge_block_beyond_the_policy_is_not_kept(void **state)
{
    (void)state;
    void *span = take(6);
    give(span);
    void *block = take_huge(slices(73));
    allow_little();
    assert_true(is_not_kept(block));
    assert_int_equal(kept_slices(), 6); /* nothing was put out for it */
}

static void huge_block_in_a_mapping_is_not_kept(void **state)
{
    (void)state;
    assert_true(is_not_kept(take_large((size_t)HK_ARENA_UNITS / 2 * HK_SUPERSLAB, 16, 0)));
}

/* Room that spans have is theirs; of huge blocks the newest stays. */
static void huge_block_puts_out_huge_ones_only(void **state)
{
    (void)state;
    void *span[2] = {take(20), take(30)};
    void *first = take_huge(SIZE);
    void *second = take_huge(SIZE);
    allow_little();
    give(span[0]);
    assert_true(keep_huge(first));
    assert_true(keep_huge(second));
    assert_int_equal(huge_kept(), SIZE);
    assert_int_equal(kept_slices(), 20);
    assert_ptr_equal(hk_cold.large_pop(own, SIZE), second);

    allow_little();
    give(span[1]);
    assert_false(keep_huge(second));
    assert_int_equal(kept_slices(), 50);
    give_large(second);
    assert_right();
}

static void span_puts_out_huge_ones(void **state)
{
    (void)state;
    void *block = take_huge(SIZE);
    void *span[2] = {take(20), take(30)};
    size_t huge = cold_stat().huge;
    allow_little();
    assert_true(keep_huge(block));
    give(span[0]);
    assert_int_equal(huge_kept(), SIZE);
    give(span[1]);
    assert_int_equal(huge_kept(), 0);
    assert_int_equal(kept_slices(), 50);
    assert_int_equal(cold_stat().huge, huge - SIZE);
    assert_right();
}

static void unused_huge_block_goes_at_the_second_tick(void **state)
{
    (void)state;
    void *block = take_huge(SIZE);
    assert_true(keep_huge(block));
    hk_spans_tick();
    assert_int_equal(huge_kept(), SIZE);
    hk_spans_tick();
    assert_int_equal(huge_kept(), 0);
    assert_int_equal(hk_spans_claimed(), 0);
    assert_int_equal(cold_stat().huge, 0);
    hk_lock_take(&hk_slabs.lock);
    struct hk_units unit = hk_units_find_locked(block);
    bool aged = hk_bit(unit.arena->free, unit.index) && hk_bit(unit.arena->aged, unit.index);
    hk_lock_give(&hk_slabs.lock);
    assert_true(aged);
    assert_null(hk_cold.large_pop(own, SIZE));
    assert_right();
}

static void trim_takes_huge_blocks(void **state)
{
    (void)state;
    void *block = take_huge(SIZE);
    memset(block, 1, SIZE);
    assert_true(keep_huge(block));
    hk_cold.trim(own, 0);
    assert_int_equal(huge_kept(), 0);
    assert_int_equal(cold_stat().dirty, 0);
    bool zero = false;
    void *again = hk_cold.large_alloc(SIZE, 16, 0, &zero);
    assert_ptr_equal(again, block);
    assert_true(zero);
    assert_int_equal(((unsigned char *)again)[SIZE - 1], 0);
    give_large(again);
}

/* A page comes of a kept huge block's units before it comes of memory that was never used. */
static void page_is_leased_of_a_kept_huge_block(void **state)
{
    (void)state;
    size_t rest = cold_stat().dirty;
    assert_int_equal(rest, 0);
    void *block = take_huge(SIZE);
    assert_true(keep_huge(block));
    struct hk_lease lease = {
        .heap = own, .block_size = 64, .bin_index = 4, .kind = HK_KIND_TINY, .slices = 1};
    struct hk_page *page[HK_SLICES + 1];
    size_t count = 0;
    lease.grow = true;
    while (huge_kept() && count <= HK_SLICES) {
        page[count++] = hk_cold.lease(&lease);
    }
    assert_int_equal(huge_kept(), 0);
    assert_right();
    while (count--) {
        hk_cold.retire(own, page[count]);
    }
}

static void check_finds_a_kept_huge_block_in_use(void **state)
{
    (void)state;
    void *block = take_huge(SIZE);
    assert_true(keep_huge(block));
    struct hk_page *head = hk_page_head(hk_page_of(block));
    head->kind = HK_KIND_HUGE;
    const char *broken = hk_spans_check(&own->spans);
    head->kind = HK_KIND_FREE;
    assert_string_equal(broken, "a kept span has a descriptor in use");
}

static void check_finds_a_kept_huge_block_that_is_free(void **state)
{
    (void)state;
    void *block = take_huge(SIZE);
    assert_true(keep_huge(block));
    struct hk_units unit = hk_units_find_locked(block);
    hk_bit_set(unit.arena->free, unit.index);
    const char *broken = hk_spans_check(&own->spans);
    hk_bit_clear(unit.arena->free, unit.index);
    assert_string_equal(broken, "a kept span is free in its superslab");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(freed_huge_block_serves_again, nothing_kept),
        cmocka_unit_test_setup(huge_block_longer_by_a_quarter_serves, nothing_kept),
        cmocka_unit_test_setup(huge_block_serves_no_span, nothing_kept),
        cmocka_unit_test_setup(changed_huge_block_is_not_kept, nothing_kept),
        cmocka_unit_test_setup(huge_block_beyond_the_policy_is_not_kept, nothing_kept),
        cmocka_unit_test_setup(huge_block_in_a_mapping_is_not_kept, nothing_kept),
        cmocka_unit_test_setup(huge_block_puts_out_huge_ones_only, nothing_kept),
        cmocka_unit_test_setup(span_puts_out_huge_ones, nothing_kept),
        cmocka_unit_test_setup(unused_huge_block_goes_at_the_second_tick, nothing_kept),
        cmocka_unit_test_setup(trim_takes_huge_blocks, nothing_kept),
        cmocka_unit_test_setup(page_is_leased_of_a_kept_huge_block, nothing_kept),
        cmocka_unit_test_setup(check_finds_a_kept_huge_block_in_use, nothing_kept),
        cmocka_unit_test_setup(check_finds_a_kept_huge_block_that_is_free, nothing_kept),
    };
    if (HK_FREE_POLICY == HK_FREE_EAGER) {
        return 77; /* skipped: nothing is kept, which tests/unit/spans_test.c sees */
    }
    return cmocka_run_group_tests_name("spans_huge", tests, start, NULL);
}
