/* SPDX-License-Identifier: MIT */
/* The cold seat. There is one real implementation; a test may seat another one by defining HK_COLD
 * first. */
#ifndef HK_COLD
#include "coldbox/cold.h"
#define HK_COLD hk_cold
#endif
