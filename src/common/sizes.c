/* SPDX-License-Identifier: MIT */
/* What an irregular table of size classes looks up; one element that nobody reads for a regular
 * one. */
#include "common/sizes.h"

const uint8_t hk_fine_lookup[] = HK_TABLE_FINE_LOOKUP;
const uint8_t hk_coarse_lookup[] = HK_TABLE_COARSE_LOOKUP;
const uint32_t hk_fine_blocks[] = HK_TABLE_FINE_BLOCKS;
const uint32_t hk_coarse_blocks[] = HK_TABLE_COARSE_BLOCKS;
