/* SPDX-License-Identifier: MIT */
/* What the cold side knows of hot box v1's pages, in the mode that the program is built for. */
#include "unit/v1_unit.h"

#include "unit/random.h"

#include <string.h>

enum { SLOTS = 700 };

static struct run {
    struct hk_heap *heap;
    struct random random;
    void *slot[SLOTS];
} run;

/* Allocate, free, or bring a block home, at random. */
static void operate(size_t operations)
{
    for (size_t i = 0; i < operations; i++) {
        void **slot = &run.slot[random_below(&run.random, SLOTS)];
        if (!*slot) {
            *slot = v1_take(run.heap, 16 * (1 + random_below(&run.random, 64)));
        } else if (random_below(&run.random, 4)) {
            v1_give(run.heap, *slot);
            *slot = NULL;
        } else {
            hk_hotbox_v1.splice(run.heap, hk_page_of(*slot), *slot, *slot, 1);
            *slot = NULL;
        }
    }
}

static void start_run(void)
{
    run.heap = v1_open(0);
    run.random = random_start();
    memset(run.slot, 0, sizeof run.slot);
}

static void end_run(void)
{
    for (size_t i = 0; i < SLOTS; i++) {
        if (run.slot[i]) {
            v1_give(run.heap, run.slot[i]);
        }
    }
    v1_close(run.heap);
}

static size_t blocks_held(void)
{
    size_t held = 0;
    for (size_t i = 0; i < SLOTS; i++) {
        held += run.slot[i] != NULL;
    }
    return held;
}

static void sums_agree_after_any_run_and_a_flush(void **state)
{
    (void)state;
    start_run();
    size_t before = v1_cold_stat().live;
    for (int round = 0; round < 50; round++) {
        operate(2000);
        assert_null(hk_hotbox_v1.check(run.heap));

        hk_hotbox_v1.collect(run.heap, HK_COLLECT_KEEP);

        for (struct hk_page *page = run.heap->pages; page; page = hk_page_slot(page)->next) {
            assert_int_equal(hk_v1_delta(page), 0);
            assert_int_equal(v1_live(page), HK_TINY_META == HK_META_NONE ? 0 : hk_v1_out(page));
        }
        assert_int_equal(v1_stat(run.heap).blocks_out, blocks_held());
        assert_int_equal(v1_cold_stat().live - before,
                         HK_TINY_META == HK_META_NONE ? 0 : blocks_held());
    }
    end_run();
    assert_int_equal(v1_cold_stat().live, before);
}

static void every_operation_is_known_where_counts_are_exact(void **state)
{
    (void)state;
    start_run();
    for (int i = 0; i < 20000; i++) {
        operate(1);
        size_t known = v1_cold_stat().live;
        if (HK_TINY_META == HK_META_EXACT) {
            assert_int_equal(known, blocks_held());
        } else if (HK_TINY_META == HK_META_NONE) {
            assert_int_equal(known, 0);
        }
    }
    end_run();
}

static void operations_are_not_reported_one_by_one(void **state)
{
    (void)state;
    struct hk_heap *heap = v1_open(0);
    void *blocks[V1_CAPACITY];
    v1_take_all(heap, blocks, V1_CAPACITY);
    struct hk_page *page = hk_page_of(blocks[0]);

    assert_int_equal(v1_live(page), HK_TINY_META == HK_META_EXACT ? V1_CAPACITY : 0);
    assert_int_equal(hk_v1_delta(page), HK_TINY_META == HK_META_BATCHED ? V1_CAPACITY : 0);

    v1_give_all(heap, blocks, V1_CAPACITY);
    v1_close(heap);
}

static void empty_page_is_known_to_be_empty(void **state)
{
    (void)state;
    struct hk_heap *heap = v1_open(0);
    void *blocks[V1_CAPACITY + 1];
    v1_take_all(heap, blocks, V1_CAPACITY + 1); /* a full page, and a current one in use */
    struct hk_page *page = hk_page_of(blocks[0]);
    hk_hotbox_v1.collect(heap, HK_COLLECT_KEEP);
    assert_int_equal(v1_live(page), HK_TINY_META == HK_META_NONE ? 0 : V1_CAPACITY);

    v1_give_all(heap, blocks, V1_CAPACITY);

    assert_int_equal(v1_stat(heap).pages, 2);
    assert_int_equal(v1_live(page), 0);
    assert_int_equal(hk_v1_delta(page), 0);
    v1_give(heap, blocks[V1_CAPACITY]);
    v1_close(heap);
}

static void retired_page_is_known_to_be_gone(void **state)
{
    (void)state;
    size_t before = v1_cold_stat().live;
    struct hk_heap *heap = v1_open(0);
    void *blocks[3 * V1_CAPACITY];
    v1_take_all(heap, blocks, 3 * V1_CAPACITY);
    hk_hotbox_v1.collect(heap, HK_COLLECT_KEEP);

    v1_give_all(heap, blocks, 3 * V1_CAPACITY);
    hk_hotbox_v1.collect(heap, HK_COLLECT_ALL);

    assert_int_equal(v1_stat(heap).pages, 0);
    assert_int_equal(v1_cold_stat().live, before);
    v1_close(heap);
}

static void heir_reports_what_it_inherits(void **state)
{
    (void)state;
    size_t before = v1_cold_stat().live;
    struct hk_heap *heap = v1_open(0);
    void *blocks[10];
    v1_take_all(heap, blocks, 10);
    v1_close(heap);
    size_t reported = HK_TINY_META == HK_META_NONE ? 0 : 10;
    assert_int_equal(v1_cold_stat().live, before + reported);

    struct hk_heap *heir = v1_open(0);

    assert_ptr_equal(hk_page_heap(hk_page_of(blocks[0])), heir);
    assert_int_equal(v1_cold_stat().live, before + reported);
    v1_give_all(heir, blocks, 10);
    v1_close(heir);
}

static void page_that_is_no_longer_current_is_known(void **state)
{
    (void)state;
    struct hk_heap *heap = v1_open(0);
    void *blocks[4 * V1_CAPACITY];
    size_t before = v1_cold_stat().live;

    v1_take_all(heap, blocks, 4 * V1_CAPACITY);

    size_t behind = HK_TINY_META == HK_META_BATCHED ? V1_CAPACITY : 0;
    if (HK_TINY_META != HK_META_NONE) {
        assert_int_equal(v1_cold_stat().live - before, 4 * V1_CAPACITY - behind);
    }
    v1_give_all(heap, blocks, 4 * V1_CAPACITY);
    v1_close(heap);
}

static void page_with_room_again_is_known(void **state)
{
    (void)state;
    struct hk_heap *heap = v1_open(0);
    void *blocks[V1_CAPACITY + 1];
    v1_take_all(heap, blocks, V1_CAPACITY + 1);
    struct hk_page *page = hk_page_of(blocks[0]);

    size_t given = 0;
    while (hk_v1(page)->state == HK_V1_FULL) {
        v1_give(heap, blocks[given++]);
    }

    assert_int_equal(hk_v1_delta(page), 0);
    assert_int_equal(v1_live(page), HK_TINY_META == HK_META_NONE ? 0 : V1_CAPACITY - given);
    v1_give_all(heap, blocks + given, V1_CAPACITY + 1 - given);
    v1_close(heap);
}

static void block_that_comes_home_is_known(void **state)
{
    (void)state;
    struct hk_heap *heap = v1_open(0);
    void *blocks[3];
    v1_take_all(heap, blocks, 3);
    struct hk_page *page = hk_page_of(blocks[0]);

    hk_hotbox_v1.splice(heap, page, blocks[0], blocks[0], 1);

    assert_int_equal(v1_live(page), HK_TINY_META == HK_META_NONE ? 0 : 2);
    v1_give_all(heap, blocks + 1, 2);
    v1_close(heap);
}

static void counting_tells_what_is_behind(void **state)
{
    (void)state;
    start_run();
    size_t before = v1_cold_stat().live;
    operate(5000);

    assert_int_equal(v1_stat(run.heap).blocks_out, blocks_held());

    assert_int_equal(v1_cold_stat().live - before,
                     HK_TINY_META == HK_META_NONE ? 0 : blocks_held());
    end_run();
}

static void statistics_say_whether_they_are_void(void **state)
{
    (void)state;
    assert_int_equal(v1_cold_stat().live_void, HK_TINY_META == HK_META_NONE);
}

static void check_compares_with_the_cold_side(void **state)
{
    (void)state;
    struct hk_heap *heap = v1_open(0);
    void *block = v1_take(heap, V1_SIZE);

    HK_COLD.adjust(hk_page_of(block), 1);
    const char *broken = hk_hotbox_v1.check(heap);
    HK_COLD.adjust(hk_page_of(block), -1);

    if (HK_TINY_META == HK_META_NONE) {
        assert_null(broken);
    } else {
        assert_string_equal(broken,
                            "the cold side's count and the page's delta do not sum to the blocks "
                            "out");
    }
    v1_give(heap, block);
    v1_close(heap);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sums_agree_after_any_run_and_a_flush),
        cmocka_unit_test(every_operation_is_known_where_counts_are_exact),
        cmocka_unit_test(operations_are_not_reported_one_by_one),
        cmocka_unit_test(empty_page_is_known_to_be_empty),
        cmocka_unit_test(retired_page_is_known_to_be_gone),
        cmocka_unit_test(heir_reports_what_it_inherits),
        cmocka_unit_test(page_that_is_no_longer_current_is_known),
        cmocka_unit_test(page_with_room_again_is_known),
        cmocka_unit_test(block_that_comes_home_is_known),
        cmocka_unit_test(counting_tells_what_is_behind),
        cmocka_unit_test(statistics_say_whether_they_are_void),
        cmocka_unit_test(check_compares_with_the_cold_side),
    };
    return cmocka_run_group_tests_name("v1_meta", tests, v1_start, NULL);
}
