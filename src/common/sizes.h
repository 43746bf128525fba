/* SPDX-License-Identifier: MIT */
/* Size classes and the geometry of memory: every limit, and the arithmetic from a size to its bin
 * and from a bin to its block size. A bin is one size class; its *offset* is its index times
 * sizeof(struct hk_bin), so that a tiny size rounded up to 16 is the offset of its bin.
 *
 *   bin 0         size 0, served by 16-byte blocks of its own
 *   bins 1..64    tiny: exact steps of 16 bytes to 1024
 *   bins 65..88   pool: 8 steps per doubling to 8 KiB
 *   bins 89..108  pool: 4 steps per doubling to 256 KiB
 */
#ifndef HK_COMMON_SIZES_H
#define HK_COMMON_SIZES_H

#include "common/attr.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    HK_BIN_SHIFT =
        4,         /* log2 of sizeof(struct hk_bin) and of the tiny step: one number, both uses */
    HK_ALIGN = 16, /* alignment of every block */
    HK_TINY_MAX = 1024,
    HK_FINE_MAX = 8192, /* pool classes are finer up to here */
    HK_POOL_MAX = 256 * 1024,
    HK_TINY_BINS = HK_TINY_MAX / HK_ALIGN + 1,
    HK_FINE_BINS = 24,
    HK_COARSE_BINS = 20,
    HK_BIN_COUNT = HK_TINY_BINS + HK_FINE_BINS + HK_COARSE_BINS,

    HK_SLICE_SHIFT = 16,
    HK_SLICE = 1 << HK_SLICE_SHIFT, /* unit of lease, bytes */
    HK_SUPERSLAB_SHIFT = 22,
    HK_SUPERSLAB = 1 << HK_SUPERSLAB_SHIFT,
    HK_SLICES = HK_SUPERSLAB / HK_SLICE, /* slice 0 holds the superslab's own data */

    HK_SPAN_MAX = 2 * 1024 * 1024, /* larger blocks are runs of units */
};

_Static_assert(HK_BIN_COUNT == 109, "the table above says 109 bins");
_Static_assert(HK_SLICES == 64, "slice maps are one 64-bit word");

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

/* -> index of the bin for HK_TINY_MAX < size <= HK_FINE_MAX, without a table. */
HK_INLINE size_t hk_fine_bin(size_t size)
{
    uint32_t last = (uint32_t)size - 1;
    size_t top = hk_top_bit(last);
    return (last >> (top - 3)) + 8 * top - (8 + 8 * 10) + HK_TINY_BINS;
}

/* The same for HK_FINE_MAX < size <= HK_POOL_MAX. */
HK_INLINE size_t hk_coarse_bin(size_t size)
{
    uint32_t last = (uint32_t)size - 1;
    size_t top = hk_top_bit(last);
    return (last >> (top - 2)) + 4 * top - (4 + 4 * 13) + HK_TINY_BINS + HK_FINE_BINS;
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

/* -> bytes of a block of bin `bin` < HK_BIN_COUNT. */
static inline size_t hk_bin_block_size(size_t bin)
{
    if (bin < HK_TINY_BINS) {
        return bin ? bin * HK_ALIGN : HK_ALIGN;
    }
    size_t step = bin - HK_TINY_BINS;
    if (step < HK_FINE_BINS) {
        return (size_t)(9 + step % 8) << (7 + step / 8);
    }
    step -= HK_FINE_BINS;
    return (size_t)(5 + step % 4) << (11 + step / 4);
}

/* -> slices in a page of blocks of `block_size` <= HK_POOL_MAX bytes: at least 4 blocks in a page,
 *    at most 64 where a page has more than one slice. */
static inline size_t hk_page_slices(size_t block_size)
{
    if (block_size <= 4096) {
        return 1;
    }
    return block_size <= 32 * 1024 ? 4 : 16;
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
