/* SPDX-License-Identifier: MIT */
/* The page protocol's invariants, walked for tests and debug builds. Every walk is bounded, so that
 * a corrupt list is reported and not followed for ever. */
#include "hotbox/paged.h"

#include "common/bands.h"

static bool holds_block(struct hk_page *page, const void *block)
{
    size_t offset = (size_t)((const char *)block - hk_page_start(page));
    size_t size = page->block_size;
    return offset % size == 0 && offset / size < hk_paged(page)->carved;
}

static const char *check_blocks(struct hk_page *page)
{
    struct hk_paged *paged = hk_paged(page);
    size_t returned = 0;
    for (void *block = paged->returned; block; block = *(void **)block) {
        if (++returned > paged->carved || !holds_block(page, block)) {
            return "a returned block is not a block of its page";
        }
    }
    if (returned != paged->returned_count) {
        return "the returned list is not as long as its count";
    }
    if (hk_paged_out(page) + returned +
            hk_map_count(hk_page_map(page), HK_SLICE_MAP / sizeof(uint64_t)) !=
        paged->carved) {
        return "blocks out, returned and free do not sum to the carved ones";
    }
    size_t last = paged->carved / 64;
    if (last < HK_SLICE_MAP / sizeof(uint64_t) &&
        hk_page_map(page)[last] >> paged->carved % 64 != 0) {
        return "a block that was never carved is marked free";
    }
    return NULL;
}

static const char *check_page(struct hk_heap *heap, struct hk_page *page)
{
    if (page->block_size != hk_bin_block_size(page->bin_index)) {
        return "a page's block size is not its class's";
    }
    if (hk_page_owner(page) != heap->token || hk_page_heap(page) != heap) {
        return "a page on the heap's list has another owner";
    }
    if (page->bin != hk_bin_at(heap, (size_t)page->bin_index << HK_BIN_SHIFT)) {
        return "a page does not point to its owner's bin";
    }
    if (hk_paged(page)->carved > hk_paged_capacity(page) ||
        hk_paged_out(page) > hk_paged(page)->carved) {
        return "a page's counts exceed its capacity";
    }
    bool has_room = hk_paged_out(page) < hk_paged_capacity(page);
    bool listed = page->flags & HK_PAGE_LISTED;
    if (listed && !has_room) {
        return "a page without room is listed";
    }
    return check_blocks(page);
}

static const char *check_shelf(struct hk_heap *heap, size_t index, size_t *listed)
{
    const struct hk_page *prev = NULL;
    for (struct hk_page *page = hk_shelf(heap, index)->first; page; page = hk_paged(page)->next) {
        if (++*listed > heap->page_count) {
            return "the shelves hold more pages than the heap";
        }
        if (page->bin_index != index || !(page->flags & HK_PAGE_LISTED)) {
            return "a page is on a shelf that is not its own";
        }
        if (hk_paged(page)->prev != prev) {
            return "a shelf's links do not match";
        }
        prev = page;
    }
    return hk_shelf(heap, index)->last == prev ? NULL : "a shelf's end is not its last page";
}

static const char *check_bin(struct hk_heap *heap, size_t index)
{
    size_t bound = 0;
    const struct hk_bin *bin = hk_bin_at(heap, index << HK_BIN_SHIFT);
    for (void *block = bin->head; block; block = *(void **)block) {
        struct hk_page *page = hk_page_head(hk_page_of(block));
        if (page->bin_index != index || hk_page_owner(page) != heap->token ||
            !holds_block(page, block)) {
            return "a bin holds a block that is not of its class and heap";
        }
        if (++bound > heap->page_count * (HK_SLICE / HK_ALIGN)) {
            return "a bin is cyclic";
        }
    }
    return NULL;
}

/* The list of sparse pages is one for all classes. */
static const char *check_sparse(struct hk_heap *heap)
{
    size_t count = 0;
    size_t slices = 0;
    const struct hk_page *prev = NULL;
    for (struct hk_page *page = heap->sparse.first; page; page = hk_page_slot(page)->sparse_next) {
        slices += hk_paged_carved_slices(page);
        if (++count > heap->page_count) {
            return "more pages are sparse than the heap has";
        }
        if (!(page->flags & HK_PAGED_SPARSE) || hk_page_heap(page) != heap) {
            return "a page is called sparse that does not say so, or is another heap's";
        }
        if (page->flags & HK_PAGED_DONE) {
            return "a page is called sparse that has given all its memory back";
        }
        if (hk_page_slot(page)->sparse_prev != prev) {
            return "the links of sparse pages do not match";
        }
        prev = page;
    }
    return heap->sparse.last == prev && heap->sparse.slices == slices
               ? NULL
               : "the sparse pages on the list do not have as many slices as it says";
}

const char *hk_paged_check(struct hk_heap *heap, enum hk_kind kind)
{
    const char *broken = check_sparse(heap);
    size_t seen = 0;
    size_t listed = 0;
    size_t flagged = 0;
    for (struct hk_page *page = heap->pages; page && !broken; page = hk_page_slot(page)->next) {
        if (++seen > heap->page_count) {
            return "the heap's list of pages is longer than its count";
        }
        if (page->kind == kind) {
            broken = check_page(heap, page);
            flagged += page->flags & HK_PAGE_LISTED;
        }
    }
    for (size_t i = 0; i < HK_BIN_COUNT && !broken; i++) {
        if (hk_kind_of_bin(i) == kind) {
            broken = check_shelf(heap, i, &listed);
            broken = broken ? broken : check_bin(heap, i);
        }
    }
    if (!broken && listed != flagged) {
        broken = "a page says that it is listed and is on no shelf";
    }
    return broken;
}
