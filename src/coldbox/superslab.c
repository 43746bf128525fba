/* SPDX-License-Identifier: MIT */
/* The shared pool of slices. Dirty slices go first, so that clean memory stays untouched; else, and
 * among them, a request is served from the superslab whose longest free run fits it tightest, so
 * that long runs stay whole and superslabs that drain become free. */
#include "coldbox/superslab.h"

#include "coldbox/purge.h"
#include "coldbox/standby.h"
#include "coldbox/thp.h"
#include "coldbox/whole.h"

#include "hk_seat_os.h"

#include <string.h>

enum {
    DRAINS_BELOW = 8, /* slices in use: fewer make a superslab DRAINING */
    HOT_FROM = 16,    /* and so many make it HOT again */
    LOOKED_AT = 8,    /* superslabs that are asked for dirty slices */
};

struct hk_slabs hk_slabs = {.lock = {.rank = HK_RANK_SLABS}};

static void unlink_slab(struct hk_superslab *slab)
{
    if (!slab->longest) {
        return;
    }
    struct hk_superslab **list = &hk_slabs.runs[slab->longest];
    *(slab->prev ? &slab->prev->next : list) = slab->next;
    if (slab->next) {
        slab->next->prev = slab->prev;
    }
    if (!*list) {
        hk_slabs.run_lengths &= ~((uint64_t)1 << slab->longest);
    }
    slab->longest = 0;
}

static void link_slab(struct hk_superslab *slab, uint32_t longest)
{
    slab->longest = longest;
    if (!longest) {
        return;
    }
    slab->prev = NULL;
    slab->next = hk_slabs.runs[longest];
    if (slab->next) {
        slab->next->prev = slab;
    }
    hk_slabs.runs[longest] = slab;
    hk_slabs.run_lengths |= (uint64_t)1 << longest;
}

uint32_t hk_longest_run(uint64_t map)
{
    uint64_t starts[6]; /* of runs of 1, 2, 4 .. 32 bits */
    starts[0] = map;
    for (uint32_t i = 1; i < 6; i++) {
        starts[i] = starts[i - 1] & (starts[i - 1] >> (1u << (i - 1)));
    }
    uint32_t length = 0;
    uint64_t found = ~(uint64_t)0; /* places where a run of `length` begins */
    for (uint32_t i = 6; i-- > 0;) {
        uint64_t longer = found & (starts[i] >> length);
        found = longer ? longer : found;
        length += longer ? 1u << i : 0;
    }
    return length;
}

struct hk_superslab *hk_slab_first_locked(uint32_t least)
{
    uint64_t lengths = least < HK_SLICES ? hk_slabs.run_lengths >> least << least : 0;
    return lengths ? hk_slabs.runs[__builtin_ctzll(lengths)] : NULL;
}

struct hk_superslab *hk_slab_next_locked(const struct hk_superslab *slab)
{
    return slab->next ? slab->next : hk_slab_first_locked(slab->longest + 1);
}

static uint32_t tier_of(const struct hk_superslab *slab)
{
    if (slab->used == 0) {
        return HK_TIER_FREE;
    }
    uint32_t hot_from = slab->tier == HK_TIER_HOT ? DRAINS_BELOW : HOT_FROM;
    return slab->used >= hot_from ? HK_TIER_HOT : HK_TIER_DRAINING;
}

static void set_tier(struct hk_superslab *slab, uint32_t tier)
{
    if (HK_STATS != HK_STATS_OFF && tier != slab->tier) {
        hk_slabs.tier_moves[slab->tier][tier] += 1;
    }
    hk_slabs.tiers[slab->tier] -= 1;
    hk_slabs.tiers[tier] += 1;
    slab->tier = tier;
}

/* The slab's free map has changed. */
static void relist(struct hk_superslab *slab)
{
    uint32_t longest = hk_longest_run(slab->free);
    if (longest != slab->longest) {
        unlink_slab(slab);
        link_slab(slab, longest);
    }
    set_tier(slab, tier_of(slab));
    hk_whole_judge_locked(slab);
}

void hk_slabs_publish_locked(void)
{
    size_t slices = hk_slabs.dirty_slices - hk_slabs.whole_slices;
    size_t bytes = (slices << HK_SLICE_SHIFT) + hk_slabs.dirty_pages * 4096;
    atomic_store_explicit(&hk_slabs.dirty_bytes, bytes, memory_order_relaxed);
    size_t whole = hk_slabs.whole_slices << HK_SLICE_SHIFT;
    atomic_store_explicit(&hk_slabs.whole_bytes, whole, memory_order_relaxed);
    size_t in_use = (hk_slabs.leased << HK_SLICE_SHIFT) + hk_slabs.huge_bytes;
    in_use -= hk_standby_usable(atomic_load_explicit(&hk_standby.word, memory_order_relaxed));
    hk_slabs.peak = in_use > hk_slabs.peak ? in_use : hk_slabs.peak;
    atomic_store_explicit(&hk_slabs.purge_above, hk_purge_threshold_locked(), memory_order_relaxed);
}

/* -> bit map of the places where a run of `count` set bits of `map` begins. */
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
static bool use_slices(struct hk_superslab *slab, uint64_t mask, uint32_t count)
{
    uint64_t dirty = slab->dirty & mask;
    uint64_t wanted_again = slab->purged & mask;
    hk_slabs.dirty_slices -= dirty == mask ? count : (size_t)__builtin_popcountll(dirty);
    hk_slabs.leased += count;
    slab->used += count;
    slab->free &= ~mask;
    slab->dirty &= ~mask;
    slab->aged &= ~mask;
    slab->purged &= ~mask;
    slab->quiet = 0;
    if (wanted_again) {
        hk_purge_regret_locked((size_t)__builtin_popcountll(wanted_again) << HK_SLICE_SHIFT);
    }
    relist(slab);
    hk_slabs_publish_locked();
    return dirty == 0;
}

/* -> the places of the first superslab that has any; `dirty`: in dirty slices only, of a few. */
static uint64_t find_places(uint32_t count, uint64_t places, bool dirty, struct hk_superslab **out)
{
    uint32_t left = dirty ? LOOKED_AT : UINT32_MAX;
    struct hk_superslab *slab = hk_slab_first_locked(count);
    for (; slab && left--; slab = hk_slab_next_locked(slab)) {
        uint64_t starts = run_starts(dirty ? slab->dirty : slab->free, count) & places;
        if (starts) {
            *out = slab;
            return starts;
        }
    }
    return 0;
}

bool hk_slices_take_locked(uint32_t count, uint32_t align, bool used, struct hk_slices *out,
                           bool *zero)
{
    uint64_t places = align > 1 ? aligned_places(align) : ~(uint64_t)0;
    struct hk_superslab *slab = NULL;
    uint64_t starts = 0;
    if (hk_slabs.dirty_slices >= count) {
        starts = find_places(count, places, true, &slab);
    }
    if (!starts && !used) {
        starts = find_places(count, places, false, &slab);
    }
    if (!starts) {
        return false;
    }
    *out = (struct hk_slices){slab, (uint32_t)__builtin_ctzll(starts), count};
    *zero = use_slices(slab, hk_slice_mask(out->index, count), count);
    return true;
}

bool hk_slices_extend_locked(struct hk_slices slices, uint32_t count)
{
    uint32_t index = slices.index + slices.count;
    uint64_t mask = index + count <= HK_SLICES ? hk_slice_mask(index, count) : 0;
    if (!mask || (slices.slab->free & mask) != mask) {
        return false;
    }
    use_slices(slices.slab, mask, count);
    return true;
}

void hk_slices_give_locked(struct hk_slices slices)
{
    uint64_t mask = hk_slice_mask(slices.index, slices.count);
    HK_ASSERT((slices.slab->free & mask) == 0);
    slices.slab->free |= mask;
    slices.slab->dirty |= mask;
    slices.slab->quiet = 0;
    slices.slab->used -= slices.count;
    hk_slabs.dirty_slices += slices.count;
    hk_slabs.leased -= slices.count;
    relist(slices.slab);
    hk_slabs_publish_locked();
}

void hk_superslab_open_locked(struct hk_units unit, bool clean)
{
    struct hk_superslab *slab = (struct hk_superslab *)hk_units_base(unit);
    slab->unit = unit;
    slab->free = hk_all_slices;
    for (uint32_t i = 0; i < HK_SLICES; i++) {
        hk_superslab_page(slab, i)->bin_index = HK_BIN_NONE;
    }
    hk_superslab_page(slab, 0)->kind = HK_KIND_META;
    hk_bit_set(unit.arena->slab, unit.index);
    hk_slabs.superslabs += 1;
    hk_slabs.opened += HK_STATS != HK_STATS_OFF;
    if (!clean) {
        slab->dirty = hk_all_slices;
        hk_slabs.dirty_slices += HK_SLICES - 1;
    }
    slab->tier = HK_TIER_FREE;
    hk_slabs.tiers[HK_TIER_FREE] += 1;
    link_slab(slab, HK_SLICES - 1);
    hk_slabs_publish_locked();
}

void hk_slices_claim_locked(struct hk_superslab *slab, uint64_t mask)
{
    hk_slabs.dirty_slices -= (size_t)__builtin_popcountll(slab->dirty & mask);
    slab->free &= ~mask;
    slab->dirty &= ~mask;
    slab->aged &= ~mask;
    slab->used += (uint32_t)__builtin_popcountll(mask);
    relist(slab);
    hk_slabs_publish_locked();
}

void hk_slices_purged_locked(struct hk_superslab *slab, uint64_t mask, bool clean)
{
    slab->free |= mask;
    slab->used -= (uint32_t)__builtin_popcountll(mask);
    if (clean) {
        slab->purged |= mask;
    } else {
        slab->dirty |= mask;
        hk_slabs.dirty_slices += (size_t)__builtin_popcountll(mask);
    }
    relist(slab);
    hk_slabs_publish_locked();
}

void hk_superslab_close_locked(struct hk_superslab *slab)
{
    struct hk_units unit = slab->unit;
    unlink_slab(slab);
    hk_bit_clear(unit.arena->slab, unit.index);
    hk_slabs.superslabs -= 1;
    hk_slabs.tiers[slab->tier] -= 1;
}

/* Make a superslab of a unit that nobody uses. -> false: out of memory. */
static bool open_superslab(bool dense)
{
    struct hk_units unit;
    bool clean = true;
    hk_lock_take(&hk_slabs.lock);
    hk_standby_settle_locked();
    bool found = hk_units_take_locked(1, HK_SUPERSLAB, &unit, &clean);
    bool huge = found && hk_thp_wants_locked(unit, dense, clean);
    hk_lock_give(&hk_slabs.lock);
    if (!found) {
        return false;
    }
    if (huge) {
        hk_thp_ask(unit);
    } else if (clean) {
        hk_thp_sample(unit);
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

/* Make room for a page, if that is allowed. -> false: there will be none. */
static bool make_room(enum hk_grow grow)
{
    return grow >= HK_GROW && (open_superslab(grow == HK_GROW_DENSE) || hk_arena_grow(1) == 0);
}

enum hk_got hk_slices_get(uint32_t count, uint32_t align, enum hk_grow grow, struct hk_slices *out,
                          bool *zero)
{
    for (enum hk_got got = HK_GOT_FREE;; got = HK_GOT_NEW) {
        hk_lock_take(&hk_slabs.lock);
        bool found = hk_slices_take_locked(count, align, grow == HK_GROW_USED, out, zero);
        hk_lock_give(&hk_slabs.lock);
        if (found) {
            return got;
        }
        if (!make_room(grow)) {
            return HK_GOT_NOTHING;
        }
    }
}

enum hk_got hk_slices_get_handful(uint32_t more, enum hk_grow grow, struct hk_handful *out)
{
    for (enum hk_got got = HK_GOT_FREE;; got = HK_GOT_NEW) {
        uint32_t count = 0;
        hk_lock_take(&hk_slabs.lock);
        while (count <= more && hk_slices_take_locked(1, 1, grow == HK_GROW_USED,
                                                      &out->slice[count], &out->zero[count])) {
            count++;
        }
        hk_lock_give(&hk_slabs.lock);
        if (count) {
            out->count = count;
            return got;
        }
        if (!make_room(grow)) {
            return HK_GOT_NOTHING;
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
