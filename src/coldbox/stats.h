/* SPDX-License-Identifier: MIT */
/* The counters of common/events.h, summed over all heaps that ever were: a heap object outlives its
 * thread, and so do its counts. */
#ifndef HK_COLDBOX_STATS_H
#define HK_COLDBOX_STATS_H

#include "common/events.h"

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

/* -> the count of one event over all classes, as above. any. */
HK_HIDDEN uint64_t hk_stats_total(enum hk_event event);

/* What a counter is called where it is shown; a literal. */
HK_HIDDEN const char *hk_event_name(enum hk_event event);
HK_HIDDEN const char *hk_note_name(enum hk_note note);

#endif
