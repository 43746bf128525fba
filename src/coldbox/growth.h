/* SPDX-License-Identifier: MIT */
/* How a heap grows: before new memory is taken for a page its boxes may be asked for what is spare,
 * and new memory may be in huge pages. Called by the cold side's leases and retires. holder. */
#ifndef HK_COLDBOX_GROWTH_H
#define HK_COLDBOX_GROWTH_H

#include "coldbox/coldbox.h"
#include "coldbox/superslab.h"

/* -> the new memory that may be taken for the page. A heap of many pages fills new ones; those of a
 * small heap may stay mostly untouched, and pages of large blocks as well: huge pages are risked
 * for them only where small ones are dear. */
HK_HIDDEN enum hk_grow hk_growth(const struct hk_lease *request);

/* -> true: what the heap gives back is dear to have again, and would not be kept in each of many
 * heaps. */
HK_HIDDEN bool hk_growth_is_dear(void);

/* -> true: before new memory is taken for the page the boxes may be asked for what is spare: where
 * much was taken since they were asked last; else where it will be filled, as long as they have
 * something to give and do not miss it. */
HK_HIDDEN bool hk_growth_may_ask(const struct hk_lease *request);

/* There is no used memory. -> true: the lease is refused, and the gate asks the boxes for some. */
HK_HIDDEN bool hk_growth_ask(struct hk_heap *heap);

/* A page of the class is leased: note whether the class misses what it gave up. */
HK_HIDDEN void hk_growth_note_lease(struct hk_spare *spare, size_t bin_index);

/* A page of the class is given up, since the boxes were asked. */
HK_HIDDEN void hk_growth_note_given(struct hk_spare *spare, size_t bin_index);

#endif
