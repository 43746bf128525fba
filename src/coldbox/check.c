/* SPDX-License-Identifier: MIT */
/* The cold side's invariants: every superslab's maps and lists, and that the sums over all of
 * them are the counters. */
#include "coldbox/cold.h"
#include "coldbox/registry.h"
#include "coldbox/standby.h"
#include "coldbox/superslab.h"

struct sums {
    size_t superslabs, used, dirty, whole, pages, free_units, units;
};

static const char *check_slab(const struct hk_superslab *slab, struct sums *sums)
{
    if (slab->free & 1 || slab->dirty & ~slab->free || slab->aged & ~slab->dirty) {
        return "a superslab's slice maps contradict each other";
    }
    if (slab->purged & slab->dirty) {
        return "a slice is purged and dirty at once";
    }
    for (uint32_t i = 1; i < HK_SLICES; i++) {
        if (slab->free >> i & 1 && hk_superslab_page(slab, i)->kind != HK_KIND_FREE) {
            return "a free slice has a descriptor in use";
        }
    }
    uint32_t used = HK_SLICES - 1 - (uint32_t)__builtin_popcountll(slab->free);
    if (used != slab->used || (used == 0) != (slab->tier == HK_TIER_FREE)) {
        return "a superslab's count of slices in use or its tier is wrong";
    }
    if (slab->longest != hk_longest_run(slab->free)) {
        return "a superslab is listed by a run that it does not have";
    }
    uint32_t dirty = (uint32_t)__builtin_popcountll(slab->dirty);
    if (slab->whole && (slab->whole != dirty || slab->tier != HK_TIER_HOT)) {
        return "a superslab is left whole in part, or is not in use";
    }
    sums->superslabs += 1;
    sums->used += used;
    sums->dirty += dirty;
    sums->whole += slab->whole;
    return NULL;
}

static const char *check_arena(const struct hk_arena *arena, struct sums *sums)
{
    const char *broken = NULL;
    for (uint32_t i = 0; i < arena->units && !broken; i++) {
        char *base = arena->base + ((size_t)i << HK_SUPERSLAB_SHIFT);
        bool slab = hk_bit(arena->slab, i);
        sums->units += 1;
        if (!hk_registry_owns(base + 1)) {
            broken = "a unit is not registered";
        } else if (slab && hk_bit(arena->free, i)) {
            broken = "a unit is free and a superslab";
        } else if (slab) {
            broken = check_slab((struct hk_superslab *)base, sums);
        } else if (hk_bit(arena->free, i)) {
            sums->pages += arena->touched[i];
            sums->free_units += 1;
        }
    }
    return broken;
}

static const char *check_lists(void)
{
    size_t seen = 0;
    for (uint32_t length = 0; length < HK_SLICES; length++) {
        const struct hk_superslab *prev = NULL;
        for (struct hk_superslab *slab = hk_slabs.runs[length]; slab; slab = slab->next) {
            if (slab->longest != length || slab->prev != prev || ++seen > hk_slabs.superslabs) {
                return "a list of superslabs is broken";
            }
            prev = slab;
        }
        if (hk_bit(&hk_slabs.run_lengths, length) != (prev != NULL)) {
            return "a list of superslabs is not marked as what it is";
        }
    }
    return NULL;
}

static const char *check_sums(const struct sums *sums)
{
    const size_t *tiers = hk_slabs.tiers;
    if (tiers[HK_TIER_HOT] + tiers[HK_TIER_DRAINING] + tiers[HK_TIER_FREE] != hk_slabs.superslabs) {
        return "the tiers do not sum to the superslabs";
    }
    if (sums->superslabs != hk_slabs.superslabs || sums->units != hk_slabs.units) {
        return "the counts of units and superslabs are wrong";
    }
    if (sums->used != hk_slabs.leased) {
        return "the slices in use do not sum to the leased ones";
    }
    if (sums->whole != hk_slabs.whole_slices || sums->dirty != hk_slabs.dirty_slices ||
        sums->pages != hk_slabs.dirty_pages) {
        return "the dirty memory does not sum to its count";
    }
    if (sums->free_units + sums->superslabs + hk_slabs.huge_units != sums->units) {
        return "a unit is neither free nor in use";
    }
    return NULL;
}

const char *hk_cold_check(void)
{
    struct sums sums = {0};
    const char *broken = NULL;
    hk_lock_take(&hk_slabs.lock);
    struct hk_arena *arena = atomic_load_explicit(&hk_slabs.arenas, memory_order_relaxed);
    for (; arena && !broken; arena = arena->next) {
        broken = check_arena(arena, &sums);
    }
    broken = broken ? broken : check_lists();
    broken = broken ? broken : check_sums(&sums);
    broken = broken ? broken : hk_standby_check_locked();
    hk_lock_give(&hk_slabs.lock);
    return broken;
}
