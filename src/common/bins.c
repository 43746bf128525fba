/* SPDX-License-Identifier: MIT */
/* The bins of threads that have none. */
#include "common/bins.h"

const struct hk_mid hk_no_mid;
