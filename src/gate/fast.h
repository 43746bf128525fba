/* SPDX-License-Identifier: MIT */
/* malloc, free and calloc of plain blocks: the fast paths, and behind one predicted branch each
 * everything unusual. Plain blocks are what the boxes serve; with a header in front of blocks
 * (gate/header.h) they are not yet what the application gets. */
#ifndef HK_GATE_FAST_H
#define HK_GATE_FAST_H

#include "common/mark.h"
#include "common/scrub.h"
#include "gate/calls.h"
#include "gate/route.h"
#include "gate/slow.h"

#include "hk_seat_decorator.h"

#include <string.h>

HK_INLINE void *hk_fast_decorated(void *block, size_t size)
{
    void *seen = HK_DECORATOR.allocated(block, size);
    return HK_LIKELY(seen) ? seen : hk_gate_refuse(block);
}

/* The boxes' fast paths, counted. */
HK_INLINE void *hk_fast_tiny(size_t size)
{
    size_t offset = hk_tiny_offset(size);
    return hk_count_alloc(hk_fast_calls(hk_self()), offset, hk_route_tiny(hk_self(), offset));
}

HK_INLINE void *hk_fast_pool(size_t size)
{
    void *block = HK_POOL.alloc(hk_self(), size);
    return hk_count_alloc(hk_fast_calls(hk_self()), hk_pool_offset(size), block);
}

HK_INLINE void *hk_fast_handed(void *block, size_t size)
{
    if (HK_UNLIKELY(!block)) {
        return hk_gate_miss(size);
    }
    return hk_fast_decorated(hk_scrub_out(block, size), size);
}

/* HK_TINY_MAX < size <= HK_POOL_MAX, of a pool that shares its pages; a block of such a pool comes
 * back. Functions of their own: what such a pool may have to do would cost every other malloc and
 * free a stack frame. */
static __attribute__((noinline, unused)) void *hk_fast_malloc_shared(size_t size)
{
    return hk_fast_handed(hk_fast_pool(size), size);
}

static __attribute__((noinline, unused)) void hk_fast_free_shared(struct hk_page *page, void *block)
{
    if (HK_UNLIKELY(!HK_POOL.free_local(hk_self(), page, block))) {
        /* found anew: one value less to keep across a call */
        hk_gate_spill(hk_page_of(block), block);
        return;
    }
    hk_count_free(hk_fast_calls(hk_self()), hk_page_of(block));
}

HK_INLINE void *hk_fast_malloc(size_t size)
{
    void *block;
    if (!HK_POOL.owns_pages && HK_UNLIKELY(size > HK_TINY_MAX)) {
        return HK_LIKELY(size <= HK_POOL_MAX) ? hk_fast_malloc_shared(size) : hk_gate_large(size);
    }
    if (HK_LIKELY(size <= HK_TINY_MAX)) {
        block = hk_fast_tiny(size);
    } else if (HK_LIKELY(size <= HK_POOL_MAX)) {
        block = hk_fast_pool(size);
    } else {
        return hk_gate_large(size);
    }
    return hk_fast_handed(block, size);
}

/* -> true: the page is the calling thread's. With one thread every page of a box is. */
HK_INLINE bool hk_fast_is_own(struct hk_page *page)
{
    if (HK_NONE_OWNS) {
        return false;
    }
    if (HK_SINGLE) {
        return page->bin_index < HK_BIN_COUNT;
    }
    return hk_page_owner(page) == hk_self_token(hk_self());
}

HK_INLINE void hk_fast_free(void *block)
{
    if (HK_UNLIKELY(!block)) {
        return;
    }
    HK_DECORATOR.freeing(block);
    struct hk_page *page = hk_page_of(block);
    if (!HK_HEADER) {
        hk_scrub_in(page, block);
    }
    if (HK_TINY_SHARES && HK_LIKELY(hk_route_is_shared_tiny(page))) {
        if (HK_UNLIKELY(!hk_route_free(hk_self(), page, block))) {
            hk_gate_spill(page, block);
            return;
        }
        hk_count_free(hk_fast_calls(hk_self()), page);
        return;
    }
    if (!HK_POOL.owns_pages && hk_route_is_shared_pool(page)) {
        hk_fast_free_shared(page, block);
        return;
    }
    if (HK_UNLIKELY(!hk_fast_is_own(page))) {
        hk_gate_free_slow(block, page);
        return;
    }
    hk_count_free(hk_fast_calls(hk_self()), page);
    /* a box that owns its pages never spills here */
    (void)hk_route_free(hk_self(), page, block);
}

HK_INLINE void *hk_fast_calloc(size_t count, size_t size)
{
    size_t total;
    if (HK_UNLIKELY(__builtin_mul_overflow(count, size, &total))) {
        return hk_gate_no_memory();
    }
    if (HK_UNLIKELY(total > HK_POOL_MAX)) {
        return hk_gate_large_zero(total);
    }
    void *block = HK_LIKELY(total <= HK_TINY_MAX) ? hk_fast_tiny(total) : hk_fast_pool(total);
    if (HK_UNLIKELY(!block)) {
        return hk_gate_miss_zero(total);
    }
    return hk_fast_decorated(hk_clear(block, hk_scrub_rest(total)), total);
}

#endif
