/* SPDX-License-Identifier: MIT */
/* Size classes: the arithmetic is total, and its classes are those of the table's text. */
#include "unit/unit.h"

#include "common/page.h"

#include "expected_classes.h"

static const size_t pool_blocks[] = {EXPECTED_CLASSES};

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
    assert_int_equal(HK_POOL_MAX, EXPECTED_POOL_MAX);
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
        size_t percent = size <= 1024 ? 12 : 25;
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

static void fine_bins_end_at_8_kib(void **state)
{
    (void)state;
    size_t fine = 0;
    for (size_t i = 0; i < POOL_CLASSES; i++) {
        fine += pool_blocks[i] <= 8192;
    }
    assert_int_equal(HK_FINE_BINS, fine);
    assert_int_equal(HK_COARSE_BINS, POOL_CLASSES - fine);
    assert_int_equal(hk_bin_block_size(64 + fine), 8192);
}

static void alignments_to_8_kib_have_a_class(void **state)
{
    (void)state;
    for (size_t align = 16; align <= 8192; align *= 2) {
        bool found = false;
        for (size_t bin = 0; bin < HK_BIN_COUNT; bin++) {
            found |= hk_bin_block_size(bin) % align == 0;
        }
        assert_true(found);
    }
}

/* In slices of 64 KiB. */
static size_t expected_slices(size_t block)
{
    if (block <= 32768) {
        return block <= 4096 ? 1 : 4;
    }
    if (block <= 262144) {
        return 16;
    }
    size_t slices = 0;
    for (size_t blocks = 1; blocks * block <= 31 * 65536; blocks++) {
        slices = (blocks * block + 65535) / 65536;
    }
    return slices;
}

static void pages_have_the_slices_of_their_size(void **state)
{
    (void)state;
    for (size_t bin = 0; bin < HK_BIN_COUNT; bin++) {
        size_t block = hk_bin_block_size(bin);
        assert_int_equal(hk_page_slices(block), expected_slices(block));
    }
}

static void pages_hold_enough_blocks_and_not_too_many(void **state)
{
    (void)state;
    for (size_t bin = 0; bin < HK_BIN_COUNT; bin++) {
        size_t block = hk_bin_block_size(bin);
        size_t slices = hk_page_slices(block);
        size_t capacity = slices * HK_SLICE / block;
        assert_in_range(slices, 1, HK_PAGE_SLICES_MAX);
        assert_true(capacity >= (block <= 262144 ? 4 : 1));
        assert_true(capacity <= 8 * HK_SLICE_MAP);
        assert_true(slices == 1 || capacity <= 64);
    }
}

static void two_pages_fit_in_a_superslab(void **state)
{
    (void)state;
    for (size_t bin = 0; bin < HK_BIN_COUNT; bin++) {
        assert_true(2 * hk_page_slices(hk_bin_block_size(bin)) <= HK_SLICES - 1);
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
        cmocka_unit_test(fine_bins_end_at_8_kib),
        cmocka_unit_test(alignments_to_8_kib_have_a_class),
        cmocka_unit_test(pages_have_the_slices_of_their_size),
        cmocka_unit_test(pages_hold_enough_blocks_and_not_too_many),
        cmocka_unit_test(two_pages_fit_in_a_superslab),
        cmocka_unit_test(rounding_up_reaches_the_next_multiple),
    };
    return cmocka_run_group_tests_name("sizes", tests, NULL, NULL);
}
