/* SPDX-License-Identifier: MIT */
/* Leases and retires of pages, through the warm pool where one slice is asked for. A page is reset
 * whole before it is handed out, whatever it was before. */
#include "coldbox/warm.h"

#include "coldbox/cold.h"
#include "coldbox/superslab.h"

#include <string.h>

enum { DENSE_FROM = 384 }; /* pages of a heap: 24 MiB */

struct hk_page *hk_warm_take(struct hk_heap *heap)
{
    return heap->warm_count ? heap->warm[--heap->warm_count] : NULL;
}

bool hk_warm_keep(struct hk_heap *heap, struct hk_page *page)
{
    size_t pages = atomic_load_explicit(&heap->page_count, memory_order_relaxed);
    size_t cap = HK_WARM_CAP;
    size_t most = pages / 4 < cap ? pages / 4 : cap;
    if (!heap->keeps || heap->warm_count >= most) {
        return false;
    }
    heap->warm[heap->warm_count++] = page;
    return true;
}

static struct hk_slices slices_of(const struct hk_page *page, uint32_t count)
{
    struct hk_superslab *slab = (struct hk_superslab *)hk_page_superslab(page);
    return (struct hk_slices){slab, (uint32_t)hk_page_slice(page), count};
}

void hk_warm_shrink(struct hk_heap *heap, uint32_t keep)
{
    while (heap->warm_count > keep) {
        hk_slices_put(slices_of(hk_warm_take(heap), 1));
    }
}

static void link_page(struct hk_heap *heap, struct hk_page *page)
{
    struct hk_slot *slot = hk_page_slot(page);
    slot->prev = NULL;
    slot->next = heap->pages;
    if (heap->pages) {
        hk_page_slot(heap->pages)->prev = page;
    }
    heap->pages = page;
    hk_atomic_add(&heap->page_count, 1);
}

static void unlink_page(struct hk_heap *heap, struct hk_page *page)
{
    struct hk_slot *slot = hk_page_slot(page);
    *(slot->prev ? &hk_page_slot(slot->prev)->next : &heap->pages) = slot->next;
    if (slot->next) {
        hk_page_slot(slot->next)->prev = slot->prev;
    }
    hk_atomic_sub(&heap->page_count, 1);
}

void hk_pages_move(struct hk_heap *from, struct hk_heap *to, struct hk_page *page)
{
    unlink_page(from, page);
    link_page(to, page);
    /* release: a poster that reads the new heap may use it at once */
    hk_atomic_put(&hk_page_slot(page)->heap, to, memory_order_release);
}

void hk_page_set_owner(struct hk_page *page, uintptr_t owner)
{
    uint32_t slices = hk_page_slot(page)->slices;
    for (uint32_t i = 0; i < slices; i++) {
        atomic_store_explicit(&page[i].owner, owner, memory_order_relaxed);
    }
}

static void reset_slice(struct hk_page *page, const struct hk_lease *request, uint8_t flags,
                        uint8_t back)
{
    page->bin = NULL;
    page->block_size = request->block_size;
    page->bin_index = request->bin_index;
    page->kind = request->kind;
    page->flags = flags;
    page->back = back;
    memset(page->private_part, 0, sizeof page->private_part);
    uintptr_t owner = request->shared ? HK_OWNER_SHARED : request->heap->token;
    atomic_store_explicit(&page->owner, owner, memory_order_relaxed);
}

/* A heap of many pages fills new ones; the pages of a small heap may stay mostly untouched, and
 * pages of large blocks as well. */
static enum hk_grow growth(const struct hk_lease *request)
{
    size_t pages = atomic_load_explicit(&request->heap->page_count, memory_order_relaxed);
    if (!request->grow) {
        return HK_GROW_NOT;
    }
    return request->slices == 1 && pages >= DENSE_FROM ? HK_GROW_DENSE : HK_GROW;
}

struct hk_page *hk_cold_lease(const struct hk_lease *request)
{
    bool zero = false;
    struct hk_page *page = request->slices == 1 ? hk_warm_take(request->heap) : NULL;
    if (!page) {
        struct hk_slices slices;
        if (!hk_slices_get(request->slices, 1, growth(request), &slices, &zero)) {
            return NULL;
        }
        page = &slices.slab->head.page[slices.index];
    }
    uint8_t flags =
        (uint8_t)((request->slices > 1 ? HK_PAGE_MULTI : 0) | (zero ? HK_PAGE_ZERO : 0));
    struct hk_slot *slot = hk_page_slot(page);
    slot->slices = request->slices;
    for (uint8_t i = 0; i < request->slices; i++) {
        reset_slice(page + i, request, flags, i);
    }
    if (!request->shared) {
        link_page(request->heap, page);
        hk_atomic_put(&slot->heap, request->heap, memory_order_release);
    }
    hk_count_event(request->heap, request->bin_index, HK_EVENT_LEASE);
    return page;
}

/* The page's descriptors are those of free slices from now on. */
static void clear_slices(struct hk_page *page, uint32_t slices)
{
    hk_page_set_owner(page, HK_OWNER_NONE);
    for (uint32_t i = 0; i < slices; i++) {
        page[i].kind = HK_KIND_FREE;
        page[i].bin_index = HK_BIN_NONE;
        page[i].back = 0;
    }
}

void hk_cold_retire(struct hk_heap *heap, struct hk_page *page)
{
    struct hk_slot *slot = hk_page_slot(page);
    uint32_t slices = slot->slices;
    HK_ASSERT(hk_page_map(page)[0] == 0);
    HK_ASSERT(!hk_page_heap(page) || hk_page_heap(page) == heap);
    if (hk_page_heap(page)) {
        unlink_page(heap, page);
    }
    hk_count_event(heap, page->bin_index, HK_EVENT_RETIRE);
    clear_slices(page, slices);
    atomic_store_explicit(&slot->heap, NULL, memory_order_relaxed);
    atomic_store_explicit(&slot->live, 0, memory_order_relaxed);
    if (!heap) {
        hk_slices_put(slices_of(page, slices));
        return;
    }
    if (slices > 1 || !hk_warm_keep(heap, page)) {
        hk_slices_put(slices_of(page, slices));
    }
    size_t pages = atomic_load_explicit(&heap->page_count, memory_order_relaxed);
    if (heap->warm_count > 1 && heap->warm_count > pages) {
        hk_warm_shrink(heap, (uint32_t)pages);
    }
}
