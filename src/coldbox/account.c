/* SPDX-License-Identifier: MIT */
/* The cold side's numbers, each defined in coldbox.h. Nothing is counted for this on a fast path.
 */
#include "coldbox/cold.h"
#include "coldbox/heaps.h"
#include "coldbox/meta.h"
#include "coldbox/spans.h"
#include "coldbox/standby.h"
#include "coldbox/stats.h"
#include "coldbox/superslab.h"

#include "hk_seat_os.h"

#include <string.h>

static void sum_heaps(struct hk_cold_stat *out)
{
    struct hk_heap *heap = atomic_load_explicit(&hk_heaps.all, memory_order_acquire);
    for (; heap; heap = heap->next) {
        uint32_t state = atomic_load_explicit(&heap->state, memory_order_relaxed);
        out->heaps += 1;
        out->orphans += state == HK_HEAP_ORPHAN || state == HK_HEAP_ADOPTING;
        out->frozen += state == HK_HEAP_FROZEN;
    }
}

/* -> blocks out of the superslab's pages, as far as their boxes report; slices that no box has hold
 * none. */
static size_t live_blocks(const struct hk_superslab *slab)
{
    size_t live = 0;
    for (uint32_t i = 1; i < HK_SLICES; i++) {
        live += atomic_load_explicit(&hk_page_slot(hk_superslab_page(slab, i))->live,
                                     memory_order_relaxed);
    }
    return live;
}

static size_t live_blocks_locked(void)
{
    size_t live = 0;
    struct hk_arena *arena = atomic_load_explicit(&hk_slabs.arenas, memory_order_relaxed);
    for (; arena; arena = arena->next) {
        for (uint32_t unit = 0; unit < arena->units; unit++) {
            if (hk_bit(arena->slab, unit)) {
                char *base = arena->base + ((size_t)unit << HK_SUPERSLAB_SHIFT);
                live += live_blocks((struct hk_superslab *)base);
            }
        }
    }
    return live;
}

static void read_slabs_locked(struct hk_cold_stat *out)
{
    out->superslabs = hk_slabs.superslabs;
    out->draining = hk_slabs.tiers[HK_TIER_DRAINING];
    out->empty = hk_slabs.tiers[HK_TIER_FREE];
    out->leased = hk_slabs.leased << HK_SLICE_SHIFT;
    out->huge = hk_slabs.huge_bytes;
    out->dirty = hk_purge_all_dirty();
    out->reserved = hk_slabs.units << HK_SUPERSLAB_SHIFT;
    out->live = HK_LIVE_REPORTED ? live_blocks_locked() : 0;
    out->live_void = HK_COLD_STATS_VOID;
    out->opened = hk_slabs.opened;
    memcpy(out->tier_moves, hk_slabs.tier_moves, sizeof out->tier_moves);
}

/* What lies under no lock. A span can be on its way between a heap and its superslab. */
static void read_rest(struct hk_cold_stat *out)
{
    size_t kept = hk_spans_kept() << HK_SLICE_SHIFT;
    out->leased -= kept < out->leased ? kept : out->leased;
    out->dirty += kept;
    out->meta = hk_meta_bytes();
    out->adoptions = atomic_load_explicit(&hk_heaps.adoptions, memory_order_relaxed);
    sum_heaps(out);
    out->leases = hk_stats_total(HK_EVENT_LEASE);
    out->retires = hk_stats_total(HK_EVENT_RETIRE);
    out->remote_out = hk_stats_total(HK_EVENT_REMOTE_OUT);
    out->remote_in = hk_stats_total(HK_EVENT_REMOTE_IN);
    struct hk_os_stat os;
    HK_OS.stat(&os);
    out->purged = os.purged;
    out->mapped = os.mapped;
    for (int i = 0; i < HK_OS_CALLS; i++) {
        out->os_calls += os.calls[i];
        out->os_failures += os.failures[i];
    }
}

void hk_cold_stat(struct hk_cold_stat *out)
{
    *out = (struct hk_cold_stat){0};
    hk_lock_take(&hk_slabs.lock);
    hk_standby_settle_locked();
    read_slabs_locked(out);
    hk_lock_give(&hk_slabs.lock);
    read_rest(out);
}

bool hk_cold_stat_try(struct hk_cold_stat *out)
{
    *out = (struct hk_cold_stat){0};
    bool held = hk_lock_try(&hk_slabs.lock);
    if (held) {
        hk_standby_settle_locked();
        read_slabs_locked(out);
        hk_lock_give(&hk_slabs.lock);
    }
    read_rest(out);
    return held;
}

void hk_own_bytes(struct hk_own_bytes *out)
{
    size_t heaps = atomic_load_explicit(&hk_heaps.count, memory_order_relaxed);
    size_t arenas = 0;
    const struct hk_arena *arena = atomic_load_explicit(&hk_slabs.arenas, memory_order_acquire);
    for (; arena; arena = arena->next) {
        arenas += 1;
    }
    const struct hk_heap *heap = NULL;
    const size_t counters = offsetof(struct hk_heap, remote) - offsetof(struct hk_heap, counts);
    out->remote = heaps * sizeof heap->remote;
    out->warm = heaps * sizeof heap->warm;
    out->stats = heaps * counters + sizeof hk_shared_counts;
    out->heaps = heaps * (sizeof *heap - counters - sizeof heap->remote - sizeof heap->warm);
    out->arenas = arenas * sizeof *arena;
    out->registry = hk_registry_bytes();
}
