/* SPDX-License-Identifier: MIT */
/* Broken boxes: heaps and pages that change hands, counts and checks. */
#include "kit/broken/box_faults.h"

#include <string.h>
#include <unistd.h>

struct kit_box kit_honest;

void *kit_box_copy(const void *subject)
{
    static struct kit_box copy;
    kit_honest = *(const struct kit_box *)subject;
    copy = kit_honest;
    strcat(copy.name, " wrapped");
    return &copy;
}

static size_t idle_keep(struct hk_heap *heap, enum hk_collect how)
{
    return how == HK_COLLECT_KEEP ? 0 : kit_honest.collect(heap, how);
}

static void absorb_nothing(void *subject)
{
    ((struct kit_box *)subject)->collect = idle_keep;
}

static void scrubbing_abandon(struct hk_heap *heap)
{
    kit_honest.abandon(heap);
    for (struct hk_page *page = heap->pages; page; page = hk_page_slot(page)->next) {
        memset(hk_page_start(page), 0, hk_page_slot(page)->slices * (size_t)HK_SLICE);
    }
}

static void scrub_the_inheritance(void *subject)
{
    ((struct kit_box *)subject)->abandon = scrubbing_abandon;
}

static void blind_attach(struct hk_heap *heap, struct hk_page *page)
{
    kit_honest.attach(heap, page);
    page->bin = NULL;
}

static void forget_the_bin(void *subject)
{
    ((struct kit_box *)subject)->attach = blind_attach;
}

static void bare_attach(struct hk_heap *heap, struct hk_page *page)
{
    for (uint32_t i = 0; i < hk_page_slot(page)->slices; i++) {
        page[i].bin = hk_bin_at(heap, (size_t)page->bin_index << HK_BIN_SHIFT);
    }
}

static void forget_the_room(void *subject)
{
    ((struct kit_box *)subject)->attach = bare_attach;
}

static void eager_init(struct hk_heap *heap)
{
    kit_honest.init(heap);
    void *block = kit_honest.refill(heap, kit_request(1));
    if (block) {
        kit_honest.free_local(heap, hk_page_of(block), block);
    }
}

static void lease_at_init(void *subject)
{
    ((struct kit_box *)subject)->init = eager_init;
}

static size_t idle_all(struct hk_heap *heap, enum hk_collect how)
{
    (void)how;
    return kit_honest.collect(heap, HK_COLLECT_KEEP);
}

static void keep_empty_pages(void *subject)
{
    ((struct kit_box *)subject)->collect = idle_all;
}

static size_t thorough_collect(struct hk_heap *heap, enum hk_collect how)
{
    return kit_honest.collect(heap, how == HK_COLLECT_QUIET ? HK_COLLECT_ALL : how);
}

static void give_up_all_classes(void *subject)
{
    ((struct kit_box *)subject)->collect = thorough_collect;
}

static size_t idle_quiet(struct hk_heap *heap, enum hk_collect how)
{
    return kit_honest.collect(heap, how == HK_COLLECT_QUIET ? HK_COLLECT_KEEP : how);
}

static void keep_quiet_classes(void *subject)
{
    ((struct kit_box *)subject)->collect = idle_quiet;
}

static size_t boasting_collect(struct hk_heap *heap, enum hk_collect how)
{
    return kit_honest.collect(heap, how) + HK_SLICE;
}

static void boast_of_retired_bytes(void *subject)
{
    ((struct kit_box *)subject)->collect = boasting_collect;
}

static size_t overdone_collect(struct hk_heap *heap, enum hk_collect how)
{
    size_t bytes = kit_honest.collect(heap, how);
    if (heap->pages) {
        memset(hk_page_map(heap->pages), 0, HK_SLICE_MAP);
        HK_COLD.retire(heap, heap->pages);
    }
    return bytes;
}

static void retire_live_pages(void *subject)
{
    ((struct kit_box *)subject)->collect = overdone_collect;
}

static size_t careless_parts(struct hk_heap *heap, enum hk_collect how)
{
    if (how == HK_COLLECT_PARTS && heap->pages) {
        size_t bytes = 0;
        HK_COLD.purge(heap->pages, 0, HK_SLICE, &bytes);
        return bytes;
    }
    return kit_honest.collect(heap, how);
}

static void purge_live_blocks(void *subject)
{
    ((struct kit_box *)subject)->collect = careless_parts;
}

static void no_abandon(struct hk_heap *heap)
{
    (void)heap;
}

static void abandon_nothing(void *subject)
{
    ((struct kit_box *)subject)->abandon = no_abandon;
}

static void littering_abandon(struct hk_heap *heap)
{
    kit_honest.abandon(heap);
    hk_bin_at(heap, HK_ALIGN)->limit = 64;
}

static void leave_a_bin(void *subject)
{
    ((struct kit_box *)subject)->abandon = littering_abandon;
}

static void listing_abandon(struct hk_heap *heap)
{
    kit_honest.abandon(heap);
    if (heap->pages) {
        heap->pages->flags |= HK_PAGE_LISTED;
    }
}

static void leave_a_listed_page(void *subject)
{
    ((struct kit_box *)subject)->abandon = listing_abandon;
}

static void hoarding_init(struct hk_heap *heap)
{
    kit_honest.init(heap);
    kit_honest.refill(heap, kit_request(1));
}

static void hoard_a_block(void *subject)
{
    ((struct kit_box *)subject)->init = hoarding_init;
}

static void boasting_stat(struct hk_heap *heap, struct hk_hot_stat *out)
{
    kit_honest.stat(heap, out);
    out->blocks_out += 1;
}

static void miscount_blocks(void *subject)
{
    ((struct kit_box *)subject)->stat = boasting_stat;
}

static const char *wolf_check(struct hk_heap *heap)
{
    (void)heap;
    return "wolf";
}

static void cry_wolf(void *subject)
{
    ((struct kit_box *)subject)->check = wolf_check;
}

static const char *blind_check(struct hk_heap *heap)
{
    (void)heap;
    return NULL;
}

static void see_nothing(void *subject)
{
    ((struct kit_box *)subject)->check = blind_check;
}

static const char *endless_check(struct hk_heap *heap)
{
    while (kit_honest.check(heap)) {
        pause();
    }
    return NULL;
}

static void follow_cycles(void *subject)
{
    ((struct kit_box *)subject)->check = endless_check;
}

#if KIT_POOL
static bool yes_resize(struct hk_heap *heap, struct hk_page *page, void *block, size_t size)
{
    (void)heap;
    (void)page;
    (void)block;
    (void)size;
    return true;
}

static void resize_everything(void *subject)
{
    ((struct kit_box *)subject)->resize = yes_resize;
}

static bool scrubbing_resize(struct hk_heap *heap, struct hk_page *page, void *block, size_t size)
{
    memset(block, 0, HK_ALIGN);
    return kit_honest.resize(heap, page, block, size);
}

static void scrub_at_resize(void *subject)
{
    ((struct kit_box *)subject)->resize = scrubbing_resize;
}
#endif

static struct hk_heap *first_heap;

static void first_init(struct hk_heap *heap)
{
    first_heap = first_heap ? first_heap : heap;
    kit_honest.init(heap);
}

static void *first_alloc(struct hk_heap *heap, size_t request)
{
    (void)heap;
    return kit_honest.alloc(first_heap, request);
}

static void *first_refill(struct hk_heap *heap, size_t request)
{
    (void)heap;
    return kit_honest.refill(first_heap, request);
}

static void know_one_heap_only(void *subject)
{
    struct kit_box *box = subject;
    box->init = first_init;
    box->alloc = first_alloc;
    box->refill = first_refill;
}

const struct kit_fault kit_life_faults[] = {
    {"collect_absorbs_nothing", "collect_keep_absorbs_what_came_home", absorb_nothing},
    {"inheritance_scrubbed", "inherited_blocks_are_whole", scrub_the_inheritance},
    {"attach_forgets_the_bin", "attached_page_knows_its_bin", forget_the_bin},
    {"attach_forgets_the_room", "attached_page_with_room_serves", forget_the_room},
    {"init_leases", "new_heap_leases_nothing", lease_at_init},
    {"collect_keeps_empty_pages", "collect_all_retires_empty_pages", keep_empty_pages},
    {"collect_miscounts", "collect_counts_what_it_retires", boast_of_retired_bytes},
    {"quiet_takes_everything", "collect_quiet_leaves_other_classes", give_up_all_classes},
    {"quiet_classes_kept", "collect_quiet_gives_up_quiet_classes", keep_quiet_classes},
    {"live_page_retired", "collect_keeps_live_blocks", retire_live_pages},
    {"parts_purge_live_blocks", "collect_parts_keeps_live_blocks", purge_live_blocks},
    {"abandon_leaves_empty_pages", "abandon_retires_empty_pages", abandon_nothing},
    {"abandon_leaves_a_bin", "abandon_leaves_the_boxes_state_zero", leave_a_bin},
    {"abandon_leaves_a_listed_page", "abandoned_pages_stay_leased", leave_a_listed_page},
    {"abandon_keeps_a_block", "abandoned_heap_starts_anew", hoard_a_block},
    {"stat_miscounts", "stat_counts_blocks", miscount_blocks},
    {"check_cries_wolf", "check_accepts_a_healthy_heap", cry_wolf},
    {"check_is_blind", "check_names_a_broken_page", see_nothing},
    {"check_follows_a_cycle", "check_ends_on_a_cycle", follow_cycles},
    {"heaps_share_blocks", "heaps_of_one_thread_are_separate", know_one_heap_only},
#if KIT_POOL
    {"resize_says_yes", "resized_block_holds_its_size", resize_everything},
    {"resize_scrubs", "resize_keeps_content", scrub_at_resize},
#endif
};
const size_t kit_life_fault_count = sizeof kit_life_faults / sizeof *kit_life_faults;
