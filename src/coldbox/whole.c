/* SPDX-License-Identifier: MIT */
#include "coldbox/whole.h"

#include "coldbox/thp.h"
#include "common/policy.h"

enum {
    QUIET = 10,     /* ticks */
    AT_ONCE = 8,    /* quiet ones that end at a tick: what they keep goes back in one go */
    PART_SHIFT = 1, /* of the peak */
};

/* Without a clock it would never end, and who sets a budget means all free memory. */
static const bool may_be = HK_FREE_POLICY == HK_FREE_BATCH && HK_BUDGET < 0;

static void set_whole(struct hk_superslab *slab, uint32_t slices)
{
    hk_slabs.whole_slices += slices;
    hk_slabs.whole_slices -= slab->whole;
    slab->whole = slices;
}

/* -> true: there is room for so many slices of it among those that stay dirty. */
static bool fits(const struct hk_superslab *slab, uint32_t slices)
{
    size_t all = hk_slabs.whole_slices - slab->whole + slices;
    return all << HK_SLICE_SHIFT <= hk_slabs.peak >> PART_SHIFT;
}

void hk_whole_judge_locked(struct hk_superslab *slab)
{
    /* one sample that finds small pages cheap does not end them all */
    bool may = may_be && (slab->whole || hk_thp_small_is_dear()) && slab->tier == HK_TIER_HOT &&
               slab->quiet < QUIET && hk_thp_has_asked(slab->unit);
    uint32_t dirty = may ? (uint32_t)__builtin_popcountll(slab->dirty) : 0;
    set_whole(slab, fits(slab, dirty) ? dirty : 0);
}

/* The superslab has been quiet for one more tick; the last one waits until `may_end`. -> true: it
 * was left whole, and is no longer. */
static bool grow_quiet(struct hk_superslab *slab, bool may_end)
{
    bool is_last = slab->whole && slab->quiet == QUIET - 1;
    slab->quiet += slab->quiet < QUIET && (may_end || !is_last);
    return is_last && may_end;
}

void hk_whole_age_locked(void)
{
    uint32_t ends = 0;
    for (uint32_t length = HK_SLICES - 1; length > 0; length--) {
        for (struct hk_superslab *slab = hk_slabs.runs[length]; slab; slab = slab->next) {
            ends += grow_quiet(slab, ends < AT_ONCE);
            hk_whole_judge_locked(slab);
        }
    }
}
