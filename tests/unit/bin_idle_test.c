/* SPDX-License-Identifier: MIT */
/* Which bins of the page protocol are given up when their class is idle, seen through hot box v3 on
 * the fake cold side. */
#include "unit/v3_unit.h"

enum { SIZE = 1024, PER_PAGE = 64, PAGES = 8, MANY = PAGES * PER_PAGE };

static void *blocks[MANY];

static size_t age(void)
{
    return hk_hotbox_v3.collect(heap, HK_COLLECT_IDLE);
}

static void take_many(size_t offset)
{
    for (size_t i = 0; i < MANY; i++) {
        blocks[i] = take(offset);
    }
}

/* One block of each page in turn. */
static void give_scattered(void)
{
    for (size_t i = 0; i < MANY; i++) {
        give(blocks[i % PAGES * PER_PAGE + i / PAGES]);
    }
}

static void scattered_bin_goes_back_at_the_second_call(void **state)
{
    (void)state;
    take_many(SIZE);
    give_scattered();
    size_t binned = counts().binned;
    assert_true(binned >= PAGES);

    assert_int_equal(age(), 0);
    assert_int_equal(counts().binned, binned);
    assert_int_equal(age(), (PAGES - 1) * HK_SLICE);

    assert_int_equal(counts().binned, 0);
    assert_int_equal(counts().pages, 1);
    assert_int_equal(age(), HK_SLICE);
}

static void refill_between_two_calls_keeps_the_bin(void **state)
{
    (void)state;
    take_many(SIZE);
    give_scattered();
    age();
    take_many(SIZE); /* refills */
    give_scattered();
    size_t binned = counts().binned;

    assert_int_equal(age(), 0);

    assert_int_equal(counts().binned, binned);
}

static void bin_of_one_page_stays(void **state)
{
    (void)state;
    give(take(SIZE));
    size_t binned = counts().binned;

    for (int i = 0; i < 5; i++) {
        assert_int_equal(age(), 0);
        assert_int_equal(counts().binned, binned);
        void *block = hk_hotbox_v3.alloc(heap, SIZE);
        assert_non_null(block);
        give(block);
    }
}

static void bin_of_more_than_a_page_goes_back(void **state)
{
    (void)state;
    struct hk_bin *bin = hk_bin_at(heap, SIZE);
    take_many(SIZE);
    bin->room = MANY; /* as a bin has learnt to take them */
    bin->limit = MANY;
    for (size_t i = MANY; i > 0; i--) {
        give(blocks[i - 1]);
    }
    assert_int_equal(counts().binned, MANY);

    age();
    age();

    assert_int_equal(counts().binned, 0);
}

static void limit_is_learnt_as_before(void **state)
{
    (void)state;
    struct hk_bin *bin = hk_bin_at(heap, SIZE);
    give(take(SIZE));
    int32_t limit = bin->limit;
    age();
    assert_int_equal(bin->limit, -limit);
    bin->limit = -2 * limit;
    bin->room = bin->limit;
    while (hk_hotbox_v3.alloc(heap, SIZE)) {
    }
    bin->room = 2 * limit; /* no free went past it */

    (void)hk_hotbox_v3.refill(heap, SIZE);

    assert_int_equal(bin->limit, 2 * limit - 2 * limit / 16);
}

static size_t give_spare(void)
{
    return hk_hotbox_v3.collect(heap, HK_COLLECT_SPARE);
}

static void class_without_live_blocks_goes_at_once(void **state)
{
    (void)state;
    take_many(SIZE);
    give_scattered();
    assert_true(counts().binned >= PAGES);

    assert_int_equal(give_spare(), PAGES * HK_SLICE);

    assert_int_equal(counts().binned, 0);
    assert_int_equal(counts().pages, 0);
}

static void class_with_live_blocks_stays(void **state)
{
    (void)state;
    take_many(SIZE);
    for (size_t i = PAGES; i < MANY; i++) { /* all but one of each page */
        give(blocks[i % PAGES * PER_PAGE + i / PAGES]);
    }
    size_t binned = counts().binned;
    assert_true(binned > 0);

    assert_int_equal(give_spare(), 0);

    assert_int_equal(counts().binned, binned);
    for (size_t i = 0; i < PAGES; i++) {
        give(blocks[i * PER_PAGE]);
    }
}

/* No page of the class has room: its blocks are in the bin. */
static void page_whose_blocks_are_all_in_the_bin_goes(void **state)
{
    (void)state;
    struct hk_bin *bin = hk_bin_at(heap, SIZE);
    for (size_t i = 0; i < PER_PAGE; i++) {
        blocks[i] = take(SIZE);
    }
    bin->room = MANY; /* as a bin has learnt to take them */
    bin->limit = MANY;
    for (size_t i = 0; i < PER_PAGE; i++) {
        give(blocks[i]);
    }
    assert_int_equal(counts().binned, PER_PAGE);

    assert_int_equal(give_spare(), HK_SLICE);

    assert_int_equal(counts().binned, 0);
}

static void empty_page_that_is_kept_goes(void **state)
{
    (void)state;
    take_many(SIZE);
    give_scattered();
    age();
    age();
    assert_int_equal(counts().pages, 1);
    assert_int_equal(give_spare(), HK_SLICE);
    assert_int_equal(give_spare(), 0);
}

/* What is spare in one class is nothing to another. */
static void other_classes_are_not_touched(void **state)
{
    (void)state;
    enum { OTHER = 512 };
    void *kept = take(OTHER);
    give(take(SIZE));
    size_t binned = counts().binned;
    assert_true(binned > 0);

    assert_int_equal(give_spare(), HK_SLICE);

    assert_int_equal(counts().pages, 1);
    give(kept);
    assert_ptr_equal(take(OTHER), kept);
    give(kept);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        V3_TEST(scattered_bin_goes_back_at_the_second_call),
        V3_TEST(refill_between_two_calls_keeps_the_bin),
        V3_TEST(bin_of_one_page_stays),
        V3_TEST(bin_of_more_than_a_page_goes_back),
        V3_TEST(limit_is_learnt_as_before),
        V3_TEST(class_without_live_blocks_goes_at_once),
        V3_TEST(class_with_live_blocks_stays),
        V3_TEST(page_whose_blocks_are_all_in_the_bin_goes),
        V3_TEST(empty_page_that_is_kept_goes),
        V3_TEST(other_classes_are_not_touched),
    };
    return cmocka_run_group_tests_name("bin_idle", tests, NULL, NULL);
}
