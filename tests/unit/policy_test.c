/* SPDX-License-Identifier: MIT */
/* The profiles, and the learner's decision. The warm cap of this program is 10, whatever is
 * configured. */
#include "unit/unit.h"

#include "coldbox/policy.h"
#include "unit/random.h"

#include <string.h>

enum {
    TINY = 4,    /* 64 bytes: C3 */
    MIDDLE = 20, /* 320 bytes: C6 */
};

/* One learner: what it sees next, and what it made of it last. */
static struct {
    struct hk_view view;
    struct hk_decision decision;
    struct hk_policy policy; /* that is in force */
} learner;

static int begin(void **state)
{
    (void)state;
    memset(&learner, 0, sizeof learner);
    return 0;
}

/* -> true: the policy has changed. Classes keep their pages from step to step. */
static bool step_of(enum hk_profile profile)
{
    struct hk_mind before = learner.decision.mind;
    bool changes = hk_policy_decide(profile, &learner.view, &before, &learner.decision);
    learner.policy = changes ? learner.decision.policy : learner.policy;
    for (size_t i = 0; i < HK_BIN_COUNT; i++) {
        learner.view.of[i].refills = 0;
        learner.view.of[i].visits = 0;
        learner.view.of[i].misses = 0;
    }
    return changes;
}

static bool step(void)
{
    return step_of(HK_PROFILE_LEGACY);
}

static void see(size_t bin, uint64_t refills, uint64_t visits, uint64_t misses)
{
    learner.view.of[bin] =
        (struct hk_class_view){.refills = refills, .visits = visits, .misses = misses, .pages = 3};
}

static struct hk_class_policy decided(size_t bin)
{
    return learner.policy.of[bin];
}

/* -> a class with pages of so many slices; HK_BIN_COUNT: the size table has none. */
static size_t class_of_slices(size_t slices)
{
    size_t bin = 0;
    while (bin < HK_BIN_COUNT && hk_page_slices(hk_bin_block_size(bin)) != slices) {
        bin += 1;
    }
    return bin;
}

static bool is_quiet(size_t bin)
{
    return learner.decision.mind.of[bin].quiet;
}

/* Ask for blocks once, then not any more, until the class is quiet. -> steps that it took. */
static size_t steps_until_quiet(size_t bin)
{
    see(bin, 1, 0, 0);
    step();
    size_t steps = 0;
    while (!is_quiet(bin) && steps < 300) {
        step();
        steps += 1;
    }
    return steps;
}

static void legacy_has_one_rule_for_all(void **state)
{
    (void)state;
    for (size_t i = 0; i < HK_BIN_COUNT; i++) {
        struct hk_class_policy policy = hk_profile_of(HK_PROFILE_LEGACY, i);
        struct hk_class_policy best = hk_profile_of(HK_PROFILE_AUTO, i);
        assert_true(policy.page_box && policy.warm && !policy.quiet);
        assert_int_equal(policy.warm_cap, 10);
        assert_int_equal(policy.retention, 1);
        assert_memory_equal(&policy, &best, sizeof policy);
    }
}

static void c5_7_only_keeps_nothing_else(void **state)
{
    (void)state;
    for (size_t i = 0; i < HK_BIN_COUNT; i++) {
        struct hk_class_policy policy = hk_profile_of(HK_PROFILE_C5_7_ONLY, i);
        size_t size = hk_bin_block_size(i);
        bool on = size > 128 && size <= 1024;
        assert_int_equal(policy.page_box, on);
        assert_int_equal(policy.warm, on);
        assert_int_equal(policy.warm_cap, on ? 10 : 0);
        assert_int_equal(policy.retention, on);
        assert_false(policy.quiet);
    }
}

static void tinyplus_all_has_caps_by_size(void **state)
{
    (void)state;
    for (size_t i = 0; i < HK_BIN_COUNT; i++) {
        struct hk_class_policy policy = hk_profile_of(HK_PROFILE_TINYPLUS_ALL, i);
        size_t size = hk_bin_block_size(i);
        assert_true(policy.page_box && policy.warm && !policy.quiet);
        assert_int_equal(policy.warm_cap, size <= 1024 ? 10 : 8);
        assert_int_equal(policy.retention, size <= 32 * 1024 ? 2 : 1);
    }
}

static void nothing_seen_changes_nothing(void **state)
{
    (void)state;
    static const struct hk_mind zero;

    assert_false(step());
    assert_memory_equal(&learner.decision.mind, &zero, sizeof zero);
}

static void class_asked_for_stays_awake(void **state)
{
    (void)state;
    for (int i = 0; i < 300; i++) {
        see(TINY, 1, 0, 0);
        assert_false(step());
        assert_false(is_quiet(TINY));
    }
}

static void class_left_alone_becomes_quiet(void **state)
{
    (void)state;
    see(TINY, 1, 0, 0);
    step();
    assert_false(step());
    assert_true(step());
    assert_int_equal(learner.decision.quieted, 1);
    assert_true(decided(TINY).quiet);
    assert_int_equal(decided(TINY).retention, 0);
    assert_true(decided(TINY).page_box && decided(TINY).warm);
    assert_int_equal(decided(MIDDLE).retention, 1);
    assert_false(decided(MIDDLE).quiet);
    assert_false(step());
}

static void class_without_pages_has_nothing_to_give_up(void **state)
{
    (void)state;
    see(TINY, 1, 0, 0);
    learner.view.of[TINY].pages = 0;
    for (int i = 0; i < 300; i++) {
        assert_false(step());
    }
}

static void class_asked_for_again_wakes(void **state)
{
    (void)state;
    steps_until_quiet(TINY);
    see(TINY, 1, 0, 0);
    assert_true(step());
    assert_int_equal(learner.decision.woken, 1);
    assert_false(decided(TINY).quiet);
    assert_int_equal(decided(TINY).retention, 1);
}

static void coming_back_at_once_makes_patient(void **state)
{
    (void)state;
    static const size_t patience[] = {2, 4, 8, 16, 32, 64, 64};
    for (size_t i = 0; i < sizeof patience / sizeof *patience; i++) {
        assert_int_equal(steps_until_quiet(TINY), patience[i]);
    }
}

static void coming_back_late_makes_impatient_again(void **state)
{
    (void)state;
    steps_until_quiet(TINY);
    steps_until_quiet(TINY);
    assert_int_equal(steps_until_quiet(TINY), 8);
    for (int i = 0; i < 8 * 3; i++) {
        step(); /* four times its patience in all */
    }
    assert_int_equal(steps_until_quiet(TINY), 4);
}

static void score_weighs_visits_four_times(void **state)
{
    (void)state;
    see(TINY, 1, 15, 3);
    assert_false(step());
    see(TINY, 1, 15, 4);
    assert_true(step());
    assert_int_equal(learner.decision.raised, 1);
    see(MIDDLE, 1, 16, 0);
    step();
    assert_int_equal(learner.decision.mind.of[MIDDLE].heat, 1);
}

static void raised_class_has_higher_caps(void **state)
{
    (void)state;
    static const uint8_t warm_cap[] = {20, 40, 64, 64, 64};
    static const uint8_t warm_floor[] = {4, 8, 16, 32, 32};
    for (size_t i = 0; i < 5; i++) {
        see(TINY, 1, 100, 0);
        assert_int_equal(step(), i < 4);
        assert_int_equal(learner.decision.mind.of[TINY].heat, i < 4 ? i + 1 : 4);
        assert_int_equal(decided(TINY).warm_cap, warm_cap[i]);
        assert_int_equal(decided(TINY).retention, 1);
        assert_int_equal(learner.policy.warm_floor, warm_floor[i]);
        assert_int_equal(decided(MIDDLE).warm_cap, 10);
    }
}

static void pages_that_cannot_be_warm_stay_with_their_class(void **state)
{
    (void)state;
    static const uint8_t retention[] = {2, 4, 4, 4};
    const size_t four = class_of_slices(4);
    const size_t sixteen = class_of_slices(16);
    for (size_t i = 0; i < 4; i++) {
        if (four < HK_BIN_COUNT) {
            see(four, 1, 100, 0);
        }
        if (sixteen < HK_BIN_COUNT) {
            see(sixteen, 1, 100, 0);
        }
        step();
        assert_true(four == HK_BIN_COUNT || decided(four).retention == retention[i]);
        assert_true(four == HK_BIN_COUNT || decided(four).warm_cap == 10);
        assert_true(sixteen == HK_BIN_COUNT || decided(sixteen).retention == 1);
    }
}

static void class_that_cools_goes_back_to_the_profile(void **state)
{
    (void)state;
    for (int i = 0; i < 4; i++) {
        see(TINY, 1, 100, 0);
        step();
    }
    for (int heat = 3; heat >= 0; heat--) {
        see(TINY, 1, 1, 0);
        assert_true(step());
        assert_int_equal(learner.decision.lowered, 1);
        assert_int_equal(learner.decision.mind.of[TINY].heat, heat);
    }
    assert_int_equal(decided(TINY).warm_cap, 10);
    assert_int_equal(learner.policy.warm_floor, 0);
    see(TINY, 1, 1, 0);
    assert_false(step());
}

static size_t hot_classes(void)
{
    size_t count = 0;
    for (size_t i = 0; i < HK_BIN_COUNT; i++) {
        count += learner.decision.mind.of[i].heat > 0;
    }
    return count;
}

static void best_eight_are_raised(void **state)
{
    (void)state;
    for (size_t i = 0; i < 20; i++) {
        see(30 + i, 1, 100 + i, 0);
    }
    step();
    assert_int_equal(hot_classes(), 8);
    for (size_t i = 0; i < 20; i++) {
        assert_int_equal(learner.decision.mind.of[30 + i].heat, i >= 12);
    }
}

static void hotter_one_of_two_equals_stays(void **state)
{
    (void)state;
    for (size_t i = 0; i < 8; i++) {
        see(60 - i, 1, 50, 0);
    }
    step();
    for (size_t i = 0; i < 20; i++) {
        see(41 + i, 1, 50, 0);
    }
    step();
    for (size_t i = 0; i < 20; i++) {
        assert_int_equal(learner.decision.mind.of[41 + i].heat, i >= 12 ? 2 : 0);
    }
}

static void busier_classes_take_the_place_of_others(void **state)
{
    (void)state;
    for (size_t i = 0; i < 8; i++) {
        see(10 + i, 1, 50, 0);
    }
    step();
    for (size_t i = 0; i < 8; i++) {
        see(10 + i, 1, 50, 0);
        see(30 + i, 1, 60, 0);
    }
    step();
    assert_int_equal(learner.decision.raised, 8);
    assert_int_equal(learner.decision.lowered, 8);
    assert_int_equal(hot_classes(), 8);
}

static void class_that_is_off_stays_off(void **state)
{
    (void)state;
    for (int i = 0; i < 10; i++) {
        see(TINY, i < 5, 100, 100);
        see(MIDDLE, i < 5, 0, 0);
        step_of(HK_PROFILE_C5_7_ONLY);
        assert_false(is_quiet(TINY));
        assert_int_equal(learner.decision.mind.of[TINY].heat, 0);
    }
    assert_true(is_quiet(MIDDLE));
}

static void quiet_class_is_not_warm_whatever_its_heat(void **state)
{
    (void)state;
    for (int i = 0; i < 8; i++) {
        see(TINY, i < 4, 100, 0);
        step();
    }
    assert_true(is_quiet(TINY));
    assert_int_equal(learner.decision.mind.of[TINY].heat, 4);
    assert_int_equal(decided(TINY).warm_cap, 10);
    assert_int_equal(learner.policy.warm_floor, 0);
}

static void see_anything(struct random *random)
{
    for (size_t i = 0; i < HK_BIN_COUNT; i++) {
        bool busy = random_below(random, 4) == 0;
        learner.view.of[i] = (struct hk_class_view){
            .refills = busy ? random_below(random, 3) : 0,
            .visits = busy ? random_below(random, 40) : 0,
            .misses = random_below(random, 10),
            .pages = random_below(random, 3),
        };
    }
}

/* -> classes that the two policies treat differently. */
static size_t differences(const struct hk_policy *one, const struct hk_policy *other)
{
    size_t count = 0;
    for (size_t i = 0; i < HK_BIN_COUNT; i++) {
        count += memcmp(&one->of[i], &other->of[i], sizeof one->of[i]) != 0;
    }
    return count;
}

static void limits_hold_whatever_is_seen(void **state)
{
    (void)state;
    struct random random = random_from(3);
    for (int round = 0; round < 3000; round++) {
        struct hk_policy last = learner.policy;
        see_anything(&random);
        step();
        const struct hk_decision *decision = &learner.decision;
        assert_in_range(hot_classes(), 0, HK_HOT_CLASSES);
        for (size_t i = 0; round && i < HK_BIN_COUNT; i++) {
            struct hk_class_policy policy = decided(i);
            assert_in_range(policy.warm_cap, 10, HK_WARM_MAX);
            assert_in_range(policy.retention, !policy.quiet, policy.quiet ? 0 : 4);
            assert_int_equal(policy.quiet, is_quiet(i));
        }
        size_t changes = decision->raised + decision->lowered + decision->quieted + decision->woken;
        assert_true(round == 0 || differences(&last, &learner.policy) <= changes);
    }
}

static void same_view_and_mind_give_the_same(void **state)
{
    (void)state;
    static struct hk_decision again;
    struct random random = random_from(7);
    for (int round = 0; round < 50; round++) {
        see_anything(&random);
        struct hk_view view = learner.view;
        struct hk_mind before = learner.decision.mind;
        bool changes = step();
        memset(&again, round, sizeof again);
        assert_int_equal(hk_policy_decide(HK_PROFILE_LEGACY, &view, &before, &again), changes);
        assert_memory_equal(&again.mind, &learner.decision.mind, sizeof again.mind);
        assert_memory_equal(&again.policy, &learner.decision.policy, sizeof again.policy);
        assert_int_equal(again.raised, learner.decision.raised);
        assert_int_equal(again.quieted, learner.decision.quieted);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(legacy_has_one_rule_for_all),
        cmocka_unit_test(c5_7_only_keeps_nothing_else),
        cmocka_unit_test(tinyplus_all_has_caps_by_size),
        cmocka_unit_test_setup(nothing_seen_changes_nothing, begin),
        cmocka_unit_test_setup(class_asked_for_stays_awake, begin),
        cmocka_unit_test_setup(class_left_alone_becomes_quiet, begin),
        cmocka_unit_test_setup(class_without_pages_has_nothing_to_give_up, begin),
        cmocka_unit_test_setup(class_asked_for_again_wakes, begin),
        cmocka_unit_test_setup(coming_back_at_once_makes_patient, begin),
        cmocka_unit_test_setup(coming_back_late_makes_impatient_again, begin),
        cmocka_unit_test_setup(score_weighs_visits_four_times, begin),
        cmocka_unit_test_setup(raised_class_has_higher_caps, begin),
        cmocka_unit_test_setup(pages_that_cannot_be_warm_stay_with_their_class, begin),
        cmocka_unit_test_setup(class_that_cools_goes_back_to_the_profile, begin),
        cmocka_unit_test_setup(best_eight_are_raised, begin),
        cmocka_unit_test_setup(hotter_one_of_two_equals_stays, begin),
        cmocka_unit_test_setup(busier_classes_take_the_place_of_others, begin),
        cmocka_unit_test_setup(class_that_is_off_stays_off, begin),
        cmocka_unit_test_setup(quiet_class_is_not_warm_whatever_its_heat, begin),
        cmocka_unit_test_setup(limits_hold_whatever_is_seen, begin),
        cmocka_unit_test_setup(same_view_and_mind_give_the_same, begin),
    };
    return cmocka_run_group_tests_name("policy", tests, NULL, NULL);
}
