/* SPDX-License-Identifier: MIT */
/* Kit cases of what an earlier allocator of this family got wrong: one block on two free lists, and
 * pages handed out again as they were left. */
#include "kit/box_kit.h"

#include <stdlib.h>
#include <string.h>

static int by_address(const void *a, const void *b)
{
    uintptr_t left = *(const uintptr_t *)a;
    uintptr_t right = *(const uintptr_t *)b;
    return left < right ? -1 : left > right;
}

static void require_distinct(void **blocks, size_t count)
{
    qsort(blocks, count, sizeof *blocks, by_address);
    for (size_t i = 1; i < count; i++) {
        assert_ptr_not_equal(blocks[i], blocks[i - 1]);
    }
}

/* Straight into the page, past what the thread has at hand. */
static void give_to_page(const struct kit_box *box, struct hk_heap *heap, void *block)
{
    box->spill(box->owns_pages ? heap : NULL, hk_page_of(block), block);
}

static void hot_and_cold_never_share_a_free_list(const void *subject)
{
    const struct kit_box *box = subject;
    struct hk_heap *heap = kit_open(box);
    void *blocks[2 * KIT_BLOCKS];

    for (size_t r = 0; r < kit_request_count; r += 3) {
        kit_take_all(box, heap, kit_request(r), blocks);
        for (size_t i = 0; i < KIT_BLOCKS; i += 2) {
            kit_give(box, heap, blocks[i]);
            give_to_page(box, heap, blocks[i + 1]);
        }
        kit_take_all(box, heap, kit_request(r), blocks);
        kit_take_all(box, heap, kit_request(r), blocks + KIT_BLOCKS);
        require_distinct(blocks, 2 * KIT_BLOCKS);
        kit_give_all(box, heap, blocks);
        kit_give_all(box, heap, blocks + KIT_BLOCKS);
        assert_null(box->check(heap));
    }

    kit_close(box, heap);
}

enum { MANY = 1600 }; /* blocks: more than a page of the classes tried */

/* Take more blocks than a page has, use all of them, and give everything back. -> leases. */
static size_t fill_pages(const struct kit_box *box, struct hk_heap *heap, size_t request)
{
    static void *blocks[MANY];
    uint64_t before = kit_leases();
    blocks[0] = kit_take(box, heap, request);
    assert_non_null(blocks[0]);
    struct hk_page *head = hk_page_head(hk_page_of(blocks[0]));
    size_t capacity = (size_t)hk_page_slot(head)->slices * HK_SLICE / head->block_size;
    size_t count = capacity + KIT_BLOCKS;
    assert_true(count <= MANY);
    for (size_t i = 1; i < count; i++) {
        blocks[i] = kit_take(box, heap, request);
        assert_non_null(blocks[i]);
        memset(blocks[i], 0xa5, kit_request_size(request));
    }
    size_t leases = (size_t)(kit_leases() - before);
    require_distinct(blocks, count);
    for (size_t i = 0; i < count; i++) {
        kit_give(box, heap, blocks[i]);
    }
    return leases;
}

static void full_page_is_reset_before_reuse(const void *subject)
{
    const struct kit_box *box = subject;
    struct hk_heap *heap = kit_open(box);

    for (size_t r = 4; r < kit_request_count; r += 11) {
        size_t leases = fill_pages(box, heap, kit_request(r));
        box->collect(heap, HK_COLLECT_ALL);
        /* the same memory, in another class and in its own */
        fill_pages(box, heap, kit_request(r - 1));
        box->collect(heap, HK_COLLECT_ALL);
        assert_int_equal(fill_pages(box, heap, kit_request(r)), leases);
        box->collect(heap, HK_COLLECT_ALL);
        assert_null(box->check(heap));
    }

    kit_close(box, heap);
}

const struct kit_case kit_reuse_cases[] = {
    {"hot_and_cold_never_share_a_free_list", hot_and_cold_never_share_a_free_list, 0},
    {"full_page_is_reset_before_reuse", full_page_is_reset_before_reuse, 0},
};
const size_t kit_reuse_case_count = sizeof kit_reuse_cases / sizeof *kit_reuse_cases;
