/* SPDX-License-Identifier: MIT */
/* stats=full: every call of malloc and free that succeeds is counted, by class, whatever box serves
 * it. A call is counted in the caller's heap, so a block's alloc and its free may lie in different
 * ones; the sums agree. Elsewhere all of this is nothing. */
#ifndef HK_GATE_CALLS_H
#define HK_GATE_CALLS_H

#include "common/self.h"

/* One more call. The caller's own counter; that of a thread without a heap belongs to all of them,
 * where two at once may count as one: never torn, and no thread lives long without a heap. */
HK_INLINE void hk_count_call(_Atomic(uint64_t) *counter)
{
    if (HK_STATS_BATCH) {
        hk_count(counter, 1);
    } else {
        hk_atomic_add(counter, 1);
    }
}

/* -> where the calling thread counts on a fast path (pointer form: `heap`'s). Always valid. */
HK_INLINE struct hk_calls *hk_fast_calls(struct hk_heap *heap)
{
    return HK_STATS_BATCH ? hk_self_calls(heap) : &hk_shared_counts.calls;
}

/* -> where it counts on a slow path; `heap` NULL: it has none. */
static inline struct hk_calls *hk_slow_calls(struct hk_heap *heap)
{
    return hk_counts_are_shared(heap) ? &hk_shared_counts.calls : &heap->calls;
}

/* `block` (may be NULL: nothing is counted) of the bin at `offset` is handed out. -> it. */
HK_INLINE void *hk_count_alloc(struct hk_calls *calls, size_t offset, void *block)
{
    if (HK_STATS == HK_STATS_FULL && HK_LIKELY(block)) {
        hk_count_call((_Atomic(uint64_t) *)((char *)calls->alloc + offset));
    }
    return block;
}

/* A block of `page` (any slice) has come back. */
HK_INLINE void hk_count_free(struct hk_calls *calls, const struct hk_page *page)
{
    if (HK_STATS == HK_STATS_FULL) {
        hk_count_call(&calls->free[page->bin_index]);
    }
}

#endif
