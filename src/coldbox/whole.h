/* SPDX-License-Identifier: MIT */
/* Superslabs that are left whole. When a part of one goes back its huge pages end for good, and
 * where small pages are dear a program pays for that long after. So one that is in use keeps what
 * is dirty in it, up to half of the recent peak: until nobody has taken or given a slice of it for
 * some ticks, it drains, or a trim takes all. It takes up to half of what policy lets stay
 * dirty, and does not count beyond that. */
#ifndef HK_COLDBOX_WHOLE_H
#define HK_COLDBOX_WHOLE_H

#include "coldbox/superslab.h"

/* The superslab's slices, its tier, or what it asked for have changed. slabs.lock. */
HK_HIDDEN void hk_whole_judge_locked(struct hk_superslab *slab);

/* A tick has passed: some of those that are quiet are left whole no longer, and if there are too
 * many, the emptiest. slabs.lock. */
HK_HIDDEN void hk_whole_age_locked(void);

#endif
