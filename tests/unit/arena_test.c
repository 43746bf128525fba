/* SPDX-License-Identifier: MIT */
/* Arenas: units by first fit, alignment of the second unit, and what is known of their memory. */
#include "unit/cold_unit.h"

#include <errno.h>

static struct hk_units take(uint32_t count, size_t align, bool *zero)
{
    struct hk_units units = {NULL, 0, 0};
    hk_lock_take(&hk_slabs.lock);
    bool found = hk_units_take_locked(count, align, &units, zero);
    hk_lock_give(&hk_slabs.lock);
    assert_true(found || !units.arena);
    return units;
}

static void give(struct hk_units units, size_t touched)
{
    hk_lock_take(&hk_slabs.lock);
    hk_units_give_locked(units, touched);
    hk_lock_give(&hk_slabs.lock);
}

static void first_arena_is_small(void **state)
{
    (void)state;
    bool zero;
    assert_null(take(1, HK_SUPERSLAB, &zero).arena);
    assert_int_equal(hk_arena_grow(1), 0);
    assert_int_equal(hk_slabs.units, HK_ARENA_FIRST);
    assert_int_equal((uintptr_t)hk_slabs.arenas->base % HK_SUPERSLAB, 0);
}

static void lowest_units_go_first(void **state)
{
    (void)state;
    bool zero = false;
    struct hk_units first = take(1, HK_SUPERSLAB, &zero);
    struct hk_units second = take(3, HK_SUPERSLAB, &zero);
    assert_true(zero);
    assert_int_equal(second.index, first.index + 1);
    give(first, 0);
    struct hk_units again = take(1, HK_SUPERSLAB, &zero);
    assert_int_equal(again.index, first.index);
    give(again, 0);
    give(second, 0);
}

static void touched_units_are_not_zero(void **state)
{
    (void)state;
    bool zero = false;
    struct hk_units units = take(2, HK_SUPERSLAB, &zero);
    assert_true(zero);
    give(units, 4096);
    struct hk_units first = take(1, HK_SUPERSLAB, &zero);
    assert_false(zero);
    struct hk_units second = take(1, HK_SUPERSLAB, &zero);
    assert_true(zero);
    assert_int_equal(first.arena->touched[first.index], 1);
    give(first, 0);
    give(second, 0);
}

static void run_grows_into_free_units_only(void **state)
{
    (void)state;
    bool zero;
    struct hk_units run = take(1, HK_SUPERSLAB, &zero);
    struct hk_units wall = take(2, HK_SUPERSLAB, &zero);
    hk_lock_take(&hk_slabs.lock);
    bool blocked = hk_units_extend_locked(run, 1);
    hk_units_give_locked(wall, 0);
    bool extended = hk_units_extend_locked(run, 2);
    hk_lock_give(&hk_slabs.lock);
    assert_false(blocked);
    assert_true(extended);
    run.count = 3;
    give(run, 0);
}

static void second_unit_is_aligned(void **state)
{
    (void)state;
    bool zero;
    size_t align = 4 * (size_t)HK_SUPERSLAB;
    struct hk_units units = take(2, align, &zero);
    assert_non_null(units.arena);
    assert_int_equal(((uintptr_t)hk_units_base(units) + HK_SUPERSLAB) % align, 0);
    give(units, 0);
}

static void unit_is_found_by_its_address(void **state)
{
    (void)state;
    static char foreign;
    bool zero;
    struct hk_units units = take(2, HK_SUPERSLAB, &zero);
    hk_lock_take(&hk_slabs.lock);
    struct hk_units found = hk_units_find(hk_units_base(units) + HK_SUPERSLAB + 5);
    struct hk_units none = hk_units_find(&foreign);
    hk_lock_give(&hk_slabs.lock);
    assert_ptr_equal(found.arena, units.arena);
    assert_int_equal(found.index, units.index + 1);
    assert_null(none.arena);
    give(units, 0);
}

static void too_large_a_run_is_refused(void **state)
{
    (void)state;
    assert_int_equal(hk_arena_grow(HK_ARENA_UNITS + 1), ENOMEM);
}

static void refused_mapping_changes_nothing(void **state)
{
    (void)state;
    size_t units = hk_slabs.units;
    hk_os_fake_fail(HK_OS_MAP, 1, true);
    assert_int_not_equal(hk_arena_grow(1), 0);
    assert_int_equal(hk_slabs.units, units);
    assert_null(hk_cold.check());
}

static void growth_makes_do_with_less(void **state)
{
    (void)state;
    size_t units = hk_slabs.units;
    hk_os_fake_fail(HK_OS_MAP, 1, false);
    assert_int_equal(hk_arena_grow(2), 0);
    assert_int_equal(hk_slabs.units, units + 2);
    assert_null(hk_cold.check());
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(first_arena_is_small),
        cmocka_unit_test(lowest_units_go_first),
        cmocka_unit_test(touched_units_are_not_zero),
        cmocka_unit_test(run_grows_into_free_units_only),
        cmocka_unit_test(second_unit_is_aligned),
        cmocka_unit_test(unit_is_found_by_its_address),
        cmocka_unit_test(too_large_a_run_is_refused),
        cmocka_unit_test_setup(refused_mapping_changes_nothing, calm_os),
        cmocka_unit_test_setup(growth_makes_do_with_less, calm_os),
    };
    return cmocka_run_group_tests_name("arena", tests, start_cold, NULL);
}
