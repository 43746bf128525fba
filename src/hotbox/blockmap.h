/* SPDX-License-Identifier: MIT */
/* Block maps: a page's free blocks as bits, one for each block in address order, 1 = free in the
 * page. The bits lie away from the page's memory, so that a free block is never written to and its
 * memory may be given back. A block's number is a multiply with the reciprocal of its size. */
#ifndef HK_HOTBOX_BLOCKMAP_H
#define HK_HOTBOX_BLOCKMAP_H

#include "common/page.h"

/* -> the reciprocal of a block size, for hk_map_index. */
static inline uint32_t hk_map_reciprocal(uint32_t block_size)
{
    return (uint32_t)(((uint64_t)1 << 32) / block_size + 1);
}

/* -> number of the block at `offset` bytes (a multiple of the block size) from the page's start. */
HK_INLINE size_t hk_map_index(uint32_t reciprocal, size_t offset)
{
    return (size_t)(((uint64_t)offset * reciprocal) >> 32);
}

/* Mark a block free in its page. */
HK_INLINE void hk_map_set(uint64_t *map, size_t index)
{
    map[index / 64] |= (uint64_t)1 << index % 64;
}

static inline bool hk_map_has(const uint64_t *map, size_t index)
{
    return map[index / 64] >> index % 64 & 1;
}

/* -> words of the map that `blocks` blocks have bits in. */
static inline size_t hk_map_words(size_t blocks)
{
    return (blocks + 63) / 64;
}

/* -> bits set in `words` words. */
static inline size_t hk_map_count(const uint64_t *map, size_t words)
{
    size_t bits = 0;
    for (size_t i = 0; i < words; i++) {
        bits += (size_t)__builtin_popcountll(map[i]);
    }
    return bits;
}

enum { HK_MAP_WORTH = 4096 }; /* bytes: fewer free ones hold no OS page */

/* Give back the OS pages that lie wholly in free blocks of a page (a head); `map` has the bits of
 * its first `blocks` blocks. Nobody may take one of them meanwhile. *refused: the OS refused some;
 * without `whole` that is the end. -> bytes. */
HK_HIDDEN size_t hk_map_purge(struct hk_page *page, const uint64_t *map, size_t blocks, bool whole,
                              bool *refused);

#endif
