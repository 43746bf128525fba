/* SPDX-License-Identifier: MIT */
/* The stock of free spans. A freed span stays whole for a while, so that a program that frees and
 * allocates large blocks pays neither for the superslabs' maps nor for their lock. Threads spread
 * over a few stocks with a lock each. To the superslabs a stocked span is in use; hk_cold_stat
 * counts it as free and dirty. Together they hold half of the dirty memory that policy
 * allows; one that nobody used from tick to tick is emptied, and trim empties all. */
#ifndef HK_COLDBOX_SPANS_H
#define HK_COLDBOX_SPANS_H

#include "coldbox/superslab.h"

/* Take a span of `count` slices, or up to a quarter more. -> false: none is in stock. any. */
HK_HIDDEN bool hk_span_take(uint32_t count, struct hk_slices *out);

/* Free a span. any; no lock held. */
HK_HIDDEN void hk_span_put(struct hk_slices span);

/* -> slices in stock. any. */
HK_HIDDEN size_t hk_spans_stocked(void);

/* Empty the stocks that nobody used since the last call: their memory is aged. any; no lock held.
 */
HK_HIDDEN void hk_spans_tick(void);

/* Empty all stocks. any; no lock held. */
HK_HIDDEN void hk_spans_clear(void);

/* -> NULL, or the first broken invariant. */
HK_HIDDEN const char *hk_spans_check(void);

/* Across a fork the locks stay with the forking thread. */
HK_HIDDEN void hk_spans_keep(void);
HK_HIDDEN void hk_spans_unkeep(void);

#endif
