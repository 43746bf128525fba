/* SPDX-License-Identifier: MIT */
/* Hot box v1 over whole heaps: current pages are given up, pages change hands, memory goes back. */
#include "hotbox_v1.h"

/* A thread that vanished without its destructors leaves its heap to the one that inherits its
 * token: the bins are empty then, and the pages still say that they are current. */
void hk_hotbox_v1_init(struct hk_heap *heap)
{
    heap->keeps = true;
    for (struct hk_page *page = heap->pages; page; page = hk_page_slot(page)->next) {
        if (hk_v1_is_ours(page) && hk_v1(page)->state == HK_V1_CURRENT) {
            page->bin->head = page;
        }
    }
}

void hk_hotbox_v1_spill(struct hk_heap *heap, struct hk_page *page, void *block)
{
    *(void **)block = hk_v1(page)->free;
    hk_v1(page)->free = block;
    hk_v1_came_back(heap, page, 1);
}

void hk_hotbox_v1_splice(struct hk_heap *heap, struct hk_page *page, void *first, void *last,
                         size_t count)
{
    *(void **)last = hk_v1(page)->free;
    hk_v1(page)->free = first;
    hk_v1_came_back(heap, page, (uint32_t)count);
}

/* -> blocks out. A thread that fork left behind may have stood between taking a block off the list,
 * or putting one on it, and counting that: then the block it had in its hands is out for ever. */
static uint32_t count_out(struct hk_page *page)
{
    const struct hk_v1 *own = hk_v1(page);
    uint32_t in = own->parked;
    for (void *block = own->free; block && in < own->carved; block = *(void **)block) {
        in += 1;
    }
    return own->carved - in;
}

void hk_hotbox_v1_attach(struct hk_heap *heap, struct hk_page *page)
{
    struct hk_v1 *own = hk_v1(page);
    page->bin = hk_bin_at(heap, (size_t)page->bin_index << HK_BIN_SHIFT);
    HK_ASSERT(!(page->flags & HK_PAGE_LISTED));
    /* abandon leaves no page in another state; only then the links are worth following */
    uint32_t out = own->state == HK_V1_LOOSE ? hk_v1_out(page) : count_out(page);
    own->state = HK_V1_LOOSE;
    own->told = 0;
    hk_v1_set_out(page, out);
    hk_v1_report(page, (int)out);
    hk_v1_tell(page);
    hk_v1_place(heap, page);
}

/* The page is no longer current or listed. */
static void give_up(struct hk_heap *heap, struct hk_page *page)
{
    if (hk_v1(page)->state == HK_V1_PARTIAL) {
        hk_v1_unlist(heap, page);
    } else if (hk_v1(page)->state == HK_V1_CURRENT) {
        page->bin->head = NULL;
    }
    hk_v1_set_state(page, HK_V1_LOOSE);
}

/* No page is current, and no empty one is kept. */
static void collect_page(struct hk_heap *heap, struct hk_page *page)
{
    if (hk_v1_out(page) == 0) {
        give_up(heap, page);
        hk_v1_retire(heap, page);
    } else if (hk_v1(page)->state == HK_V1_CURRENT) {
        give_up(heap, page);
        hk_v1_place(heap, page);
    }
}

static void collect_quiet_page(struct hk_heap *heap, struct hk_page *page)
{
    if (hk_gives_up(heap, page->bin_index, HK_COLLECT_QUIET)) {
        collect_page(heap, page);
    }
}

static void abandon_page(struct hk_heap *heap, struct hk_page *page)
{
    give_up(heap, page);
    if (hk_v1_out(page) == 0) {
        hk_v1_retire(heap, page);
    }
}

static void tell_page(struct hk_heap *heap, struct hk_page *page)
{
    (void)heap;
    hk_v1_tell(page);
}

/* Call `act` on each page of the box; it may retire the page. */
static void each_page(struct hk_heap *heap, void (*act)(struct hk_heap *heap, struct hk_page *page))
{
    struct hk_page *page = heap->pages;
    while (page) {
        struct hk_page *next = hk_page_slot(page)->next;
        if (hk_v1_is_ours(page)) {
            act(heap, page);
        }
        page = next;
    }
}

static size_t park_pages(struct hk_heap *heap)
{
    size_t bytes = 0;
    for (struct hk_page *page = heap->pages; page; page = hk_page_slot(page)->next) {
        bytes += hk_v1_is_ours(page) ? hk_v1_park(page) : 0;
    }
    return bytes;
}

/* -> bytes of the heap's pages, whoever's: draining retires those of other boxes too. */
static size_t leased_bytes(struct hk_heap *heap)
{
    size_t slices = 0;
    for (struct hk_page *page = heap->pages; page; page = hk_page_slot(page)->next) {
        slices += hk_page_slot(page)->slices;
    }
    return slices << HK_SLICE_SHIFT;
}

size_t hk_hotbox_v1_collect(struct hk_heap *heap, enum hk_collect how)
{
    if (how == HK_COLLECT_IDLE || how == HK_COLLECT_SPARE) {
        return 0; /* a class has a page or two at hand, whatever it was used for */
    }
    size_t before = leased_bytes(heap);
    HK_COLD.drain(heap);
    if (how == HK_COLLECT_ALL) {
        each_page(heap, collect_page);
    } else if (how == HK_COLLECT_QUIET) {
        each_page(heap, collect_quiet_page);
    }
    each_page(heap, tell_page);
    size_t bytes = before - leased_bytes(heap);
    bool parts = how == HK_COLLECT_ALL || how == HK_COLLECT_PARTS;
    return parts ? bytes + park_pages(heap) : bytes;
}

void hk_hotbox_v1_abandon(struct hk_heap *heap)
{
    heap->keeps = false;
    each_page(heap, abandon_page);
}

void hk_hotbox_v1_stat(struct hk_heap *heap, struct hk_hot_stat *out)
{
    *out = (struct hk_hot_stat){0};
    for (struct hk_page *page = heap->pages; page; page = hk_page_slot(page)->next) {
        if (hk_v1_is_ours(page)) {
            hk_v1_tell(page);
            out->pages += 1;
            out->bytes += HK_SLICE;
            out->blocks_out += hk_v1_out(page);
            out->blocks_in += hk_v1(page)->carved - hk_v1_out(page);
        }
    }
}
