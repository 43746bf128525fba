/* SPDX-License-Identifier: MIT */
/* Hot box v2 over whole heaps: bins go home, pages change hands, memory goes back. */
#include "hotbox_v2.h"

#include "coldbox/seat.h"
#include "common/bands.h"
#include "v2_node.h"

void hk_hotbox_v2_spill(struct hk_heap *heap, struct hk_page *page, void *block)
{
    (void)hk_hotbox_v2_free(heap, page, block);
}

void hk_hotbox_v2_attach(struct hk_heap *heap, struct hk_page *page)
{
    HK_ASSERT(!(page->flags & HK_PAGE_LISTED));
    hk_v2_settle(heap, page);
    page->bin = hk_bin_at(heap, (size_t)page->bin_index << HK_BIN_SHIFT);
    if (!(page->flags & HK_V2_SURE)) {
        hk_v2_recount(page);
    }
    hk_v2_flag(page, HK_V2_SURE, false);
    size_t out = hk_v2_out(page);
    if (out == 0) {
        hk_v2_keep(heap, page); /* whoever attaches still walks the heap's pages */
    } else {
        hk_v2_place(heap, page, out);
    }
}

static void put_down(struct hk_heap *heap, size_t bin)
{
    if (hk_v2_lane(heap, bin)->current) {
        hk_v2_put_down(heap, hk_v2_lane(heap, bin)->current);
    }
}

size_t hk_v2_list_hidden(struct hk_heap *heap)
{
    size_t count = 0;
    for (struct hk_page *page = heap->pages; page; page = hk_page_slot(page)->next) {
        struct hk_v2_node *node = hk_v2_node(page);
        if (page->kind == HK_HOTBOX_V2_KIND && hk_v2_state(page) == HK_V2_FULL && node->list) {
            hk_v2_place(heap, page, hk_v2_out(page));
            count += 1;
        }
    }
    return count;
}

static void retire_kept(struct hk_heap *heap, size_t bin)
{
    while (hk_v2_lane(heap, bin)->kept) {
        struct hk_page *page = hk_v2_lane(heap, bin)->spare;
        hk_v2_unlist(heap, page);
        hk_v2_retire(heap, page);
    }
}

static size_t leased_bytes(struct hk_heap *heap)
{
    size_t pages = 0;
    for (struct hk_page *page = heap->pages; page; page = hk_page_slot(page)->next) {
        pages += page->kind == HK_HOTBOX_V2_KIND;
    }
    return pages * HK_SLICE;
}

static size_t purge_parts(struct hk_heap *heap)
{
    size_t bytes = 0;
    for (struct hk_page *page = heap->pages; page; page = hk_page_slot(page)->next) {
        if (page->kind == HK_HOTBOX_V2_KIND) {
            hk_v2_settle(heap, page);
            bytes += hk_v2_state(page) == HK_V2_CURRENT ? 0 : hk_v2_purge(page);
        }
    }
    return bytes;
}

size_t hk_hotbox_v2_collect(struct hk_heap *heap, enum hk_collect how)
{
    if (how == HK_COLLECT_IDLE || how == HK_COLLECT_SPARE) {
        return 0; /* a class has one page at hand, and keeps as many as it was told to */
    }
    size_t before = leased_bytes(heap);
    HK_COLD.drain(heap);
    for (size_t i = 0; i < HK_TINY_BINS; i++) {
        if (hk_kind_of_bin(i) == HK_HOTBOX_V2_KIND && hk_gives_up(heap, i, how)) {
            put_down(heap, i);
            retire_kept(heap, i);
        }
    }
    if (how != HK_COLLECT_PARTS) {
        (void)hk_v2_list_hidden(heap);
    }
    size_t bytes = before - leased_bytes(heap);
    bool parts = how == HK_COLLECT_ALL || how == HK_COLLECT_PARTS;
    return parts ? bytes + purge_parts(heap) : bytes;
}

void hk_hotbox_v2_abandon(struct hk_heap *heap)
{
    heap->keeps = false;
    for (size_t i = 0; i < HK_TINY_BINS; i++) {
        if (hk_kind_of_bin(i) == HK_HOTBOX_V2_KIND) {
            put_down(heap, i);
        }
    }
    struct hk_page *page = heap->pages;
    while (page) {
        struct hk_page *next = hk_page_slot(page)->next;
        if (page->kind == HK_HOTBOX_V2_KIND) {
            size_t out = hk_v2_out(page);
            if (page->flags & HK_PAGE_LISTED) {
                hk_v2_unlist(heap, page);
            }
            hk_v2_set_out(page, out);
            hk_v2_flag(page, HK_V2_SURE, true);
            if (out == 0) {
                hk_v2_retire(heap, page);
            }
        }
        page = next;
    }
}

void hk_hotbox_v2_stat(struct hk_heap *heap, struct hk_hot_stat *out)
{
    *out = (struct hk_hot_stat){0};
    for (struct hk_page *page = heap->pages; page; page = hk_page_slot(page)->next) {
        if (page->kind != HK_HOTBOX_V2_KIND) {
            continue;
        }
        size_t blocks_out = hk_v2_out(page);
        out->pages += 1;
        out->bytes += HK_SLICE;
        out->blocks_out += blocks_out;
        out->blocks_in += hk_v2_node(page)->carved - blocks_out;
        void *block = hk_v2_state(page) == HK_V2_CURRENT ? page->bin->head : NULL;
        for (; block; block = *(void **)block) {
            out->binned += 1;
        }
    }
}
