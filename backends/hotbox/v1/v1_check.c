/* SPDX-License-Identifier: MIT */
/* Hot box v1's invariants, walked for tests and debug builds. Every walk is bounded, so that a
 * corrupt list is reported and not followed for ever. */
#include "hotbox_v1.h"

static bool holds_block(struct hk_page *page, const void *block)
{
    size_t offset = (uintptr_t)block - (uintptr_t)hk_page_start(page);
    return offset % page->block_size == 0 && offset / page->block_size < hk_v1(page)->carved;
}

static uint32_t map_bits(const struct hk_page *page)
{
    uint32_t bits = 0;
    for (size_t i = 0; i < HK_SLICE_MAP / sizeof(uint64_t); i++) {
        bits += (uint32_t)__builtin_popcountll(hk_page_map(page)[i]);
    }
    return bits;
}

static bool is_parked(struct hk_page *page, const void *block)
{
    size_t index = (size_t)((const char *)block - hk_page_start(page)) / page->block_size;
    return hk_page_map(page)[index / 64] >> index % 64 & 1;
}

static const char *check_blocks(struct hk_page *page)
{
    const struct hk_v1 *own = hk_v1(page);
    uint32_t in = own->parked;
    for (void *block = own->free; block; block = *(void **)block) {
        if (!holds_block(page, block)) {
            return "a free block is not one of its page's blocks";
        }
        if (++in > own->carved || is_parked(page, block)) {
            return "a block is free twice";
        }
    }
    if (hk_v1_out(page) + in != own->carved) {
        return "blocks out and free do not sum to the carved ones";
    }
    return map_bits(page) == own->parked ? NULL : "the parked blocks are not the map's bits";
}

static const char *check_counts(struct hk_page *page)
{
    const struct hk_v1 *own = hk_v1(page);
    uint32_t told = atomic_load_explicit(&hk_page_slot(page)->live, memory_order_relaxed);
    if (own->carved > hk_v1_capacity(page) || hk_v1_out(page) > own->carved) {
        return "a page's counts exceed its capacity";
    }
    if (HK_TINY_META != HK_META_NONE && told + (uint32_t)hk_v1_delta(page) != hk_v1_out(page)) {
        return "the cold side's count and the page's delta do not sum to the blocks out";
    }
    return own->countdown >= 0 ? NULL : "a page missed its event";
}

static const char *check_state(struct hk_page *page)
{
    const struct hk_v1 *own = hk_v1(page);
    bool current = own->state == HK_V1_CURRENT;
    if (current != (page->bin->head == page)) {
        return "a page is current and not in its bin, or the other way round";
    }
    if (current != (own->bias < 0)) {
        return "a current page may have events";
    }
    if ((own->state == HK_V1_PARTIAL) != (page->flags & HK_PAGE_LISTED)) {
        return "a page is partial and not listed, or the other way round";
    }
    return own->state == HK_V1_LOOSE ? "a page of a living heap is loose" : NULL;
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
    const char *broken = check_counts(page);
    broken = broken ? broken : check_state(page);
    return broken ? broken : check_blocks(page);
}

static const char *check_lane(struct hk_heap *heap, size_t index, size_t *listed)
{
    const struct hk_v1_lane *lane = hk_v1_lane(heap, index);
    const struct hk_page *prev = NULL;
    for (struct hk_page *page = lane->first; page; page = hk_v1(page)->next) {
        if (++*listed > heap->page_count) {
            return "the lists hold more pages than the heap";
        }
        if (page->bin_index != index || hk_v1(page)->state != HK_V1_PARTIAL) {
            return "a page is on a list that is not its own";
        }
        if (hk_v1_out(page) == hk_v1_capacity(page)) {
            return "a page without room is listed";
        }
        if (hk_v1(page)->prev != prev) {
            return "a list's links do not match";
        }
        prev = page;
    }
    return lane->last == prev ? NULL : "a list's end is not its last page";
}

const char *hk_hotbox_v1_check(struct hk_heap *heap)
{
    const char *broken = NULL;
    size_t seen = 0;
    size_t listed = 0;
    size_t partial = 0;
    for (struct hk_page *page = heap->pages; page && !broken; page = hk_page_slot(page)->next) {
        if (++seen > heap->page_count) {
            return "the heap's list of pages is longer than its count";
        }
        if (hk_v1_is_ours(page)) {
            broken = check_page(heap, page);
            partial += hk_v1(page)->state == HK_V1_PARTIAL;
        }
    }
    for (size_t i = 0; i < HK_TINY_BINS && !broken; i++) {
        broken = hk_kind_of_bin(i) == HK_HOTBOX_V1_KIND ? check_lane(heap, i, &listed) : NULL;
    }
    return !broken && listed != partial ? "a page says that it is listed and is on no list"
                                        : broken;
}
