/* SPDX-License-Identifier: MIT */
/* Superslabs that are left whole. When a part of one goes back its huge pages end for good, and
 * where small pages are dear a program pays for that long after. So one that is in use keeps what
 * is dirty in it, which does not count against the budget, up to a quarter of the recent peak:
 * until nobody has taken or given a slice of it for some ticks, it drains, or a trim takes all. */
#ifndef HK_COLDBOX_WHOLE_H
#define HK_COLDBOX_WHOLE_H

#include "coldbox/superslab.h"

/* The superslab's slices, or its tier, have changed. slabs.lock. */
HK_HIDDEN void hk_whole_judge_locked(struct hk_superslab *slab);

/* A tick has passed. slabs.lock. */
HK_HIDDEN void hk_whole_age_locked(struct hk_superslab *slab);

/* None is whole until it changes the next time. slabs.lock. */
HK_HIDDEN void hk_whole_end_locked(void);

#endif
