/* SPDX-License-Identifier: MIT */
/* How many blocks a bin of the page protocol comes to hold, seen through hot box v3 on the fake
 * cold side. */
#include "unit/v3_unit.h"

#include <stdint.h>

enum {
    SIZE = 64,
    LEAST = 64,  /* blocks of a bin that has learnt nothing */
    MOST = 2048, /* of any bin */
    BATCH = 1500,
    MANY = 40000,
};

static void *blocks[MANY];

static void take_many(size_t count)
{
    for (size_t i = 0; i < count; i++) {
        blocks[i] = take(SIZE);
    }
}

static void give_many(size_t count)
{
    for (size_t i = count; i > 0; i--) {
        give(blocks[i - 1]);
    }
}

static void cycles(int count, size_t batch)
{
    for (int i = 0; i < count; i++) {
        take_many(batch);
        give_many(batch);
    }
}

static void first_batch_leaves_a_small_bin(void **state)
{
    (void)state;
    cycles(1, BATCH);
    assert_int_equal(counts().binned, LEAST);
}

static void batch_that_comes_again_stays_in_the_bin(void **state)
{
    (void)state;
    cycles(8, BATCH);
    assert_true(counts().binned >= BATCH - BATCH / 16);
}

static void bin_holds_no_more_than_its_most(void **state)
{
    (void)state;
    for (size_t batch = BATCH; batch <= 4 * MOST; batch += 500) {
        cycles(3, batch);
        assert_true(counts().binned <= MOST);
    }
}

static void much_more_than_a_bin_may_hold_makes_it_small(void **state)
{
    (void)state;
    cycles(8, BATCH);
    cycles(1, MANY);
    assert_int_equal(counts().binned, LEAST);
    cycles(3, MANY);
    assert_int_equal(counts().binned, LEAST);
}

/* Room counts frees that went past the bin, without an end. */
static void no_count_of_frees_is_too_high(void **state)
{
    (void)state;
    struct hk_bin *bin = hk_bin_at(heap, SIZE);
    cycles(1, BATCH);
    take_many(LEAST);
    assert_null(bin->head);
    bin->room = INT32_MIN;

    void *block = hk_hotbox_v3.refill(heap, SIZE);
    assert_non_null(block);
    assert_int_equal(bin->limit, MOST);
    give(block);
    give_many(LEAST);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        V3_TEST(first_batch_leaves_a_small_bin),
        V3_TEST(batch_that_comes_again_stays_in_the_bin),
        V3_TEST(bin_holds_no_more_than_its_most),
        V3_TEST(much_more_than_a_bin_may_hold_makes_it_small),
        V3_TEST(no_count_of_frees_is_too_high),
    };
    return cmocka_run_group_tests_name("bin_limit", tests, NULL, NULL);
}
