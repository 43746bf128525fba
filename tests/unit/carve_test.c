/* SPDX-License-Identifier: MIT */
/* How much memory a refill carves: a little where nothing was in use, all that a refill wants where
 * the memory is there already. */
#include "unit/paged_unit.h"

#include "coldbox/warm.h"

enum {
    SIZE = 512,             /* bytes of a block, with which every table has a class */
    PAGE = HK_SLICE / SIZE, /* blocks */
    STEP = 4096 / SIZE,     /* blocks of a step into new memory */
    AGAIN = PAGE / 64,      /* refills that a page takes where its memory was in use */
    PART = 3 * STEP,        /* blocks: a part of a page */
};

static size_t class;

static int start(void **state)
{
    class = hk_bin_of_size(SIZE);
    assert_int_equal(hk_bin_block_size(class), SIZE);
    return start_paged(state);
}

static size_t take(struct hk_heap *heap, void **blocks, size_t count)
{
    return take_blocks(heap, class, blocks, count);
}

static void give(struct hk_heap *heap, void **blocks, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        give_to_page(heap, class, blocks[i]);
    }
}

/* All of the class's memory goes to the shared pool, as it is. */
static void retire(struct hk_heap *heap)
{
    hk_paged_collect(heap, hk_kind_of_bin(class), HK_COLLECT_ALL);
    hk_warm_shrink(heap, 0);
}

/* -> refills that a page takes, `refills` where policy leaves memory with the shared pool. */
static size_t kept(size_t refills)
{
    return HK_FREE_POLICY == HK_FREE_EAGER ? PAGE / STEP : refills;
}

static void memory_in_use_before_is_carved_at_once(void **state)
{
    (void)state;
    void *blocks[PAGE];
    struct hk_heap *heap = hk_cold.birth(0);
    assert_int_equal(take(heap, blocks, PAGE), PAGE / STEP);
    void *page = hk_page_start(hk_page_of(blocks[0]));
    give(heap, blocks, PAGE);
    retire(heap);
    assert_int_equal(take(heap, blocks, PAGE), kept(AGAIN));
    assert_ptr_equal(hk_page_start(hk_page_of(blocks[0])), page);
    give(heap, blocks, PAGE);
    end_paged(heap, class);
}

static void only_what_was_touched_is_carved_at_once(void **state)
{
    (void)state;
    void *blocks[PAGE];
    struct hk_heap *heap = hk_cold.birth(0);
    hk_cold.trim(heap, 0);
    assert_int_equal(take(heap, blocks, PART), PART / STEP);
    void *page = hk_page_start(hk_page_of(blocks[0]));
    give(heap, blocks, PART);
    retire(heap);
    assert_int_equal(take(heap, blocks, PAGE), kept(1 + (PAGE - PART) / STEP));
    assert_ptr_equal(hk_page_start(hk_page_of(blocks[0])), page);
    give(heap, blocks, PAGE);
    end_paged(heap, class);
}

static void memory_given_back_is_new_again(void **state)
{
    (void)state;
    void *blocks[PAGE];
    struct hk_heap *heap = hk_cold.birth(0);
    (void)take(heap, blocks, PAGE);
    give(heap, blocks, PAGE);
    retire(heap);
    hk_cold.trim(heap, 0);
    assert_int_equal(take(heap, blocks, PAGE), PAGE / STEP);
    give(heap, blocks, PAGE);
    end_paged(heap, class);
}

/* The cold side, which decides on huge pages, sees it while the page is leased. */
static void what_is_carved_counts_as_touched(void **state)
{
    (void)state;
    void *blocks[PART];
    struct hk_heap *heap = hk_cold.birth(0);
    hk_cold.trim(heap, 0);
    for (size_t count = 0; count < PART; count += STEP) {
        assert_int_equal(take(heap, blocks + count, STEP), 1);
        struct hk_slot *slot = hk_page_slot(hk_page_of(blocks[0]));
        assert_int_equal(slot->touched, (count + STEP) * SIZE);
    }
    give(heap, blocks, PART);
    end_paged(heap, class);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(memory_in_use_before_is_carved_at_once, calm_os),
        cmocka_unit_test_setup(only_what_was_touched_is_carved_at_once, calm_os),
        cmocka_unit_test_setup(memory_given_back_is_new_again, calm_os),
        cmocka_unit_test_setup(what_is_carved_counts_as_touched, calm_os),
    };
    return cmocka_run_group_tests_name("carve", tests, start, NULL);
}
