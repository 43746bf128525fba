/* SPDX-License-Identifier: MIT */
/* Leases and retires of pages, through the warm pool where one slice is asked for. A page is reset
 * whole before it is handed out, whatever it was before. */
#include "coldbox/warm.h"

#include "coldbox/cold.h"
#include "coldbox/growth.h"
#include "coldbox/spans.h"
#include "coldbox/superslab.h"
#include "common/policy.h"

#include <string.h>

struct hk_page *hk_warm_take(struct hk_heap *heap)
{
    return heap->warm_count ? heap->warm[--heap->warm_count] : NULL;
}

bool hk_warm_keep(struct hk_heap *heap, size_t bin_index, struct hk_page *page)
{
    if (!heap->keeps) {
        return false; /* the holder is not the owner, perhaps: no policy is read */
    }
    struct hk_class_policy policy = hk_policy_of(heap, bin_index);
    size_t pages = atomic_load_explicit(&heap->page_count, memory_order_relaxed);
    size_t floor = hk_policy_warm_floor(heap);
    size_t most = pages / 4 > floor ? pages / 4 : floor;
    most = most < policy.warm_cap ? most : policy.warm_cap;
    if (!policy.warm || heap->warm_count >= most) {
        return false;
    }
    heap->warm[heap->warm_count++] = page;
    return true;
}

/* The heap (NULL: nobody) has been at the shared pool for a class, and has taken slices from it or
 * (negative) given them back. */
static void count_visit(struct hk_heap *heap, size_t bin_index, int32_t slices)
{
    hk_count_event(heap, bin_index, HK_EVENT_VISIT);
    if (HK_POLICY != HK_POLICY_FROZEN && heap) {
        int32_t grown = (int32_t)heap->grown + slices;
        heap->grown = grown > 0 ? (uint32_t)grown : 0;
    }
}

static void put(struct hk_heap *heap, size_t bin_index, struct hk_page *page, uint32_t slices)
{
    count_visit(heap, bin_index, -(int32_t)slices);
    hk_slices_put(hk_slices_at(page, slices));
}

void hk_warm_shrink(struct hk_heap *heap, uint32_t keep)
{
    while (heap->warm_count > keep) {
        hk_slices_put(hk_slices_at(hk_warm_take(heap), 1));
    }
}

bool hk_warm_excess(const struct hk_heap *heap)
{
    size_t pages = atomic_load_explicit(&heap->page_count, memory_order_relaxed);
    return heap->warm_count > 1 && heap->warm_count > pages &&
           heap->warm_count > hk_policy_warm_floor(heap);
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
    heap->slice_count += slot->slices;
    heap->class_pages[page->bin_index] += 1;
    hk_atomic_add(&heap->page_count, 1);
}

static void unlink_page(struct hk_heap *heap, struct hk_page *page)
{
    struct hk_slot *slot = hk_page_slot(page);
    *(slot->prev ? &hk_page_slot(slot->prev)->next : &heap->pages) = slot->next;
    if (slot->next) {
        hk_page_slot(slot->next)->prev = slot->prev;
    }
    heap->slice_count -= slot->slices;
    heap->class_pages[page->bin_index] -= 1;
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

/* Take a page from the shared pool, and warm_prefill more for the heap to keep. */
static enum hk_got take_handful(struct hk_heap *heap, enum hk_grow grow, struct hk_slices *out,
                                bool *zero)
{
    struct hk_handful got;
    enum hk_got whence = hk_slices_get_handful(HK_WARM_PREFILL, grow, &got);
    for (uint32_t i = 1; whence && i < got.count; i++) {
        struct hk_page *page = hk_superslab_page(got.slice[i].slab, got.slice[i].index);
        page->flags = got.zero[i] ? HK_PAGE_ZERO : 0;
        heap->warm[heap->warm_count++] = page;
    }
    *out = got.slice[0];
    *zero = got.zero[0];
    return whence;
}

/* -> a page from the shared pool, or NULL; *zero: its memory reads as zero. */
static struct hk_page *take_shared(const struct hk_lease *request, enum hk_grow grow, bool prefill,
                                   bool *zero)
{
    struct hk_heap *heap = request->heap;
    struct hk_slices slices;
    uint32_t warm = heap->warm_count;
    enum hk_got got = HK_WARM_PREFILL && prefill
                          ? take_handful(heap, grow, &slices, zero)
                          : hk_slices_get(request->slices, 1, grow, &slices, zero);
    if (!got && grow == HK_GROW_USED) {
        return NULL; /* not a visit: the caller comes again at once */
    }
    if (got) {
        heap->spare.fresh += *zero ? request->slices : 0;
    }
    uint32_t taken = got ? request->slices + heap->warm_count - warm : 0;
    count_visit(heap, request->bin_index, (int32_t)taken);
    if (got == HK_GOT_NEW) {
        hk_count_event(heap, request->bin_index, HK_EVENT_MISS);
    }
    return got ? hk_superslab_page(slices.slab, slices.index) : NULL;
}

static struct hk_page *take_warm(const struct hk_lease *request, bool *zero)
{
    struct hk_page *page = hk_warm_take(request->heap);
    if (page) {
        *zero = page->flags & HK_PAGE_ZERO;
        hk_count_event(request->heap, request->bin_index, HK_EVENT_WARM);
    }
    return page;
}

/* -> a page with nothing set but its slices' being ours, or NULL. */
static struct hk_page *take_page(const struct hk_lease *request, bool *zero)
{
    struct hk_heap *heap = request->heap;
    bool may_be_warm = request->slices == 1 && hk_policy_of(heap, request->bin_index).page_box;
    struct hk_page *page = may_be_warm ? take_warm(request, zero) : NULL;
    if (!page && heap->spans.taken) {
        hk_spans_yield(heap);
    }
    bool prefill = may_be_warm && heap->keeps;
    if (!page && hk_growth_may_ask(request)) {
        page = take_shared(request, HK_GROW_USED, prefill, zero);
        if (!page && hk_growth_ask(heap)) {
            return NULL;
        }
    }
    return page ? page : take_shared(request, hk_growth(request), prefill, zero);
}

struct hk_page *hk_cold_lease(const struct hk_lease *request)
{
    request->heap->dear = hk_growth_is_dear();
    bool zero = false;
    bool refused = request->heap->spare.ask == HK_ASK_PLEASE;
    struct hk_page *page = refused ? NULL : take_page(request, &zero);
    if (!page) {
        return NULL;
    }
    uint8_t flags =
        (uint8_t)((request->slices > 1 ? HK_PAGE_MULTI : 0) | (zero ? HK_PAGE_ZERO : 0));
    struct hk_slot *slot = hk_page_slot(page);
    slot->slices = request->slices;
    for (uint8_t i = 0; i < request->slices; i++) {
        reset_slice(page + i, request, flags, i);
        if (zero) {
            hk_page_slot(page + i)->touched = 0;
        }
    }
    if (!request->shared) {
        hk_growth_note_lease(&request->heap->spare, request->bin_index);
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
        page[i].flags = 0;
        page[i].back = 0;
    }
}

void hk_cold_retire(struct hk_heap *heap, struct hk_page *page)
{
    struct hk_slot *slot = hk_page_slot(page);
    uint32_t slices = slot->slices;
    size_t bin_index = page->bin_index;
    HK_ASSERT(hk_page_map(page)[0] == 0);
    HK_ASSERT(!hk_page_heap(page) || hk_page_heap(page) == heap);
    if (hk_page_heap(page)) {
        unlink_page(heap, page);
        if (heap->spare.ask == HK_ASK_GIVING) {
            hk_growth_note_given(&heap->spare, bin_index);
        }
    }
    hk_count_event(heap, bin_index, HK_EVENT_RETIRE);
    clear_slices(page, slices);
    atomic_store_explicit(&slot->heap, NULL, memory_order_relaxed);
    atomic_store_explicit(&slot->live, 0, memory_order_relaxed);
    if (!heap || slices > 1 || !hk_warm_keep(heap, bin_index, page)) {
        put(heap, bin_index, page, slices);
    }
    while (heap && hk_warm_excess(heap)) {
        put(heap, bin_index, hk_warm_take(heap), 1);
    }
}
