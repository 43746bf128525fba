/* SPDX-License-Identifier: MIT */
/* When free memory goes back, with a clock that the test moves. The policy is a build option, so
 * each program has the cases of its own policy and no others. */
#include "unit/cold_unit.h"

#include "coldbox/purge.h"
#include "hotbox/blockmap.h"

#include <string.h>

enum { DELAY = HK_PURGE_DELAY_MS * 1000000 };

static uint64_t now_ns = 1000000000;

static void pass(uint64_t delays)
{
    for (uint64_t i = 0; i < delays; i++) {
        now_ns += DELAY + 1;
        hk_os_fake_set_now(now_ns);
        hk_cold.tick(now_ns);
    }
}

static int settle(void **state)
{
    calm_os(state);
    pass(2000); /* what earlier tests have held on to is forgotten */
    hk_cold.trim(NULL, 0);
    return 0;
}

/* Leave `bytes` of free, touched memory behind in one piece (a span). */
static void make_dirty(size_t bytes)
{
    void *block = take_large(bytes, 16, 0);
    assert_non_null(block);
    memset(block, 1, bytes);
    give_large(block);
}

static void memory_free_for_two_ticks_goes_back(void **state)
{
    (void)state;
    make_dirty(1 << 20);
    assert_int_equal(cold_stat().dirty, 1 << 20);
    pass(1);
    assert_int_equal(cold_stat().dirty, 1 << 20);
    pass(1);
    assert_int_equal(cold_stat().dirty, 0);
}

static void free_units_age_as_slices_do(void **state)
{
    (void)state;
    make_dirty(5 << 20);
    pass(1);
    assert_true(cold_stat().dirty >= 5 << 20);
    pass(1);
    assert_int_equal(cold_stat().dirty, 0);
}

static void tick_before_its_time_does_nothing(void **state)
{
    (void)state;
    make_dirty(1 << 20);
    pass(1);
    for (int i = 0; i < 10; i++) {
        hk_cold.tick(now_ns + 1);
    }
    assert_int_equal(cold_stat().dirty, 1 << 20);
}

static void memory_in_use_meanwhile_is_young_again(void **state)
{
    (void)state;
    make_dirty(1 << 20);
    pass(1);
    make_dirty(1 << 20); /* the same memory, by first fit */
    assert_int_equal(cold_stat().dirty, 1 << 20);
    pass(1);
    assert_int_equal(cold_stat().dirty, 1 << 20);
    pass(1);
    assert_int_equal(cold_stat().dirty, 0);
}

static void excess_goes_back_at_once(void **state)
{
    (void)state;
    enum { BLOCKS = 40 };
    void *block[BLOCKS];
    for (size_t i = 0; i < BLOCKS; i++) {
        block[i] = take_large(2 << 20, 16, 0);
        memset(block[i], 1, 2 << 20);
    }
    for (size_t i = 0; i < BLOCKS; i++) {
        give_large(block[i]);
        assert_in_range(cold_stat().dirty, 0, hk_slabs.purge_above);
    }
    assert_null(hk_cold.check());
}

static void wanted_again_memory_is_held(void **state)
{
    (void)state;
    enum { ROUNDS = 30 };
    uint64_t purges = 0;
    for (int round = 0; round < ROUNDS; round++) {
        make_dirty(60 << 20);
        purges = round == ROUNDS / 2 ? hk_os_fake_calls(HK_OS_PURGE) : purges;
    }
    assert_int_equal(hk_os_fake_calls(HK_OS_PURGE), purges);
    pass(2000);
    assert_int_equal(cold_stat().dirty, 0);
}

static void trim_keeps_what_it_is_told(void **state)
{
    (void)state;
    make_dirty(1 << 20);
    assert_int_equal(hk_cold.trim(NULL, 1 << 20), 0);
    assert_true(hk_cold.trim(NULL, 0) >= 1 << 20);
    assert_int_equal(cold_stat().dirty, 0);
    assert_int_equal(hk_cold.trim(NULL, 0), 0);
}

static void refused_purge_leaves_memory_dirty(void **state)
{
    (void)state;
    void *held = take_large(1 << 20, 16, 0);
    make_dirty(1 << 20);
    size_t dirty = cold_stat().dirty;
    hk_os_fake_fail(HK_OS_PURGE, 1, true);
    assert_int_equal(hk_cold.trim(NULL, 0), 0);
    assert_int_equal(cold_stat().dirty, dirty);
    assert_null(hk_cold.check());
    hk_os_fake_reset();
    assert_true(hk_cold.trim(NULL, 0) >= dirty);
    give_large(held);
}

static void refused_part_is_told_from_one_without_os_pages(void **state)
{
    (void)state;
    const struct hk_lease request = {
        .heap = hk_cold.birth(0), .block_size = 64, .slices = 1, .grow = true};
    struct hk_page *page = hk_cold.lease(&request);
    size_t bytes = 0;
    hk_os_fake_fail(HK_OS_PURGE, 1, true);
    assert_true(hk_cold.purge(page, 1, 4096, &bytes));
    assert_false(hk_cold.purge(page, 0, HK_SLICE, &bytes));
    assert_int_equal(bytes, 0);
    hk_os_fake_reset();
    assert_true(hk_cold.purge(page, 0, HK_SLICE, &bytes));
    assert_int_equal(bytes, HK_SLICE);
    hk_cold.retire(request.heap, page);
    hk_cold.death(request.heap);
}

static void parts_after_a_refused_one_are_for_a_trim(void **state)
{
    (void)state;
    struct hk_heap *heap = hk_cold.birth(0);
    const struct hk_lease request = {
        .heap = heap, .block_size = HK_SLICE, .slices = 8, .grow = true};
    struct hk_page *page = hk_cold.lease(&request);
    const uint64_t map = 0x55; /* four parts */
    bool refused;
    hk_os_fake_reset();
    hk_os_fake_fail(HK_OS_PURGE, 1, true);
    assert_int_equal(hk_map_purge(page, &map, 8, false, &refused), 0);
    assert_true(refused);
    assert_int_equal(hk_os_fake_calls(HK_OS_PURGE), 1);
    assert_int_equal(hk_map_purge(page, &map, 8, true, &refused), 0);
    assert_true(refused);
    assert_int_equal(hk_os_fake_calls(HK_OS_PURGE), 1 + 4);
    hk_os_fake_fail(HK_OS_PURGE, 2, false);
    assert_int_equal(hk_map_purge(page, &map, 8, true, &refused), 3 * HK_SLICE);
    assert_true(refused);
    assert_int_equal(hk_map_purge(page, &map, 8, false, &refused), 4 * HK_SLICE);
    assert_false(refused);
    hk_cold.retire(heap, page);
    hk_cold.death(heap);
}

static void keep_gives_back_only_when_asked(void **state)
{
    (void)state;
    make_dirty(100 << 20);
    size_t dirty = cold_stat().dirty;
    pass(10);
    assert_int_equal(cold_stat().dirty, dirty);
    hk_cold.trim(NULL, 0);
    assert_int_equal(cold_stat().dirty, 0);
}

static void eager_gives_back_at_once(void **state)
{
    (void)state;
    make_dirty(1 << 20);
    assert_int_equal(cold_stat().dirty, 0);
    make_dirty(20 << 20);
    assert_int_equal(cold_stat().dirty, 0);
}

int main(void)
{
    const struct CMUnitTest batch[] = {
        cmocka_unit_test_setup(memory_free_for_two_ticks_goes_back, settle),
        cmocka_unit_test_setup(free_units_age_as_slices_do, settle),
        cmocka_unit_test_setup(tick_before_its_time_does_nothing, settle),
        cmocka_unit_test_setup(memory_in_use_meanwhile_is_young_again, settle),
        cmocka_unit_test_setup(excess_goes_back_at_once, settle),
        cmocka_unit_test_setup(wanted_again_memory_is_held, settle),
        cmocka_unit_test_setup(trim_keeps_what_it_is_told, settle),
        cmocka_unit_test_setup(refused_purge_leaves_memory_dirty, settle),
        cmocka_unit_test_setup(refused_part_is_told_from_one_without_os_pages, settle),
        cmocka_unit_test_setup(parts_after_a_refused_one_are_for_a_trim, settle),
    };
    const struct CMUnitTest keep[] = {
        cmocka_unit_test_setup(keep_gives_back_only_when_asked, settle),
        cmocka_unit_test_setup(trim_keeps_what_it_is_told, settle),
        cmocka_unit_test_setup(refused_purge_leaves_memory_dirty, settle),
        cmocka_unit_test_setup(refused_part_is_told_from_one_without_os_pages, settle),
        cmocka_unit_test_setup(parts_after_a_refused_one_are_for_a_trim, settle),
    };
    const struct CMUnitTest eager[] = {
        cmocka_unit_test_setup(eager_gives_back_at_once, settle),
    };
    if (HK_FREE_POLICY == HK_FREE_KEEP) {
        return cmocka_run_group_tests_name("purge: keep", keep, start_cold, NULL);
    }
    if (HK_FREE_POLICY == HK_FREE_EAGER) {
        return cmocka_run_group_tests_name("purge: eager", eager, start_cold, NULL);
    }
    return cmocka_run_group_tests_name("purge: batch", batch, start_cold, NULL);
}
