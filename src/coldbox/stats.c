/* SPDX-License-Identifier: MIT */
/* Sums. What is read is written by its owner at any time, so a difference of two numbers can be off
 * by what happens between the two reads: it is never shown below 0. */
#include "coldbox/stats.h"

#include "coldbox/heaps.h"

static uint64_t get(const _Atomic(uint64_t) *counter)
{
    return atomic_load_explicit(counter, memory_order_relaxed);
}

static uint64_t difference(uint64_t more, uint64_t less)
{
    return more > less ? more - less : 0;
}

static void add_counts(struct hk_class_stat *out, const struct hk_counts *counts)
{
    for (size_t i = 0; i < HK_EVENTS; i++) {
        out->event[i] += get(&counts->event[i]);
    }
    out->partial_peak += get(&counts->partial_peak);
}

static void add_all(struct hk_stats *out, const struct hk_counts *counts,
                    const _Atomic(uint64_t) *notes, const struct hk_calls *calls)
{
    for (size_t bin = 0; bin < HK_COUNTED_BINS; bin++) {
        add_counts(&out->bin[bin], &counts[bin]);
    }
    for (size_t i = 0; i < HK_NOTES; i++) {
        out->note[i] += get(&notes[i]);
    }
    for (size_t bin = 0; HK_STATS == HK_STATS_FULL && bin < HK_CALL_BINS; bin++) {
        out->bin[bin].allocs += get(&calls->alloc[bin][0]);
        out->bin[bin].frees += get(&calls->free[bin]);
    }
}

static void derive(struct hk_class_stat *stat)
{
    const uint64_t *event = stat->event;
    stat->pages = difference(event[HK_EVENT_LEASE], event[HK_EVENT_RETIRE]);
    stat->partial = difference(event[HK_EVENT_PARTIAL_PUSH], event[HK_EVENT_PARTIAL_POP]);
    stat->live = difference(stat->allocs, stat->frees);
}

static void add_class(struct hk_class_stat *total, const struct hk_class_stat *stat)
{
    for (size_t i = 0; i < HK_EVENTS; i++) {
        total->event[i] += stat->event[i];
    }
    total->pages += stat->pages;
    total->partial += stat->partial;
    total->partial_peak += stat->partial_peak;
    total->allocs += stat->allocs;
    total->frees += stat->frees;
    total->live += stat->live;
}

void hk_stats_read(struct hk_stats *out)
{
    *out = (struct hk_stats){.cold_void = HK_COLD_STATS_VOID};
    add_all(out, hk_shared_counts.counts, hk_shared_counts.note, &hk_shared_counts.calls);
    const struct hk_heap *heap = atomic_load_explicit(&hk_heaps.all, memory_order_acquire);
    for (; heap; heap = heap->next) {
        add_all(out, heap->counts, heap->note, &heap->calls);
    }
    for (size_t bin = 0; bin < HK_BIN_COUNT; bin++) {
        derive(&out->bin[bin]);
        add_class(&out->total, &out->bin[bin]);
    }
}

static uint64_t sum(const struct hk_counts *counts, enum hk_event event)
{
    uint64_t total = 0;
    for (size_t bin = 0; bin < HK_COUNTED_BINS; bin++) {
        total += get(&counts[bin].event[event]);
    }
    return total;
}

uint64_t hk_stats_total(enum hk_event event)
{
    uint64_t total = sum(hk_shared_counts.counts, event);
    const struct hk_heap *heap = atomic_load_explicit(&hk_heaps.all, memory_order_acquire);
    for (; heap; heap = heap->next) {
        total += sum(heap->counts, event);
    }
    return total;
}
