/* SPDX-License-Identifier: MIT */
/* The shared pool of slices. A request is served from the fullest tier first, so that superslabs that
 * drain become free; within one, dirty slices go first, so that clean memory stays untouched. */
#include "coldbox/superslab.h"

#include "coldbox/purge.h"

#include "hk_seat_os.h"

#include <string.h>

enum {
    DRAINS_BELOW = 8, /* slices in use: fewer make a superslab DRAINING */
    HOT_FROM = 16,    /* and so many make it HOT again */
    THP_FROM = 6,     /* superslabs before a new one asks for huge pages: 24 MiB */
};

struct hk_slabs hk_slabs = {.lock = {.rank = HK_RANK_SLABS}};

static void unlink_slab(struct hk_superslab *slab)
{
    if (slab->tier >= HK_TIERS) {
        return;
    }
    *(slab->prev ? &slab->prev->next : &hk_slabs.tiers[slab->tier]) = slab->next;
    if (slab->next) {
        slab->next->prev = slab->prev;
    }
    slab->next = NULL;
    slab->prev = NULL;
}

static void link_slab(struct hk_superslab *slab, uint32_t tier)
{
    slab->tier = tier;
    if (tier >= HK_TIERS) {
        return;
    }
    slab->prev = NULL;
    slab->next = hk_slabs.tiers[tier];
    if (slab->next) {
        slab->next->prev = slab;
    }
    hk_slabs.tiers[tier] = slab;
}

static uint32_t tier_of(const struct hk_superslab *slab)
{
    uint32_t used = hk_slab_used(slab);
    if (used == HK_SLICES - 1) {
        return HK_TIER_FULL;
    }
    if (used == 0) {
        return HK_TIER_FREE;
    }
    uint32_t hot_from = slab->tier == HK_TIER_DRAINING || slab->tier == HK_TIER_FREE ? HOT_FROM
                                                                                     : DRAINS_BELOW;
    return used >= hot_from ? HK_TIER_HOT : HK_TIER_DRAINING;
}

static void retier(struct hk_superslab *slab)
{
    uint32_t tier = tier_of(slab);
    if (tier != slab->tier) {
        unlink_slab(slab);
        link_slab(slab, tier);
    }
}

void hk_slabs_publish_locked(void)
{
    size_t bytes = (hk_slabs.dirty_slices << HK_SLICE_SHIFT) + hk_slabs.dirty_pages * 4096;
    atomic_store_explicit(&hk_slabs.dirty_bytes, bytes, memory_order_relaxed);
    size_t in_use = (hk_slabs.leased << HK_SLICE_SHIFT) + hk_slabs.huge_bytes;
    hk_slabs.peak = in_use > hk_slabs.peak ? in_use : hk_slabs.peak;
    atomic_store_explicit(&hk_slabs.purge_above, hk_purge_threshold_locked(),
                          memory_order_relaxed);
}

/* -> bit map of the places where a run of `count` free slices of `map` begins. */
static uint64_t run_starts(uint64_t map, uint32_t count)
{
    uint32_t have = 1;
    while (have < count && map) {
        uint32_t step = have < count - have ? have : count - have;
        map &= map >> step;
        have += step;
    }
    return map;
}

static uint64_t aligned_places(uint32_t align)
{
    uint64_t places = 0;
    for (uint32_t i = 0; i < HK_SLICES; i += align) {
        places |= (uint64_t)1 << i;
    }
    return places;
}

/* The slices stop being free. -> true: none was dirty. */
static bool use_slices(struct hk_superslab *slab, uint64_t mask)
{
    uint64_t dirty = slab->dirty & mask;
    size_t wanted_again = (size_t)__builtin_popcountll(slab->purged & mask);
    hk_slabs.dirty_slices -= (size_t)__builtin_popcountll(dirty);
    hk_slabs.leased += (size_t)__builtin_popcountll(mask);
    slab->free &= ~mask;
    slab->dirty &= ~mask;
    slab->aged &= ~mask;
    slab->purged &= ~mask;
    if (wanted_again) {
        hk_purge_regret_locked(wanted_again << HK_SLICE_SHIFT);
    }
    retier(slab);
    hk_slabs_publish_locked();
    return dirty == 0;
}

bool hk_slices_take_locked(uint32_t count, uint32_t align, struct hk_slices *out, bool *zero)
{
    uint64_t places = align > 1 ? aligned_places(align) : ~(uint64_t)0;
    for (uint32_t tier = 0; tier < HK_TIERS; tier++) {
        for (struct hk_superslab *slab = hk_slabs.tiers[tier]; slab; slab = slab->next) {
            uint64_t starts = run_starts(slab->dirty, count) & places;
            starts = starts ? starts : run_starts(slab->free, count) & places;
            if (starts) {
                *out = (struct hk_slices){slab, (uint32_t)__builtin_ctzll(starts), count};
                *zero = use_slices(slab, hk_slice_mask(out->index, count));
                return true;
            }
        }
    }
    return false;
}

bool hk_slices_extend_locked(struct hk_slices slices, uint32_t count)
{
    uint32_t index = slices.index + slices.count;
    uint64_t mask = index + count <= HK_SLICES ? hk_slice_mask(index, count) : 0;
    if (!mask || (slices.slab->free & mask) != mask) {
        return false;
    }
    use_slices(slices.slab, mask);
    return true;
}

void hk_slices_give_locked(struct hk_slices slices)
{
    uint64_t mask = hk_slice_mask(slices.index, slices.count);
    HK_ASSERT((slices.slab->free & mask) == 0);
    slices.slab->free |= mask;
    slices.slab->dirty |= mask;
    hk_slabs.dirty_slices += slices.count;
    hk_slabs.leased -= slices.count;
    retier(slices.slab);
    hk_slabs_publish_locked();
}

void hk_superslab_open_locked(struct hk_units unit, bool clean)
{
    struct hk_superslab *slab = (struct hk_superslab *)hk_units_base(unit);
    slab->unit = unit;
    slab->free = hk_all_slices;
    slab->head.page[0].kind = HK_KIND_META;
    hk_bit_set(unit.arena->slab, unit.index);
    hk_slabs.superslabs += 1;
    if (!clean) {
        slab->dirty = hk_all_slices;
        hk_slabs.dirty_slices += HK_SLICES - 1;
    }
    link_slab(slab, HK_TIER_FREE);
    hk_slabs_publish_locked();
}

void hk_slices_claim_locked(struct hk_superslab *slab, uint64_t mask)
{
    hk_slabs.dirty_slices -= (size_t)__builtin_popcountll(slab->dirty & mask);
    slab->free &= ~mask;
    slab->dirty &= ~mask;
    slab->aged &= ~mask;
    retier(slab);
    hk_slabs_publish_locked();
}

void hk_slices_purged_locked(struct hk_superslab *slab, uint64_t mask, bool clean)
{
    slab->free |= mask;
    if (clean) {
        slab->purged |= mask;
    } else {
        slab->dirty |= mask;
        hk_slabs.dirty_slices += (size_t)__builtin_popcountll(mask);
    }
    retier(slab);
    hk_slabs_publish_locked();
}

void hk_superslab_close_locked(struct hk_superslab *slab)
{
    struct hk_units unit = slab->unit;
    unlink_slab(slab);
    slab->tier = HK_TIER_FULL;
    hk_bit_clear(unit.arena->slab, unit.index);
    hk_slabs.superslabs -= 1;
}

/* A superslab opened for small blocks will be touched all over: it asks for huge pages once the heap
 * is large. One opened for large blocks may stay sparse, and a small heap must stay small. */
static bool wants_huge_locked(struct hk_units unit, bool dense)
{
    bool wants = HK_THP == HK_THP_AUTO && dense && hk_slabs.superslabs >= THP_FROM &&
                 !hk_bit(unit.arena->huge, unit.index);
    if (wants) {
        hk_bit_set(unit.arena->huge, unit.index);
    }
    return wants;
}

/* Make a superslab of a unit that nobody uses. -> false: out of memory. */
static bool open_superslab(bool dense)
{
    struct hk_units unit;
    bool clean = true;
    hk_lock_take(&hk_slabs.lock);
    bool found = hk_units_take_locked(1, HK_SUPERSLAB, &unit, &clean);
    bool huge = found && wants_huge_locked(unit, dense);
    hk_lock_give(&hk_slabs.lock);
    if (!found) {
        return false;
    }
    if (huge) {
        HK_OS.advise(hk_units_base(unit), HK_SUPERSLAB, HK_OS_HUGE);
    }
    if (!clean && HK_OS.purge(hk_units_base(unit), HK_SLICE) != 0) {
        memset(hk_units_base(unit), 0, HK_SLICE);
    }
    hk_lock_take(&hk_slabs.lock);
    hk_superslab_open_locked(unit, clean);
    unit.arena->touched[unit.index] = 0; /* its slices keep the account now */
    hk_lock_give(&hk_slabs.lock);
    return true;
}

bool hk_slices_get(uint32_t count, uint32_t align, bool grow, struct hk_slices *out, bool *zero)
{
    for (;;) {
        hk_lock_take(&hk_slabs.lock);
        bool found = hk_slices_take_locked(count, align, out, zero);
        hk_lock_give(&hk_slabs.lock);
        if (found || !grow) {
            return found;
        }
        if (!open_superslab(count == 1) && hk_arena_grow(1) != 0) {
            return false;
        }
    }
}

void hk_slices_put(struct hk_slices slices)
{
    hk_lock_take(&hk_slabs.lock);
    hk_slices_give_locked(slices);
    hk_lock_give(&hk_slabs.lock);
    hk_purge_excess();
}
