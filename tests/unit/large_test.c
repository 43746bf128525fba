/* SPDX-License-Identifier: MIT */
/* Large blocks beyond what the kit asks: how they grow and shrink, what a refusal does to them. */
#include "unit/cold_unit.h"

#include <string.h>

static void *resize(void *block, size_t size)
{
    return hk_cold.large_resize(hk_page_of(block), block, size);
}

static size_t usable(void *block)
{
    return hk_cold.large_size(hk_page_of(block), block);
}

static void span_grows_in_place(void **state)
{
    (void)state;
    char *block = take_large(300000, 16, 0);
    memset(block, 1, 300000);
    assert_ptr_equal(resize(block, 900000), block);
    assert_true(usable(block) >= 900000);
    assert_int_equal(block[299999], 1);
    give_large(block);
    assert_null(hk_cold.check());
}

static void span_in_front_of_another_stays(void **state)
{
    (void)state;
    void *block = take_large(300000, 16, 0);
    void *wall = take_large(300000, 16, 0);
    assert_null(resize(block, 900000));
    assert_true(usable(block) >= 300000 && usable(block) < 900000);
    give_large(wall);
    give_large(block);
}

static void shrunk_span_gives_slices_back(void **state)
{
    (void)state;
    size_t leased = cold_stat().leased;
    void *block = take_large(2000000, 16, 0);
    assert_ptr_equal(resize(block, 300000), block);
    assert_int_equal(cold_stat().leased - leased, 5 * HK_SLICE);
    give_large(block);
    assert_int_equal(cold_stat().leased, leased);
}

static void reserve_is_grown_into(void **state)
{
    (void)state;
    char *block = take_large(3 << 20, 16, 30 << 20);
    void *wall = take_large(3 << 20, 16, 0);
    assert_non_null(block);
    for (size_t size = 4 << 20; size <= 25 << 20; size += 1 << 20) {
        assert_ptr_equal(resize(block, size), block);
        block[size - 1] = 1;
    }
    give_large(wall);
    give_large(block);
    assert_null(hk_cold.check());
}

static void growing_run_gets_more_than_it_asked_for(void **state)
{
    (void)state;
    enum { START = 40 * 1024, STEP = 1024 };
    char *block = take_large(START, 16, 2 * START);
    size_t steps = 0;
    size_t before = usable(block);
    for (size_t size = START; size <= 2 << 20; size += STEP) {
        assert_ptr_equal(resize(block, size > usable(block) ? size : usable(block)), block);
        assert_true(usable(block) >= size && usable(block) <= size + size / 8 + 4096);
        steps += usable(block) != before;
        before = usable(block);
    }
    assert_true(steps < 80); /* 65 sixteenths make a factor of 52 */
    give_large(block);
    assert_null(hk_cold.check());
}

/* Blocks that the pool could serve: a quarter of the units that are there, and nothing is mapped.
 */
static void only_a_few_short_blocks_get_a_reserve(void **state)
{
    (void)state;
    enum { COUNT = 100, SIZE = 40 * 1024 };
    void *block[COUNT];
    size_t count = 0;
    give_large(take_large(3 << 20, 16, 0));
    uint64_t maps = hk_os_fake_calls(HK_OS_MAP);
    bool zero;
    while (count < COUNT && (block[count] = hk_cold.large_alloc(SIZE, 16, 2 * SIZE, &zero))) {
        count += 1;
    }
    assert_true(count > 0 && count < COUNT);
    assert_int_equal(hk_os_fake_calls(HK_OS_MAP), maps);
    assert_true(count <= (hk_slabs.units + 3) / 4);
    assert_int_equal(hk_page_of(block[0])->kind, HK_KIND_HUGE);
    assert_ptr_equal(resize(block[0], SIZE + HK_SLICE), block[0]);
    while (count) {
        give_large(block[--count]);
    }
    assert_null(hk_cold.check());
}

static void size_beyond_all_units_is_refused(void **state)
{
    (void)state;
    void *block = take_large(3 << 20, 16, 0);
    size_t huge = cold_stat().huge;
    for (int power = 48; power < 61; power++) {
        assert_null(resize(block, ((size_t)1 << power) + 100000));
    }
    assert_int_equal(cold_stat().huge, huge);
    give_large(block);
    assert_null(hk_cold.check());
}

static void tail_longer_than_the_block_goes_back(void **state)
{
    (void)state;
    char *block = take_large(1200000, 16, 2400000);
    memset(block, 1, 1200000);
    assert_int_equal(hk_page_of(block)->kind, HK_KIND_HUGE);
    uint64_t purged = cold_stat().purged;
    assert_ptr_equal(resize(block, 700000), block);
    assert_int_equal(cold_stat().purged, purged);
    assert_ptr_equal(resize(block, 400000), block);
    assert_true(cold_stat().purged >= purged + 750000);
    give_large(block);
    assert_null(hk_cold.check());
}

static void blocked_huge_block_moves_by_its_pages(void **state)
{
    (void)state;
    char *block = take_large(6 << 20, 16, 0);
    void *wall = take_large(6 << 20, 16, 0);
    memset(block, 0x42, 6 << 20);
    uint64_t moves = hk_os_fake_calls(HK_OS_MOVE);
    char *moved = resize(block, 40 << 20);
    assert_non_null(moved);
    assert_ptr_not_equal(moved, block);
    assert_int_equal(hk_os_fake_calls(HK_OS_MOVE), moves + 1);
    assert_int_equal(moved[0], 0x42);
    assert_memory_equal(moved, moved + 1, (6 << 20) - 1);
    give_large(wall);
    give_large(moved);
    assert_null(hk_cold.check());
}

static void refused_move_changes_nothing(void **state)
{
    (void)state;
    char *block = take_large(6 << 20, 16, 0);
    void *wall = take_large(6 << 20, 16, 0);
    size_t huge = cold_stat().huge;
    memset(block, 0x42, 6 << 20);
    hk_os_fake_fail(HK_OS_MOVE, 1, true);
    assert_null(resize(block, 40 << 20));
    assert_memory_equal(block, block + 1, (6 << 20) - 1);
    assert_int_equal(cold_stat().huge, huge);
    give_large(wall);
    give_large(block);
    assert_null(hk_cold.check());
}

static void shrunk_huge_block_gives_memory_back(void **state)
{
    (void)state;
    char *block = take_large(40 << 20, 16, 0);
    memset(block, 1, 40 << 20);
    uint64_t purged = cold_stat().purged;
    size_t dirty = cold_stat().dirty;
    assert_ptr_equal(resize(block, 5 << 20), block);
    assert_true(cold_stat().purged + cold_stat().dirty > purged + dirty + (30u << 20));
    assert_int_equal(block[(5 << 20) - 1], 1);
    give_large(block);
    assert_null(hk_cold.check());
}

static void block_beyond_the_arenas_is_unmapped(void **state)
{
    (void)state;
    size_t mapped = hk_os_fake_mapped();
    char *block = take_large((size_t)700 << 20, 16, 0);
    assert_non_null(block);
    block[((size_t)700 << 20) - 1] = 1;
    assert_true(hk_cold.owns(block));
    assert_ptr_equal(hk_cold.large_resize(hk_page_of(block), block, (size_t)600 << 20), block);
    assert_true(hk_cold.owns(block));
    give_large(block);
    assert_int_equal(hk_os_fake_mapped(), mapped);
    assert_null(hk_cold.check());
}

static void refused_unmapping_is_survived(void **state)
{
    (void)state;
    void *block = take_large((size_t)700 << 20, 16, 0);
    hk_os_fake_fail(HK_OS_UNMAP, 1, true);
    give_large(block);
    hk_os_fake_reset();
    assert_int_equal(cold_stat().huge, 0);
    assert_null(hk_cold.check());
    block = take_large((size_t)700 << 20, 16, 0);
    assert_non_null(block);
    give_large(block);
}

static void wide_alignment_finds_its_header(void **state)
{
    (void)state;
    for (size_t align = HK_SUPERSLAB / 2; align <= (size_t)1 << 28; align *= 2) {
        char *block = take_large(5 << 20, align, 0);
        assert_non_null(block);
        assert_int_equal((uintptr_t)block % align, 0);
        assert_int_equal(hk_page_of(block)->kind, HK_KIND_HUGE);
        block[0] = 1;
        block[(5 << 20) - 1] = 1;
        give_large(block);
    }
    assert_null(hk_cold.check());
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(span_grows_in_place, calm_os),
        cmocka_unit_test_setup(span_in_front_of_another_stays, calm_os),
        cmocka_unit_test_setup(shrunk_span_gives_slices_back, calm_os),
        cmocka_unit_test_setup(reserve_is_grown_into, calm_os),
        cmocka_unit_test_setup(growing_run_gets_more_than_it_asked_for, calm_os),
        cmocka_unit_test_setup(only_a_few_short_blocks_get_a_reserve, calm_os),
        cmocka_unit_test_setup(size_beyond_all_units_is_refused, calm_os),
        cmocka_unit_test_setup(tail_longer_than_the_block_goes_back, calm_os),
        cmocka_unit_test_setup(blocked_huge_block_moves_by_its_pages, calm_os),
        cmocka_unit_test_setup(refused_move_changes_nothing, calm_os),
        cmocka_unit_test_setup(shrunk_huge_block_gives_memory_back, calm_os),
        cmocka_unit_test_setup(block_beyond_the_arenas_is_unmapped, calm_os),
        cmocka_unit_test_setup(refused_unmapping_is_survived, calm_os),
        cmocka_unit_test_setup(wide_alignment_finds_its_header, calm_os),
    };
    return cmocka_run_group_tests_name("large", tests, start_cold, NULL);
}
