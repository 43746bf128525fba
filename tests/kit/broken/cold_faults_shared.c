/* SPDX-License-Identifier: MIT */
/* Cold sides that break a clause of shared pages or of guarded locks, over the fake. */
#include "kit/broken/cold_faults.h"

#include <string.h>

static struct hk_page *owning_lease(const struct hk_lease *request)
{
    struct hk_lease own = *request;
    own.shared = false;
    return HONEST.lease(&own);
}

static void own_every_page(void *subject)
{
    ((struct hk_cold *)subject)->lease = owning_lease;
}

static struct hk_page *last_shared;

static struct hk_page *noting_lease(const struct hk_lease *request)
{
    struct hk_page *page = HONEST.lease(request);
    last_shared = page && request->shared ? page : last_shared;
    return page;
}

static void clearing_death(struct hk_heap *heap)
{
    if (last_shared) {
        memset(hk_page_start(last_shared), 0, HK_SLICE);
    }
    HONEST.death(heap);
}

static void clear_with_the_heap(void *subject)
{
    struct hk_cold *cold = subject;
    cold->lease = noting_lease;
    cold->death = clearing_death;
}

static void picky_retire(struct hk_heap *heap, struct hk_page *page)
{
    if (heap) {
        HONEST.retire(heap, page);
    }
}

static void need_a_heap(void *subject)
{
    ((struct hk_cold *)subject)->retire = picky_retire;
}

static void naming_retire(struct hk_heap *heap, struct hk_page *page)
{
    uint8_t bin = page->bin_index;
    HONEST.retire(heap, page);
    page->bin_index = bin;
}

static void leave_the_bin(void *subject)
{
    ((struct hk_cold *)subject)->retire = naming_retire;
}

static void freezing_child(struct hk_heap *self)
{
    HONEST.child(self);
    if (last_shared) {
        atomic_store(&last_shared->owner, (uintptr_t)HK_OWNER_FROZEN);
    }
}

static void freeze_shared_pages(void *subject)
{
    struct hk_cold *cold = subject;
    cold->lease = noting_lease;
    cold->child = freezing_child;
}

static void no_guard(struct hk_guard *guard)
{
    (void)guard;
}

static void forget_guards(void *subject)
{
    ((struct hk_cold *)subject)->guard = no_guard;
}

static void mute_guard(struct hk_guard *guard)
{
    guard->child = NULL;
    HONEST.guard(guard);
}

static void tell_no_guard(void *subject)
{
    ((struct hk_cold *)subject)->guard = mute_guard;
}

static void *soiling_meta(size_t size)
{
    unsigned char *piece = HONEST.meta(size);
    piece[size / 2] = 1;
    return piece;
}

static void soil_metadata(void *subject)
{
    ((struct hk_cold *)subject)->meta = soiling_meta;
}

static void *repeating_meta(size_t size)
{
    static void *piece;
    enum { LARGEST = 200000 };
    piece = piece ? piece : HONEST.meta(LARGEST);
    memset(piece, 0, size);
    return piece;
}

static void give_metadata_twice(void *subject)
{
    ((struct hk_cold *)subject)->meta = repeating_meta;
}

static void secret_stat(struct hk_cold_stat *out)
{
    HONEST.stat(out);
    out->meta = sizeof *out;
}

static void hide_metadata(void *subject)
{
    ((struct hk_cold *)subject)->stat = secret_stat;
}

const struct kit_fault kit_shared_faults[] = {
    {"shared_page_owned", "shared_page_belongs_to_no_heap", own_every_page},
    {"shared_page_dies_with_a_heap", "shared_page_outlasts_the_heap_that_leased_it",
     clear_with_the_heap},
    {"retire_needs_a_heap", "shared_page_is_retired_by_anybody", need_a_heap},
    {"retired_page_keeps_its_bin", "retired_page_has_no_bin", leave_the_bin},
    {"fork_freezes_shared_pages", "shared_page_comes_through_fork", freeze_shared_pages},
    {"guards_forgotten", "guarded_locks_are_held_across_fork", forget_guards},
    {"guards_not_told", "guard_is_told_of_the_child", tell_no_guard},
    {"metadata_soiled", "metadata_is_zero_and_lasts", soil_metadata},
    {"metadata_given_twice", "metadata_is_zero_and_lasts", give_metadata_twice},
    {"metadata_hidden", "metadata_is_counted", hide_metadata},
};
const size_t kit_shared_fault_count = sizeof kit_shared_faults / sizeof *kit_shared_faults;
