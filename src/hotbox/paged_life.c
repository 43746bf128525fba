/* SPDX-License-Identifier: MIT */
/* The page protocol over whole heaps: bins go home, pages change hands, memory goes back. */
#include "hotbox/paged.h"

#include "coldbox/seat.h"
#include "common/bands.h"

#include <string.h>

enum { SAMPLE = 16 }; /* blocks that tell whether a bin's are of several pages */

/* -> true: the block can go back into a page of the heap's. */
static bool has_own_page(const struct hk_heap *heap, void *block)
{
    return HK_COLD.owns(block) && hk_page_owner(hk_page_of(block)) == heap->token;
}

/* Give the first of linked blocks, and those that follow of the same page, back to that page. ->
 * the rest; NULL as well where a block is in the page already, so that the links are no list. */
static void *give_run(struct hk_heap *heap, void *block)
{
    struct hk_page *page = hk_page_head(hk_page_of(block));
    const char *start = hk_page_start(page);
    size_t bytes = (size_t)hk_page_slot(page)->slices << HK_SLICE_SHIFT;
    size_t out = hk_paged_out(page);
    size_t count = 0;
    while ((size_t)((char *)block - start) < bytes) {
        void *next = *(void **)block;
        if (HK_UNLIKELY(count == out || !hk_paged_mark(page, block))) {
            hk_count_page_failure(heap);
            block = NULL;
            break;
        }
        count++;
        block = next;
    }
    if (count) {
        hk_paged_in(heap, page, count);
    }
    return block;
}

/* Give every block of a bin back to its page, and forget what the bin has learnt. */
static void flush_bin(struct hk_heap *heap, struct hk_bin *bin)
{
    void *block = bin->head;
    bin->head = NULL;
    bin->room = 0;
    bin->limit = 0;
    while (block) {
        if (HK_UNLIKELY(!has_own_page(heap, block))) {
            /* a link that was written to: what hung behind it is lost */
            hk_count_page_failure(heap);
            return;
        }
        block = give_run(heap, block);
    }
}

static void flush_bins(struct hk_heap *heap, enum hk_kind kind)
{
    for (size_t i = 0; i < HK_BIN_COUNT; i++) {
        if (hk_kind_of_bin(i) == kind) {
            flush_bin(heap, hk_bin_at(heap, i << HK_BIN_SHIFT));
        }
    }
}

/* Count the page's blocks anew. A thread that fork left behind may have stood between counting a
 * free down and marking the block: that one block counts as out for ever, and the countdown is
 * wrong. */
static void recount(struct hk_page *page)
{
    struct hk_paged *paged = hk_paged(page);
    size_t in =
        paged->returned_count + hk_map_count(hk_page_map(page), hk_map_words(paged->carved));
    for (size_t i = 0; page->flags & HK_PAGE_MULTI && i < hk_page_slot(page)->slices; i++) {
        hk_paged(&page[i])->countdown = 1;
    }
    hk_paged_set_out(page, paged->carved - in);
}

void hk_paged_attach(struct hk_heap *heap, struct hk_page *page)
{
    struct hk_bin *bin = hk_bin_at(heap, (size_t)page->bin_index << HK_BIN_SHIFT);
    size_t slices = hk_page_slot(page)->slices;
    for (size_t i = 0; i < slices; i++) {
        page[i].bin = bin;
    }
    HK_ASSERT(!(page->flags & HK_PAGE_LISTED));
    page->flags &= (uint8_t)~HK_PAGED_SPARSE; /* of a heap that is no more */
    recount(page);
    size_t out = hk_paged_out(page);
    if (out < hk_paged_capacity(page)) {
        hk_paged_list(heap, page);
    }
    if (out) {
        (void)hk_paged_enlist(heap, page, out);
    }
}

/* Retire the class's pages that are empty but kept. */
static void retire_kept(struct hk_heap *heap, size_t bin_index)
{
    struct hk_page *page = hk_shelf(heap, bin_index)->first;
    while (page) {
        struct hk_page *next = hk_paged(page)->next;
        if (hk_paged_out(page) == 0) {
            hk_paged_unlist(heap, page);
            hk_paged_retire(heap, page);
        }
        page = next;
    }
}

static size_t purge_parts(struct hk_heap *heap, enum hk_kind kind)
{
    size_t bytes = 0;
    for (struct hk_page *page = heap->pages; page; page = hk_page_slot(page)->next) {
        if (page->kind == kind) {
            bytes += hk_paged_purge(heap, page);
        }
    }
    return bytes;
}

/* -> blocks in the bin, or more where frees have gone past it. */
static size_t binned_most(const struct hk_bin *bin)
{
    int32_t limit = bin->limit < 0 ? -bin->limit : bin->limit;
    int32_t room = bin->room > 0 ? bin->room : 0;
    return bin->head && limit > room ? (size_t)(limit - room) : 0;
}

/* -> true: what the bin holds would fill more than a slice, or lies in several. */
static bool holds_slices(const struct hk_bin *bin, size_t block_size)
{
    if (binned_most(bin) * block_size > HK_SLICE) {
        return true;
    }
    void *block = bin->head;
    for (int i = 0; block && i < SAMPLE; i++) {
        if (((uintptr_t)block ^ (uintptr_t)bin->head) >> HK_SLICE_SHIFT) {
            return true;
        }
        block = *(void **)block;
    }
    return false;
}

/* A class that has not been refilled since the last call gives its bin back, and its empty page at
 * the next one. */
static void age(struct hk_heap *heap, size_t index)
{
    struct hk_bin *bin = hk_bin_at(heap, index << HK_BIN_SHIFT);
    if (bin->limit > 0) {
        bin->limit = -bin->limit;
        return;
    }
    struct hk_page *last = hk_shelf(heap, index)->last;
    if (!bin->head && last && hk_paged_out(last) == 0) {
        hk_paged_unlist(heap, last);
        hk_paged_retire(heap, last);
    } else if (bin->head && holds_slices(bin, hk_bin_block_size(index))) {
        flush_bin(heap, bin);
    }
}

/* -> true: the bin may hold all that is out of the class's pages with room, or of the page of its
 * first block if there are none. Looks at no more pages than the bin may hold blocks, and one. */
static bool is_spare(struct hk_heap *heap, size_t index)
{
    const struct hk_bin *bin = hk_bin_at(heap, index << HK_BIN_SHIFT);
    struct hk_page *page = hk_shelf(heap, index)->first;
    size_t most = binned_most(bin);
    if (!page) {
        return most && hk_paged_out(hk_page_head(hk_page_of(bin->head))) <= most;
    }
    size_t out = 0;
    for (; page && out <= most; page = hk_paged(page)->next) {
        out += hk_paged_out(page);
    }
    return out <= most;
}

/* A class that is spare gives its bin and its empty pages back. */
static void give_spare(struct hk_heap *heap, size_t index)
{
    if (is_spare(heap, index)) {
        flush_bin(heap, hk_bin_at(heap, index << HK_BIN_SHIFT));
        retire_kept(heap, index);
    }
}

/* HK_COLLECT_IDLE and HK_COLLECT_SPARE. */
static size_t collect_unused(struct hk_heap *heap, enum hk_kind kind, enum hk_collect how)
{
    size_t before = heap->slice_count;
    if (how == HK_COLLECT_IDLE) {
        hk_paged_rest(heap);
    }
    for (size_t i = 0; i < HK_BIN_COUNT; i++) {
        if (hk_kind_of_bin(i) == kind) {
            (how == HK_COLLECT_IDLE ? age : give_spare)(heap, i);
        }
    }
    return (before - heap->slice_count) << HK_SLICE_SHIFT;
}

size_t hk_paged_collect(struct hk_heap *heap, enum hk_kind kind, enum hk_collect how)
{
    if (how == HK_COLLECT_IDLE || how == HK_COLLECT_SPARE) {
        return collect_unused(heap, kind, how);
    }
    size_t before = heap->slice_count;
    HK_COLD.drain(heap);
    for (size_t i = 0; i < HK_BIN_COUNT; i++) {
        if (hk_kind_of_bin(i) == kind && hk_gives_up(heap, i, how)) {
            flush_bin(heap, hk_bin_at(heap, i << HK_BIN_SHIFT));
            retire_kept(heap, i);
        }
    }
    size_t bytes = (before - heap->slice_count) << HK_SLICE_SHIFT;
    if (how == HK_COLLECT_ALL || how == HK_COLLECT_PARTS) {
        bytes += purge_parts(heap, kind);
    }
    return bytes;
}

void hk_paged_abandon(struct hk_heap *heap, enum hk_kind kind)
{
    heap->keeps = false;
    flush_bins(heap, kind);
    struct hk_page *page = heap->pages;
    while (page) {
        struct hk_page *next = hk_page_slot(page)->next;
        if (page->kind == kind) {
            if (page->flags & HK_PAGE_LISTED) {
                hk_paged_unlist(heap, page);
            }
            if (hk_paged_out(page) == 0) {
                hk_paged_retire(heap, page);
            }
        }
        page = next;
    }
    hk_paged_leave(heap);
}

void hk_paged_stat(struct hk_heap *heap, enum hk_kind kind, struct hk_hot_stat *out)
{
    *out = (struct hk_hot_stat){0};
    for (struct hk_page *page = heap->pages; page; page = hk_page_slot(page)->next) {
        if (page->kind == kind) {
            out->pages += 1;
            out->bytes += (size_t)hk_page_slot(page)->slices << HK_SLICE_SHIFT;
            out->blocks_out += hk_paged_out(page);
            out->blocks_in += hk_paged(page)->carved - hk_paged_out(page);
        }
    }
    for (size_t i = 0; i < HK_BIN_COUNT; i++) {
        void *block = hk_kind_of_bin(i) == kind ? hk_bin_at(heap, i << HK_BIN_SHIFT)->head : NULL;
        for (; block; block = *(void **)block) {
            out->binned += 1;
        }
    }
}
