/* SPDX-License-Identifier: MIT */
/* Hot box v1 beyond what the kit asks: where pages are, when they move, what is touched. */
#include "unit/v1_unit.h"

#include <string.h>

static void free_list_stays_inside_its_page(void **state)
{
    (void)state;
    struct hk_heap *heap = v1_open(0);
    void *blocks[2 * V1_CAPACITY];
    v1_take_all(heap, blocks, 2 * V1_CAPACITY);
    char *other = blocks[0];
    void **freed = blocks[V1_CAPACITY];
    v1_give(heap, blocks[V1_CAPACITY + 1]);
    v1_give(heap, freed);
    void *next = *freed;
    struct hk_page *page = hk_page_of(freed);
    void *const wrong[] = {other, hk_page_start(page) - V1_SIZE, (char *)next + 16,
                           hk_page_start(page) + HK_SLICE, (void *)(uintptr_t)V1_SIZE};

    assert_null(hk_hotbox_v1.check(heap));
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        *freed = wrong[i]; /* as a write after free might */
        assert_string_equal(hk_hotbox_v1.check(heap),
                            "a free block is not one of its page's blocks");
    }
    *freed = next;

    blocks[V1_CAPACITY + 1] = v1_take(heap, V1_SIZE);
    blocks[V1_CAPACITY] = v1_take(heap, V1_SIZE);
    v1_give_all(heap, blocks, 2 * V1_CAPACITY);
    v1_close(heap);
}

static void block_that_was_never_carved_is_not_free(void **state)
{
    (void)state;
    struct hk_heap *heap = v1_open(0);
    void *block = v1_take(heap, V1_SIZE);
    struct hk_page *page = hk_page_of(block);
    struct hk_v1 *own = hk_v1(page);
    void *list = own->free;

    own->free = hk_page_start(page) + own->carved * V1_SIZE;
    assert_string_equal(hk_hotbox_v1.check(heap), "a free block is not one of its page's blocks");
    own->free = list;

    v1_give(heap, block);
    v1_close(heap);
}

static void block_freed_twice_is_found(void **state)
{
    (void)state;
    struct hk_heap *heap = v1_open(0);
    void *blocks[3];
    v1_take_all(heap, blocks, 3);
    struct hk_v1 *own = hk_v1(hk_page_of(blocks[0]));
    void *list = own->free;

    v1_give(heap, blocks[0]);
    v1_give(heap, blocks[0]);

    assert_string_equal(hk_hotbox_v1.check(heap), "a block is free twice");
    own->free = list;
    own->countdown += 2;
    hk_v1_report(hk_page_of(blocks[0]), 2);
    v1_give_all(heap, blocks, 3);
    v1_close(heap);
}

static void memory_nobody_asked_for_is_not_touched(void **state)
{
    (void)state;
    struct hk_heap *heap = v1_open(0);
    for (size_t size = HK_ALIGN; size <= HK_TINY_MAX; size += HK_ALIGN) {
        void *block = v1_take(heap, size);
        struct hk_page *page = hk_page_of(block);
        assert_in_range(hk_v1(page)->carved * size, size, 4096);
        assert_in_range(hk_v1(page)->carved, 1, 4096 / size);
        v1_give(heap, block);
    }
    v1_close(heap);
}

static void freed_blocks_come_before_memory_never_touched(void **state)
{
    (void)state;
    struct hk_heap *heap = v1_open(0);
    void *blocks[3 * V1_CAPACITY + 4];
    v1_take_all(heap, blocks, 3 * V1_CAPACITY + 4); /* full pages, and one step of another */
    struct hk_page *fresh = hk_page_of(blocks[3 * V1_CAPACITY]);
    assert_int_equal(hk_v1(fresh)->carved, 4);

    for (size_t i = 0; i < 3 * V1_CAPACITY; i += 8) {
        v1_give(heap, blocks[i]);
    }
    for (size_t i = 0; i < 3 * V1_CAPACITY; i += 8) {
        blocks[i] = v1_take(heap, V1_SIZE);
        assert_ptr_not_equal(hk_page_of(blocks[i]), fresh);
    }

    assert_int_equal(hk_v1(fresh)->carved, 4);
    v1_give_all(heap, blocks, 3 * V1_CAPACITY + 4);
    v1_close(heap);
}

static void page_carved_again_is_not_called_fresh(void **state)
{
    (void)state;
    struct hk_heap *heap = v1_open(0);
    HK_COLD.trim(heap, 0);
    void *blocks[V1_CAPACITY + 4];
    v1_take_all(heap, blocks, V1_CAPACITY + 4);
    struct hk_page *page = hk_page_of(blocks[0]);
    assert_true(page->flags & HK_PAGE_ZERO);
    v1_give_all(heap, blocks, V1_CAPACITY); /* emptied, and kept */
    assert_int_equal(hk_v1(page)->carved, 0);

    for (size_t i = 0; i < V1_CAPACITY; i++) {
        heap->fresh_block = NULL;
        blocks[i] = v1_take(heap, V1_SIZE);
        assert_true(heap->fresh_block != blocks[i] || hk_page_of(blocks[i]) != page);
    }

    assert_ptr_equal(hk_page_of(blocks[V1_CAPACITY - 1]), page);
    v1_give_all(heap, blocks, V1_CAPACITY + 4);
    v1_close(heap);
}

static void full_page_leaves_the_search_and_comes_back(void **state)
{
    (void)state;
    struct hk_heap *heap = v1_open(0);
    void *blocks[V1_CAPACITY + 1];
    v1_take_all(heap, blocks, V1_CAPACITY + 1);
    struct hk_page *full = hk_page_of(blocks[0]);
    const struct hk_v1_lane *lane = hk_v1_lane(heap, V1_SIZE >> HK_BIN_SHIFT);

    assert_int_equal(hk_v1(full)->state, HK_V1_FULL);
    assert_null(lane->first);
    size_t given = 0;
    while (hk_v1(full)->state == HK_V1_FULL) {
        v1_give(heap, blocks[given++]);
    }

    assert_int_equal(hk_v1(full)->state, HK_V1_PARTIAL);
    assert_ptr_equal(lane->first, full);
    assert_in_range(given, 1, V1_CAPACITY / 16);
    assert_null(hk_hotbox_v1.check(heap));
    v1_give_all(heap, blocks + given, V1_CAPACITY + 1 - given);
    v1_close(heap);
}

static void one_empty_page_of_a_class_is_kept(void **state)
{
    (void)state;
    enum { PAGES = 5 };
    struct hk_heap *heap = v1_open(0);
    void *blocks[PAGES * V1_CAPACITY];
    v1_take_all(heap, blocks, PAGES * V1_CAPACITY);
    assert_int_equal(v1_stat(heap).pages, PAGES);

    v1_give_all(heap, blocks, PAGES * V1_CAPACITY);

    /* the current one, and one that emptied while the current one was in use */
    assert_in_range(v1_stat(heap).pages, 1, 2);
    assert_int_equal(v1_stat(heap).blocks_out, 0);
    v1_close(heap);
}

static void lone_pair_has_no_slow_path(void **state)
{
    (void)state;
    struct hk_heap *heap = v1_open(0);
    v1_give(heap, v1_take(heap, V1_SIZE));

    for (size_t i = 0; i < 100000; i++) {
        void *block = hk_hotbox_v1.alloc(heap, V1_SIZE);
        assert_non_null(block);
        assert_int_equal(hk_v1(hk_page_of(block))->state, HK_V1_CURRENT);
        v1_give(heap, block);
    }

    v1_close(heap);
}

static void heap_of_a_vanished_thread_goes_on(void **state)
{
    (void)state;
    static char token;
    struct hk_heap *heap = v1_open((uintptr_t)&token);
    void *block = v1_take(heap, V1_SIZE);
    struct hk_bin *bin = hk_page_of(block)->bin;
    memset(bin, 0, sizeof *bin); /* the thread's bins are gone with it */
    v1_give(heap, block);        /* the heir frees before its first slow path */
    uint64_t leases = v1_cold_stat().leases;

    struct hk_heap *again = v1_open((uintptr_t)&token);

    assert_ptr_equal(again, heap);
    assert_null(hk_hotbox_v1.check(heap));
    assert_non_null(hk_hotbox_v1.alloc(heap, V1_SIZE));
    assert_int_equal(v1_cold_stat().leases, leases);
    v1_give(heap, block);
    v1_close(heap);
}

static void parked_memory_is_given_back_and_served_again(void **state)
{
    (void)state;
    enum { COUNT = 4096, KEPT = 512 }; /* blocks of 16 bytes, one page; every 512th is kept */
    struct hk_heap *heap = v1_open(0);
    static unsigned char *blocks[COUNT];
    for (size_t i = 0; i < COUNT; i++) {
        blocks[i] = v1_take(heap, 16);
        memset(blocks[i], (int)(i / KEPT) + 1, 16);
    }
    struct hk_page *page = hk_page_of(blocks[0]);
    for (size_t i = 0; i < COUNT; i++) {
        if (i % KEPT) {
            v1_give(heap, blocks[i]);
        }
    }

    size_t bytes = hk_hotbox_v1.collect(heap, HK_COLLECT_PARTS);

    /* eight kept blocks spoil one OS page of 4 KiB each */
    assert_in_range(bytes, HK_SLICE - 8 * 4096, HK_SLICE);
    assert_null(hk_hotbox_v1.check(heap));
    assert_null(hk_v1(page)->free);
    uint64_t leases = v1_cold_stat().leases;
    for (size_t i = 0; i < COUNT; i++) {
        blocks[i] = i % KEPT ? v1_take(heap, 16) : blocks[i];
        assert_int_equal(blocks[i][15], i % KEPT ? blocks[i][15] : i / KEPT + 1);
        assert_ptr_equal(hk_page_of(blocks[i]), page);
    }
    assert_int_equal(v1_cold_stat().leases, leases);
    assert_int_equal(v1_stat(heap).blocks_in, 0);
    for (size_t i = 0; i < COUNT; i++) {
        v1_give(heap, blocks[i]);
    }
    v1_close(heap);
}

static void page_with_parked_blocks_may_empty(void **state)
{
    (void)state;
    struct hk_heap *heap = v1_open(0);
    void *blocks[3 * V1_CAPACITY];
    v1_take_all(heap, blocks, 3 * V1_CAPACITY);
    for (size_t i = 0; i < 3 * V1_CAPACITY; i++) {
        if (i % 32) {
            v1_give(heap, blocks[i]);
        }
    }
    assert_true(hk_hotbox_v1.collect(heap, HK_COLLECT_PARTS) > 0);

    for (size_t i = 0; i < 3 * V1_CAPACITY; i += 32) {
        v1_give(heap, blocks[i]);
        assert_null(hk_hotbox_v1.check(heap));
    }

    assert_in_range(v1_stat(heap).pages, 1, 2);
    v1_close(heap);
    assert_null(HK_COLD.check());
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(free_list_stays_inside_its_page),
        cmocka_unit_test(block_that_was_never_carved_is_not_free),
        cmocka_unit_test(block_freed_twice_is_found),
        cmocka_unit_test(memory_nobody_asked_for_is_not_touched),
        cmocka_unit_test(freed_blocks_come_before_memory_never_touched),
        cmocka_unit_test(page_carved_again_is_not_called_fresh),
        cmocka_unit_test(full_page_leaves_the_search_and_comes_back),
        cmocka_unit_test(one_empty_page_of_a_class_is_kept),
        cmocka_unit_test(lone_pair_has_no_slow_path),
        cmocka_unit_test(heap_of_a_vanished_thread_goes_on),
        cmocka_unit_test(parked_memory_is_given_back_and_served_again),
        cmocka_unit_test(page_with_parked_blocks_may_empty),
    };
    return cmocka_run_group_tests_name("v1", tests, v1_start, NULL);
}
