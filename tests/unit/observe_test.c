/* SPDX-License-Identifier: MIT */
/* policy=observe: the learner decides and notes, and nothing else changes. */
#include "unit/cold_unit.h"

#include "coldbox/learn.h"
#include "gate/report_policy.h"

#include <stdlib.h>
#include <string.h>

enum { TINY = 4, PERIOD = HK_LEARN_PERIOD_MS * 1000000 };

static uint64_t now_ns = 1000000000;
static size_t shed_times;
static struct hk_learn_stat stat;

static void count_shed(struct hk_heap *heap)
{
    (void)heap;
    shed_times += 1;
}

static int start(void **state)
{
    static const struct hk_hooks hooks = {no_splice, no_attach, no_parts, count_shed};
    (void)state;
    return hk_cold.init(&hooks);
}

static void pass(struct hk_heap *heap, uint64_t refills, uint64_t visits)
{
    hk_count_events(heap, TINY, HK_EVENT_REFILL, refills);
    hk_count_events(heap, TINY, HK_EVENT_VISIT, visits);
    now_ns += PERIOD;
    hk_cold.learn(heap, now_ns);
    assert_true(hk_learn_read(&stat));
}

/* -> the number in the line of that name. */
static uint64_t number_after(const char *text, const char *name)
{
    const char *line = strstr(text, name);
    assert_non_null(line);
    return strtoull(line + strlen(name), NULL, 10);
}

static void before_all_it_wants_the_profile(void **state)
{
    (void)state;
    assert_true(hk_learn_read(&stat));
    for (size_t i = 0; i < HK_BIN_COUNT; i++) {
        struct hk_class_policy profile = hk_profile_of(HK_PROFILE_LEGACY, i);
        assert_memory_equal(&stat.wanted.of[i], &profile, sizeof profile);
    }
    assert_int_equal(stat.steps, 0);
}

static void decisions_are_noted(void **state)
{
    (void)state;
    struct hk_heap *heap = hk_cold.birth(0);

    pass(heap, 1, 100);
    assert_int_equal(stat.steps, 1);
    assert_int_equal(stat.raised, 1);
    assert_int_equal(stat.wanted.of[TINY].warm_cap, 2 * HK_WARM_CAP);
    assert_int_equal(stat.wanted.warm_floor, 4);
    hk_count_event(heap, TINY, HK_EVENT_LEASE); /* a page that it has */
    pass(heap, 0, 0);
    pass(heap, 0, 0);
    assert_int_equal(stat.lowered, 1);
    assert_int_equal(stat.quieted, 1);
    assert_true(stat.wanted.of[TINY].quiet);
    pass(heap, 1, 0);
    assert_int_equal(stat.woken, 1);
    hk_count_event(heap, TINY, HK_EVENT_RETIRE);
    hk_cold.death(heap);
}

static void decisions_are_not_applied(void **state)
{
    (void)state;
    struct hk_heap *heap = hk_cold.birth(0);
    for (int i = 0; i < 20; i++) {
        pass(heap, i % 8 == 0, i % 3 ? 100 : 0);
        struct hk_class_policy policy = hk_policy_of(heap, TINY);
        struct hk_class_policy profile = hk_profile_of(HK_PROFILE_LEGACY, TINY);
        assert_memory_equal(&policy, &profile, sizeof profile);
        assert_int_equal(hk_policy_warm_floor(heap), 0);
    }
    assert_null(heap->policy);
    assert_int_equal(shed_times, 0);
    assert_int_equal(stat.snapshots, 0);
    assert_int_equal(stat.objects, 0);
    assert_true(stat.raised > 1);
    hk_cold.death(heap);
}

static void report_says_what_would_have_been(void **state)
{
    (void)state;
    static char buffer[2000];
    struct hk_text text = {.buffer = buffer, .size = sizeof buffer, .fd = -1};
    struct hk_heap *heap = hk_cold.birth(0);
    pass(heap, 1, 100);

    hk_report_policy(&text);

    buffer[text.used] = '\0';
    assert_non_null(strstr(buffer, "policy observe: decided, not applied"));
    assert_true(number_after(buffer, "learner: steps") > 0);
    assert_int_equal(number_after(buffer, "learner: steps"), stat.steps);
    assert_int_equal(number_after(buffer, "learner: caps raised"), stat.raised);
    assert_int_equal(number_after(buffer, "learner: classes with raised caps now"), 1);
    assert_int_equal(number_after(buffer, "learner: snapshots published"), 0);
    hk_cold.death(heap);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(before_all_it_wants_the_profile),
        cmocka_unit_test(decisions_are_noted),
        cmocka_unit_test(decisions_are_not_applied),
        cmocka_unit_test(report_says_what_would_have_been),
    };
    return cmocka_run_group_tests_name("observe", tests, start, NULL);
}
