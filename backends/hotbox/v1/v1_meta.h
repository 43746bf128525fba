/* SPDX-License-Identifier: MIT */
/* How the cold side learns what a page holds: the option tiny_meta. Only `exact` costs an operation
 * anything; `batched` keeps no delta, since a page's count minus what the cold side was told *is*
 * the delta, and tells it where a page's state changes, in page events, and when it is asked. */
#ifndef HK_HOTBOX_V1_META_H
#define HK_HOTBOX_V1_META_H

#include "coldbox/seat.h"

/* Values of the option tiny_meta. */
enum {
    HK_META_EXACT,   /* every operation reports */
    HK_META_BATCHED, /* a page reports when it changes its state, or blocks come home */
    HK_META_NONE,    /* nothing does: benches only, HK_COLD_STATS_VOID */
};

#ifndef HK_TINY_META
#define HK_TINY_META HK_META_EXACT
#endif

/* `delta` more blocks of the page are out. */
HK_INLINE void hk_v1_report(struct hk_page *page, int delta)
{
    if (HK_TINY_META == HK_META_EXACT) {
        HK_COLD.adjust(page, delta);
    }
}

#endif
