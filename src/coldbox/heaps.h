/* SPDX-License-Identifier: MIT */
/* The lists of heaps. A heap object is on the list of all heaps for ever, and on the list of
 * orphans while it has no thread and nobody has taken it for a new one. */
#ifndef HK_COLDBOX_HEAPS_H
#define HK_COLDBOX_HEAPS_H

#include "common/heap.h"
#include "common/lock.h"

enum { HK_LIVE_BUCKETS = 256 };

struct hk_heaps {
    struct hk_lock lock;
    struct hk_heap *live[HK_LIVE_BUCKETS]; /* heaps with a thread, by token */
    _Atomic(struct hk_heap *) all;         /* newest first; pushed under lock, read by any */
    struct hk_heap *orphans;               /* most recent first */
    _Atomic(size_t) count;
    _Atomic(size_t) orphan_count;
    _Atomic(uint64_t) adoptions; /* pages that changed heaps */
};

extern HK_HIDDEN struct hk_heaps hk_heaps;

/* The heap has a thread, or had one until now; by its token. */
HK_HIDDEN void hk_live_add_locked(struct hk_heap *heap);
HK_HIDDEN void hk_live_remove_locked(struct hk_heap *heap);

/* Put a heap without a thread on the list of orphans. Takes heaps.lock. any. */
HK_HIDDEN void hk_orphan_add(struct hk_heap *heap);
HK_HIDDEN void hk_orphan_add_locked(struct hk_heap *heap);

#endif
