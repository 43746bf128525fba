/* SPDX-License-Identifier: MIT */
/* What must happen now and then, and never on a fast path: slow paths of a heap are counted, and
 * every 16th looks at the clock, and what has waited for long goes on. The short ways of large
 * blocks are counted apart: a thread's first one looks, then every 16th, or every 64th as long as
 * they follow each other quickly. Each time that they cease to, a pause of 64 is left, however long
 * it takes. */
#ifndef HK_GATE_PACE_H
#define HK_GATE_PACE_H

#include "common/heap.h"
#include "common/policy.h"

enum {
    HK_PACE = 16,       /* slow paths, or short ways, of a heap between two looks at the clock */
    HK_PACE_QUICK = 64, /* short ways, where the last pause was a quick one */
    HK_PACE_MOST = 65536,
    HK_PACE_DELAY = HK_PURGE_DELAY_MS * 15625, /* ns: purge_delay / HK_PACE_QUICK */
    /* ns for each of them; no more than purge_delay for the longest pause that is a quick one */
    HK_PACE_NS = HK_PACE_DELAY < HK_PACE_MOST ? HK_PACE_DELAY : HK_PACE_MOST,
};

_Static_assert(!(HK_PACE & (HK_PACE - 1)) && !(HK_PACE_QUICK & (HK_PACE_QUICK - 1)),
               "a pause less one is a mask");

/* The clock's turn, or the learner's alone. Leaves errno alone. holder, in a slow path; no lock
 * held. */
HK_HIDDEN void hk_pace_turn(struct hk_heap *heap);

/* The same after a short way of large blocks, as the end of its slow path. -> `block`. */
HK_HIDDEN void *hk_pace_large_turn_and_leave(struct hk_heap *heap, void *block);

/* -> true: the heap's owner should see the learner before its turn. holder. */
static inline bool hk_pace_has_grown(const struct hk_heap *heap)
{
    return HK_POLICY != HK_POLICY_FROZEN && hk_policy_has_grown(heap);
}

/* One more slow path. holder, in it; no lock held. */
static inline void hk_pace(struct hk_heap *heap)
{
    heap->refills += 1;
    if (HK_UNLIKELY(heap->refills % HK_PACE == 0 || hk_pace_has_grown(heap))) {
        hk_pace_turn(heap);
    }
}

/* The very end of a short way of large blocks, so that there is nothing to save for the one time in
 * many. -> `block`. */
static inline void *hk_pace_large_and_leave(struct hk_heap *heap, void *block)
{
    heap->large_calls += 1;
    if (HK_UNLIKELY(!(heap->large_calls & heap->large_pace) || hk_pace_has_grown(heap))) {
        return hk_pace_large_turn_and_leave(heap, block);
    }
    hk_heap_leave(heap);
    return block;
}

#endif
