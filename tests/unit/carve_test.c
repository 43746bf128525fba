/* SPDX-License-Identifier: MIT */
/* How much memory a refill carves: a little where nothing was in use, all that a refill wants where
 * the memory is there already. */
#include "unit/cold_unit.h"

#include "coldbox/purge.h"
#include "coldbox/warm.h"
#include "common/bands.h"
#include "hotbox/paged.h"

enum {
    SIZE = 512,             /* bytes of a block, with which every table has a class */
    PAGE = HK_SLICE / SIZE, /* blocks */
    STEP = 4096 / SIZE,     /* blocks of a step into new memory */
    AGAIN = PAGE / 64,      /* refills that a page takes where its memory was in use */
    PART = 3 * STEP,        /* blocks: a part of a page */
};

static size_t class;

static int start_paged(void **state)
{
    static const struct hk_hooks hooks = {hk_paged_splice, hk_paged_attach, no_parts, no_shed};
    (void)state;
    class = hk_bin_of_size(SIZE);
    assert_int_equal(hk_bin_block_size(class), SIZE);
    return hk_cold.init(&hooks);
}

/* Take `count` blocks of the class. -> refills. */
static size_t take(struct hk_heap *heap, void **blocks, size_t count)
{
    size_t refills = 0;
    for (size_t i = 0; i < count; i++) {
        blocks[i] = hk_bin_pop(heap, class << HK_BIN_SHIFT);
        if (!blocks[i]) {
            blocks[i] = hk_paged_refill(heap, class << HK_BIN_SHIFT);
            refills += 1;
        }
        assert_non_null(blocks[i]);
    }
    return refills;
}

/* Give them back to their page, past the bin. */
static void give(struct hk_heap *heap, void **blocks, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        hk_bin_at(heap, class << HK_BIN_SHIFT)->room = 0;
        hk_paged_free(heap, hk_page_of(blocks[i]), blocks[i]);
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

static void end(struct hk_heap *heap)
{
    hk_paged_abandon(heap, hk_kind_of_bin(class));
    hk_cold.death(heap);
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
    end(heap);
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
    end(heap);
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
    end(heap);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(memory_in_use_before_is_carved_at_once, calm_os),
        cmocka_unit_test_setup(only_what_was_touched_is_carved_at_once, calm_os),
        cmocka_unit_test_setup(memory_given_back_is_new_again, calm_os),
    };
    return cmocka_run_group_tests_name("carve", tests, start_paged, NULL);
}
