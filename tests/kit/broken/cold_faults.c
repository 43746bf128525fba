/* SPDX-License-Identifier: MIT */
/* Cold sides that are broken on purpose: thin wrappers over the fake, each of which breaks one
 * clause and no other. */
#include "kit/broken/cold_faults.h"

#include <string.h>

void *kit_cold_copy(const void *subject)
{
    (void)subject; /* the fake is the first */
    static struct hk_cold copy;
    copy = HONEST;
    copy.name = "fake wrapped";
    return &copy;
}

static struct hk_page *headless_lease(const struct hk_lease *request)
{
    struct hk_page *page = HONEST.lease(request);
    page[request->slices - 1].bin_index += 1;
    return page;
}

static struct hk_page *soiled_lease(const struct hk_lease *request)
{
    struct hk_page *page = HONEST.lease(request);
    page->private_part[7] = 1;
    return page;
}

static struct hk_page *marked_lease(const struct hk_lease *request)
{
    struct hk_page *page = HONEST.lease(request);
    hk_page_map(page)[1] |= 1;
    return page;
}

static struct hk_page *boasting_lease(const struct hk_lease *request)
{
    struct hk_page *page = HONEST.lease(request);
    page->flags |= HK_PAGE_ZERO;
    return page;
}

static struct hk_page *repeating_lease(const struct hk_lease *request)
{
    static struct hk_page *last;
    static size_t calls;
    if (++calls % 8 == 0) {
        return last;
    }
    last = HONEST.lease(request);
    return last;
}

static void no_retire(struct hk_heap *heap, struct hk_page *page)
{
    (void)heap;
    (void)page;
}

static struct hk_page *growing_lease(const struct hk_lease *request)
{
    struct hk_lease greedy = *request;
    greedy.grow = true;
    return HONEST.lease(&greedy);
}

static struct hk_page *miscounting_lease(const struct hk_lease *request)
{
    request->heap->page_count += 1;
    return HONEST.lease(request);
}

static void boasting_stat(struct hk_cold_stat *out)
{
    static uint64_t calls;
    HONEST.stat(out);
    out->leases += ++calls;
}

static size_t no_trim(struct hk_heap *heap, size_t keep)
{
    (void)heap;
    (void)keep;
    return 0;
}

static size_t partial_trim(struct hk_heap *heap, size_t keep)
{
    (void)heap;
    return HONEST.trim(NULL, keep);
}

/* Pages that a heap would keep warm stay leased, also in a cold side that keeps none. */
static void warm_retire(struct hk_heap *heap, struct hk_page *page)
{
    static size_t calls;
    if (++calls % 2) {
        HONEST.retire(heap, page);
    }
}

static bool losing_keep(struct hk_heap *heap, struct hk_page *page, void *block)
{
    (void)heap;
    (void)page;
    (void)block;
    return true;
}

static struct hk_page *first_leased;

static struct hk_page *noting_lease(const struct hk_lease *request)
{
    struct hk_page *page = HONEST.lease(request);
    first_leased = first_leased ? first_leased : page;
    return page;
}

static size_t cruel_trim(struct hk_heap *heap, size_t keep)
{
    memset(hk_page_start(first_leased), 0, HK_SLICE);
    return HONEST.trim(heap, keep);
}

static bool wide_purge(struct hk_page *page, size_t offset, size_t size, size_t *bytes)
{
    memset(hk_page_start(page) + offset / 4096 * 4096, 0, size);
    *bytes += size;
    return true;
}

static bool refusing_purge(struct hk_page *page, size_t offset, size_t size, size_t *bytes)
{
    (void)HONEST.purge(page, offset, size, bytes);
    return false;
}

static bool own_everything(const void *block)
{
    (void)block;
    return true;
}

static const char *wolf_check(void)
{
    return "wolf";
}

static void no_flush(struct hk_heap *heap)
{
    (void)heap;
}

static void slow_post(struct hk_heap *heap, struct hk_page *page, void *block)
{
    static struct hk_heap *clerk;
    clerk = clerk ? clerk : HONEST.birth(0);
    HONEST.post(heap ? heap : clerk, page, block);
}

static void losing_post(struct hk_heap *heap, struct hk_page *page, void *block)
{
    static size_t calls;
    if (++calls % 100) {
        HONEST.post(heap, page, block);
    }
}

static void hoarding_post(struct hk_heap *heap, struct hk_page *page, void *block)
{
    (void)heap;
    (void)page;
    (void)block;
}

static size_t boasting_drain(struct hk_heap *heap)
{
    return HONEST.drain(heap) + 1;
}

static struct hk_heap *tokenless_birth(uintptr_t token)
{
    struct hk_heap *heap = HONEST.birth(token);
    heap->token = 1;
    return heap;
}

static struct hk_heap *busy_birth(uintptr_t token)
{
    struct hk_heap *heap = HONEST.birth(token);
    heap->busy = 1;
    return heap;
}

static void no_death(struct hk_heap *heap)
{
    (void)heap;
}

static void haunting_death(struct hk_heap *heap)
{
    uintptr_t token = heap->token;
    HONEST.death(heap);
    if (heap->pages) {
        atomic_store(&heap->pages->owner, token);
    }
}

static bool no_adopt(struct hk_heap *heap)
{
    (void)heap;
    return false;
}

static void forgetting_post(struct hk_heap *heap, struct hk_page *page, void *block)
{
    if (hk_page_owner(page) != HK_OWNER_ORPHAN) {
        HONEST.post(heap, page, block);
    }
}

static bool yes_adopt(struct hk_heap *heap)
{
    (void)heap;
    return true;
}

static void no_parent(void)
{
}

static void orphaning_child(struct hk_heap *self)
{
    HONEST.child(NULL);
    (void)self;
}

static void restless_learn(struct hk_heap *heap, uint64_t now)
{
    HONEST.learn(heap, now);
    kit_shed(heap);
}

static void misdelivering_post(struct hk_heap *heap, struct hk_page *page, void *block)
{
    (void)heap;
    (void)page;
    kit_stub.block[kit_stub.block_count++] = block;
}

FAULT(misdescribe, lease, headless_lease)
FAULT(soil, lease, soiled_lease)
FAULT(mark, lease, marked_lease)
FAULT(boast_zero, lease, boasting_lease)
FAULT(repeat, lease, repeating_lease)
FAULT(keep_pages, retire, no_retire)
FAULT(grow_always, lease, growing_lease)
FAULT(miscount_pages, lease, miscounting_lease)
FAULT(miscount_leases, stat, boasting_stat)
FAULT(trim_nothing, trim, no_trim)
FAULT(lose_kept, keep, losing_keep)
FAULT(purge_too_much, purge, wide_purge)
FAULT(refuse_to_purge, purge, refusing_purge)
FAULT(own_all, owns, own_everything)
FAULT(cry_wolf, check, wolf_check)
FAULT(flush_nothing, flush, no_flush)
FAULT(hold_back, post, slow_post)
FAULT(lose_some, post, losing_post)
FAULT(hoard, post, hoarding_post)
FAULT(miscount_drained, drain, boasting_drain)
FAULT(give_no_token, birth, tokenless_birth)
FAULT(bear_busy, birth, busy_birth)
FAULT(never_die, death, no_death)
FAULT(haunt, death, haunting_death)
FAULT(never_adopt, adopt, no_adopt)
FAULT(forget_the_dead, post, forgetting_post)
FAULT(adopt_nothing, adopt, yes_adopt)
FAULT(keep_locks, parent, no_parent)
FAULT(strand_self, child, orphaning_child)
FAULT(touch_frozen, post, misdelivering_post)
FAULT(shed_always, learn, restless_learn)

static void trim_live_pages(void *subject)
{
    struct hk_cold *cold = subject;
    cold->lease = noting_lease;
    cold->trim = cruel_trim;
}

static void leave_warm_pages(void *subject)
{
    struct hk_cold *cold = subject;
    cold->retire = warm_retire;
    cold->trim = partial_trim;
}

static void skew_the_head(void *subject)
{
    (void)subject;
    kit_stub.skew_page = true;
}

const struct kit_fault kit_cold_faults[] = {
    {"slice_misdescribed", "lease_describes_every_slice", misdescribe},
    {"private_part_soiled", "lease_starts_with_zero_private_parts", soil},
    {"map_soiled", "lease_starts_with_zero_maps", mark},
    {"dirty_page_called_zero", "zero_flag_tells_the_truth", boast_zero},
    {"page_leased_twice", "leased_pages_are_exclusive", repeat},
    {"retired_page_kept", "retired_page_is_leased_again", keep_pages},
    {"lease_grows_unasked", "lease_that_may_not_grow_takes_nothing_new", grow_always},
    {"pages_miscounted", "heap_lists_its_pages", miscount_pages},
    {"leases_miscounted", "stat_counts_leases", miscount_leases},
    {"trim_gives_nothing", "trim_gives_dirty_memory_back", trim_nothing},
    {"trim_leaves_warm_pages", "trim_takes_what_a_heap_keeps_warm", leave_warm_pages},
    {"trim_takes_live_memory", "trim_leaves_live_pages_alone", trim_live_pages},
    {"purge_takes_too_much", "purge_stays_inside_its_range", purge_too_much},
    {"purge_refused_for_nothing", "purge_stays_inside_its_range", refuse_to_purge},
    {"everything_owned", "owns_tells_ours_from_foreign", own_all},
    {"check_cries_wolf", "check_accepts_what_is_right", cry_wolf},
    {"flush_sends_nothing", "posted_block_is_home_after_a_flush", flush_nothing},
    {"nobodys_block_held_back", "block_posted_by_nobody_is_sent_at_once", hold_back},
    {"posted_block_lost", "every_posted_block_comes_home_once", lose_some},
    {"kept_block_lost", "kept_blocks_come_home", lose_kept},
    {"blocks_held_for_ever", "blocks_held_back_are_bounded", hoard},
    {"drain_miscounts", "drain_counts_blocks", miscount_drained},
    {"splice_gets_a_slice", "splice_gets_the_head", skew_the_head},
    {"heap_without_token", "birth_gives_a_live_heap", give_no_token},
    {"heap_born_busy", "reborn_heap_is_outside_the_allocator", bear_busy},
    {"heaps_never_die", "heaps_are_recycled", never_die},
    {"dead_heap_haunts", "dead_heaps_pages_are_orphans", haunt},
    {"orphans_not_adopted", "adopted_pages_are_the_heirs", never_adopt},
    {"dead_heaps_post_lost", "blocks_posted_to_the_dead_come_home", forget_the_dead},
    {"shed_without_reason", "shed_is_for_a_new_policy", shed_always},
    {"nothing_adopted", "adopt_without_orphans_is_false", adopt_nothing},
    {"parent_keeps_the_locks", "parent_goes_on_after_fork", keep_locks},
    {"child_strands_itself", "child_keeps_its_heap_and_strands_the_others", strand_self},
    {"frozen_page_spliced", "frozen_page_takes_frees", touch_frozen},
};
const size_t kit_cold_fault_count = sizeof kit_cold_faults / sizeof *kit_cold_faults;
