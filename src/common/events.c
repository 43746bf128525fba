/* SPDX-License-Identifier: MIT */
/* The counters that belong to no heap, and the one count that is no sum. */
#include "common/events.h"

struct hk_shared_counts hk_shared_counts;

void hk_count_peak(struct hk_counts *counts)
{
    /* acquire: a page's pop is counted after its push, so the difference is never below 0 */
    uint64_t pops =
        atomic_load_explicit(&counts->event[HK_EVENT_PARTIAL_POP], memory_order_acquire);
    uint64_t now =
        atomic_load_explicit(&counts->event[HK_EVENT_PARTIAL_PUSH], memory_order_relaxed) - pops;
    uint64_t peak = atomic_load_explicit(&counts->partial_peak, memory_order_relaxed);
    while ((int64_t)now > (int64_t)peak &&
           !hk_atomic_cas(&counts->partial_peak, &peak, now, memory_order_relaxed)) {
    }
}
