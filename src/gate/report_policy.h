/* SPDX-License-Identifier: MIT */
/* What the learner did, or with policy=observe would have done, for the report. */
#ifndef HK_GATE_REPORT_POLICY_H
#define HK_GATE_REPORT_POLICY_H

#include "gate/text.h"

/* Add the learner's lines. One caller at a time; waits for no lock for long. */
HK_COLD_FN void hk_report_policy(struct hk_text *text);

#endif
