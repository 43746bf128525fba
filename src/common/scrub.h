/* SPDX-License-Identifier: MIT */
/* The option pool_zero: what of the pool's blocks is scrubbed.
 *
 *   off      nothing
 *   header   a block's first line is zero when it is handed out, and again once it is freed: where
 *            programs keep their pointers and lengths
 *   full     a block is zero when it is handed out, and all of it but a link again once it is freed
 *
 * The gate scrubs, on both sides, for every box; in `full` a box hands out memory that was never
 * used before only if it reads as zero. */
#ifndef HK_COMMON_SCRUB_H
#define HK_COMMON_SCRUB_H

#include "common/page.h"

#include <string.h>

enum hk_pool_zero { HK_POOL_ZERO_OFF, HK_POOL_ZERO_HEADER, HK_POOL_ZERO_FULL };

#ifndef HK_POOL_ZERO
#define HK_POOL_ZERO HK_POOL_ZERO_OFF
#endif

/* Bytes at a block's start that boxes write links into while it is free, and a header's size. */
enum { HK_SCRUB_HEADER = 64 };

_Static_assert((int)HK_TINY_MAX >= (int)HK_SCRUB_HEADER, "every block of the pool has a header");

/* A block of `size` requested bytes leaves the gate; NULL is let through. */
HK_INLINE void *hk_scrub_out(void *block, size_t size)
{
    if (HK_POOL_ZERO != HK_POOL_ZERO_OFF && size > HK_TINY_MAX && block) {
        memset(block, 0, HK_SCRUB_HEADER);
    }
    return block;
}

/* A block comes back to the gate. */
HK_INLINE void hk_scrub_in(const struct hk_page *page, void *block)
{
    if (HK_POOL_ZERO != HK_POOL_ZERO_OFF && page->kind == HK_KIND_POOL) {
        memset(block, 0, HK_POOL_ZERO == HK_POOL_ZERO_FULL ? page->block_size : HK_SCRUB_HEADER);
    }
}

/* memset(block, 0, size), with the short ones in place: a call costs more than they do. -> block.
 */
HK_INLINE void *hk_clear(void *block, size_t size)
{
    enum { WORD = 16 };
    size_t left = size - WORD;
    if (left > 3 * WORD) {
        return memset(block, 0, size);
    }
    char *first = block;
    size_t step = left < WORD ? left : WORD;
    memset(first, 0, WORD);
    memset(first + step, 0, WORD);
    memset(first + left - step, 0, WORD);
    memset(first + left, 0, WORD);
    return block;
}

/* -> bytes at its start that calloc has to clear of a block of the pool. */
HK_INLINE size_t hk_scrub_rest(size_t size)
{
    return HK_POOL_ZERO == HK_POOL_ZERO_FULL && size > HK_TINY_MAX ? HK_SCRUB_HEADER : size;
}

#endif
