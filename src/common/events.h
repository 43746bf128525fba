/* SPDX-License-Identifier: MIT */
/* What is counted, and where. How a box counts an event of its own:
 *
 *   hk_count_event(heap, page->bin_index, HK_EVENT_REFILL);      one event of a class
 *   hk_count_events(heap, bin_index, HK_EVENT_REMOTE_IN, count); several at once
 *   hk_count_push(heap, bin_index); hk_count_pop(heap, bin_index);
 *       a page goes on, or leaves, a list of pages of its class that have room, whose flag is
 *       HK_PAGE_LISTED (fork takes it away, and counts that); `heap` NULL: a list of all threads
 *   hk_count_note(heap, HK_NOTE_CARVE);                          what has no class
 *   hk_count_page_failure(heap);                                 a block lies in no page
 *
 * all in common/heap.h, all for the heap's holder and its slow paths only; `heap` NULL is a thread
 * that has none. What nobody else counts gets a line in one of the two lists below, and is summed
 * and shown by that alone (coldbox/stats.h). Calls of malloc and free are the gate's
 * (gate/calls.h). With stats=off all of it folds away. */
#ifndef HK_COMMON_EVENTS_H
#define HK_COMMON_EVENTS_H

#include "common/atomic.h"
#include "common/sizes.h"

/* Values of the option stats. */
enum { HK_STATS_OFF, HK_STATS_BASIC, HK_STATS_FULL };

#ifndef HK_STATS
#define HK_STATS HK_STATS_BASIC
#endif

/* 0: every event goes to counters that all threads share, which shows what that costs. */
#ifndef HK_STATS_BATCH
#define HK_STATS_BATCH 1
#endif

/* 1: the composition's box does not report to the cold side what its pages hold, so that numbers
 * made from those reports are void wherever they show. */
#ifndef HK_COLD_STATS_VOID
#define HK_COLD_STATS_VOID 0
#endif

/* Events of a class: name in the code, name where it is shown. */
#define HK_EVENT_LIST(EVENT)                                                                       \
    EVENT(HK_EVENT_REFILL, "refills")           /* nothing was at hand for a malloc */             \
    EVENT(HK_EVENT_SLOW_FREE, "slow frees")     /* own blocks whose free was more than a push */   \
    EVENT(HK_EVENT_REMOTE_OUT, "sent home")     /* blocks of others, sent to their owner */        \
    EVENT(HK_EVENT_REMOTE_IN, "came home")      /* own blocks that others had freed */             \
    EVENT(HK_EVENT_LEASE, "leases")             /* pages taken from the cold side */               \
    EVENT(HK_EVENT_RETIRE, "retires")           /* pages given back to it */                       \
    EVENT(HK_EVENT_WARM, "warm hits")           /* leases that a warm page of the heap served */   \
    EVENT(HK_EVENT_VISIT, "visits")             /* to the shared pool: each takes its lock */      \
    EVENT(HK_EVENT_MISS, "misses")              /* leases that needed new memory */                \
    EVENT(HK_EVENT_PARTIAL_PUSH, "list pushes") /* pages that went on a list of those with room */ \
    EVENT(HK_EVENT_PARTIAL_POP, "list pops")    /* pages that left one */

/* Events without a class. */
#define HK_NOTE_LIST(NOTE)                                                                         \
    NOTE(HK_NOTE_CARVE, "steps into memory never used")                                            \
    NOTE(HK_NOTE_LARGE_ALLOC, "large blocks handed out")                                           \
    NOTE(HK_NOTE_LARGE_FREE, "large blocks freed")                                                 \
    NOTE(HK_NOTE_FLAT_UNKNOWN, "flatten: page unknown")   /* frees that fell back: it took a */    \
    NOTE(HK_NOTE_FLAT_NOT_MINE, "flatten: page not mine") /* search; another heap drew from it */  \
    NOTE(HK_NOTE_FLAT_OTHER, "flatten: other")            /* last; no more may be kept */          \
    NOTE(HK_NOTE_PAGE_FAILURE, "page-of failures") /* blocks that lie in no page: must be 0 */

#define HK_LISTED_NAME(name, shown) name,

enum hk_event { HK_EVENT_LIST(HK_LISTED_NAME) HK_EVENTS };
enum hk_note { HK_NOTE_LIST(HK_LISTED_NAME) HK_NOTES };

enum {
    HK_COUNTED_BINS = HK_STATS == HK_STATS_OFF ? 1 : HK_BIN_COUNT,
    HK_CALL_BINS = HK_STATS == HK_STATS_FULL ? HK_BIN_COUNT : 1,
};

/* Counters of one class. */
struct hk_counts {
    _Atomic(uint64_t) event[HK_EVENTS];
    _Atomic(uint64_t) partial_peak; /* most pages listed at once */
};

/* Calls of malloc and free, by class: stats=full only. */
struct hk_calls {
    /* the second word is not used: so a class's place is its bin's offset, without a shift */
    _Atomic(uint64_t) alloc[HK_CALL_BINS][2];
    _Atomic(uint64_t) free[HK_CALL_BINS];
};

_Static_assert(sizeof(((struct hk_calls *)0)->alloc[0]) == 1 << HK_BIN_SHIFT, "an offset is one");

/* Counters of no heap: of threads that have none, and of all with HK_STATS_BATCH=0. any. */
struct hk_shared_counts {
    struct hk_counts counts[HK_COUNTED_BINS];
    _Atomic(uint64_t) note[HK_NOTES];
    struct hk_calls calls;
};

extern HK_HIDDEN struct hk_shared_counts hk_shared_counts;

/* A page was listed: remember the most there were at once. any. */
HK_HIDDEN void hk_count_peak(struct hk_counts *counts);

/* Count an event of the caller's own: a plain add; atomic only so that readers never tear. owner.
 */
static inline void hk_count(_Atomic(uint64_t) *counter, uint64_t amount)
{
#if defined(__x86_64__) && !defined(HK_PORTABLE)
    /* gcc makes three instructions of the twin */
    __asm__("addq %1, %0" : "+m"(*counter) : "er"(amount) : "cc");
#else
    atomic_store_explicit(counter, atomic_load_explicit(counter, memory_order_relaxed) + amount,
                          memory_order_relaxed);
#endif
}

#endif
