/* SPDX-License-Identifier: MIT */
/* Size classes: the arithmetic is total, and its table is the one written out here. */
#include "unit/unit.h"

#include "common/sizes.h"

/* Block sizes above the tiny ones, by hand: 8 steps per doubling to 8 KiB, then 4. */
static const size_t pool_blocks[] = {
    1152,  1280,  1408,  1536,  1664,  1792,   1920,   2048,   2304,   2560,   2816,
    3072,  3328,  3584,  3840,  4096,  4608,   5120,   5632,   6144,   6656,   7168,
    7680,  8192,  10240, 12288, 14336, 16384,  20480,  24576,  28672,  32768,  40960,
    49152, 57344, 65536, 81920, 98304, 114688, 131072, 163840, 196608, 229376, 262144,
};

enum { POOL_CLASSES = sizeof pool_blocks / sizeof *pool_blocks };

static size_t expected_block(size_t bin)
{
    if (bin == 0) {
        return 16;
    }
    return bin <= 64 ? 16 * bin : pool_blocks[bin - 65];
}

static void table_is_as_written(void **state)
{
    (void)state;
    assert_int_equal(HK_BIN_COUNT, 65 + POOL_CLASSES);
    for (size_t bin = 0; bin < HK_BIN_COUNT; bin++) {
        assert_int_equal(hk_bin_block_size(bin), expected_block(bin));
    }
}

static void every_size_gets_the_smallest_class(void **state)
{
    (void)state;
    size_t bin = 1;
    assert_int_equal(hk_bin_of_size(0), 0);
    for (size_t size = 1; size <= HK_POOL_MAX; size++) {
        bin += size > expected_block(bin);
        assert_int_equal(hk_bin_of_size(size), bin);
    }
    assert_int_equal(bin, HK_BIN_COUNT - 1);
}

static void neighbours_of_a_class_are_in_other_classes(void **state)
{
    (void)state;
    for (size_t bin = 1; bin + 1 < HK_BIN_COUNT; bin++) {
        size_t size = expected_block(bin);
        assert_int_equal(hk_bin_of_size(size - 1), bin);
        assert_int_equal(hk_bin_of_size(size), bin);
        assert_int_equal(hk_bin_of_size(size + 1), bin + 1);
    }
}

static void tiny_offset_is_the_bins_offset(void **state)
{
    (void)state;
    for (size_t size = 0; size <= HK_TINY_MAX; size++) {
        size_t rounded = (size + 15) / 16 * 16;
        assert_int_equal(hk_tiny_offset(size), rounded);
        assert_int_equal(hk_tiny_offset(size), hk_bin_of_size(size) * 16);
    }
}

static void pool_offset_is_the_bins_offset(void **state)
{
    (void)state;
    for (size_t size = HK_TINY_MAX + 1; size <= HK_POOL_MAX; size++) {
        assert_int_equal(hk_pool_offset(size), hk_bin_of_size(size) * 16);
    }
}

static void waste_is_bounded(void **state)
{
    (void)state;
    for (size_t size = 129; size <= HK_POOL_MAX; size++) {
        size_t block = hk_bin_block_size(hk_bin_of_size(size));
        size_t percent = size <= 8192 ? 12 : 20;
        assert_true((block - size) * 100 <= block * percent);
    }
}

static void every_block_is_aligned(void **state)
{
    (void)state;
    for (size_t bin = 0; bin < HK_BIN_COUNT; bin++) {
        assert_int_equal(hk_bin_block_size(bin) % HK_ALIGN, 0);
    }
}

static void every_page_holds_four_blocks(void **state)
{
    (void)state;
    for (size_t bin = 0; bin < HK_BIN_COUNT; bin++) {
        size_t block = hk_bin_block_size(bin);
        size_t slices = hk_page_slices(block);
        size_t capacity = slices * HK_SLICE / block;
        assert_in_range(slices, 1, 16);
        assert_true(capacity >= 4);
        assert_true(slices == 1 || capacity <= 64);
    }
}

static void rounding_up_reaches_the_next_multiple(void **state)
{
    (void)state;
    assert_int_equal(hk_round_up(0, 16), 0);
    assert_int_equal(hk_round_up(1, 16), 16);
    assert_int_equal(hk_round_up(16, 16), 16);
    assert_int_equal(hk_round_up(4097, 4096), 8192);
    assert_true(hk_is_power_of_two(1) && hk_is_power_of_two(4096));
    assert_false(hk_is_power_of_two(0) || hk_is_power_of_two(48));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(table_is_as_written),
        cmocka_unit_test(every_size_gets_the_smallest_class),
        cmocka_unit_test(neighbours_of_a_class_are_in_other_classes),
        cmocka_unit_test(tiny_offset_is_the_bins_offset),
        cmocka_unit_test(pool_offset_is_the_bins_offset),
        cmocka_unit_test(waste_is_bounded),
        cmocka_unit_test(every_block_is_aligned),
        cmocka_unit_test(every_page_holds_four_blocks),
        cmocka_unit_test(rounding_up_reaches_the_next_multiple),
    };
    return cmocka_run_group_tests_name("sizes", tests, NULL, NULL);
}
