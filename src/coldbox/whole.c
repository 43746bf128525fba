/* SPDX-License-Identifier: MIT */
#include "coldbox/whole.h"

#include "coldbox/thp.h"
#include "common/policy.h"

enum {
    QUIET = 10,     /* ticks */
    PART_SHIFT = 1, /* of the peak */
};

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
    /* without a clock it would never end */
    bool may = HK_FREE_POLICY == HK_FREE_BATCH && slab->tier == HK_TIER_HOT &&
               slab->quiet < QUIET && hk_thp_is_precious(slab->unit);
    uint32_t dirty = may ? (uint32_t)__builtin_popcountll(slab->dirty) : 0;
    set_whole(slab, fits(slab, dirty) ? dirty : 0);
}

void hk_whole_age_locked(struct hk_superslab *slab)
{
    slab->quiet += slab->quiet < QUIET;
    hk_whole_judge_locked(slab);
}

void hk_whole_end_locked(void)
{
    struct hk_superslab *slab = hk_slab_first_locked(1);
    for (; slab; slab = hk_slab_next_locked(slab)) {
        set_whole(slab, 0);
    }
    hk_slabs_publish_locked();
}
