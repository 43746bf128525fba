/* SPDX-License-Identifier: MIT */
/* The counters of common/events.h, summed over all heaps that ever were: a heap object outlives its
 * thread, and so do its counts. */
#ifndef HK_COLDBOX_STATS_H
#define HK_COLDBOX_STATS_H

#include "coldbox/coldbox.h"

struct hk_class_stat {
    uint64_t event[HK_EVENTS]; /* in all, since the process started */
    uint64_t pages;            /* leased now; of adopted ones too */
    uint64_t partial;          /* of them listed as having room, now */
    uint64_t partial_peak;     /* most that were listed at once: the sum of each heap's own most */
    uint64_t allocs;           /* calls that were given a block; 0 unless stats=full */
    uint64_t frees;            /* of a block of the class; 0 unless stats=full */
    uint64_t live;             /* allocs without their frees, now; 0 unless stats=full */
};

struct hk_stats {
    struct hk_class_stat bin[HK_BIN_COUNT];
    struct hk_class_stat total; /* sums over the classes */
    uint64_t note[HK_NOTES];
    bool cold_void; /* what boxes report to the cold side, by adjust, means nothing */
};

/* Snapshot of every counter.
 * units    numbers of events, pages, blocks; bytes appear nowhere
 * staleness each number is one that its counter had during the call or, of another thread's heap,
 *          shortly before; numbers of one snapshot may be of different moments, so that differences
 *          (pages, partial, live) are exact only while nobody else allocates; none is negative
 * off      with HK_STATS_OFF all is 0
 * thread   any, also while others count; no lock, no allocation, errno untouched
 */
HK_HIDDEN void hk_stats_read(struct hk_stats *out);

/* hk_cold.stat for who must not wait: at the end of the process another thread may be stopped
 * inside the allocator. -> false: what lies under slabs.lock was not to be had and reads 0. any. */
HK_HIDDEN bool hk_cold_stat_try(struct hk_cold_stat *out);

/* Bytes of the allocator's own data, by whose they are. */
struct hk_own_bytes {
    size_t heaps;    /* heap objects: what hot box and pool keep there, and what the rest needs */
    size_t warm;     /* in heap objects: the lists of warm pages */
    size_t remote;   /* in heap objects: the caches of blocks that go home */
    size_t stats;    /* in heap objects, and in those counters that belong to none */
    size_t arenas;   /* arena descriptors */
    size_t registry; /* which addresses are ours */
};

/* Exact for what exists during the call. Headers of superslabs are not here: they lie in the
 * superslabs, one slice of each. any. */
HK_HIDDEN void hk_own_bytes(struct hk_own_bytes *out);

/* -> the count of one event over all classes, as above. any. */
HK_HIDDEN uint64_t hk_stats_total(enum hk_event event);

#endif
