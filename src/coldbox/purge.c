/* SPDX-License-Identifier: MIT */
/* Purging in rounds: claim a batch of dirty memory under the lock, give it back, return it clean.
 */
#include "coldbox/purge.h"

#include "coldbox/cold.h"
#include "coldbox/heaps.h"
#include "coldbox/remote.h"
#include "coldbox/spans.h"
#include "coldbox/standby.h"
#include "coldbox/superslab.h"
#include "coldbox/thp.h"
#include "coldbox/warm.h"
#include "coldbox/whole.h"

#include "hk_seat_os.h"

enum {
    BATCH = 32,             /* claims of one round */
    BUDGET_LEAST = 6 << 20, /* bytes, for budget=auto */
    HOLD_SINK = 32 << 20,   /* bytes per second */
    SLACK_SHIFT = 4,        /* purge by volume goes down to 15/16 of the threshold */
};

static const uint64_t REFUSED_PAUSE_NS = 1000000000u;
static const uint64_t tick_ns = (uint64_t)HK_PURGE_DELAY_MS * 1000000u;

/* What may go back. */
enum reason {
    AGED,   /* what has not been used for a while */
    EXCESS, /* that, and anything else but what is left whole */
    ALL,
};

static struct {
    _Atomic(uint64_t) last_tick; /* ns; whoever advances it does the tick */
    _Atomic(uint64_t) off_until; /* ns; no purge by volume before: the OS refused */
} purge;

/* A piece of dirty memory on its way out: slices of a superslab, a whole superslab, or a run of
 * units. */
struct claim {
    struct hk_superslab *slab; /* NULL: free units */
    uint64_t mask;             /* of its slices; 0: the whole superslab, which is closed */
    struct hk_units unit;
    bool done;
};

struct claims {
    struct claim claim[BATCH];
    size_t count;
    size_t bytes;
};

size_t hk_purge_threshold_locked(void)
{
    if (HK_FREE_POLICY == HK_FREE_KEEP) {
        return (size_t)-1;
    }
    if (HK_FREE_POLICY == HK_FREE_EAGER) {
        return 0;
    }
    size_t budget = hk_slabs.peak / 16;
    budget = budget > BUDGET_LEAST ? budget : BUDGET_LEAST;
    budget = HK_BUDGET >= 0 ? (size_t)HK_BUDGET : budget;
    return budget + hk_slabs.hold;
}

void hk_purge_regret_locked(size_t bytes)
{
    size_t hold = hk_slabs.hold + bytes + bytes / 4;
    hk_slabs.hold = hold < hk_slabs.peak ? hold : hk_slabs.peak;
}

static bool full(const struct claims *claims, size_t want)
{
    return claims->count == BATCH || claims->bytes >= want;
}

static bool unit_is_due(const struct hk_arena *arena, uint32_t index, bool aged_only)
{
    return index < arena->units && hk_bit(arena->free, index) && arena->touched[index] &&
           (!aged_only || hk_bit(arena->aged, index));
}

/* -> the unit that is due and has been free for longest; arena NULL: none is due. */
static struct hk_units oldest_unit_locked(bool aged_only)
{
    struct hk_units oldest = {NULL, 0, 0};
    uint32_t age = 0;
    struct hk_arena *arena = atomic_load_explicit(&hk_slabs.arenas, memory_order_relaxed);
    for (; arena; arena = arena->next) {
        for (uint32_t i = 0; i < arena->units; i++) {
            uint32_t its_age = hk_slabs.free_events - arena->freed[i] + 1;
            if (its_age > age && unit_is_due(arena, i, aged_only)) {
                age = its_age;
                oldest = (struct hk_units){arena, i, 1};
            }
        }
    }
    return oldest;
}

/* Take the run's first unit, and those after it that became free together with it. */
static void claim_run_locked(struct claims *claims, struct hk_units run, size_t want,
                             bool aged_only)
{
    struct hk_arena *arena = run.arena;
    uint32_t freed = arena->freed[run.index];
    uint32_t i = run.index;
    while (claims->bytes < want && unit_is_due(arena, i, aged_only) && arena->freed[i] == freed) {
        hk_bit_clear(arena->free, i);
        hk_slabs.dirty_pages -= arena->touched[i];
        claims->bytes += (size_t)arena->touched[i++] * 4096;
    }
    run.count = i - run.index;
    claims->claim[claims->count++] = (struct claim){.unit = run};
}

static void claim_units_locked(struct claims *claims, size_t want, bool aged_only)
{
    while (!full(claims, want)) {
        struct hk_units oldest = oldest_unit_locked(aged_only);
        if (!oldest.arena) {
            return;
        }
        claim_run_locked(claims, oldest, want, aged_only);
    }
}

static void claim_slab_locked(struct claims *claims, struct hk_superslab *slab, uint64_t mask)
{
    struct claim *claim = &claims->claim[claims->count++];
    *claim = (struct claim){.slab = slab, .mask = mask, .unit = slab->unit};
    claims->bytes += (size_t)__builtin_popcountll(mask & slab->dirty) << HK_SLICE_SHIFT;
    hk_slices_claim_locked(slab, mask);
    if (mask == hk_all_slices) {
        hk_superslab_close_locked(slab);
        claim->mask = 0;
    }
}

/* Longest runs first, free superslabs before all: memory that is least likely to be wanted soon. */
static void claim_slices_locked(struct claims *claims, size_t want, bool aged_only,
                                enum reason reason)
{
    for (uint32_t length = HK_SLICES - 1; length > 0; length--) {
        struct hk_superslab *slab = hk_slabs.runs[length];
        while (slab && !full(claims, want)) {
            struct hk_superslab *next = slab->next;
            uint64_t mask = slab->dirty & (aged_only ? slab->aged : ~(uint64_t)0);
            if (slab->tier == HK_TIER_FREE && (!aged_only || (mask && mask == slab->dirty))) {
                mask = hk_all_slices; /* the superslab itself goes too */
            }
            if (mask && (reason == ALL || !slab->whole)) {
                claim_slab_locked(claims, slab, mask);
            }
            slab = next;
        }
    }
}

/* Parts of the superslab are about to go back. */
static void take_apart(struct hk_superslab *slab)
{
    if (hk_thp_forgo(slab->unit)) {
        hk_lock_take(&hk_slabs.lock);
        hk_whole_judge_locked(slab);
        hk_slabs_publish_locked();
        hk_lock_give(&hk_slabs.lock);
    }
}

/* Give back every run of slices in the claim. -> false: the OS refused one. */
static bool purge_slices(const struct claim *claim)
{
    bool done = true;
    uint64_t rest = claim->mask;
    take_apart(claim->slab);
    while (rest) {
        uint32_t first = (uint32_t)__builtin_ctzll(rest);
        uint64_t after = ~(rest >> first);
        uint32_t count = after ? (uint32_t)__builtin_ctzll(after) : 64 - first;
        char *start = (char *)claim->slab + ((size_t)first << HK_SLICE_SHIFT);
        done &= HK_OS.purge(start, (size_t)count << HK_SLICE_SHIFT) == 0;
        rest &= ~hk_slice_mask(first, count);
    }
    return done;
}

static void give_back(struct claim *claim)
{
    if (claim->mask) {
        claim->done = purge_slices(claim);
    } else {
        size_t bytes = (size_t)claim->unit.count << HK_SUPERSLAB_SHIFT;
        claim->done = HK_OS.purge(hk_units_base(claim->unit), bytes) == 0;
    }
}

static void settle_locked(const struct claim *claim)
{
    if (claim->mask) {
        hk_slices_purged_locked(claim->slab, claim->mask, claim->done);
        return;
    }
    if (claim->slab) {
        hk_units_give_locked(claim->unit, claim->done ? 0 : HK_SUPERSLAB);
    } else {
        hk_units_give_locked(claim->unit, 0);
    }
    if (claim->done) {
        hk_units_clean_locked(claim->unit);
    }
}

/* One round. -> bytes given back; 0: nothing (more) to do. */
static size_t purge_round(size_t want, enum reason reason)
{
    struct claims claims = {.count = 0};
    hk_lock_take(&hk_slabs.lock);
    claim_units_locked(&claims, want, true);
    claim_slices_locked(&claims, want, true, reason);
    if (reason != AGED) {
        /* the youngest memory last: it is the likeliest to be wanted again */
        claim_slices_locked(&claims, want, false, reason);
        claim_units_locked(&claims, want, false);
    }
    hk_slabs_publish_locked();
    hk_lock_give(&hk_slabs.lock);
    for (size_t i = 0; i < claims.count; i++) {
        give_back(&claims.claim[i]);
    }
    bool progress = false;
    hk_lock_take(&hk_slabs.lock);
    for (size_t i = 0; i < claims.count; i++) {
        settle_locked(&claims.claim[i]);
        progress |= claims.claim[i].done;
    }
    hk_lock_give(&hk_slabs.lock);
    return progress ? claims.bytes : 0;
}

void hk_purge_excess(void)
{
    if (HK_LIKELY(hk_purge_allows(hk_standby_bytes()))) {
        return;
    }
    if (HK_OS.now() < atomic_load_explicit(&purge.off_until, memory_order_relaxed)) {
        return;
    }
    hk_standby_settle();
    size_t above = hk_purge_allowed();
    size_t dirty = hk_purge_dirty();
    size_t floor = dirty > above ? above - (above >> SLACK_SHIFT) : dirty;
    while (dirty > floor) {
        if (purge_round(dirty - floor, EXCESS) == 0) {
            /* locked memory, for example: asking again at each free would help nobody */
            atomic_store_explicit(&purge.off_until, HK_OS.now() + REFUSED_PAUSE_NS,
                                  memory_order_relaxed);
            return;
        }
        dirty = hk_purge_dirty();
    }
}

/* What is dirty now has aged when the next tick comes. The hold sinks, the peak forgets. */
static void age_locked(uint64_t elapsed_ns)
{
    struct hk_superslab *slab = hk_slab_first_locked(1);
    for (; slab; slab = hk_slab_next_locked(slab)) {
        slab->aged = slab->dirty;
    }
    struct hk_arena *arena = atomic_load_explicit(&hk_slabs.arenas, memory_order_relaxed);
    for (; arena; arena = arena->next) {
        for (int i = 0; i < HK_ARENA_WORDS; i++) {
            arena->aged[i] = arena->free[i];
        }
    }
    uint64_t seconds_1024 = elapsed_ns / 976563 + 1;
    uint64_t sunk = seconds_1024 * (HOLD_SINK / 1024);
    hk_slabs.hold = hk_slabs.hold > sunk ? hk_slabs.hold - (size_t)sunk : 0;
    hk_slabs.peak -= hk_slabs.peak / 128;
    hk_whole_age_locked(); /* by the new peak */
    hk_slabs_publish_locked();
}

void hk_cold_tick(uint64_t now)
{
    uint64_t last = atomic_load_explicit(&purge.last_tick, memory_order_relaxed);
    /* signed: another thread may have ticked at a later time than ours */
    if (HK_FREE_POLICY != HK_FREE_BATCH || (int64_t)(now - last) < (int64_t)tick_ns ||
        !hk_atomic_cas(&purge.last_tick, &last, now, memory_order_relaxed)) {
        return;
    }
    hk_spans_tick();
    hk_lock_take(&hk_slabs.lock);
    hk_standby_settle_locked();
    size_t hold = hk_slabs.hold;
    hk_lock_give(&hk_slabs.lock);
    for (size_t dirty = hk_purge_dirty(); dirty > hold && purge_round(dirty - hold, AGED);) {
        dirty = hk_purge_dirty();
    }
    hk_lock_take(&hk_slabs.lock);
    age_locked(last ? now - last : 0);
    hk_lock_give(&hk_slabs.lock);
}

/* Heaps without a thread can be looked after by anyone who holds them. */
static size_t trim_orphans(void)
{
    size_t bytes = 0;
    struct hk_heap *heap = atomic_load_explicit(&hk_heaps.all, memory_order_acquire);
    for (; heap; heap = heap->next) {
        if (hk_heap_hold(heap)) {
            hk_warm_shrink(heap, 0);
            bytes += hk_cold_hooks.purge_parts(heap);
            hk_heap_release(heap);
        }
    }
    return bytes;
}

size_t hk_cold_trim(struct hk_heap *heap, size_t keep)
{
    size_t bytes = trim_orphans();
    if (heap) {
        hk_warm_shrink(heap, 0);
    }
    hk_spans_clear_all();
    hk_standby_settle();
    size_t round;
    do {
        size_t dirty = hk_purge_all_dirty();
        round = purge_round(dirty > keep ? dirty - keep : 0, ALL);
        bytes += round;
    } while (round && hk_purge_all_dirty() > keep);
    return bytes;
}

bool hk_cold_purge(struct hk_page *page, size_t offset, size_t size, size_t *bytes)
{
    size_t os_page = HK_OS.facts()->page;
    uintptr_t start = (uintptr_t)hk_page_start(page) + offset;
    uintptr_t end = (start + size) & ~(uintptr_t)(os_page - 1);
    start = (start + os_page - 1) & ~(uintptr_t)(os_page - 1);
    if (start >= end) {
        return true;
    }
    struct hk_superslab *slab = (struct hk_superslab *)hk_page_superslab(page);
    take_apart(slab);
    if (HK_OS.purge((void *)start, end - start) != 0) {
        return false;
    }
    *bytes += end - start;
    struct hk_heap *heap = hk_page_heap(page);
    if (heap) {
        atomic_store_explicit(&heap->purged, HK_OS.now(), memory_order_relaxed);
    }
    return true;
}
