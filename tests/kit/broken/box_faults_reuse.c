/* SPDX-License-Identifier: MIT */
/* Broken boxes: a block on two free lists, a page that remembers its last life. */
#include "kit/broken/box_faults.h"

static bool doubling_free(struct hk_heap *heap, struct hk_page *page, void *block)
{
    static size_t calls;
    bool done = kit_honest.free_local(heap, page, block);
    if (done && ++calls == 8) {
        kit_honest.spill(kit_honest.owns_pages ? heap : NULL, page, block);
    }
    return done;
}

static void put_blocks_on_two_lists(void *subject)
{
    ((struct kit_box *)subject)->free_local = doubling_free;
}

static bool in_second_life;

static size_t noting_collect(struct hk_heap *heap, enum hk_collect how)
{
    in_second_life = true;
    return kit_honest.collect(heap, how);
}

/* The page's blocks count as used, as they did when it was given up. */
static void *stale_refill(struct hk_heap *heap, size_t request)
{
    void *block = kit_honest.refill(heap, request);
    while (in_second_life && kit_honest.alloc(heap, request)) {
    }
    return block;
}

static void reset_no_page(void *subject)
{
    struct kit_box *box = subject;
    box->collect = noting_collect;
    box->refill = stale_refill;
}

const struct kit_fault kit_reuse_faults[] = {
    {"block_on_two_lists", "hot_and_cold_never_share_a_free_list", put_blocks_on_two_lists},
    {"page_not_reset", "full_page_is_reset_before_reuse", reset_no_page},
};
const size_t kit_reuse_fault_count = sizeof kit_reuse_faults / sizeof *kit_reuse_faults;
