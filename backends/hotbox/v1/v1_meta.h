/* SPDX-License-Identifier: MIT */
/* How the cold side learns what a page holds: the option tiny_meta. Only `exact` costs an operation
 * anything; `batched` keeps no delta, since a page's count minus what the cold side was told *is*
 * the delta, and looks at it in page events. */
#ifndef HK_HOTBOX_V1_META_H
#define HK_HOTBOX_V1_META_H

#include "coldbox/seat.h"

/* Values of the option tiny_meta. */
enum {
    HK_META_EXACT,   /* every operation reports */
    HK_META_BATCHED, /* an empty page reports, and one that hk_v1_must_tell says */
    HK_META_NONE,    /* nothing does: benches only, HK_COLD_STATS_VOID */
};

#ifndef HK_TINY_META
#define HK_TINY_META HK_META_EXACT
#endif

/* -> true: the cold side's count is too far behind. A page's delta is within its capacity while its
 * counts are right, so this bounds what a wrong one can do. */
static inline bool hk_v1_must_tell(int32_t delta, uint32_t capacity)
{
    uint32_t behind = delta < 0 ? 0u - (uint32_t)delta : (uint32_t)delta;
    uint32_t most = 16 * capacity;
    return behind >= (most > 256 ? most : 256);
}

/* `delta` more blocks of the page are out. */
HK_INLINE void hk_v1_report(struct hk_page *page, int delta)
{
    if (HK_TINY_META == HK_META_EXACT) {
        HK_COLD.adjust(page, delta);
    }
}

#endif
