/* SPDX-License-Identifier: MIT */
/* What must happen now and then, and never on a fast path: slow paths of a heap are counted, and
 * every 16th looks at the clock, and what has waited for long goes on. */
#ifndef HK_GATE_PACE_H
#define HK_GATE_PACE_H

#include "common/heap.h"
#include "common/policy.h"

enum { HK_PACE = 16 }; /* slow paths of a heap between two looks at the clock */

/* The clock's turn. Leaves errno alone. holder, in a slow path; no lock held. */
HK_HIDDEN void hk_pace_turn(struct hk_heap *heap);

/* The same as the end of the slow path. -> `block`. */
HK_HIDDEN void *hk_pace_turn_and_leave(struct hk_heap *heap, void *block);

/* One more slow path. -> true: it is the clock's turn. holder. */
static inline bool hk_pace_is_due(struct hk_heap *heap)
{
    heap->refills += 1;
    return HK_UNLIKELY(heap->refills % HK_PACE == 0 ||
                       (HK_POLICY != HK_POLICY_FROZEN && hk_policy_has_grown(heap)));
}

static inline void hk_pace(struct hk_heap *heap)
{
    if (hk_pace_is_due(heap)) {
        hk_pace_turn(heap);
    }
}

/* The very end of a slow path, so that there is nothing to save for the one time in many.
 * -> `block`. */
static inline void *hk_pace_and_leave(struct hk_heap *heap, void *block)
{
    if (hk_pace_is_due(heap)) {
        return hk_pace_turn_and_leave(heap, block);
    }
    hk_heap_leave(heap);
    return block;
}

#endif
