/* SPDX-License-Identifier: MIT */
/* The statistics as a table that people and scripts can read: docs/statistics.md says what each
 * number means. */
#ifndef HK_GATE_REPORT_H
#define HK_GATE_REPORT_H

#include "gate/text.h"

/* Write the report of this process to `fd`. Allocates nothing; waits for no lock for long.
 * -> 0, or errno of the write that failed. One caller at a time. */
HK_COLD_FN int hk_report(int fd);

#endif
