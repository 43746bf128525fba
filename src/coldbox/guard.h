/* SPDX-License-Identifier: MIT */
/* Locks of boxes whose state is all threads', which fork has to take: hk_cold.guard registers them.
 */
#ifndef HK_COLDBOX_GUARD_H
#define HK_COLDBOX_GUARD_H

#include "common/attr.h"

struct hk_heap;

/* The forking thread takes every registered lock; and gives them back, in parent or child. */
HK_HIDDEN void hk_guards_keep(void);
HK_HIDDEN void hk_guards_unkeep(void);

/* Every registered box makes its state new for the child, where `self` (or nobody) goes on. */
HK_HIDDEN void hk_guards_child(struct hk_heap *self);

#endif
