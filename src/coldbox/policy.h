/* SPDX-License-Identifier: MIT */
/* The learner's decision: from what was counted since the last step, and from what it made of the
 * steps before, to the next snapshot. A pure function: it keeps nothing, changes nothing but its
 * result, and reads no clock. docs/policy.md says in words what it does and why. */
#ifndef HK_COLDBOX_POLICY_H
#define HK_COLDBOX_POLICY_H

#include "common/policy.h"

enum {
    /* Classes whose caps are raised at once, at most; and the score for it, in one step. */
    HK_HOT_CLASSES = 8,
    HK_HOT_SCORE = 64,
    HK_SCORE_VISIT = 4, /* a visit to the shared pool counts so many times a miss */

    /* A raised cap is the profile's times 2^heat. Pages of one slice then wait in the warm pool;
       larger ones cannot and stay with their class, so many bytes of them at most. */
    HK_HEAT_MAX = 4,
    HK_WARM_SHARE = 2,  /* of the warm floor, for each hot class, times 2^heat */
    HK_WARM_FLOOR = 32, /* of all of them, at most: 2 MiB in every heap that takes part */
    HK_RETENTION_BYTES = 1 << 20,

    /* Steps without a refill that make a class quiet; more for one that came back at once, which
       is within so many times its patience. */
    HK_PATIENCE = 2,
    HK_PATIENCE_MAX = 64,
    HK_REGRET = 4,
};

/* One class since the last step, summed over all heaps. */
struct hk_class_view {
    uint64_t refills; /* bins found empty: somebody asks for blocks */
    uint64_t visits;  /* to the shared pool, for leases and retires: each takes its lock */
    uint64_t misses;  /* leases that needed new memory */
    uint64_t pages;   /* leased now */
};

struct hk_view {
    struct hk_class_view of[HK_BIN_COUNT];
};

/* What the learner makes of a class. All zero is the start. */
struct hk_class_mind {
    uint8_t heat;     /* 0 .. HK_HEAT_MAX */
    uint8_t idle;     /* steps since the last refill, at most 255 */
    uint8_t patience; /* idle steps that make it quiet; 0: nobody has asked for a block yet */
    bool quiet;
};

struct hk_mind {
    struct hk_class_mind of[HK_BIN_COUNT];
};

struct hk_decision {
    struct hk_mind mind;
    struct hk_policy policy; /* only if it is another one than before */
    /* classes whose policy differs from the last one, and how */
    uint32_t raised;
    uint32_t lowered;
    uint32_t quieted;
    uint32_t woken;
};

/* Decide. A class that is off in the profile (no page box, not warm) stays as the profile has it.
 * before   the mind of the last decision, or zeros
 * out      written; overlaps neither `view` nor `before`
 * returns  true: the policy changes, and is in `out`
 */
HK_HIDDEN bool hk_policy_decide(enum hk_profile profile, const struct hk_view *view,
                                const struct hk_mind *before, struct hk_decision *out);

#endif
