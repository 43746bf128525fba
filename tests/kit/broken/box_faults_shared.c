/* SPDX-License-Identifier: MIT */
/* Broken boxes with shared pages: blocks that only their first thread may give back, or take. */
#include "kit/broken/box_faults.h"

#include <stdatomic.h>

static void picky_spill(struct hk_heap *heap, struct hk_page *page, void *block)
{
    if (heap) {
        kit_honest.spill(heap, page, block);
    }
}

static void lose_nobodys_blocks(void *subject)
{
    ((struct kit_box *)subject)->spill = picky_spill;
}

static struct hk_heap *only_heap;

static void *noting_refill(struct hk_heap *heap, size_t request)
{
    only_heap = only_heap ? only_heap : heap;
    return kit_honest.refill(heap, request);
}

static bool choosy_free(struct hk_heap *heap, struct hk_page *page, void *block)
{
    return heap == only_heap ? kit_honest.free_local(heap, page, block) : true;
}

static void know_ones_own_blocks_only(void *subject)
{
    struct kit_box *box = subject;
    box->refill = noting_refill;
    box->free_local = choosy_free;
}

static void *leasing_refill(struct hk_heap *heap, size_t request)
{
    const struct hk_lease one = {
        .heap = heap,
        .block_size = 1024,
        .bin_index = 64,
        .kind = kit_honest.kind,
        .slices = 1,
        .grow = true,
        .shared = true,
    };
    void *block = kit_honest.refill(heap, request);
    struct hk_page *page = HK_COLD.lease(&one);
    if (page) {
        HK_COLD.retire(heap, page);
    }
    return block;
}

static void lease_at_each_refill(void *subject)
{
    ((struct kit_box *)subject)->refill = leasing_refill;
}

static bool hasty_free(struct hk_heap *heap, struct hk_page *page, void *block)
{
    static _Atomic(size_t) calls;
    /* as if another thread had written over it */
    return atomic_fetch_add(&calls, 1) % 32 == 31 || kit_honest.free_local(heap, page, block);
}

static void lose_a_block_in_the_crowd(void *subject)
{
    ((struct kit_box *)subject)->free_local = hasty_free;
}

static void no_attach(struct hk_heap *heap, struct hk_page *page)
{
    (void)heap;
    (void)page;
}

static void leave_the_page_outside(void *subject)
{
    ((struct kit_box *)subject)->attach = no_attach;
}

const struct kit_fault kit_sharing_faults[] = {
    {"nobodys_block_lost", "freed_block_needs_no_heap", lose_nobodys_blocks},
    {"others_blocks_lost", "block_goes_back_through_any_heap", know_ones_own_blocks_only},
    {"refill_always_leases", "freed_blocks_serve_another_thread", lease_at_each_refill},
    {"block_lost_in_the_crowd", "threads_may_empty_one_page_together", lose_a_block_in_the_crowd},
    {"attached_page_forgotten", "attached_page_joins_the_others", leave_the_page_outside},
};
const size_t kit_sharing_fault_count = sizeof kit_sharing_faults / sizeof *kit_sharing_faults;
