/* SPDX-License-Identifier: MIT */
/* Slices of superslabs: runs, alignment, tiers, and the account of dirty memory. */
#include "unit/cold_unit.h"

#include "coldbox/purge.h"
#include "unit/random.h"

static struct hk_slices get(uint32_t count, uint32_t align, bool *zero)
{
    struct hk_slices slices;
    assert_true(hk_slices_get(count, align, HK_GROW, &slices, zero));
    return slices;
}

/* Without the purge that a policy may order at once. */
static void put(struct hk_slices slices)
{
    hk_lock_take(&hk_slabs.lock);
    hk_slices_give_locked(slices);
    hk_lock_give(&hk_slabs.lock);
}

static void every_run_is_free_and_aligned(void **state)
{
    (void)state;
    bool zero;
    for (uint32_t count = 1; count <= 32; count++) {
        for (uint32_t align = 1; align <= 32; align *= 2) {
            struct hk_slices slices = get(count, align, &zero);
            assert_int_equal(slices.index % align, 0);
            assert_in_range(slices.index, 1, HK_SLICES - count);
            assert_int_equal(slices.slab->free & hk_slice_mask(slices.index, count), 0);
            put(slices);
        }
    }
    assert_null(hk_cold.check());
}

static void fresh_slices_are_zero_and_used_ones_dirty(void **state)
{
    (void)state;
    bool zero = true;
    hk_cold.trim(NULL, 0);
    size_t dirty = hk_slabs.dirty_slices;
    struct hk_slices slices = get(3, 1, &zero);
    assert_true(zero);
    put(slices);
    assert_int_equal(hk_slabs.dirty_slices, dirty + 3);
    slices = get(2, 1, &zero);
    assert_false(zero);
    assert_int_equal(hk_slabs.dirty_slices, dirty + 1);
    put(slices);
}

static uint32_t longest_by_counting(uint64_t map)
{
    uint32_t longest = 0;
    uint32_t run = 0;
    for (int bit = 0; bit < 64; bit++) {
        run = map >> bit & 1 ? run + 1 : 0;
        longest = run > longest ? run : longest;
    }
    return longest;
}

static void longest_run_is_as_counted(void **state)
{
    (void)state;
    struct random random = random_from(1);
    for (int round = 0; round < 20000; round++) {
        uint64_t map = random_next(&random) & hk_all_slices;
        for (size_t thicker = random_below(&random, 6); thicker > 0; thicker--) {
            map |= random_next(&random) & hk_all_slices;
        }
        assert_int_equal(hk_longest_run(map), longest_by_counting(map));
    }
    assert_int_equal(hk_longest_run(0), 0);
    for (uint32_t run = 1; run < 64; run++) {
        for (uint32_t at = 1; at + run <= 64; at++) {
            assert_int_equal(hk_longest_run((((uint64_t)1 << run) - 1) << at), run);
        }
    }
}

static void tier_follows_the_slices_in_use(void **state)
{
    (void)state;
    bool zero;
    struct hk_slices slices[HK_SLICES - 1];
    for (uint32_t used = 1; used < HK_SLICES; used++) {
        slices[used - 1] = get(1, 1, &zero);
        assert_ptr_equal(slices[used - 1].slab, slices[0].slab);
        uint32_t tier = used < 16 ? HK_TIER_DRAINING : HK_TIER_HOT;
        assert_int_equal(slices[0].slab->tier, tier);
    }
    for (uint32_t used = HK_SLICES - 2; used > 0; used--) {
        put(slices[used]);
        assert_int_equal(slices[0].slab->tier, used < 8 ? HK_TIER_DRAINING : HK_TIER_HOT);
    }
    put(slices[0]);
    assert_int_equal(slices[0].slab->tier, HK_TIER_FREE);
    assert_null(hk_cold.check());
}

static void tightest_run_serves_first(void **state)
{
    (void)state;
    bool zero;
    struct hk_slices much = get(40, 1, &zero);
    struct hk_slices little = get(30, 1, &zero); /* does not fit beside the first */
    assert_ptr_not_equal(much.slab, little.slab);
    put((struct hk_slices){little.slab, little.index + 2, 28});
    hk_cold.trim(NULL, 0); /* no slice is dirty */
    struct hk_slices next = get(1, 1, &zero);
    assert_ptr_equal(next.slab, much.slab);
    put(next);
    put(much);
    put((struct hk_slices){little.slab, little.index, 2});
    assert_null(hk_cold.check());
}

/* Memory that is there already before memory that has never been touched, wherever it is. */
static void dirty_slices_of_another_superslab_serve_first(void **state)
{
    (void)state;
    bool zero;
    hk_cold.trim(NULL, 0);
    struct hk_slices first = get(60, 1, &zero);
    struct hk_slices second = get(40, 1, &zero);
    assert_ptr_not_equal(first.slab, second.slab);
    put(second);
    struct hk_slices wide = get(4, 1, &zero);

    struct hk_slices tight = get(1, 1, &zero);

    assert_ptr_equal(wide.slab, second.slab);
    assert_ptr_equal(tight.slab, second.slab);
    assert_false(zero);
    put(tight);
    put(wide);
    put(first);
    assert_null(hk_cold.check());
}

static void used_slices_are_asked_for_alone(void **state)
{
    (void)state;
    bool zero;
    hk_cold.trim(NULL, 0);
    struct hk_slices wall = get(1, 1, &zero);
    struct hk_slices used = get(3, 1, &zero);
    struct hk_slices other;
    assert_int_equal(hk_slices_get(3, 1, HK_GROW_USED, &other, &zero), HK_GOT_NOTHING);
    put(used);

    assert_int_equal(hk_slices_get(4, 1, HK_GROW_USED, &other, &zero), HK_GOT_NOTHING);
    assert_int_equal(hk_slices_get(3, 1, HK_GROW_USED, &other, &zero), HK_GOT_FREE);

    assert_false(zero);
    assert_int_equal(other.index, used.index);
    put(other);
    put(wall);
    assert_null(hk_cold.check());
}

static void run_extends_into_free_slices_only(void **state)
{
    (void)state;
    bool zero;
    struct hk_slices run = get(2, 1, &zero);
    struct hk_slices wall = get(1, 1, &zero);
    assert_int_equal(wall.index, run.index + 2);
    hk_lock_take(&hk_slabs.lock);
    bool blocked = hk_slices_extend_locked(run, 1);
    hk_slices_give_locked(wall);
    bool extended = hk_slices_extend_locked(run, 3);
    bool beyond = hk_slices_extend_locked(run, 64);
    hk_lock_give(&hk_slabs.lock);
    assert_false(blocked);
    assert_true(extended);
    assert_false(beyond);
    run.count = 5;
    put(run);
    assert_null(hk_cold.check());
}

static void tiers_are_counted(void **state)
{
    (void)state;
    bool zero;
    struct hk_slices few = get(2, 1, &zero);
    assert_int_equal(cold_stat().draining, 1);
    struct hk_slices many = get(40, 1, &zero);
    assert_int_equal(cold_stat().draining, 0);
    assert_int_equal(cold_stat().empty, 0);

    put(many);
    assert_int_equal(cold_stat().draining, 1);
    put(few);
    assert_int_equal(cold_stat().empty, cold_stat().superslabs);
    assert_null(hk_cold.check());
}

/* -> moves between two tiers since `before`. */
static uint64_t moves(const struct hk_cold_stat *before, enum hk_tier from, enum hk_tier to)
{
    return cold_stat().tier_moves[from][to] - before->tier_moves[from][to];
}

static void moves_between_tiers_are_counted(void **state)
{
    (void)state;
    bool zero;
    const uint64_t once = HK_STATS == HK_STATS_OFF ? 0 : 1;
    struct hk_cold_stat before = cold_stat();
    struct hk_slices few = get(2, 1, &zero);
    assert_int_equal(moves(&before, HK_TIER_FREE, HK_TIER_DRAINING), once);
    struct hk_slices many = get(40, 1, &zero);
    assert_int_equal(moves(&before, HK_TIER_DRAINING, HK_TIER_HOT), once);
    put(get(1, 1, &zero)); /* stays HOT */
    put(many);
    assert_int_equal(moves(&before, HK_TIER_HOT, HK_TIER_DRAINING), once);
    put(few);
    assert_int_equal(moves(&before, HK_TIER_DRAINING, HK_TIER_FREE), once);
    put(get(30, 1, &zero));
    assert_int_equal(moves(&before, HK_TIER_FREE, HK_TIER_HOT), once);
    assert_int_equal(moves(&before, HK_TIER_HOT, HK_TIER_FREE), once);

    hk_cold.trim(NULL, 0);
    before = cold_stat();
    put(get(1, 1, &zero));
    assert_int_equal(cold_stat().opened - before.opened, once);
}

static void whole_superslab_goes_back_as_a_unit(void **state)
{
    (void)state;
    bool zero;
    put(get(10, 1, &zero));
    assert_true(hk_slabs.superslabs > 0);
    hk_cold.trim(NULL, 0);
    assert_int_equal(cold_stat().dirty, 0);
    struct hk_slices slices = get(1, 1, &zero);
    assert_true(zero);
    assert_null(hk_cold.check());
    put(slices);
}

static void claimed_slices_are_not_handed_out(void **state)
{
    (void)state;
    bool zero;
    struct hk_slices held = get(1, 1, &zero);
    struct hk_slices dirty = get(4, 1, &zero);
    uint64_t mask = hk_slice_mask(dirty.index, 4);
    put(dirty);

    hk_lock_take(&hk_slabs.lock);
    hk_slices_claim_locked(dirty.slab, mask);
    hk_lock_give(&hk_slabs.lock);
    struct hk_slices other = get(4, 1, &zero);
    assert_true(other.slab != dirty.slab || !(hk_slice_mask(other.index, 4) & mask));
    hk_lock_take(&hk_slabs.lock);
    hk_slices_purged_locked(dirty.slab, mask, false);
    hk_lock_give(&hk_slabs.lock);

    put(other);
    put(held);
    assert_null(hk_cold.check());
}

static void check_finds_a_wrong_count(void **state)
{
    (void)state;
    hk_slabs.leased += 1;
    assert_non_null(hk_cold.check());
    hk_slabs.leased -= 1;
    hk_slabs.dirty_slices += 1;
    assert_non_null(hk_cold.check());
    hk_slabs.dirty_slices -= 1;
    assert_null(hk_cold.check());
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(longest_run_is_as_counted),
        cmocka_unit_test(tier_follows_the_slices_in_use),
        cmocka_unit_test(tiers_are_counted),
        cmocka_unit_test(moves_between_tiers_are_counted),
        cmocka_unit_test(every_run_is_free_and_aligned),
        cmocka_unit_test(fresh_slices_are_zero_and_used_ones_dirty),
        cmocka_unit_test(tightest_run_serves_first),
        cmocka_unit_test(dirty_slices_of_another_superslab_serve_first),
        cmocka_unit_test(used_slices_are_asked_for_alone),
        cmocka_unit_test(run_extends_into_free_slices_only),
        cmocka_unit_test(whole_superslab_goes_back_as_a_unit),
        cmocka_unit_test(claimed_slices_are_not_handed_out),
        cmocka_unit_test(check_finds_a_wrong_count),
    };
    return cmocka_run_group_tests_name("superslab", tests, start_cold, NULL);
}
