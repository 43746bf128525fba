/* SPDX-License-Identifier: MIT */
/* Fork. The forking thread takes every lock in rank order. In the child only that thread goes on: a
 * heap whose thread was outside the allocator becomes an orphan, one whose thread was inside it, or
 * that somebody held, is FROZEN: its lists cannot be trusted, so its blocks stay where they are.
 * Lost to the child are the blocks in the bins of the threads that are gone and those that they
 * held back for others, bounded by the bins' limits and HK_REMOTE_TOTAL, and memory that was being
 * purged, or was on its way between a heap, or the word where a huge block waits, and its user, at
 * that moment. */
#include "coldbox/cold.h"
#include "coldbox/guard.h"
#include "coldbox/heaps.h"
#include "coldbox/remote.h"
#include "coldbox/spans.h"
#include "coldbox/standby.h"
#include "coldbox/superslab.h"

#include <string.h>

void hk_cold_prefork(void)
{
    hk_guards_keep();
    hk_lock_keep(&hk_heaps.lock);
    hk_lock_keep(&hk_slabs.lock);
    hk_learn_prefork();
}

void hk_cold_parent(void)
{
    hk_learn_parent();
    hk_lock_unkeep(&hk_slabs.lock);
    hk_lock_unkeep(&hk_heaps.lock);
    hk_guards_unkeep();
}

static void strand_heap(struct hk_heap *heap)
{
    uint32_t state = atomic_load_explicit(&heap->state, memory_order_relaxed);
    heap->policy = NULL;
    if (state == HK_HEAP_ADOPTING || (state == HK_HEAP_LIVE && heap->busy)) {
        atomic_store_explicit(&heap->state, HK_HEAP_FROZEN, memory_order_relaxed);
    } else if (state == HK_HEAP_LIVE) {
        memset(&heap->lanes, 0, sizeof heap->lanes);
        memset(heap->tiny_bins, 0, sizeof heap->tiny_bins);
        memset(heap->mid.bins, 0, sizeof heap->mid.bins);
        hk_remote_forget(heap);
        heap->keeps = false;
        atomic_store_explicit(&heap->state, HK_HEAP_ORPHAN, memory_order_relaxed);
    }
}

/* Give the page the owner that its heap's new state asks for. */
static void strand_page(struct hk_page *page, const struct hk_heap *self)
{
    struct hk_heap *heap = hk_page_heap(page);
    if (!heap || heap == self) {
        return;
    }
    uint32_t state = atomic_load_explicit(&heap->state, memory_order_relaxed);
    uintptr_t owner = state == HK_HEAP_FROZEN ? HK_OWNER_FROZEN : HK_OWNER_ORPHAN;
    uint32_t slices = hk_page_slot(page)->slices;
    for (uint32_t i = 0; i < slices && hk_page_slice(page) + i < HK_SLICES; i++) {
        atomic_store_explicit(&page[i].owner, owner, memory_order_relaxed);
    }
    if (state == HK_HEAP_ORPHAN && page->flags & HK_PAGE_LISTED) {
        page->flags &= (uint8_t)~HK_PAGE_LISTED;
        hk_count_pop(heap, page->bin_index);
    }
}

static void strand_pages(const struct hk_heap *self)
{
    struct hk_arena *arena = atomic_load_explicit(&hk_slabs.arenas, memory_order_relaxed);
    for (; arena; arena = arena->next) {
        for (uint32_t unit = 0; unit < arena->units; unit++) {
            struct hk_superslab *slab =
                (struct hk_superslab *)(arena->base + ((size_t)unit << HK_SUPERSLAB_SHIFT));
            for (uint32_t i = 1; hk_bit(arena->slab, unit) && i < HK_SLICES; i++) {
                struct hk_page *page = hk_superslab_page(slab, i);
                if (!page->back && hk_kind_is_leased(page->kind)) {
                    strand_page(page, self);
                }
            }
        }
    }
}

/* The list of orphans made new: what was held at the fork is FROZEN now, and a heap that was on its
 * way onto the list had not arrived. */
static void relist_orphans_locked(void)
{
    hk_heaps.orphans = NULL;
    atomic_store_explicit(&hk_heaps.orphan_count, 0, memory_order_relaxed);
    struct hk_heap *heap = atomic_load_explicit(&hk_heaps.all, memory_order_relaxed);
    for (; heap; heap = heap->next) {
        if (atomic_load_explicit(&heap->state, memory_order_relaxed) == HK_HEAP_ORPHAN) {
            hk_orphan_add_locked(heap);
        }
    }
}

/* What was on its way between free and in use when the thread that carried it was left behind,
 * slices being purged or units just taken, stays in use for ever: the counts say so. */
static void recount_locked(void)
{
    size_t leased = 0;
    size_t huge_units = 0;
    struct hk_arena *arena = atomic_load_explicit(&hk_slabs.arenas, memory_order_relaxed);
    for (; arena; arena = arena->next) {
        for (uint32_t unit = 0; unit < arena->units; unit++) {
            const char *base = arena->base + ((size_t)unit << HK_SUPERSLAB_SHIFT);
            if (hk_bit(arena->slab, unit)) {
                leased += ((const struct hk_superslab *)base)->used;
            } else {
                huge_units += !hk_bit(arena->free, unit);
            }
        }
    }
    hk_slabs.leased = leased;
    hk_slabs.huge_units = huge_units;
    hk_slabs_publish_locked();
}

void hk_cold_child(struct hk_heap *self)
{
    struct hk_heap *heap = atomic_load_explicit(&hk_heaps.all, memory_order_relaxed);
    for (; heap; heap = heap->next) {
        if (heap != self) {
            strand_heap(heap);
        }
    }
    hk_spans_child(self);
    relist_orphans_locked();
    memset(hk_heaps.live, 0, sizeof hk_heaps.live);
    if (self) {
        hk_live_add_locked(self);
    }
    strand_pages(self);
    hk_standby_settle_locked();
    recount_locked();
    hk_learn_child(self);
    hk_guards_child(self);
    /* whoever waited for them is gone: waking nobody is all that giving them back can do wrong */
    hk_lock_unkeep(&hk_slabs.lock);
    hk_lock_unkeep(&hk_heaps.lock);
    hk_guards_unkeep();
}
