/* SPDX-License-Identifier: MIT */
/* malloc, free and calloc: the fast paths, and behind one predicted branch each everything unusual.
 */
#include "gate/gate.h"

#include "gate/export.h"
#include "gate/route.h"
#include "gate/slow.h"

#include "hk_seat_decorator.h"

#include <stdint.h>
#include <string.h>

HK_INLINE void *decorated(void *block, size_t size)
{
    void *seen = HK_DECORATOR.allocated(block, size);
    return HK_LIKELY(seen) ? seen : hk_gate_refuse(block);
}

HK_HOT_ENTRY void *hk_malloc(size_t size)
{
    void *block;
    if (HK_LIKELY(size <= HK_TINY_MAX)) {
        block = hk_route_tiny(hk_self(), hk_tiny_offset(size));
    } else if (HK_LIKELY(size <= HK_FINE_MAX)) {
        /* the box asks for this limit first too: one compare for the finer half */
        block = HK_POOL.alloc(hk_self(), size);
    } else if (HK_LIKELY(size <= HK_POOL_MAX)) {
        block = HK_POOL.alloc(hk_self(), size);
    } else {
        return hk_gate_large(size);
    }
    return HK_LIKELY(block) ? decorated(block, size) : hk_gate_miss(size);
}

HK_HOT_ENTRY void hk_free(void *block)
{
    if (HK_UNLIKELY(!block)) {
        return;
    }
    HK_DECORATOR.freeing(block);
    struct hk_page *page = hk_page_of(block);
    if (!HK_ALL_OWN && hk_route_is_shared(page)) {
        if (HK_UNLIKELY(!hk_route_free(hk_self(), page, block))) {
            hk_gate_spill(page, block);
        }
        return;
    }
    if (HK_NONE_OWNS || HK_UNLIKELY(hk_page_owner(page) != hk_self_token(hk_self()))) {
        hk_gate_free_slow(page, block);
        return;
    }
    /* a box that owns its pages never spills here */
    (void)hk_route_free(hk_self(), page, block);
}

HK_HOT_ENTRY void *hk_calloc(size_t count, size_t size)
{
    size_t total;
    if (HK_UNLIKELY(__builtin_mul_overflow(count, size, &total))) {
        return hk_gate_no_memory();
    }
    if (HK_UNLIKELY(total > HK_POOL_MAX)) {
        return hk_gate_large_zero(total);
    }
    void *block = hk_route_alloc(hk_self(), total);
    if (HK_UNLIKELY(!block)) {
        return hk_gate_miss_zero(total);
    }
    return decorated(memset(block, 0, total), total);
}

HK_HOT_ENTRY void hk_free_sized(void *block, size_t size)
{
    (void)size;
    hk_free(block);
}

HK_HOT_ENTRY void hk_free_aligned_sized(void *block, size_t align, size_t size)
{
    (void)align;
    (void)size;
    hk_free(block);
}

HK_EXPORT(hk_malloc, malloc);
HK_EXPORT(hk_free, free);
HK_EXPORT(hk_calloc, calloc);
HK_EXPORT(hk_free_sized, free_sized);
HK_EXPORT(hk_free_aligned_sized, free_aligned_sized);
