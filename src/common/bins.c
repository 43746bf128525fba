/* SPDX-License-Identifier: MIT */
/* The bins of threads that have none. */
#include "common/bins.h"

struct hk_bin hk_no_bins[HK_COARSE_ROOM];
