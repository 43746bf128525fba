/* SPDX-License-Identifier: MIT */
/* The registry: which addresses are ours. Addresses are only numbers here. */
#include "unit/cold_unit.h"

#include "coldbox/meta.h"
#include "coldbox/registry.h"

#include <errno.h>

enum { UNIT = 4 << 20 };

static const char *at(size_t unit, size_t offset)
{
    return (const char *)(((uintptr_t)1 << 40) + unit * UNIT + offset);
}

static void nothing_is_ours_at_first(void **state)
{
    (void)state;
    static char foreign;
    assert_false(hk_registry_owns(&foreign));
    assert_false(hk_registry_owns(at(0, 16)));
    assert_false(hk_registry_owns((void *)16));
    assert_false(hk_registry_owns((void *)UINTPTR_MAX));
}

static void added_units_are_ours(void **state)
{
    (void)state;
    assert_int_equal(hk_registry_add(at(10, 0), 3), 0);
    assert_true(hk_registry_owns(at(10, 16)));
    assert_true(hk_registry_owns(at(12, UNIT - 16)));
    assert_false(hk_registry_owns(at(9, UNIT - 16)));
    assert_false(hk_registry_owns(at(13, 16)));
    hk_registry_remove(at(10, 0), 3);
}

static void block_on_a_boundary_belongs_to_the_unit_below(void **state)
{
    (void)state;
    assert_int_equal(hk_registry_add(at(20, 0), 2), 0);
    assert_false(hk_registry_owns(at(20, 0)));
    assert_true(hk_registry_owns(at(21, 0)));
    assert_true(hk_registry_owns(at(22, 0)));
    hk_registry_remove(at(20, 0), 2);
}

static void removed_units_are_not_ours(void **state)
{
    (void)state;
    assert_int_equal(hk_registry_add(at(30, 0), 4), 0);
    hk_registry_remove(at(31, 0), 2);
    assert_true(hk_registry_owns(at(30, 16)));
    assert_false(hk_registry_owns(at(31, 16)));
    assert_false(hk_registry_owns(at(32, 16)));
    assert_true(hk_registry_owns(at(33, 16)));
    hk_registry_remove(at(30, 0), 1);
    hk_registry_remove(at(33, 0), 1);
}

static void run_may_cross_leaves(void **state)
{
    (void)state;
    enum { LEAF = 8192, UNITS = 20000 };
    assert_int_equal(hk_registry_add(at(100, 0), UNITS), 0);
    for (size_t unit = 0; unit < UNITS; unit += 97) {
        assert_true(hk_registry_owns(at(100 + unit, 16)));
    }
    assert_true(hk_registry_owns(at(100 + UNITS - 1, 16)));
    assert_false(hk_registry_owns(at(100 + UNITS, 16)));
    hk_registry_remove(at(100, 0), UNITS);
}

static void refused_leaf_changes_nothing(void **state)
{
    (void)state;
    while (hk_meta_alloc(4096) && hk_os_fake_calls(HK_OS_MAP) == 0) {
    }
    hk_os_fake_fail(HK_OS_MAP, 1, true);
    while (hk_meta_alloc(64)) {
    }
    const char *far = (const char *)((uintptr_t)1 << 45);

    assert_int_equal(hk_registry_add(far, 2), ENOMEM);

    assert_false(hk_registry_owns(far + 16));
    hk_os_fake_reset();
    assert_int_equal(hk_registry_add(far, 2), 0);
    assert_true(hk_registry_owns(far + 16));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nothing_is_ours_at_first),
        cmocka_unit_test(added_units_are_ours),
        cmocka_unit_test(block_on_a_boundary_belongs_to_the_unit_below),
        cmocka_unit_test(removed_units_are_not_ours),
        cmocka_unit_test(run_may_cross_leaves),
        cmocka_unit_test_setup(refused_leaf_changes_nothing, calm_os),
    };
    return cmocka_run_group_tests_name("registry", tests, NULL, NULL);
}
