/* SPDX-License-Identifier: MIT */
/* What must happen now and then, and never on a fast path: slow paths of a heap are counted, and
 * every 16th looks at the clock, and what has waited for long goes on. The short ways of large
 * blocks are counted apart: a thread's first one looks, then every 16th, or every 64th as long as
 * they follow each other quickly. Each time that they cease to, a pause of 64 is left, however long
 * it takes. Of spans, only those that go out are counted: a thread that only frees has soon kept
 * all that it may, and frees by slow paths. */
#ifndef HK_GATE_PACE_H
#define HK_GATE_PACE_H

#include "common/heap.h"
#include "common/policy.h"

enum {
    HK_PACE = 16,       /* slow paths, or short ways, of a heap from one look at the clock on */
    HK_PACE_QUICK = 64, /* short ways, where the last pause was a quick one */
    HK_PACE_MOST = 65536,
    HK_PACE_DELAY = HK_PURGE_DELAY_MS * 15625, /* ns: purge_delay / HK_PACE_QUICK */
    /* ns for each of them; no more than purge_delay for the longest pause that is a quick one */
    HK_PACE_NS = HK_PACE_DELAY < HK_PACE_MOST ? HK_PACE_DELAY : HK_PACE_MOST,
};

/* The clock's turn, or the learner's alone. Leaves errno alone. holder, in a slow path; no lock
 * held. */
HK_HIDDEN void hk_pace_turn(struct hk_heap *heap);

/* The same at the end of a short way. -> `block`. owner, in no slow path. */
HK_HIDDEN void *hk_pace_large_turn(struct hk_heap *heap, void *block);

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

/* The very end of a short way, so that there is nothing to save for the one time in many. ->
 * `block`. owner, in no slow path. */
static inline void *hk_pace_large(struct hk_heap *heap, void *block)
{
    heap->pace.left -= 1;
    if (HK_UNLIKELY(heap->pace.left == 0 || hk_pace_has_grown(heap))) {
        return hk_pace_large_turn(heap, block);
    }
    return block;
}

#endif
