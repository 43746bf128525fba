/* SPDX-License-Identifier: MIT */
/* Bands: the routing unit of the tiny sizes. HK_BANDS is a mask, bit n for band Cn: C0 to 8 bytes,
 * C1 to 16, and so on to C7, to 1024; bands that are set belong to the tiny hot box, the others to
 * the tiny base. Blocks are aligned to 16, so C0 and C1 are one set. */
#ifndef HK_COMMON_BANDS_H
#define HK_COMMON_BANDS_H

#include "common/page.h"

#ifndef HK_BANDS
#define HK_BANDS 0xff
#endif

enum {
    HK_BAND_COUNT = 8,
    HK_BANDS_ALL = (1 << HK_BAND_COUNT) - 1,
};

_Static_assert(HK_BANDS > 0 && HK_BANDS <= HK_BANDS_ALL, "a mask of bands C0 to C7");
_Static_assert((HK_BANDS & 1) == (HK_BANDS >> 1 & 1), "C0 and C1 are one set");

/* -> true: the sizes above and below `edge`, the last size of band `band`, belong to two boxes. */
HK_INLINE bool hk_band_ends(unsigned band)
{
    return (HK_BANDS >> band & 1) != (HK_BANDS >> (band + 1) & 1);
}

/* -> true: the tiny offset lies in a band of the tiny hot box. One compare for each place where the
 *    box changes; none where all bands are set. */
HK_INLINE bool hk_in_bands(size_t offset)
{
    bool in = HK_BANDS & 1;
    in ^= hk_band_ends(1) && offset > 16;
    in ^= hk_band_ends(2) && offset > 32;
    in ^= hk_band_ends(3) && offset > 64;
    in ^= hk_band_ends(4) && offset > 128;
    in ^= hk_band_ends(5) && offset > 256;
    in ^= hk_band_ends(6) && offset > 512;
    return in;
}

/* -> the kind that pages of `bin` < HK_BIN_COUNT have. */
static inline enum hk_kind hk_kind_of_bin(size_t bin)
{
    if (bin >= HK_TINY_BINS) {
        return HK_KIND_POOL;
    }
    return hk_in_bands(bin << HK_BIN_SHIFT) ? HK_KIND_TINY : HK_KIND_BASE;
}

#endif
