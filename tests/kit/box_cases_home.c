/* SPDX-License-Identifier: MIT */
/* Kit cases of blocks that come home from other threads, of pages that change hands, of resize. */
#include "kit/box_kit.h"

#include <string.h>

/* Link blocks of one page by their first word. */
static void splice_all(const struct kit_box *box, struct hk_heap *heap, void **blocks, size_t count)
{
    for (size_t i = 0; i + 1 < count; i++) {
        *(void **)blocks[i] = blocks[i + 1];
    }
    *(void **)blocks[count - 1] = NULL;
    box->splice(heap, hk_page_head(hk_page_of(blocks[0])), blocks[0], blocks[count - 1], count);
}

/* Hand the blocks home, one chain for each run of blocks of one page. */
static void splice_by_page(const struct kit_box *box, struct hk_heap *heap, void **blocks)
{
    size_t begin = 0;
    for (size_t i = 1; i <= KIT_BLOCKS; i++) {
        if (i == KIT_BLOCKS ||
            hk_page_head(hk_page_of(blocks[i])) != hk_page_head(hk_page_of(blocks[begin]))) {
            splice_all(box, heap, blocks + begin, i - begin);
            begin = i;
        }
    }
}

static void spliced_blocks_are_served_again(const void *subject)
{
    enum { ROUNDS = 20, WARM_UP = 8 };
    const struct kit_box *box = subject;
    struct hk_heap *heap = kit_open(box);
    void *blocks[KIT_BLOCKS];

    for (size_t r = 0; r < kit_request_count; r += 3) {
        size_t leased = 0;
        for (int round = 0; round < ROUNDS; round++) {
            kit_take_all(box, heap, kit_request(r), blocks);
            leased = round < WARM_UP ? kit_leased() : leased;
            assert_true(kit_leased() <= leased);
            splice_by_page(box, heap, blocks);
            assert_null(box->check(heap));
        }
    }

    kit_close(box, heap);
}

static void spliced_blocks_are_all_counted(const void *subject)
{
    const struct kit_box *box = subject;
    struct hk_heap *heap = kit_open(box);
    void *blocks[KIT_BLOCKS];

    for (size_t r = 0; r < kit_request_count; r += 3) {
        kit_take_all(box, heap, kit_request(r), blocks);
        splice_by_page(box, heap, blocks);
        assert_int_equal(kit_live(box, heap), 0);
    }

    kit_close(box, heap);
}

static void post_all(void *arg)
{
    void **blocks = arg;
    for (size_t i = 0; i < KIT_BLOCKS; i++) {
        HK_COLD.post(NULL, hk_page_of(blocks[i]), blocks[i]);
    }
}

static void collect_keep_absorbs_what_came_home(const void *subject)
{
    const struct kit_box *box = subject;
    struct hk_heap *heap = kit_open(box);
    void *blocks[KIT_BLOCKS];

    for (size_t r = 0; r < kit_request_count; r += 9) {
        kit_take_all(box, heap, kit_request(r), blocks);
        kit_in_thread(post_all, blocks);
        box->collect(heap, HK_COLLECT_KEEP);
        assert_int_equal(kit_live(box, heap), 0);
        assert_null(box->check(heap));
    }

    kit_close(box, heap);
}

/* A thread that ends and leaves KIT_BLOCKS blocks of each request behind. */
struct will {
    const struct kit_box *box;
    size_t request;
    void *blocks[KIT_BLOCKS];
    bool complete;
};

static void die_and_leave(void *arg)
{
    struct will *will = arg;
    struct hk_heap *heap = kit_open(will->box);
    will->complete = heap != NULL;
    for (size_t i = 0; i < KIT_BLOCKS && will->complete; i++) {
        will->blocks[i] = kit_take(will->box, heap, will->request);
        will->complete = will->blocks[i] != NULL;
        if (will->complete) {
            kit_fill(will->blocks[i], kit_request_size(will->request), i);
        }
    }
    if (heap) {
        kit_close(will->box, heap);
    }
}

static void inherited_blocks_are_whole(const void *subject)
{
    const struct kit_box *box = subject;
    struct will will = {.box = box};

    for (size_t r = 0; r < kit_request_count; r += 9) {
        will.request = kit_request(r);
        kit_in_thread(die_and_leave, &will);
        struct hk_heap *heap = kit_open_heir(box);
        assert_true(will.complete);
        for (size_t i = 0; i < KIT_BLOCKS; i++) {
            assert_true(kit_holds(will.blocks[i], kit_request_size(will.request), i));
        }
        assert_null(box->check(heap));
        kit_give_all(box, heap, will.blocks);
        kit_close(box, heap);
    }
}

static void attached_page_knows_its_bin(const void *subject)
{
    const struct kit_box *box = subject;
    struct will will = {.box = box};

    for (size_t r = 0; r < kit_request_count; r += 9) {
        will.request = kit_request(r);
        kit_in_thread(die_and_leave, &will);
        struct hk_heap *heap = kit_open_heir(box);
        for (size_t i = 0; i < KIT_BLOCKS; i++) {
            struct hk_page *page = hk_page_of(will.blocks[i]);
            size_t offset = (size_t)page->bin_index << HK_BIN_SHIFT;
            assert_true(hk_page_owner(page) == heap->token);
            assert_true(page->bin == hk_bin_at(heap, offset));
        }
        kit_give_all(box, heap, will.blocks);
        kit_close(box, heap);
    }
}

/* -> whether blocks that fill their pages to the last were left. */
static bool left_no_room(const struct will *will)
{
    struct hk_page *page = hk_page_of(will->blocks[0]);
    size_t bytes = (size_t)hk_page_slot(page)->slices << HK_SLICE_SHIFT;
    return KIT_BLOCKS % (bytes / page->block_size) == 0;
}

static void attached_page_with_room_serves(const void *subject)
{
    const struct kit_box *box = subject;
    struct will will = {.box = box};
    struct hk_heap *heap;

    /* the blocks that the dead thread had at hand, or never carved, are room */
    for (size_t r = kit_request_count / 4;; r++) {
        assert_in_range(r, 0, kit_request_count - 1);
        will.request = kit_request(r);
        kit_in_thread(die_and_leave, &will);
        heap = kit_open_heir(box);
        if (!left_no_room(&will)) {
            break;
        }
        kit_give_all(box, heap, will.blocks);
        kit_close(box, heap);
    }
    uint64_t leases = kit_leases();
    void *block = kit_take(box, heap, will.request);

    assert_non_null(block);
    assert_int_equal(kit_leases(), leases);
    kit_give(box, heap, block);
    kit_give_all(box, heap, will.blocks);
    kit_close(box, heap);
}

static void spilled_blocks_are_taken_back(const void *subject)
{
    const struct kit_box *box = subject;
    struct hk_heap *heap = kit_open(box);
    void *blocks[KIT_BLOCKS];

    for (size_t r = 0; r < kit_request_count; r += 3) {
        kit_take_all(box, heap, kit_request(r), blocks);
        for (size_t i = 0; i < KIT_BLOCKS; i++) {
            box->spill(heap, hk_page_of(blocks[i]), blocks[i]);
        }
        assert_int_equal(kit_live(box, heap), 0);
        assert_null(box->check(heap));
    }

    kit_close(box, heap);
}

#if KIT_POOL
static void resized_block_holds_its_size(const void *subject)
{
    const struct kit_box *box = subject;
    struct hk_heap *heap = kit_open(box);

    for (size_t r = 0; r < kit_request_count; r++) {
        void *block = kit_take(box, heap, kit_request(r));
        struct hk_page *page = hk_page_of(block);
        for (size_t other = 0; other < kit_request_count; other++) {
            if (box->resize(heap, page, block, kit_request(other))) {
                assert_true(page->block_size >= kit_request(other));
            }
        }
        kit_give(box, heap, block);
    }

    kit_close(box, heap);
}

static void resize_keeps_content(const void *subject)
{
    const struct kit_box *box = subject;
    struct hk_heap *heap = kit_open(box);

    for (size_t r = 0; r < kit_request_count; r++) {
        size_t size = kit_request_size(kit_request(r));
        void *block = kit_take(box, heap, kit_request(r));
        kit_fill(block, size, r);
        for (size_t other = 0; other < kit_request_count; other += 5) {
            box->resize(heap, hk_page_of(block), block, kit_request(other));
        }
        assert_true(kit_holds(block, size, r));
        kit_give(box, heap, block);
    }

    kit_close(box, heap);
}
#endif

const struct kit_case kit_home_cases[] = {
    {"spliced_blocks_are_served_again", spliced_blocks_are_served_again, 0},
    {"spliced_blocks_are_all_counted", spliced_blocks_are_all_counted, 0},
    {"spilled_blocks_are_taken_back", spilled_blocks_are_taken_back, 0},
    {"collect_keep_absorbs_what_came_home", collect_keep_absorbs_what_came_home, KIT_OWNS},
    {"inherited_blocks_are_whole", inherited_blocks_are_whole, 0},
    {"attached_page_knows_its_bin", attached_page_knows_its_bin, KIT_OWNS},
    {"attached_page_with_room_serves", attached_page_with_room_serves, 0},
#if KIT_POOL
    {"resized_block_holds_its_size", resized_block_holds_its_size, 0},
    {"resize_keeps_content", resize_keeps_content, 0},
#endif
};
const size_t kit_home_case_count = sizeof kit_home_cases / sizeof *kit_home_cases;
