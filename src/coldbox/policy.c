/* SPDX-License-Identifier: MIT */
/* The learner's decision, class by class but for one thing: at most HK_HOT_CLASSES are raised at
 * once, those with the highest scores, and among equal scores those that are hotter already. */
#include "coldbox/policy.h"

/* Classes that blocks were asked of, ever, and that the profile does not rule out. */
struct classes {
    size_t count;
    uint8_t bin[HK_BIN_COUNT];
};

struct ranking {
    size_t count;
    size_t bin[HK_HOT_CLASSES]; /* best first */
    uint64_t worth[HK_HOT_CLASSES];
};

static uint64_t score_of(const struct hk_class_view *view)
{
    return HK_SCORE_VISIT * view->visits + view->misses;
}

static bool is_on(struct hk_class_policy policy)
{
    return policy.page_box || policy.warm;
}

/* Put a class in its place, if it has one. */
static void rank(struct ranking *ranking, size_t bin_index, uint64_t worth)
{
    size_t place = ranking->count;
    while (place > 0 && ranking->worth[place - 1] < worth) {
        place--;
    }
    if (place == HK_HOT_CLASSES) {
        return;
    }
    size_t last = ranking->count < HK_HOT_CLASSES ? ranking->count++ : HK_HOT_CLASSES - 1;
    for (; last > place; last--) {
        ranking->bin[last] = ranking->bin[last - 1];
        ranking->worth[last] = ranking->worth[last - 1];
    }
    ranking->bin[place] = bin_index;
    ranking->worth[place] = worth;
}

/* Warm up the classes that matter, cool the others down. */
static void set_heat(const struct classes *known, const struct hk_view *view,
                     const struct hk_mind *before, struct hk_mind *mind)
{
    struct ranking ranking = {.count = 0};
    for (size_t i = 0; i < known->count; i++) {
        size_t bin_index = known->bin[i];
        uint64_t score = score_of(&view->of[bin_index]);
        uint8_t heat = before->of[bin_index].heat;
        if (score >= HK_HOT_SCORE || heat) {
            rank(&ranking, bin_index, score * (HK_HEAT_MAX + 1) + heat);
        }
    }
    for (size_t i = 0; i < ranking.count; i++) {
        size_t bin_index = ranking.bin[i];
        uint8_t heat = before->of[bin_index].heat;
        bool hot = score_of(&view->of[bin_index]) >= HK_HOT_SCORE;
        uint8_t warmer = heat < HK_HEAT_MAX ? heat + 1 : HK_HEAT_MAX;
        mind->of[bin_index].heat = hot ? warmer : heat - 1;
    }
}

/* Somebody asks for blocks of the class. If that comes soon after it was called quiet, the learner
 * waits longer next time; if not, it forgets half of what it has learnt that way. */
static struct hk_class_mind asked_for(struct hk_class_mind mind)
{
    uint32_t patience = mind.patience ? mind.patience : HK_PATIENCE;
    if (mind.quiet && mind.idle < HK_REGRET * patience) {
        patience = 2 * patience < HK_PATIENCE_MAX ? 2 * patience : HK_PATIENCE_MAX;
    } else if (mind.quiet) {
        patience = patience / 2 > HK_PATIENCE ? patience / 2 : HK_PATIENCE;
    }
    return (struct hk_class_mind){.patience = (uint8_t)patience};
}

static struct hk_class_mind left_alone(struct hk_class_mind mind, uint64_t pages)
{
    mind.idle = mind.idle < UINT8_MAX ? mind.idle + 1 : UINT8_MAX;
    mind.quiet = mind.quiet || (pages && mind.idle >= mind.patience);
    return mind;
}

static struct hk_class_mind next_mind(struct hk_class_mind mind, const struct hk_class_view *view)
{
    return view->refills ? asked_for(mind) : left_alone(mind, view->pages);
}

static uint8_t at_most(uint32_t value, uint32_t most)
{
    return (uint8_t)(value > most ? most : value);
}

static struct hk_class_policy policy_of(enum hk_profile profile, size_t bin_index,
                                        struct hk_class_mind mind)
{
    struct hk_class_policy policy = hk_profile_of(profile, bin_index);
    if (mind.quiet) {
        policy.quiet = true;
        policy.retention = 0;
    } else if (mind.heat) {
        size_t slices = hk_page_slices(hk_bin_block_size(bin_index));
        uint32_t most = HK_RETENTION_BYTES >> HK_SLICE_SHIFT;
        if (slices == 1) {
            policy.warm_cap = at_most((uint32_t)policy.warm_cap << mind.heat, HK_WARM_MAX);
        } else if (most / slices > policy.retention) {
            policy.retention =
                at_most((uint32_t)policy.retention << mind.heat, most / (uint32_t)slices);
        }
    }
    return policy;
}

/* Write down what the minds come to. */
static void set_policy(enum hk_profile profile, const struct hk_mind *mind, struct hk_policy *out)
{
    uint32_t warm = 0;
    for (size_t i = 0; i < HK_BIN_COUNT; i++) {
        struct hk_class_mind class = mind->of[i];
        out->of[i] = policy_of(profile, i, class);
        warm += class.heat && !class.quiet ? HK_WARM_SHARE << class.heat : 0;
    }
    out->warm_floor = at_most(warm, HK_WARM_FLOOR);
}

static void find_known(enum hk_profile profile, const struct hk_view *view,
                       const struct hk_mind *before, struct classes *known)
{
    known->count = 0;
    for (size_t i = 0; i < HK_BIN_COUNT; i++) {
        bool asked = view->of[i].refills || before->of[i].patience;
        if (asked && is_on(hk_profile_of(profile, i))) {
            known->bin[known->count++] = (uint8_t)i;
        }
    }
}

bool hk_policy_decide(enum hk_profile profile, const struct hk_view *view,
                      const struct hk_mind *before, struct hk_decision *out)
{
    struct classes known;
    find_known(profile, view, before, &known);
    *out = (struct hk_decision){.mind = *before};
    for (size_t i = 0; i < known.count; i++) {
        struct hk_class_mind *mind = &out->mind.of[known.bin[i]];
        *mind = next_mind(*mind, &view->of[known.bin[i]]);
        mind->heat = 0; /* is decided for all classes together */
    }
    set_heat(&known, view, before, &out->mind);
    for (size_t i = 0; i < known.count; i++) {
        struct hk_class_mind was = before->of[known.bin[i]];
        struct hk_class_mind mind = out->mind.of[known.bin[i]];
        out->raised += mind.heat > was.heat;
        out->lowered += mind.heat < was.heat;
        out->quieted += mind.quiet && !was.quiet;
        out->woken += !mind.quiet && was.quiet;
    }
    bool changes = out->raised || out->lowered || out->quieted || out->woken;
    if (changes) {
        set_policy(profile, &out->mind, &out->policy);
    }
    return changes;
}
