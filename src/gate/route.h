/* SPDX-License-Identifier: MIT */
/* From a size to a box and from a page to a box: ordered ifs over constants, which the compiler
 * folds. The only user of the boxes' seats. */
#ifndef HK_GATE_ROUTE_H
#define HK_GATE_ROUTE_H

#include "coldbox/seat.h"
#include "common/bands.h"
#include "common/self.h"

#include "hk_seat_pool.h"
#include "hk_seat_tiny.h"
#include "hk_seat_tiny_base.h"

/* Two seats may hold one box: then it is asked once, and no page is of the base's kind. */
#define HK_HAS_BASE (HK_BANDS != HK_BANDS_ALL)

/* Boxes in the seats that serve blocks: which of them own their pages. */
#define HK_TINY_SHARES (!HK_TINY.owns_pages || (HK_HAS_BASE && !HK_TINY_BASE.owns_pages))
#define HK_NONE_OWNS   (!HK_TINY.owns_pages && !HK_TINY_BASE.owns_pages && !HK_POOL.owns_pages)

/* -> a block from what is at hand, for a tiny offset; NULL: refill. owner. */
HK_INLINE void *hk_route_tiny(struct hk_heap *heap, size_t offset)
{
    if (hk_in_bands(offset)) {
        return HK_TINY.alloc(heap, offset);
    }
    return HK_TINY_BASE.alloc(heap, offset);
}

/* The same for size <= HK_POOL_MAX. */
HK_INLINE void *hk_route_alloc(struct hk_heap *heap, size_t size)
{
    if (HK_LIKELY(size <= HK_TINY_MAX)) {
        return hk_route_tiny(heap, hk_tiny_offset(size));
    }
    return HK_POOL.alloc(heap, size);
}

static inline void *hk_route_refill(struct hk_heap *heap, size_t size)
{
    if (size > HK_TINY_MAX) {
        return HK_POOL.refill(heap, size);
    }
    size_t offset = hk_tiny_offset(size);
    return hk_in_bands(offset) ? HK_TINY.refill(heap, offset) : HK_TINY_BASE.refill(heap, offset);
}

/* -> true: the page is of a tiny box that shares its pages. Where no box owns pages, the class
 * alone tells that the page is a box's, and neither kind nor owner is asked for. */
HK_INLINE bool hk_route_is_shared_tiny(const struct hk_page *page)
{
    if (HK_NONE_OWNS) {
        return page->bin_index < HK_TINY_BINS;
    }
    return (!HK_TINY.owns_pages && page->kind == HK_KIND_TINY) ||
           (HK_HAS_BASE && !HK_TINY_BASE.owns_pages && page->kind == HK_KIND_BASE);
}

/* The same for the pool; asked second. */
HK_INLINE bool hk_route_is_shared_pool(const struct hk_page *page)
{
    if (HK_NONE_OWNS) {
        return page->bin_index < HK_BIN_COUNT;
    }
    return !HK_POOL.owns_pages && page->kind == HK_KIND_POOL;
}

/* Take back a block of a page that is the caller's or shared, but not by the pool. Where boxes have
 * one function in common, the choice between them folds away. -> false: nothing was done, spill. */
HK_INLINE bool hk_route_free(struct hk_heap *heap, struct hk_page *page, void *block)
{
    const bool one_tiny = HK_TINY.free_local == HK_TINY_BASE.free_local;
    if (!HK_POOL.owns_pages && one_tiny) {
        return HK_TINY.free_local(heap, page, block);
    }
    unsigned kind = HK_NONE_OWNS ? hk_kind_of_bin(page->bin_index) : page->kind;
    if (HK_TINY.free_local == HK_POOL.free_local) {
        return one_tiny || kind != HK_KIND_BASE ? HK_TINY.free_local(heap, page, block)
                                                : HK_TINY_BASE.free_local(heap, page, block);
    }
    if (one_tiny ? kind != HK_KIND_POOL : kind == HK_KIND_TINY) {
        return HK_TINY.free_local(heap, page, block);
    }
    if (!HK_POOL.owns_pages || HK_TINY_BASE.free_local == HK_POOL.free_local ||
        kind == HK_KIND_BASE) {
        return HK_TINY_BASE.free_local(heap, page, block);
    }
    return HK_POOL.free_local(heap, page, block);
}

/* The slow path of the same. `heap` is the heap object, or NULL for a shared page. owner. */
static inline void hk_route_spill(struct hk_heap *heap, struct hk_page *page, void *block)
{
    if (page->kind == HK_KIND_TINY) {
        HK_TINY.spill(heap, page, block);
    } else if (page->kind == HK_KIND_BASE) {
        HK_TINY_BASE.spill(heap, page, block);
    } else {
        HK_POOL.spill(heap, page, block);
    }
}

static inline size_t hk_route_collect(struct hk_heap *heap, enum hk_collect how)
{
    return HK_TINY.collect(heap, how) + (HK_HAS_BASE ? HK_TINY_BASE.collect(heap, how) : 0) +
           HK_POOL.collect(heap, how);
}

/* What the heap does not use goes back: `how` is HK_COLLECT_IDLE or HK_COLLECT_SPARE. Not asked of
 * a pool with shared pages: of those it has a few bounded blocks. -> bytes. */
static inline size_t hk_route_unused(struct hk_heap *heap, enum hk_collect how)
{
    return HK_TINY.collect(heap, how) + (HK_HAS_BASE ? HK_TINY_BASE.collect(heap, how) : 0) +
           (HK_POOL.owns_pages ? HK_POOL.collect(heap, how) : 0);
}

static inline void hk_route_init(struct hk_heap *heap)
{
    HK_TINY.init(heap);
    if (HK_HAS_BASE) {
        HK_TINY_BASE.init(heap);
    }
    HK_POOL.init(heap);
}

static inline void hk_route_abandon(struct hk_heap *heap)
{
    HK_TINY.abandon(heap);
    if (HK_HAS_BASE) {
        HK_TINY_BASE.abandon(heap);
    }
    HK_POOL.abandon(heap);
}

/* The whole of a free that is not on a fast path. */
static inline void hk_route_give(struct hk_heap *heap, struct hk_page *page, void *block)
{
    if (!hk_route_free(heap, page, block)) {
        hk_route_spill(heap, page, block);
    }
}

#endif
