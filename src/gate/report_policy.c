/* SPDX-License-Identifier: MIT */
/* The learner's part of the report: in builds with policy=observe or learn only. */
#include "gate/report_policy.h"

#include "coldbox/learn.h"

static size_t count_quiet(const struct hk_policy *policy)
{
    size_t count = 0;
    for (size_t i = 0; i < HK_BIN_COUNT; i++) {
        count += policy->of[i].quiet;
    }
    return count;
}

static size_t count_raised(const struct hk_policy *policy)
{
    size_t count = 0;
    for (size_t i = 0; i < HK_BIN_COUNT; i++) {
        struct hk_class_policy profile = hk_profile_of(HK_POLICY_PROFILE, i);
        count += policy->of[i].warm_cap > profile.warm_cap ||
                 policy->of[i].retention > profile.retention;
    }
    return count;
}

void hk_report_policy(struct hk_text *text)
{
    static struct hk_learn_stat stat;
    bool learns = HK_POLICY == HK_POLICY_LEARN;
    hk_text_add(text, learns ? "\npolicy learn\n" : "\npolicy observe: decided, not applied\n");
    if (!hk_learn_read(&stat)) {
        hk_text_add(text, "learner: not shown, a thread holds its lock\n");
        return;
    }
    hk_text_line(text, "learner: steps", stat.steps);
    hk_text_line(text, "learner: snapshots published", stat.snapshots);
    hk_text_line(text, "learner: caps raised", stat.raised);
    hk_text_line(text, "learner: caps lowered", stat.lowered);
    hk_text_line(text, "learner: classes called quiet", stat.quieted);
    hk_text_line(text, "learner: classes woken", stat.woken);
    hk_text_line(text, "learner: classes with raised caps now", count_raised(&stat.wanted));
    hk_text_line(text, "learner: quiet classes now", count_quiet(&stat.wanted));
    hk_text_line(text, "learner: own bytes", stat.bytes);
}
