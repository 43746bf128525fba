/* SPDX-License-Identifier: MIT */
/* A small heap that needs several slices gives up what it keeps of other classes before it takes
 * memory that was never used; a large one does not. */
#include "unit/paged_unit.h"

enum {
    BLOCKS = 3,
    LARGE = 80,  /* slices, more than a small heap's */
    SMALL = 512, /* bytes of a block, with which every table has a class */
};

static size_t classes[HK_BIN_COUNT];
static size_t class_count; /* whose pages have as many slices as any */
static size_t page_slices;

static int start(void **state)
{
    page_slices = hk_page_slices(hk_bin_block_size(HK_BIN_COUNT - 1));
    for (size_t i = HK_TINY_BINS; page_slices > 1 && i < HK_BIN_COUNT; i++) {
        if (hk_page_slices(hk_bin_block_size(i)) == page_slices) {
            classes[class_count++] = i;
        }
    }
    return start_paged(state);
}

static void free_blocks(struct hk_heap *heap, void **blocks)
{
    for (size_t i = 0; i < BLOCKS; i++) {
        (void)hk_paged_free(heap, hk_page_of(blocks[i]), blocks[i]);
    }
}

/* -> slices of the heap after it has used each class once. */
static size_t use_in_turn(struct hk_heap *heap)
{
    for (size_t i = 0; i < class_count; i++) {
        void *blocks[BLOCKS];
        (void)take_blocks(heap, classes[i], blocks, BLOCKS);
        free_blocks(heap, blocks);
    }
    assert_null(hk_paged_check(heap, HK_KIND_POOL));
    return heap->slice_count;
}

static void end(struct hk_heap *heap)
{
    hk_paged_abandon(heap, HK_KIND_TINY);
    end_paged(heap, classes[0]);
    assert_null(hk_cold.check());
}

static void small_heap_has_pages_of_one_class_at_a_time(void **state)
{
    (void)state;
    if (!class_count) {
        skip(); /* by option every class has pages of one slice */
    }
    struct hk_heap *heap = hk_cold.birth(0);
    hk_cold.trim(NULL, 0);

    size_t slices = use_in_turn(heap);

    size_t kept = HK_FREE_POLICY == HK_FREE_KEEP ? class_count : 1;
    assert_int_equal(slices, kept * page_slices);
    end(heap);
}

static void blocks_in_use_keep_their_page(void **state)
{
    (void)state;
    if (!class_count) {
        skip();
    }
    struct hk_heap *heap = hk_cold.birth(0);
    hk_cold.trim(NULL, 0);
    void *held[BLOCKS];
    (void)take_blocks(heap, classes[0], held, BLOCKS);
    struct hk_page *page = hk_page_of(held[0]);

    (void)use_in_turn(heap);

    for (size_t i = 0; i < BLOCKS; i++) {
        assert_ptr_equal(hk_page_heap(hk_page_head(hk_page_of(held[i]))), heap);
        assert_int_equal(hk_page_of(held[i])->bin_index, classes[0]);
    }
    assert_ptr_equal(hk_page_of(held[0]), page);
    free_blocks(heap, held);
    end(heap);
}

static void large_heap_keeps_what_it_has(void **state)
{
    (void)state;
    if (class_count < 2) {
        skip();
    }
    struct hk_heap *heap = hk_cold.birth(0);
    hk_cold.trim(NULL, 0);
    size_t class = hk_bin_of_size(SMALL);
    static void *blocks[LARGE * HK_SLICE / SMALL];
    (void)take_blocks(heap, class, blocks, LARGE * HK_SLICE / SMALL);
    size_t before = heap->slice_count;
    assert_true(before >= LARGE);

    size_t after = use_in_turn(heap);

    assert_int_equal(after - before, class_count * page_slices);
    for (size_t i = 0; i < LARGE * HK_SLICE / SMALL; i++) {
        give_to_page(heap, class, blocks[i]);
    }
    end(heap);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(small_heap_has_pages_of_one_class_at_a_time),
        cmocka_unit_test(blocks_in_use_keep_their_page),
        cmocka_unit_test(large_heap_keeps_what_it_has),
    };
    return cmocka_run_group_tests_name("spare", tests, start, NULL);
}
