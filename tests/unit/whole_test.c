/* SPDX-License-Identifier: MIT */
/* Where small pages are dear, a superslab in huge pages that is in use gives nothing back while the
 * program frees: only when nobody has come for long, when it is asked to, or when it drains. */
#include "unit/cold_unit.h"

#include "coldbox/purge.h"
#include "coldbox/thp.h"

#include <string.h>

enum { DELAY = HK_PURGE_DELAY_MS * 1000000 };
enum { CHEAP = 100, DEAR = 20000 }; /* ns of a small page */
enum { QUIET = 10 };                /* ticks after which parts of one that is in use go back */
enum { AT_ONCE = 8 };               /* of them at a tick */
enum { SHARE = 2 };                 /* of the peak stays dirty so, at most */
enum { PAGES = 12 * (HK_SLICES - 1), THIRD = 3, HARDLY = 32 };

static const uint64_t LONG = 5000000000; /* after a slow huge page, which may be the machine's */

static uint64_t now;
static struct hk_heap *heap;
static struct hk_page *pages[PAGES];

static void advance(uint64_t ns)
{
    now += ns;
    hk_os_fake_set_now(now);
}

static void pass(int ticks)
{
    for (int i = 0; i < ticks; i++) {
        advance(DELAY + 1);
        hk_cold.tick(now);
    }
}

/* -> superslabs in huge pages. */
static size_t count_whole(void)
{
    size_t count = 0;
    struct hk_arena *arena = atomic_load(&hk_slabs.arenas);
    for (; arena; arena = arena->next) {
        for (size_t i = 0; i < HK_ARENA_UNITS / 64; i++) {
            count += (size_t)__builtin_popcountll(atomic_load(&arena->huge[i]));
        }
    }
    return count;
}

/* A heap of full superslabs, most of them in huge pages, on a machine whose small ones take `ns`
 * each. */
static int fill(uint64_t ns)
{
    advance(2 * LONG);
    hk_os_fake_step(ns);
    heap = hk_cold.birth(0);
    for (size_t i = 0; i < PAGES; i++) {
        advance(LONG);
        pages[i] = lease_slices(heap, 1, true);
        if (!pages[i]) {
            return 1;
        }
    }
    hk_cold.tick(now);   /* what has been wanted again is forgotten */
    heap->keeps = false; /* no page stays warm */
    return 0;
}

static int fill_dear(void **state)
{
    (void)state;
    hk_os_fake_reset();
    return fill(DEAR);
}

static int fill_cheap(void **state)
{
    (void)state;
    hk_os_fake_reset();
    return fill(CHEAP);
}

static void give(size_t i)
{
    if (pages[i]) {
        hk_cold.retire(heap, pages[i]);
        pages[i] = NULL;
    }
}

/* All pages go back but one in `every`. */
static void thin_out(size_t every)
{
    for (size_t i = 0; i < PAGES; i++) {
        if (i % every) {
            give(i);
        }
    }
}

/* A fifth of the pages goes back: more than policy allows, and less than half of the peak. */
static void give_some(void)
{
    for (size_t i = 0; i < PAGES; i += 5) {
        give(i);
    }
}

static int end(void **state)
{
    (void)state;
    thin_out(PAGES);
    give(0);
    hk_cold.death(heap);
    forget_all();
    assert_null(hk_cold.check());
    return 0;
}

static size_t dirty(void)
{
    return cold_stat().dirty;
}

static void superslab_in_use_stays_whole(void **state)
{
    (void)state;
    size_t whole = count_whole();
    assert_true(heap->dear);
    assert_true(whole > 6);
    give_some();
    assert_int_equal(count_whole(), whole);
    assert_true(dirty() > hk_purge_allowed());
    assert_null(hk_cold.check());
}

/* What is free and dirty elsewhere may be the less, down to half of the budget. */
static void what_stays_takes_part_of_the_budget(void **state)
{
    (void)state;
    size_t budget = hk_purge_allowed();
    size_t asked = PAGES / 2;
    while (asked < PAGES - 1 && !hk_thp_has_asked(hk_units_find(pages[asked]))) {
        asked += 1; /* a sample, or the machine's huge pages were slow */
    }
    give(asked);
    assert_int_equal(dirty(), HK_SLICE);
    assert_int_equal(hk_purge_allowed(), budget - HK_SLICE);
    give_some();
    assert_true(dirty() > budget);
    assert_int_equal(hk_purge_allowed(), budget / 2);
}

static void it_does_not_where_small_pages_are_cheap(void **state)
{
    (void)state;
    assert_false(heap->dear);
    assert_true(count_whole() > 2);
    give_some();
    assert_in_range(dirty(), 1, hk_purge_allowed());
}

/* A unit that nobody uses says that small pages are cheap. */
static void find_cheap(void)
{
    struct hk_units unit;
    bool zero;
    hk_lock_take(&hk_slabs.lock);
    assert_true(hk_units_take_locked(1, HK_SUPERSLAB, &unit, &zero));
    hk_lock_give(&hk_slabs.lock);
    hk_os_fake_step(CHEAP);
    HK_OS.purge(hk_units_base(unit), HK_SLICE);
    hk_thp_sample(unit);
    hk_lock_take(&hk_slabs.lock);
    hk_units_give_locked(unit, HK_SUPERSLAB);
    hk_lock_give(&hk_slabs.lock);
}

static void one_cheap_sample_ends_none(void **state)
{
    (void)state;
    size_t whole = count_whole();
    give_some();
    find_cheap();
    assert_false(hk_thp_small_is_dear());
    pass(2);
    assert_int_equal(count_whole(), whole);
    assert_true(dirty() > hk_purge_allowed());
}

static void no_more_than_half_stays_so(void **state)
{
    (void)state;
    size_t whole = count_whole();
    thin_out(THIRD);
    assert_in_range(count_whole(), 2, whole - 1);
    assert_in_range(dirty(), hk_slabs.peak / 4, hk_slabs.peak / SHARE + hk_purge_allowed());
    assert_null(hk_cold.check());
}

static void quiet_one_is_taken_apart(void **state)
{
    (void)state;
    size_t whole = count_whole();
    give_some();
    pass(QUIET);
    assert_int_equal(count_whole(), whole);
    pass(1);
    assert_int_equal(count_whole(), whole > AT_ONCE ? whole - AT_ONCE : 0);
    pass(1);
    assert_int_equal(count_whole(), 0);
    assert_int_equal(dirty(), 0);
}

/* Its huge pages end with the first part that goes, and so does what they are kept for. */
static void part_of_a_page_ends_it(void **state)
{
    (void)state;
    size_t bytes = 0;
    give_some();
    size_t before = hk_purge_dirty();
    for (size_t i = 1; i < PAGES; i += 5) {
        assert_true(hk_cold.purge(pages[i], 0, HK_SLICE, &bytes));
    }
    assert_true(bytes > 0);
    assert_int_equal(count_whole(), 0);
    assert_int_equal(hk_purge_dirty(), dirty());
    assert_true(dirty() > before);
}

/* One page of each superslab goes back; they were leased in order. */
static void touch_all(void)
{
    struct hk_superslab_head *last = NULL;
    for (size_t i = 0; i < PAGES; i++) {
        struct hk_superslab_head *slab = pages[i] ? hk_page_superslab(pages[i]) : last;
        if (slab != last) {
            give(i);
        }
        last = slab;
    }
}

static void busy_one_is_not_quiet(void **state)
{
    (void)state;
    size_t whole = count_whole();
    for (int tick = 0; tick < QUIET + 2; tick++) {
        touch_all();
        pass(1);
    }
    assert_int_equal(count_whole(), whole);
}

/* A slice of each superslab is taken, into `taken`. -> of how many. */
static size_t take_of_each(struct hk_slices *taken)
{
    size_t count = 0;
    struct hk_superslab *next;
    hk_lock_take(&hk_slabs.lock);
    for (struct hk_superslab *slab = hk_slab_first_locked(1); slab; slab = next) {
        next = hk_slab_next_locked(slab);
        uint32_t first = (uint32_t)__builtin_ctzll(slab->dirty ? slab->dirty : slab->free);
        assert_true(hk_slices_extend_locked((struct hk_slices){slab, first - 1, 1}, 1));
        taken[count++] = (struct hk_slices){slab, first, 1};
    }
    hk_lock_give(&hk_slabs.lock);
    return count;
}

static void one_that_serves_is_not_quiet(void **state)
{
    (void)state;
    struct hk_slices taken[PAGES];
    size_t whole = count_whole();
    give_some();
    pass(QUIET - 1);
    size_t count = take_of_each(taken);
    pass(QUIET);
    assert_int_equal(count_whole(), whole);
    for (size_t i = 0; i < count; i++) {
        hk_slices_put(taken[i]);
    }
}

static void drained_one_is_taken_apart(void **state)
{
    (void)state;
    give_some();
    assert_true(dirty() > hk_purge_allowed());
    thin_out(HARDLY);
    assert_in_range(dirty(), 1, hk_purge_allowed());
}

static void trim_takes_it_apart(void **state)
{
    (void)state;
    give_some();
    assert_int_equal(hk_cold.trim(heap, dirty()), 0);
    size_t before = dirty();
    assert_true(hk_cold.trim(heap, before / 2) >= before / 2);
    assert_in_range(dirty(), 1, before / 2);
    assert_true(hk_cold.trim(heap, 0) > 0);
    assert_int_equal(dirty(), 0);
    assert_int_equal(count_whole(), 0);
}

/* However much is left whole, half of the budget is for others. */
static void half_of_the_budget_is_for_others(void **state)
{
    (void)state;
    enum { BLOCK = 9 << 18 }; /* 2.25 MiB, of 6 / 2 */
    give_some();
    size_t whole = dirty();
    void *block = take_large(BLOCK, HK_ALIGN, 0);
    assert_non_null(block);
    memset(block, 1, BLOCK);
    give_large(block);
    assert_true(dirty() >= whole + BLOCK);
    block = take_large(64 << 20, HK_ALIGN, 0);
    assert_non_null(block);
    memset(block, 1, 64 << 20);
    give_large(block);
    assert_in_range(dirty(), whole, whole + hk_purge_allowed());
}

/* No clock would ever take it apart. */
static void eager_leaves_nothing_whole(void **state)
{
    (void)state;
    assert_false(heap->dear);
    thin_out(THIRD);
    assert_int_equal(dirty(), 0);
}

int main(void)
{
    const struct CMUnitTest batch[] = {
        cmocka_unit_test_setup_teardown(superslab_in_use_stays_whole, fill_dear, end),
        cmocka_unit_test_setup_teardown(what_stays_takes_part_of_the_budget, fill_dear, end),
        cmocka_unit_test_setup_teardown(it_does_not_where_small_pages_are_cheap, fill_cheap, end),
        cmocka_unit_test_setup_teardown(one_cheap_sample_ends_none, fill_dear, end),
        cmocka_unit_test_setup_teardown(no_more_than_half_stays_so, fill_dear, end),
        cmocka_unit_test_setup_teardown(quiet_one_is_taken_apart, fill_dear, end),
        cmocka_unit_test_setup_teardown(part_of_a_page_ends_it, fill_dear, end),
        cmocka_unit_test_setup_teardown(busy_one_is_not_quiet, fill_dear, end),
        cmocka_unit_test_setup_teardown(one_that_serves_is_not_quiet, fill_dear, end),
        cmocka_unit_test_setup_teardown(drained_one_is_taken_apart, fill_dear, end),
        cmocka_unit_test_setup_teardown(trim_takes_it_apart, fill_dear, end),
        cmocka_unit_test_setup_teardown(half_of_the_budget_is_for_others, fill_dear, end),
    };
    const struct CMUnitTest eager[] = {
        cmocka_unit_test_setup_teardown(eager_leaves_nothing_whole, fill_dear, end),
    };
    /* OS pages larger than 4 KiB are never called dear */
    if (HK_THP != HK_THP_AUTO || HK_FREE_POLICY == HK_FREE_KEEP || HK_BUDGET >= 0 ||
        HK_WARM_PREFILL || HK_OS.facts()->page != 4096) {
        return 77;
    }
    return HK_FREE_POLICY == HK_FREE_EAGER
               ? cmocka_run_group_tests_name("whole, eager", eager, start_cold, NULL)
               : cmocka_run_group_tests_name("whole", batch, start_cold, NULL);
}
