/* SPDX-License-Identifier: MIT */
/* Broken boxes: what they serve, and what they do with what comes home. */
#include "kit/broken/box_faults.h"

static void *shifted_alloc(struct hk_heap *heap, size_t request)
{
    char *block = kit_honest.alloc(heap, request);
    return block ? block + 8 : NULL;
}

static void misalign(void *subject)
{
    ((struct kit_box *)subject)->alloc = shifted_alloc;
}

static void *alloc_twice(struct hk_heap *heap, size_t request)
{
    static void *last;
    static size_t calls;
    if (++calls % 16 == 0 && last) {
        return last;
    }
    last = kit_honest.alloc(heap, request);
    return last;
}

static void hand_out_twice(void *subject)
{
    ((struct kit_box *)subject)->alloc = alloc_twice;
}

static size_t smaller(size_t request)
{
    if (kit_honest.kind == HK_KIND_TINY) {
        return request >= 32 ? request - 16 : request;
    }
    return request > 4096 ? request / 2 : request;
}

static void *alloc_smaller(struct hk_heap *heap, size_t request)
{
    return kit_honest.alloc(heap, smaller(request));
}

static void *refill_smaller(struct hk_heap *heap, size_t request)
{
    return kit_honest.refill(heap, smaller(request));
}

static void serve_too_small(void *subject)
{
    struct kit_box *box = subject;
    box->alloc = alloc_smaller;
    box->refill = refill_smaller;
}

static void *last_taken;

static void *remember_alloc(struct hk_heap *heap, size_t request)
{
    last_taken = kit_honest.alloc(heap, request);
    return last_taken;
}

static bool scribbling_free(struct hk_heap *heap, struct hk_page *page, void *block)
{
    if (last_taken && last_taken != block) {
        ((unsigned char *)last_taken)[12] ^= 1;
    }
    return kit_honest.free_local(heap, page, block);
}

static void overwrite_blocks(void *subject)
{
    struct kit_box *box = subject;
    box->alloc = remember_alloc;
    box->free_local = scribbling_free;
}

static struct hk_heap *side_heap(void)
{
    static struct hk_heap *side;
    if (!side) {
        side = HK_COLD.birth(0);
        kit_honest.init(side);
    }
    return side;
}

static void *alloc_aside(struct hk_heap *heap, size_t request)
{
    (void)heap;
    return kit_honest.alloc(side_heap(), request);
}

static void *refill_aside(struct hk_heap *heap, size_t request)
{
    (void)heap;
    return kit_honest.refill(side_heap(), request);
}

static void serve_foreign_blocks(void *subject)
{
    struct kit_box *box = subject;
    box->alloc = alloc_aside;
    box->refill = refill_aside;
}

static void *greedy_refill(struct hk_heap *heap, size_t request)
{
    void *block = kit_honest.refill(heap, request);
    while (kit_honest.alloc(heap, request)) {
    }
    return block;
}

static void leave_nothing_at_hand(void *subject)
{
    ((struct kit_box *)subject)->refill = greedy_refill;
}

static bool losing_free(struct hk_heap *heap, struct hk_page *page, void *block)
{
    static size_t calls;
    return ++calls % 4 ? kit_honest.free_local(heap, page, block) : true;
}

static void lose_freed_blocks(void *subject)
{
    ((struct kit_box *)subject)->free_local = losing_free;
}

/* Now and then a page for one block. */
static void *wasteful_alloc(struct hk_heap *heap, size_t request)
{
    static size_t calls;
    if (++calls % 50000 == 0) {
        const struct hk_lease lease = {
            .heap = heap,
            .block_size = 1024,
            .bin_index = 64,
            .kind = kit_honest.kind,
            .slices = 1,
            .grow = true,
        };
        HK_COLD.retire(heap, HK_COLD.lease(&lease));
    }
    return kit_honest.alloc(heap, request);
}

static void lease_now_and_then(void *subject)
{
    ((struct kit_box *)subject)->alloc = wasteful_alloc;
}

static void *boasting_alloc(struct hk_heap *heap, size_t request)
{
    heap->fresh_block = kit_honest.alloc(heap, request);
    return heap->fresh_block;
}

static void call_used_blocks_fresh(void *subject)
{
    ((struct kit_box *)subject)->alloc = boasting_alloc;
}

static bool renaming_free(struct hk_heap *heap, struct hk_page *page, void *block)
{
    bool done = kit_honest.free_local(heap, page, block);
    page->kind = HK_KIND_SPAN;
    return done;
}

static void touch_the_common_part(void *subject)
{
    ((struct kit_box *)subject)->free_local = renaming_free;
}

#if KIT_POOL
static void *soiling_refill(struct hk_heap *heap, size_t request)
{
    unsigned char *block = kit_honest.refill(heap, request);
    if (block) {
        block[request - 1] = 1;
    }
    return block;
}

static void serve_soiled_blocks(void *subject)
{
    ((struct kit_box *)subject)->refill = soiling_refill;
}
#endif

static void *bluffing_refill(struct hk_heap *heap, size_t request)
{
    static _Alignas(16) char nowhere[16];
    void *block = kit_honest.refill(heap, request);
    return block ? block : nowhere;
}

static void give_a_block_from_nowhere(void *subject)
{
    ((struct kit_box *)subject)->refill = bluffing_refill;
}

static void *sulking_refill(struct hk_heap *heap, size_t request)
{
    static bool refused;
    void *block = refused ? NULL : kit_honest.refill(heap, request);
    refused = !block;
    return block;
}

static void give_up_for_good(void *subject)
{
    ((struct kit_box *)subject)->refill = sulking_refill;
}

static void no_spill(struct hk_heap *heap, struct hk_page *page, void *block)
{
    (void)heap;
    (void)page;
    (void)block;
}

static void forget_spilled_blocks(void *subject)
{
    ((struct kit_box *)subject)->spill = no_spill;
}

static void no_splice(struct hk_heap *heap, struct hk_page *page, void *first, void *last,
                      size_t count)
{
    (void)heap;
    (void)page;
    (void)first;
    (void)last;
    (void)count;
}

static void forget_spliced_blocks(void *subject)
{
    ((struct kit_box *)subject)->splice = no_splice;
}

static void short_splice(struct hk_heap *heap, struct hk_page *page, void *first, void *last,
                         size_t count)
{
    if (count > 1) {
        kit_honest.splice(heap, page, *(void **)first, last, count - 1);
    }
}

static void lose_a_spliced_block(void *subject)
{
    ((struct kit_box *)subject)->splice = short_splice;
}

const struct kit_fault kit_serve_faults[] = {
    {"misaligned_block", "blocks_are_aligned", misalign},
    {"block_out_twice", "no_block_is_out_twice", hand_out_twice},
    {"block_too_small", "blocks_do_not_overlap", serve_too_small},
    {"block_overwritten", "blocks_keep_what_is_written", overwrite_blocks},
    {"block_of_another_heap", "blocks_are_the_owners", serve_foreign_blocks},
    {"refill_leaves_nothing", "refill_leaves_more_at_hand", leave_nothing_at_hand},
    {"freed_block_lost", "working_set_causes_no_lease", lose_freed_blocks},
    {"steady_state_leases", "steady_state_never_leases", lease_now_and_then},
    {"used_block_called_fresh", "fresh_block_reads_as_zero", call_used_blocks_fresh},
#if KIT_POOL
    {"new_block_soiled", "block_never_used_before_is_zero", serve_soiled_blocks},
#endif
    {"common_part_touched", "common_part_is_untouched", touch_the_common_part},
    {"block_from_nowhere", "out_of_memory_is_null", give_a_block_from_nowhere},
    {"refusal_remembered", "refused_lease_is_no_lasting_harm", give_up_for_good},
    {"spilled_block_lost", "spilled_blocks_are_taken_back", forget_spilled_blocks},
    {"spliced_blocks_lost", "spliced_blocks_are_served_again", forget_spliced_blocks},
    {"one_spliced_block_lost", "spliced_blocks_are_all_counted", lose_a_spliced_block},
};
const size_t kit_serve_fault_count = sizeof kit_serve_faults / sizeof *kit_serve_faults;
