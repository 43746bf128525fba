/* SPDX-License-Identifier: MIT */
/* Broken boxes: classes that a thread has stopped using. */
#include "kit/broken/box_faults.h"

enum { HOARD = 16 };

static struct {
    void *block[HOARD];
    size_t count;
} hoard;

static bool hoarding_free(struct hk_heap *heap, struct hk_page *page, void *block)
{
    if (hoard.count < HOARD) {
        hoard.block[hoard.count++] = block;
        return true;
    }
    return kit_honest.free_local(heap, page, block);
}

static size_t hoarding_collect(struct hk_heap *heap, enum hk_collect how)
{
    while (how == HK_COLLECT_ALL && hoard.count) {
        void *block = hoard.block[--hoard.count];
        kit_honest.spill(heap, hk_page_of(block), block);
    }
    return kit_honest.collect(heap, how);
}

static void hoard_what_is_idle(void *subject)
{
    struct kit_box *box = subject;
    box->free_local = hoarding_free;
    box->collect = hoarding_collect;
}

static size_t greedy_collect(struct hk_heap *heap, enum hk_collect how)
{
    return kit_honest.collect(heap, how == HK_COLLECT_IDLE ? HK_COLLECT_ALL : how);
}

static void take_what_is_in_use(void *subject)
{
    ((struct kit_box *)subject)->collect = greedy_collect;
}

static size_t careless_collect(struct hk_heap *heap, enum hk_collect how)
{
    if ((how == HK_COLLECT_IDLE || how == HK_COLLECT_SPARE) && heap->pages) {
        size_t bytes = 0;
        HK_COLD.purge(heap->pages, 0, HK_SLICE, &bytes);
        return bytes;
    }
    return kit_honest.collect(heap, how);
}

static void purge_as_if_idle(void *subject)
{
    ((struct kit_box *)subject)->collect = careless_collect;
}

static size_t boasting_collect(struct hk_heap *heap, enum hk_collect how)
{
    return kit_honest.collect(heap, how) + HK_SLICE;
}

static void boast_of_idle_bytes(void *subject)
{
    ((struct kit_box *)subject)->collect = boasting_collect;
}

/* The first block that lies at hand is lost. */
static size_t forgetful_collect(struct hk_heap *heap, enum hk_collect how)
{
    if (how == HK_COLLECT_SPARE) {
        (void)kit_honest.alloc(heap, kit_request(0));
    }
    return kit_honest.collect(heap, how);
}

static void lose_what_is_spare(void *subject)
{
    ((struct kit_box *)subject)->collect = forgetful_collect;
}

const struct kit_fault kit_idle_faults[] = {
    {"idle_blocks_hoarded", "idle_class_holds_no_scattered_pages", hoard_what_is_idle},
    {"class_in_use_emptied", "class_in_use_keeps_what_is_at_hand", take_what_is_in_use},
    {"idle_purges_live_blocks", "collect_idle_keeps_live_blocks", purge_as_if_idle},
    {"idle_miscounts", "collect_idle_counts_what_it_retires", boast_of_idle_bytes},
    {"spare_purges_live_blocks", "collect_spare_keeps_live_blocks", purge_as_if_idle},
    {"spare_miscounts", "collect_spare_counts_what_it_retires", boast_of_idle_bytes},
    {"spare_block_lost", "spare_class_serves_again", lose_what_is_spare},
};
const size_t kit_idle_fault_count = sizeof kit_idle_faults / sizeof *kit_idle_faults;
