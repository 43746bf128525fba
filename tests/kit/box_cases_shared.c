/* SPDX-License-Identifier: MIT */
/* Kit cases of boxes whose pages belong to all threads: any thread, with a heap or without, gives
 * any block back, and what one thread has freed serves another. */
#include "kit/box_kit.h"

#include <string.h>

static void freed_block_needs_no_heap(const void *subject)
{
    const struct kit_box *box = subject;
    struct hk_heap *heap = kit_open(box);
    void *blocks[KIT_BLOCKS];

    for (size_t r = 0; r < kit_request_count; r += 3) {
        kit_take_all(box, heap, kit_request(r), blocks);
        for (size_t i = 0; i < KIT_BLOCKS; i++) {
            box->spill(NULL, hk_page_of(blocks[i]), blocks[i]);
        }
        assert_int_equal(kit_live(box, heap), 0);
        assert_null(box->check(heap));
    }

    kit_close(box, heap);
}

/* What another thread does with a part of the blocks: every `step`-th from `first` on. */
struct errand {
    const struct kit_box *box;
    void **blocks;
    size_t first;
    size_t step;
    size_t request; /* takes; gives ignore it */
    bool done;
};

static void give_in_own_heap(void *arg)
{
    struct errand *errand = arg;
    struct hk_heap *heap = kit_open(errand->box);
    for (size_t i = errand->first; heap && i < KIT_BLOCKS; i += errand->step) {
        kit_give(errand->box, heap, errand->blocks[i]);
    }
    errand->done = heap != NULL; /* no check: the other thread may be at work */
    if (heap) {
        kit_close(errand->box, heap);
    }
}

static void block_goes_back_through_any_heap(const void *subject)
{
    const struct kit_box *box = subject;
    struct hk_heap *heap = kit_open(box);
    void *blocks[KIT_BLOCKS];

    for (size_t r = 0; r < kit_request_count; r += 9) {
        struct errand errand = {.box = box, .blocks = blocks, .first = 0, .step = 1};
        kit_take_all(box, heap, kit_request(r), blocks);
        kit_in_thread(give_in_own_heap, &errand);
        assert_true(errand.done);
        assert_int_equal(kit_live(box, heap), 0);
        assert_null(box->check(heap));
    }

    kit_close(box, heap);
}

static void take_in_own_heap(void *arg)
{
    struct errand *errand = arg;
    struct hk_heap *heap = kit_open(errand->box);
    errand->done = heap != NULL;
    for (size_t i = errand->first; errand->done && i < KIT_BLOCKS; i += errand->step) {
        errand->blocks[i] = kit_take(errand->box, heap, errand->request);
        errand->done = errand->blocks[i] != NULL;
    }
    if (heap) {
        kit_close(errand->box, heap);
    }
}

static void freed_blocks_serve_another_thread(const void *subject)
{
    const struct kit_box *box = subject;
    struct hk_heap *heap = kit_open(box);
    void *blocks[KIT_BLOCKS];

    for (size_t r = 0; r < kit_request_count; r += 9) {
        struct errand errand = {.box = box, .blocks = blocks, .step = 2, .request = kit_request(r)};
        kit_take_all(box, heap, kit_request(r), blocks);
        for (size_t i = 0; i < KIT_BLOCKS; i += 2) {
            box->spill(NULL, hk_page_of(blocks[i]), blocks[i]);
        }
        uint64_t leases = kit_leases();
        kit_in_thread(take_in_own_heap, &errand);
        assert_true(errand.done);
        assert_int_equal(kit_leases(), leases);
        kit_give_all(box, heap, blocks);
    }

    kit_close(box, heap);
}

static void threads_may_empty_one_page_together(const void *subject)
{
    enum { ROUNDS = 20 };
    const struct kit_box *box = subject;
    struct hk_heap *heap = kit_open(box);
    void *blocks[KIT_BLOCKS];

    for (size_t round = 0; round < ROUNDS; round++) {
        struct errand odd = {.box = box, .blocks = blocks, .first = 1, .step = 2};
        struct errand even = {.box = box, .blocks = blocks, .first = 0, .step = 2};
        kit_take_all(box, heap, kit_request(round * 5 % kit_request_count), blocks);
        kit_in_threads(give_in_own_heap, &odd, &even);
        assert_true(odd.done && even.done);
        assert_int_equal(kit_live(box, heap), 0);
        assert_null(box->check(heap));
    }

    kit_close(box, heap);
}

static struct hk_page *lease_for(const struct kit_box *box, struct hk_heap *heap, size_t bin)
{
    const struct hk_lease request = {
        .heap = heap,
        .block_size = (uint32_t)hk_bin_block_size(bin),
        .bin_index = (uint8_t)bin,
        .kind = box->kind,
        .slices = (uint8_t)hk_page_slices(hk_bin_block_size(bin)),
        .grow = true,
        .shared = true,
    };
    struct hk_page *page = HK_COLD.lease(&request);
    assert_non_null(page);
    return page;
}

static void attached_page_joins_the_others(const void *subject)
{
    const struct kit_box *box = subject;
    struct hk_heap *heap = kit_open(box);

    for (size_t r = 0; r < kit_request_count; r += 9) {
        size_t bin = hk_bin_of_size(kit_request_size(kit_request(r)));
        bin = kit_request(r) ? bin : 0;
        struct hk_page *page = lease_for(box, heap, bin);
        uint64_t leases = kit_leases();
        box->attach(heap, page);
        void *block = kit_take(box, heap, kit_request(r));
        assert_ptr_equal(hk_page_head(hk_page_of(block)), page);
        assert_int_equal(kit_leases(), leases);
        assert_null(box->check(heap));
        kit_give(box, heap, block);
    }

    kit_close(box, heap);
}

const struct kit_case kit_sharing_cases[] = {
    {"freed_block_needs_no_heap", freed_block_needs_no_heap, KIT_SHARES},
    {"block_goes_back_through_any_heap", block_goes_back_through_any_heap, KIT_SHARES},
    {"freed_blocks_serve_another_thread", freed_blocks_serve_another_thread, KIT_SHARES},
    {"threads_may_empty_one_page_together", threads_may_empty_one_page_together, KIT_SHARES},
    {"attached_page_joins_the_others", attached_page_joins_the_others, KIT_SHARES},
};
const size_t kit_sharing_case_count = sizeof kit_sharing_cases / sizeof *kit_sharing_cases;
