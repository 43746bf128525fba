/* SPDX-License-Identifier: MIT */
/* Hot box v2's invariants, walked for tests and debug builds. Every walk is bounded, so that a
 * corrupt list is reported and not followed for ever. */
#include "common/bands.h"
#include "v2_node.h"

/* -> the length of a list of blocks, all of them carved blocks of the page; more than the page has
 *    if the list is not whole. */
static size_t list_length(struct hk_page *page, const void *first)
{
    size_t carved = hk_v2_node(page)->carved;
    size_t length = 0;
    for (const char *block = first; block; block = *(void *const *)block) {
        size_t offset = (size_t)(block - hk_page_start(page));
        if (offset % page->block_size || offset / page->block_size >= carved || length >= carved) {
            return carved + 1;
        }
        length += 1;
    }
    return length;
}

static const char *check_blocks(struct hk_page *page)
{
    struct hk_v2_node *node = hk_v2_node(page);
    bool current = hk_v2_state(page) == HK_V2_CURRENT;
    size_t parked = hk_v2_parked(page);
    size_t length = list_length(page, current ? page->bin->head : node->list);
    if (length > node->carved) {
        return "a free list does not stay inside its page";
    }
    if (node->carved > hk_v2_capacity(page) || hk_v2_out(page) + parked > node->carved) {
        return "a page's counts exceed its capacity";
    }
    if (current ? length > hk_v2_out(page) : hk_v2_out(page) + parked + length != node->carved) {
        return "blocks out, listed and parked do not sum to the carved ones";
    }
    for (size_t i = node->carved; i < HK_SLICE_MAP * 8u; i++) {
        if (hk_page_map(page)[i / 64] >> i % 64 & 1) {
            return "a block that was never carved is parked";
        }
    }
    return NULL;
}

static const char *check_state(struct hk_heap *heap, struct hk_page *page)
{
    struct hk_v2_node *node = hk_v2_node(page);
    bool current = hk_v2_state(page) == HK_V2_CURRENT;
    if (current != (hk_v2_lane(heap, page->bin_index)->current == page)) {
        return "a page and its class do not agree on which page is current";
    }
    if (node->where != (current ? &page->bin->head : &node->list) || (current && node->list)) {
        return "a page's free blocks do not go where its state says";
    }
    if ((hk_v2_state(page) == HK_V2_EMPTY) != (!current && hk_v2_out(page) == 0)) {
        return "a page without a block out is not kept as empty";
    }
    bool listed = page->flags & HK_PAGE_LISTED;
    return listed == (hk_v2_state(page) > HK_V2_CURRENT) ? NULL
                                                         : "a page is on a ring, or not, wrongly";
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
    const char *broken = check_state(heap, page);
    return broken ? broken : check_blocks(page);
}

static const char *check_ring(struct hk_heap *heap, struct hk_page *first, size_t index,
                              size_t *listed)
{
    struct hk_page *page = first;
    while (page) {
        if (++*listed > heap->page_count) {
            return "the rings hold more pages than the heap";
        }
        if (page->bin_index != index || !(page->flags & HK_PAGE_LISTED)) {
            return "a page is on a ring that is not its own";
        }
        struct hk_page *next = hk_v2_node(page)->next;
        if (hk_v2_node(next)->prev != page) {
            return "a ring's links do not match";
        }
        page = next == first ? NULL : next;
    }
    return NULL;
}

static const char *check_lane(struct hk_heap *heap, size_t index, size_t *listed)
{
    const struct hk_v2_lane *lane = hk_v2_lane(heap, index);
    const char *broken = check_ring(heap, lane->partial, index, listed);
    broken = broken ? broken : check_ring(heap, lane->spare, index, listed);
    size_t empty = 0;
    for (struct hk_page *page = broken ? NULL : lane->spare; page;) {
        empty += hk_v2_state(page) == HK_V2_EMPTY;
        page = hk_v2_node(page)->next == lane->spare ? NULL : hk_v2_node(page)->next;
    }
    if (!broken && empty != lane->kept) {
        broken = "a class does not count its empty pages right";
    }
    if (!broken && !lane->current && hk_bin_at(heap, index << HK_BIN_SHIFT)->head) {
        broken = "a bin holds blocks of no current page";
    }
    return broken;
}

const char *hk_hotbox_v2_check(struct hk_heap *heap)
{
    const char *broken = NULL;
    size_t seen = 0;
    size_t listed = 0;
    size_t flagged = 0;
    for (struct hk_page *page = heap->pages; page && !broken; page = hk_page_slot(page)->next) {
        if (++seen > heap->page_count) {
            return "the heap's list of pages is longer than its count";
        }
        if (page->kind == HK_HOTBOX_V2_KIND) {
            broken = check_page(heap, page);
            flagged += page->flags & HK_PAGE_LISTED;
        }
    }
    for (size_t i = 0; i < HK_TINY_BINS && !broken; i++) {
        broken = hk_kind_of_bin(i) == HK_HOTBOX_V2_KIND ? check_lane(heap, i, &listed) : NULL;
    }
    if (!broken && listed != flagged) {
        broken = "a page says that it is listed and is on no ring";
    }
    return broken;
}
