/* SPDX-License-Identifier: MIT */
/* Free spans at their heap's hand. A span that a thread freed stays whole in its heap for a while,
 * so that a program that frees and allocates large blocks takes no lock. What all heaps keep
 * together is bounded by one account, half of the dirty memory that policy allows: a heap claims a
 * part of it when it frees. To the superslabs such a span is in use; hk_cold_stat counts it as free
 * and dirty.
 *
 * The place that was filled last is on no list until another length is asked for, another span is
 * kept or older ones go back. While its span is out, it waits for it, or for whichever is
 * kept next: a program that takes and frees one block at a time goes through no list.
 *
 * The lists of places are the holder's, the spans in the places anybody's who takes one out by an
 * exchange: ticks take back what heaps have not used since the last one, and trim takes all, also
 * of threads that sleep. A holder that finds a place empty takes it off its list. Whoever takes
 * spans back holds slabs.lock, so that no two do, and takes the claim as well. */
#ifndef HK_COLDBOX_SPANS_H
#define HK_COLDBOX_SPANS_H

#include "coldbox/superslab.h"

extern HK_HIDDEN _Atomic(size_t) hk_spans_claims; /* slices, of all heaps */

/* -> slices that heaps have claimed: no less than they keep, but for a moment while somebody takes
 * them back. any. */
HK_INLINE size_t hk_spans_claimed(void)
{
    return atomic_load_explicit(&hk_spans_claims, memory_order_relaxed);
}

/* -> slices that all heaps keep. any; may be stale. */
HK_HIDDEN size_t hk_spans_kept(void);

/* Keep a freed span, for which older ones go back where need be; a slow path of the heap. -> false:
 * nothing was done. holder, in no other slow path; no lock held. */
HK_HIDDEN bool hk_spans_keep(struct hk_heap *heap, struct hk_page *page);

/* The heap needs memory for a page: if no free slice has been used before, its oldest span goes
 * back, so that memory at hand is used before new one. holder; no lock held. */
HK_HIDDEN void hk_spans_yield(struct hk_heap *heap);

/* Take back what the heap keeps. any; no lock held. */
HK_HIDDEN void hk_spans_clear(struct hk_heap *heap);

/* Take back what all heaps keep. any; no lock held. */
HK_HIDDEN void hk_spans_clear_all(void);

/* Take back what heaps keep that used none since the last call: their memory has aged. any; no lock
 * held. */
HK_HIDDEN void hk_spans_tick(void);

/* -> NULL, or the first broken invariant. holder; no lock held. */
HK_HIDDEN const char *hk_spans_check(const struct hk_spans *spans);

/* In a forked child, whose heaps have their new states: take back what all others keep. slabs.lock.
 */
HK_HIDDEN void hk_spans_child(struct hk_heap *self);

#endif
