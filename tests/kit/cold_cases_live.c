/* SPDX-License-Identifier: MIT */
/* Kit cases of live counts: what boxes report by adjust, and how long it holds. */
#include "kit/cold_kit.h"

static void live_counts_are_what_was_reported(const void *subject)
{
    const struct hk_cold *cold = subject;
    struct hk_heap *heap = kit_heap(cold);
    size_t before = kit_stat(cold).live;
    struct hk_page *one = kit_lease(cold, heap, 1);
    struct hk_page *two = kit_lease(cold, heap, 4);
    assert_int_equal(kit_stat(cold).live, before);

    cold->adjust(one, 5);
    cold->adjust(two, 40);
    cold->adjust(one, -2);

    assert_int_equal(kit_stat(cold).live, before + 43);
    cold->adjust(one, -3);
    assert_int_equal(kit_stat(cold).live, before + 40);
    kit_end_heap(cold, heap);
}

static void live_counts_end_with_the_lease(const void *subject)
{
    const struct hk_cold *cold = subject;
    struct hk_heap *heap = kit_heap(cold);
    size_t before = kit_stat(cold).live;
    struct hk_page *page = kit_lease(cold, heap, 1);
    cold->adjust(page, 9);

    cold->retire(heap, page);

    assert_int_equal(kit_stat(cold).live, before);
    page = kit_lease(cold, heap, 1);
    assert_int_equal(kit_stat(cold).live, before);
    kit_end_heap(cold, heap);
}

static void live_counts_start_anew_with_the_heir(const void *subject)
{
    const struct hk_cold *cold = subject;
    struct hk_heap *heap = kit_heap(cold);
    size_t before = kit_stat(cold).live;
    struct hk_page *page = kit_lease(cold, heap, 1);
    cold->adjust(page, 9);
    cold->death(heap);

    struct hk_heap *heir = kit_heap(cold);
    while (cold->adopt(heir)) {
    }

    assert_true(hk_page_heap(page) == heir);
    assert_int_equal(kit_stat(cold).live, before);
    cold->adjust(page, 8);
    assert_int_equal(kit_stat(cold).live, before + 8);
    kit_end_heap(cold, heir);
}

static void live_counts_are_said_to_be_void_or_not(const void *subject)
{
    const struct hk_cold *cold = subject;

    assert_int_equal(kit_stat(cold).live_void, HK_COLD_STATS_VOID);
}

const struct kit_case kit_live_cases[] = {
    {"live_counts_are_what_was_reported", live_counts_are_what_was_reported, 0},
    {"live_counts_end_with_the_lease", live_counts_end_with_the_lease, 0},
    {"live_counts_start_anew_with_the_heir", live_counts_start_anew_with_the_heir, 0},
    {"live_counts_are_said_to_be_void_or_not", live_counts_are_said_to_be_void_or_not, 0},
};
const size_t kit_live_case_count = sizeof kit_live_cases / sizeof *kit_live_cases;
