/* SPDX-License-Identifier: MIT */
/* Cold sides that break a clause of live counts, over the fake. */
#include "kit/broken/cold_faults.h"

static void deaf_adjust(struct hk_page *page, int delta)
{
    HONEST.adjust(page, delta > 0 ? delta : 0);
}

static void hear_no_loss(void *subject)
{
    ((struct hk_cold *)subject)->adjust = deaf_adjust;
}

static void remembering_retire(struct hk_heap *heap, struct hk_page *page)
{
    uint32_t live = atomic_load(&hk_page_slot(page)->live);
    HONEST.retire(heap, page);
    atomic_store(&hk_page_slot(page)->live, live);
}

static void outlast_the_lease(void *subject)
{
    ((struct hk_cold *)subject)->retire = remembering_retire;
}

static struct hk_heap *remembering_birth(uintptr_t token)
{
    struct hk_heap *heap = HONEST.birth(token);
    for (struct hk_page *page = heap->pages; page; page = hk_page_slot(page)->next) {
        HONEST.adjust(page, 9);
    }
    return heap;
}

static void outlast_the_heap(void *subject)
{
    ((struct hk_cold *)subject)->birth = remembering_birth;
}

static void hushing_stat(struct hk_cold_stat *out)
{
    HONEST.stat(out);
    out->live_void = !HK_COLD_STATS_VOID;
}

static void hush(void *subject)
{
    ((struct hk_cold *)subject)->stat = hushing_stat;
}

const struct kit_fault kit_live_faults[] = {
    {"reports_ignored", "live_counts_are_what_was_reported", hear_no_loss},
    {"live_count_outlasts_the_lease", "live_counts_end_with_the_lease", outlast_the_lease},
    {"live_count_outlasts_the_heap", "live_counts_start_anew_with_the_heir", outlast_the_heap},
    {"void_counts_hushed_up", "live_counts_are_said_to_be_void_or_not", hush},
};
const size_t kit_live_fault_count = sizeof kit_live_faults / sizeof *kit_live_faults;
