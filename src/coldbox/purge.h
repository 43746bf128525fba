/* SPDX-License-Identifier: MIT */
/* When free memory goes back to the OS. Three ways in: more dirty memory than policy allows (at the
 * free that makes it so), the clock (what stayed free for two ticks), and trim. The first two leave
 * some superslabs whole (coldbox/whole.h). Memory is claimed under slabs.lock, given back without
 * it. Purged memory that is wanted again raises `hold`, dirty memory kept on top of the budget,
 * which sinks with time: a program that cycles stops paying. */
#ifndef HK_COLDBOX_PURGE_H
#define HK_COLDBOX_PURGE_H

#include "coldbox/coldbox.h"
#include "coldbox/spans.h"
#include "coldbox/superslab.h"

/* Values of the option thp. */
enum { HK_THP_AUTO, HK_THP_ALWAYS, HK_THP_NEVER, HK_THP_OFF };

/* -> dirty bytes that may stay: the budget and what is held. */
HK_HIDDEN size_t hk_purge_threshold_locked(void);

/* `bytes` of purged memory are in use again. */
HK_HIDDEN void hk_purge_regret_locked(size_t bytes);

/* -> dirty bytes that may go back. any; may be stale. */
HK_INLINE size_t hk_purge_dirty(void)
{
    return atomic_load_explicit(&hk_slabs.dirty_bytes, memory_order_relaxed);
}

/* The same with what is dirty in superslabs that are left whole. */
HK_INLINE size_t hk_purge_all_dirty(void)
{
    return hk_purge_dirty() + atomic_load_explicit(&hk_slabs.whole_bytes, memory_order_relaxed);
}

/* -> dirty bytes that may stay in superslabs and units: the spans that heaps keep and what is left
 * whole have their part, half at most. any; may be stale. */
HK_INLINE size_t hk_purge_allowed(void)
{
    size_t above = atomic_load_explicit(&hk_slabs.purge_above, memory_order_relaxed);
    size_t others = hk_spans_claimed() << HK_SLICE_SHIFT;
    others += atomic_load_explicit(&hk_slabs.whole_bytes, memory_order_relaxed);
    return above - (others < above / 2 ? others : above / 2);
}

/* -> true: policy would leave `bytes` more dirty than are. any; may be stale. */
HK_INLINE bool hk_purge_allows(size_t bytes)
{
    return hk_purge_dirty() + bytes <= hk_purge_allowed();
}

/* Give back what exceeds the threshold, if anything does. any; no lock held. */
HK_HIDDEN void hk_purge_excess(void);

#endif
