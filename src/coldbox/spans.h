/* SPDX-License-Identifier: MIT */
/* Free spans at their heap's hand. A span that a thread freed stays whole in its heap for a while,
 * so that a program that frees and allocates large blocks takes no lock and touches no superslab.
 * What all heaps keep together is bounded by one account, half of the dirty memory that policy
 * allows: a heap claims a part of it when it frees, and gives its claim up when nobody used it from
 * one age to the next. To the superslabs such a span is in use; hk_cold_stat counts it as free and
 * dirty. */
#ifndef HK_COLDBOX_SPANS_H
#define HK_COLDBOX_SPANS_H

#include "coldbox/superslab.h"

/* -> slices that heaps may keep by their claims: no less than they do. any. */
HK_HIDDEN size_t hk_spans_claimed(void);

/* -> slices that all heaps keep. any; may be stale. */
HK_HIDDEN size_t hk_spans_kept(void);

/* The heap needs memory for a page: if no free slice has been used before, its oldest span goes
 * back, so that memory at hand is used before new one. holder; no lock held. */
HK_HIDDEN void hk_spans_yield(struct hk_heap *heap);

/* Give the heap's spans and claim back. holder; no lock held. */
HK_HIDDEN void hk_spans_clear(struct hk_heap *heap);

/* -> NULL, or the first broken invariant of the heap's spans. holder. */
HK_HIDDEN const char *hk_spans_check(const struct hk_heap *heap);

/* In a forked child, whose heaps have their new states: what frozen heaps keep is lost. */
HK_HIDDEN void hk_spans_child(void);

#endif
