/* SPDX-License-Identifier: MIT */
/* Kit cases of classes that a thread has stopped using: what lies at hand there goes back, and
 * nothing else does. */
#include "kit/box_kit.h"

#include <stdlib.h>

enum {
    CALLS = 3, /* that find a class idle, and what the one before has left of it */
    PAGES = 24,
    MANY = PAGES * 128, /* blocks of the smallest class that is tried */
};

static int by_address(const void *a, const void *b)
{
    uintptr_t left = *(const uintptr_t *)a;
    uintptr_t right = *(const uintptr_t *)b;
    return left < right ? -1 : left > right;
}

/* Take PAGES pages' blocks and give them back, in order of address or one of each page in turn. ->
 * pages that are left once the class has been idle. */
static size_t pages_once_idle(const struct kit_box *box, struct hk_heap *heap, size_t request,
                              bool in_order)
{
    static void *blocks[MANY];
    blocks[0] = kit_take(box, heap, request);
    assert_non_null(blocks[0]);
    struct hk_page *head = hk_page_head(hk_page_of(blocks[0]));
    size_t capacity = (size_t)hk_page_slot(head)->slices * HK_SLICE / head->block_size;
    size_t count = PAGES * capacity;
    assert_true(count <= MANY);
    for (size_t i = 1; i < count; i++) {
        blocks[i] = kit_take(box, heap, request);
        assert_non_null(blocks[i]);
    }
    qsort(blocks, count, sizeof *blocks, by_address);
    for (size_t i = 0; i < count; i++) {
        kit_give(box, heap, blocks[in_order ? i : i % PAGES * capacity + i / PAGES]);
    }
    for (int call = 0; call < CALLS; call++) {
        box->collect(heap, HK_COLLECT_IDLE);
        assert_null(box->check(heap));
    }
    struct hk_hot_stat stat;
    box->stat(heap, &stat);
    box->collect(heap, HK_COLLECT_ALL);
    return stat.pages;
}

static void idle_class_holds_no_scattered_pages(const void *subject)
{
    const struct kit_box *box = subject;
    struct hk_heap *heap = kit_open(box);

    for (size_t r = kit_request_count / 2; r < kit_request_count; r += 9) {
        size_t in_order = pages_once_idle(box, heap, kit_request(r), true);
        size_t scattered = pages_once_idle(box, heap, kit_request(r), false);
        assert_true(scattered <= in_order + 2);
    }

    kit_close(box, heap);
}

static void class_in_use_keeps_what_is_at_hand(const void *subject)
{
    const struct kit_box *box = subject;
    struct hk_heap *heap = kit_open(box);

    for (size_t r = 0; r < kit_request_count; r += 7) {
        kit_give(box, heap, kit_take(box, heap, kit_request(r)));

        box->collect(heap, HK_COLLECT_IDLE);

        void *block = box->alloc(heap, kit_request(r));
        assert_non_null(block);
        kit_give(box, heap, block);
    }

    kit_close(box, heap);
}

static void collect_idle_keeps_live_blocks(const void *subject)
{
    kit_live_blocks_outlast(subject, HK_COLLECT_IDLE, CALLS, NULL);
}

static void collect_spare_keeps_live_blocks(const void *subject)
{
    kit_live_blocks_outlast(subject, HK_COLLECT_SPARE, CALLS, NULL);
}

static void collect_counts_what_it_retires(const struct kit_box *box, enum hk_collect how)
{
    struct hk_heap *heap = kit_open(box);
    void *blocks[KIT_BLOCKS];
    for (size_t r = 0; r < kit_request_count; r += 4) {
        kit_take_all(box, heap, kit_request(r), blocks);
        kit_give_all(box, heap, blocks);
    }

    for (int call = 0; call < CALLS; call++) {
        struct hk_hot_stat before;
        struct hk_hot_stat after;
        box->stat(heap, &before);
        size_t retired = box->collect(heap, how);
        box->stat(heap, &after);
        assert_int_equal(retired, before.bytes - after.bytes);
    }

    kit_close(box, heap);
}

static void collect_idle_counts_what_it_retires(const void *subject)
{
    collect_counts_what_it_retires(subject, HK_COLLECT_IDLE);
}

static void collect_spare_counts_what_it_retires(const void *subject)
{
    collect_counts_what_it_retires(subject, HK_COLLECT_SPARE);
}

/* What was freed before serves after it, from memory that is there. */
static void spare_class_serves_again(const void *subject)
{
    const struct kit_box *box = subject;
    struct hk_heap *heap = kit_open(box);
    void *blocks[KIT_BLOCKS];
    for (size_t r = 0; r < kit_request_count; r += 5) {
        for (int round = 0; round < 3; round++) {
            kit_take_all(box, heap, kit_request(r), blocks);
            kit_give_all(box, heap, blocks);
            box->collect(heap, HK_COLLECT_SPARE);
            assert_null(box->check(heap));
        }
    }
    struct hk_hot_stat stat;
    box->collect(heap, HK_COLLECT_ALL);
    box->stat(heap, &stat);
    assert_int_equal(stat.blocks_out, 0);
    kit_close(box, heap);
}

const struct kit_case kit_idle_cases[] = {
    {"idle_class_holds_no_scattered_pages", idle_class_holds_no_scattered_pages, KIT_AGES},
    {"class_in_use_keeps_what_is_at_hand", class_in_use_keeps_what_is_at_hand, KIT_AGES},
    {"collect_idle_keeps_live_blocks", collect_idle_keeps_live_blocks, KIT_AGES},
    {"collect_idle_counts_what_it_retires", collect_idle_counts_what_it_retires, KIT_AGES},
    {"collect_spare_keeps_live_blocks", collect_spare_keeps_live_blocks, KIT_AGES},
    {"collect_spare_counts_what_it_retires", collect_spare_counts_what_it_retires, KIT_AGES},
    {"spare_class_serves_again", spare_class_serves_again, KIT_AGES},
};
const size_t kit_idle_case_count = sizeof kit_idle_cases / sizeof *kit_idle_cases;
