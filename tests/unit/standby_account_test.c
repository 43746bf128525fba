/* SPDX-License-Identifier: MIT */
/* The huge block that waits is free memory: who makes it free, and how much may wait. */
#include "unit/standby_unit.h"

#include "coldbox/purge.h"
#include "coldbox/stats.h"

#include <sys/wait.h>
#include <unistd.h>

static void statistics_count_it_as_free(void **state)
{
    (void)state;
    size_t huge = cold_stat().huge;
    size_t dirty = cold_stat().dirty;
    give_large(take_size());
    assert_int_equal(cold_stat().huge, huge);
    assert_true(cold_stat().dirty >= dirty + SIZE);
    assert_waits(false);
}

static void report_at_the_end_counts_it_as_free(void **state)
{
    (void)state;
    struct hk_cold_stat before;
    struct hk_cold_stat after;
    assert_true(hk_cold_stat_try(&before));
    give_large(take_size());
    assert_waits(true);
    assert_true(hk_cold_stat_try(&after));
    assert_int_equal(after.huge, before.huge);
    assert_true(after.dirty >= before.dirty + SIZE);
}

static void forget_peak(void)
{
    hk_lock_take(&hk_slabs.lock);
    hk_slabs.peak = 0;
    hk_lock_give(&hk_slabs.lock);
}

static void *use_span(void)
{
    return take_large(MIB, 16, 0);
}

static void *use_mapping(void)
{
    return take_large((size_t)600 * MIB, 16, 0);
}

static void *reserved;

static void *use_reserve(void)
{
    assert_ptr_equal(hk_cold.large_resize(hk_page_of(reserved), reserved, 5 * MIB), reserved);
    return reserved;
}

/* -> the peak while something more is used. */
static size_t peak_of(void *(*use)(void), bool waits)
{
    reserved = use == use_reserve ? take_large(SIZE, 16, 7 * MIB) : NULL;
    void *slab = take_large(MIB, 16, 0); /* which use_span's lies in as well */
    if (waits) {
        give_large(take_size());
        assert_waits(true);
    }
    forget_peak();
    give_large(use());
    size_t peak = hk_slabs.peak;
    give_large(slab);
    hk_cold.trim(NULL, 0);
    return peak;
}

/* The peak is what was in use at once, whichever way blocks come and grow. */
static void peak_leaves_it_out(void **state)
{
    (void)state;
    void *(*const uses[])(void) = {use_span, use_mapping, use_reserve};
    for (size_t i = 0; i < sizeof uses / sizeof *uses; i++) {
        assert_int_equal(peak_of(uses[i], true), peak_of(uses[i], false));
    }
    forget_peak();
}

static void neighbour_grows_into_it(void **state)
{
    (void)state;
    void *grows = take_size();
    void *next = take_size();
    assert_true((char *)next > (char *)grows && (char *)next < (char *)grows + 2 * HK_SUPERSLAB);
    give_large(next);
    assert_waits(true);
    assert_ptr_equal(hk_cold.large_resize(hk_page_of(grows), grows, 7 * MIB), grows);
    assert_waits(false);
    give_large(grows);
}

/* A quarter of all units, and no more, may be under blocks that grow. */
static void its_units_are_there_for_blocks_that_grow(void **state)
{
    (void)state;
    if (HK_THP != HK_THP_AUTO && HK_THP != HK_THP_NEVER) {
        skip(); /* short blocks have no units there */
    }
    enum { MOST = 64 };
    void *held[MOST];
    size_t count = 0;
    while (hk_slabs.huge_units < hk_slabs.units / 4 && count < MOST) {
        held[count++] = take_size();
    }
    assert_in_range(count, 1, MOST - 1);
    bool zero;
    assert_null(hk_cold.large_alloc(20000, 16, 40000, &zero));
    give_large(held[--count]);
    assert_waits(true);
    void *grows = hk_cold.large_alloc(20000, 16, 40000, &zero);
    assert_non_null(grows);
    give_large(grows);
    while (count) {
        give_large(held[--count]);
    }
}

static void refused_request_leaves_the_peak(void **state)
{
    (void)state;
    give_large(take_size());
    assert_waits(true);
    hk_os_fake_fail(HK_OS_MAP, 1, true);
    assert_null(take_large((size_t)500 * MIB, 16, 0));
    assert_true(hk_slabs.peak < (size_t)100 * MIB);
}

static void pages_are_made_of_it(void **state)
{
    (void)state;
    void *block = take_size();
    give_large(block);
    size_t reserved = cold_stat().reserved;
    give_large(take_size());
    assert_waits(true);
    void *span[4];
    for (size_t i = 0; i < 4; i++) {
        span[i] = take_large(2 * MIB, 16, 0); /* one to a superslab */
    }
    assert_waits(false);
    assert_int_equal(cold_stat().reserved, reserved);
    for (size_t i = 0; i < 4; i++) {
        give_large(span[i]);
    }
}

static void trims_make_it_free(void **state)
{
    (void)state;
    give_large(take_size());
    assert_waits(true);
    hk_cold.trim(NULL, 0);
    assert_waits(false);
    assert_int_equal(cold_stat().dirty, 0);
}

static void ticks_make_it_free(void **state)
{
    (void)state;
    give_large(take_size());
    assert_waits(true);
    for (uint64_t tick = 1; tick <= 2; tick++) {
        uint64_t now = (1000000 + tick * (HK_PURGE_DELAY_MS + 1)) * 1000000u;
        hk_os_fake_set_now(now);
        hk_cold.tick(now);
        assert_waits(false);
    }
    assert_true(cold_stat().dirty <= hk_slabs.hold);
}

static void waits_where_it_might_stay_dirty(void **state)
{
    (void)state;
    void *block = take_size();
    atomic_store(&hk_slabs.purge_above, SIZE + HK_SLICE - 1);
    give_large(block);
    assert_waits(false);
    block = take_size();
    atomic_store(&hk_slabs.purge_above, SIZE + HK_SLICE);
    give_large(block);
    assert_waits(true);
    assert_int_equal(hk_standby_bytes(), SIZE + HK_SLICE);
}

/* Nothing is held for regret: policy allows its least. */
static void forget_regret(void)
{
    hk_lock_take(&hk_slabs.lock);
    hk_slabs.hold = 0;
    hk_slabs_publish_locked();
    hk_lock_give(&hk_slabs.lock);
}

static void counts_as_dirty_while_it_waits(void **state)
{
    (void)state;
    enum { SPANS = 4 };
    void *block = take_size();
    void *span[SPANS];
    for (size_t i = 0; i < SPANS; i++) {
        span[i] = take_large(2 * MIB, 16, 0);
    }
    forget_regret();
    give_large(block);
    assert_waits(true);
    for (size_t i = 0; i < SPANS; i++) {
        give_large(span[i]);
        assert_true(atomic_load(&hk_slabs.dirty_bytes) + hk_standby_bytes() <=
                    atomic_load(&hk_slabs.purge_above));
    }
    assert_waits(false);
}

/* What was in its units before counts as well. */
static void counts_as_much_as_it_becomes(void **state)
{
    (void)state;
    give_large(take_large(4 * MIB - 64 * 1024, 16, 0));
    give_large(take_large(4 * MIB - 128 * 1024, 16, 0));
    void *block = take_size();
    give_large(block);
    assert_waits(true);
    size_t dirty = atomic_load(&hk_slabs.dirty_bytes);
    size_t waits = hk_standby_bytes();
    hk_lock_take(&hk_slabs.lock);
    hk_standby_settle_locked();
    hk_lock_give(&hk_slabs.lock);
    size_t became = atomic_load(&hk_slabs.dirty_bytes) - dirty;
    assert_true(became > SIZE + 512 * 1024);
    assert_in_range(waits, became, became + 512 * 1024);
}

static void child_of_a_fork_finds_it_free(void **state)
{
    (void)state;
    void *block = take_size();
    give_large(block);
    assert_waits(true);
    hk_cold.prefork();
    pid_t child = fork();
    if (child == 0) {
        hk_cold.child(NULL);
        bool right = hk_standby_bytes() == 0 && !hk_cold.check() && hk_slabs.huge_units == 0 &&
                     take_size() == block && cold_stat().huge == SIZE;
        _exit(right ? 0 : 1);
    }
    hk_cold.parent();
    int status = -1;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(status, 0);
    assert_waits(true);
}

static void eager_policy_lets_nothing_wait(void **state)
{
    (void)state;
    give_large(take_size());
    assert_waits(false);
    assert_int_equal(cold_stat().dirty, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(statistics_count_it_as_free, nothing_waits),
        cmocka_unit_test_setup(report_at_the_end_counts_it_as_free, nothing_waits),
        cmocka_unit_test_setup(peak_leaves_it_out, nothing_waits),
        cmocka_unit_test_setup(neighbour_grows_into_it, nothing_waits),
        cmocka_unit_test_setup(its_units_are_there_for_blocks_that_grow, nothing_waits),
        cmocka_unit_test_setup(refused_request_leaves_the_peak, nothing_waits),
        cmocka_unit_test_setup(pages_are_made_of_it, nothing_waits),
        cmocka_unit_test_setup(counts_as_much_as_it_becomes, nothing_waits),
        cmocka_unit_test_setup(trims_make_it_free, nothing_waits),
        cmocka_unit_test_setup(waits_where_it_might_stay_dirty, nothing_waits),
        cmocka_unit_test_setup(child_of_a_fork_finds_it_free, nothing_waits),
    };
    const struct CMUnitTest batch[] = {
        cmocka_unit_test_setup(ticks_make_it_free, nothing_waits),
        cmocka_unit_test_setup(counts_as_dirty_while_it_waits, nothing_waits),
    };
    const struct CMUnitTest eager[] = {
        cmocka_unit_test_setup(eager_policy_lets_nothing_wait, nothing_waits),
    };
    if (HK_FREE_POLICY == HK_FREE_EAGER) {
        return cmocka_run_group_tests_name("standby", eager, start_cold, NULL);
    }
    int failed = cmocka_run_group_tests_name("standby", tests, start_cold, NULL);
    if (HK_FREE_POLICY == HK_FREE_BATCH) {
        failed += cmocka_run_group_tests_name("standby, and given back", batch, NULL, NULL);
    }
    return failed;
}
