/* SPDX-License-Identifier: MIT */
/* From a size to a box and from a page to a box: ordered ifs over constants, which the compiler
 * folds. The only user of the boxes' seats. */
#ifndef HK_GATE_ROUTE_H
#define HK_GATE_ROUTE_H

#include "coldbox/seat.h"
#include "common/self.h"

#include "hk_seat_pool.h"
#include "hk_seat_tiny.h"

/* -> a block from what is at hand, for size <= HK_POOL_MAX; NULL: refill. owner. */
HK_INLINE void *hk_route_alloc(struct hk_heap *heap, size_t size)
{
    if (HK_LIKELY(size <= HK_TINY_MAX)) {
        return HK_TINY.alloc(heap, hk_tiny_offset(size));
    }
    return HK_POOL.alloc(heap, size);
}

static inline void *hk_route_refill(struct hk_heap *heap, size_t size)
{
    if (size <= HK_TINY_MAX) {
        return HK_TINY.refill(heap, hk_tiny_offset(size));
    }
    return HK_POOL.refill(heap, size);
}

/* Take back a block of an own page. Where both boxes share one function, the choice folds away. */
HK_INLINE void hk_route_free(struct hk_heap *heap, struct hk_page *page, void *block)
{
    if (HK_TINY.free_local == HK_POOL.free_local || page->kind == HK_KIND_TINY) {
        HK_TINY.free_local(heap, page, block);
    } else {
        HK_POOL.free_local(heap, page, block);
    }
}

#endif
