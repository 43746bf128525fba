/* SPDX-License-Identifier: MIT */
/* Size classes and the geometry of memory: every limit, and the arithmetic from a size to its bin
 * and from a bin to its block size. A bin is one size class; its *offset* is its index times
 * sizeof(struct hk_bin), so that a tiny size rounded up to 16 is the offset of its bin.
 *
 *   bin 0          size 0, served by 16-byte blocks of its own
 *   bins 1..64     tiny: exact steps of 16 bytes to 1024
 *   bins 65..      fine: the pool's, to 8 KiB; in the default table 8 steps per doubling, 24 bins
 *   bins after it  coarse: the pool's, to HK_POOL_MAX; by default 4 per doubling to 256 KiB, 20
 * bins
 *
 * The pool's classes come from a text file by way of hk_size_table.h (see tables/). A half of them
 * that has a power of two of steps per doubling is `regular`: a shift leads to the class. Any other
 * half costs one load from a table of bytes. malloc has a way of its own where both are regular:
 * common/bins.h. */
#ifndef HK_COMMON_SIZES_H
#define HK_COMMON_SIZES_H

#include "common/attr.h"

#include "hk_size_table.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    HK_BIN_SHIFT =
        4,         /* log2 of sizeof(struct hk_bin) and of the tiny step: one number, both uses */
    HK_ALIGN = 16, /* alignment of every block */
    HK_TINY_MAX = 1024,
    HK_FINE_MAX = 8192, /* a class of every table */
    HK_POOL_MAX = HK_TABLE_POOL_MAX,
    HK_TINY_BINS = HK_TINY_MAX / HK_ALIGN + 1,
    HK_FINE_BINS = HK_TABLE_FINE_BINS,
    HK_COARSE_BINS = HK_TABLE_COARSE_BINS,
    HK_BIN_COUNT = HK_TINY_BINS + HK_FINE_BINS + HK_COARSE_BINS,

    HK_SLICE_SHIFT = 16,
    HK_SLICE = 1 << HK_SLICE_SHIFT, /* unit of lease, bytes */
    HK_SUPERSLAB_SHIFT = 22,
    HK_SUPERSLAB = 1 << HK_SUPERSLAB_SHIFT,
    HK_SLICES = HK_SUPERSLAB / HK_SLICE, /* slice 0 holds the superslab's own data */

    HK_PAGE_SLICES_MAX = 31,       /* two of the largest pages fit in a superslab */
    HK_SPAN_MAX = 2 * 1024 * 1024, /* larger blocks are runs of units */
};

_Static_assert(HK_FINE_MAX <= HK_POOL_MAX && HK_POOL_MAX <= 1 << 20, "what the geometry allows");
_Static_assert(HK_TABLE_COARSE_LOG2 <= 12, "hk_step has 32 bits");
_Static_assert(HK_SLICES == 64, "slice maps are one 64-bit word");

/* What an irregular half looks up: the bin of each cell, and the block size of each of its bins. */
extern HK_HIDDEN const uint8_t hk_fine_lookup[];
extern HK_HIDDEN const uint8_t hk_coarse_lookup[];
extern HK_HIDDEN const uint32_t hk_fine_blocks[];
extern HK_HIDDEN const uint32_t hk_coarse_blocks[];

/* -> byte offset of the bin for 0 <= size <= HK_TINY_MAX. */
HK_INLINE size_t hk_tiny_offset(size_t size)
{
    return (size + (HK_ALIGN - 1)) & ~(size_t)(HK_ALIGN - 1);
}

/* -> number of the highest bit set in `value` > 0. */
HK_INLINE size_t hk_top_bit(uint32_t value)
{
#if defined(__x86_64__)
    /* the builtin's result is an int, which gcc then extends: one instruction more */
    size_t top;
    __asm__("bsrl %1, %k0" : "=r"(top) : "r"(value) : "cc");
    return top;
#else
    return 31u ^ (size_t)__builtin_clz(value);
#endif
}

/* -> the step that `size` lies in: steps are counted from 2^first, 2^log2 to a doubling. The sum is
 * the same on both sides of a power of two, so the top bit of `size` serves as well as that of the
 * last byte, and is the shift. */
HK_INLINE size_t hk_step(size_t size, size_t log2, size_t first)
{
    size_t top = hk_top_bit((uint32_t)size);
    return ((((uint32_t)size - 1) << log2) >> top) + (top << log2) - ((first + 1) << log2);
}

/* -> index of the bin for HK_TINY_MAX < size <= HK_FINE_MAX. */
HK_INLINE size_t hk_fine_bin(size_t size)
{
    if (!HK_TABLE_FINE_REGULAR) {
        return hk_fine_lookup[((uint32_t)size - 1 - HK_TINY_MAX) >> HK_TABLE_FINE_LOG2];
    }
    return hk_step(size, HK_TABLE_FINE_LOG2, 10) + HK_TINY_BINS;
}

/* The same for HK_FINE_MAX < size <= HK_POOL_MAX. */
HK_INLINE size_t hk_coarse_bin(size_t size)
{
    size_t step = hk_step(size, HK_TABLE_COARSE_LOG2, 13);
    if (!HK_TABLE_COARSE_REGULAR) {
        return hk_coarse_lookup[step];
    }
    return step + HK_TINY_BINS + HK_FINE_BINS;
}

/* -> index of the bin for HK_TINY_MAX < size <= HK_POOL_MAX. */
HK_INLINE size_t hk_pool_bin(size_t size)
{
    return HK_LIKELY(size <= HK_FINE_MAX) ? hk_fine_bin(size) : hk_coarse_bin(size);
}

HK_INLINE size_t hk_pool_offset(size_t size)
{
    return hk_pool_bin(size) << HK_BIN_SHIFT;
}

/* -> index of the bin that serves `size` <= HK_POOL_MAX. */
static inline size_t hk_bin_of_size(size_t size)
{
    return size <= HK_TINY_MAX ? hk_tiny_offset(size) >> HK_BIN_SHIFT : hk_pool_bin(size);
}

/* -> the largest size in step `step` of a regular half: the inverse of hk_step. */
static inline size_t hk_step_end(size_t step, size_t log2, size_t first)
{
    size_t steps = (size_t)1 << log2;
    return (steps + 1 + step % steps) << (first - log2 + step / steps);
}

/* -> bytes of a block of bin `bin` < HK_BIN_COUNT. */
static inline size_t hk_bin_block_size(size_t bin)
{
    if (bin < HK_TINY_BINS) {
        return bin ? bin * HK_ALIGN : HK_ALIGN;
    }
    size_t step = bin - HK_TINY_BINS;
    if (step < HK_FINE_BINS) {
        return HK_TABLE_FINE_REGULAR ? hk_step_end(step, HK_TABLE_FINE_LOG2, 10)
                                     : hk_fine_blocks[step];
    }
    step -= HK_FINE_BINS;
    return HK_TABLE_COARSE_REGULAR ? hk_step_end(step, HK_TABLE_COARSE_LOG2, 13)
                                   : hk_coarse_blocks[step];
}

/* -> slices in a page of blocks of `block_size` <= HK_POOL_MAX bytes. To 256 KiB: at least 4 blocks
 *    in a page, at most 64 where a page has more than one slice. Above: as many as
 * HK_PAGE_SLICES_MAX allows, and no slice without one. */
static inline size_t hk_page_slices(size_t block_size)
{
    if (block_size <= 4096) {
        return 1;
    }
    if (block_size <= 32 * 1024) {
        return 4;
    }
    if (HK_POOL_MAX <= 256 * 1024 || block_size <= 256 * 1024) {
        return 16;
    }
    size_t blocks = HK_PAGE_SLICES_MAX * HK_SLICE / block_size;
    return (blocks * block_size + HK_SLICE - 1) >> HK_SLICE_SHIFT;
}

static inline size_t hk_round_up(size_t value, size_t power_of_two)
{
    return (value + power_of_two - 1) & ~(power_of_two - 1);
}

static inline bool hk_is_power_of_two(size_t value)
{
    return value && !(value & (value - 1));
}

#endif
