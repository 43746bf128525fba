/* SPDX-License-Identifier: MIT */
/* Huge pages: when a superslab asks for them, how long none does after a slow one, and how much
 * sooner one does where small ones are dear. */
#include "unit/cold_unit.h"

#include "coldbox/growth.h"
#include "coldbox/purge.h"
#include "coldbox/thp.h"

enum { QUICK = 1000000, SLOW = 4000000, DEAR_SLOW = 12000000 };
enum { CHEAP = 100, DEAR = 20000 }; /* ns of a small page */
/* pages of a heap that asks, and where small pages are dear; of a superslab */
enum { MANY = 128, SOME = 48, ROOM = HK_SLICES - 1 };

static const uint64_t FIRST_PAUSE = 40000000;
static const uint64_t LONGEST_PAUSE = 5000000000;

static uint64_t now;
static struct hk_units unit; /* that nobody else uses */

static bool take_unit(void)
{
    bool zero;
    hk_lock_take(&hk_slabs.lock);
    bool found = hk_units_take_locked(1, HK_SUPERSLAB, &unit, &zero);
    hk_lock_give(&hk_slabs.lock);
    return found;
}

/* What the box says of each page leased from now on, in bytes; 0: nothing. */
static uint32_t touched;

/* From now on small pages that nobody has touched take `ns` each, as those of the unit show. */
static void sample(uint64_t ns)
{
    hk_os_fake_step(ns);
    HK_OS.purge(hk_units_base(unit), HK_SLICE);
    hk_thp_sample(unit);
}

/* The clock is at the end of every pause that earlier tests have caused, pauses are short, and
 * small pages cheap. */
static int settle(void **state)
{
    calm_os(state);
    touched = 0;
    now += 2 * LONGEST_PAUSE;
    hk_os_fake_set_now(now);
    bool found = take_unit() || (hk_arena_grow(1) == 0 && take_unit());
    if (found) {
        sample(CHEAP);
    }
    for (int i = 0; found && HK_THP == HK_THP_AUTO && i < 8; i++) {
        hk_thp_ask(unit);
    }
    return found ? 0 : 1;
}

static uint64_t its_bit(void)
{
    return (uint64_t)1 << unit.index % 64;
}

static int give_back(void **state)
{
    (void)state;
    hk_lock_take(&hk_slabs.lock);
    atomic_fetch_and(&unit.arena->huge[unit.index / 64], ~its_bit());
    hk_units_give_locked(unit, HK_SUPERSLAB);
    hk_lock_give(&hk_slabs.lock);
    return 0;
}

static bool wants_of(bool dense, bool clean)
{
    hk_lock_take(&hk_slabs.lock);
    bool wanted = hk_thp_wants_locked(unit, dense, clean);
    hk_lock_give(&hk_slabs.lock);
    return wanted;
}

static bool wants(bool dense)
{
    return wants_of(dense, true);
}

/* Ask, `ns` of the thread's time long. -> how often advice was given. */
static uint64_t ask(uint64_t ns)
{
    uint64_t before = hk_os_fake_calls(HK_OS_ADVISE);
    hk_os_fake_slow_down(ns);
    hk_thp_ask(unit);
    hk_os_fake_slow_down(0);
    return hk_os_fake_calls(HK_OS_ADVISE) - before;
}

static void advance(uint64_t ns)
{
    now += ns;
    hk_os_fake_set_now(now);
}

/* None is wanted until exactly `pause` from now. */
static void assert_pause(uint64_t pause)
{
    advance(pause - 1);
    assert_false(wants(true));
    advance(1);
    assert_true(wants(true));
}

static void dense_superslab_asks_once(void **state)
{
    (void)state;
    assert_false(wants(false));
    assert_true(wants(true));
    assert_false(wants(true));
    assert_int_equal(ask(QUICK), 1);
}

static void quick_huge_page_means_no_pause(void **state)
{
    (void)state;
    ask(QUICK);
    assert_true(wants(true));
}

static void slow_huge_page_takes_the_wish_back(void **state)
{
    (void)state;
    assert_true(wants(true));
    assert_int_equal(ask(SLOW), 2);
    assert_false(wants(true));
    assert_false(atomic_load(&unit.arena->huge[unit.index / 64]) & its_bit());
}

/* Where the kernel has none, nothing is in huge pages; and it says nothing about slow ones. */
static void refused_wish_is_taken_back(void **state)
{
    (void)state;
    ask(SLOW);
    advance(FIRST_PAUSE);
    assert_true(wants(true));
    hk_os_fake_fail(HK_OS_ADVISE, 1, true);
    (void)ask(QUICK);
    assert_false(hk_thp_has_asked(unit));
    calm_os(NULL);
    hk_os_fake_set_now(now);
    ask(SLOW);
    assert_pause(2 * FIRST_PAUSE);
}

static void pause_doubles_up_to_its_longest(void **state)
{
    (void)state;
    for (uint64_t pause = FIRST_PAUSE; pause < LONGEST_PAUSE; pause *= 2) {
        ask(SLOW);
        assert_pause(pause);
    }
    for (int i = 0; i < 2; i++) {
        ask(SLOW);
        assert_pause(LONGEST_PAUSE);
    }
}

static void quick_huge_page_halves_the_pause(void **state)
{
    (void)state;
    for (int i = 0; i < 3; i++) {
        ask(SLOW);
        advance(LONGEST_PAUSE);
    }
    ask(QUICK);
    ask(SLOW);
    assert_pause(4 * FIRST_PAUSE);
}

/* Threads that asked before the first of them was found slow. */
static void slow_huge_pages_at_once_count_as_one(void **state)
{
    (void)state;
    ask(SLOW);
    ask(SLOW);
    ask(SLOW);
    assert_pause(FIRST_PAUSE);
    ask(SLOW);
    assert_pause(2 * FIRST_PAUSE);
}

/* Parts that go back stay there: the wish is taken back once, and is free to come again. */
static void wish_is_forgone_for_parts(void **state)
{
    (void)state;
    uint64_t before = hk_os_fake_calls(HK_OS_ADVISE);
    hk_thp_forgo(unit);
    assert_int_equal(hk_os_fake_calls(HK_OS_ADVISE), before);
    assert_true(wants(true));
    hk_thp_forgo(unit);
    hk_thp_forgo(unit);
    assert_int_equal(hk_os_fake_calls(HK_OS_ADVISE) - before, 1);
    assert_true(wants(true));
}

static bool pages_are_small(void)
{
    return HK_OS.facts()->page == 4096;
}

static void small_pages_are_dear_as_the_last_sample_says(void **state)
{
    (void)state;
    if (!pages_are_small()) {
        skip();
    }
    assert_false(hk_thp_small_is_dear());
    sample(DEAR);
    assert_true(hk_thp_small_is_dear());
    sample(CHEAP);
    assert_false(hk_thp_small_is_dear());
}

/* Its pages are there at once. */
static void unit_that_asks_is_no_sample(void **state)
{
    (void)state;
    assert_true(wants(true));
    sample(DEAR);
    assert_false(hk_thp_small_is_dear());
}

static void huge_page_is_not_slow_if_small_ones_are_slower(void **state)
{
    (void)state;
    if (!pages_are_small()) {
        skip();
    }
    sample(DEAR);
    assert_true(wants(true));
    assert_int_equal(ask(SLOW), 1);
    assert_false(wants(true));
    assert_int_equal(ask(DEAR_SLOW), 2);
    assert_pause(FIRST_PAUSE);
}

/* Nobody believes in seconds for each page. */
static void what_small_pages_may_take_is_bounded(void **state)
{
    (void)state;
    sample(1000 * DEAR);
    assert_true(wants(true));
    assert_int_equal(ask(25 * SLOW / 4), 2);
}

/* Where it may be one. */
static void one_wish_in_sixteen_is_for_a_sample(void **state)
{
    (void)state;
    if (!pages_are_small()) {
        skip();
    }
    sample(DEAR);
    for (int clean = 0; clean < 2; clean++) {
        int granted = 0;
        for (int i = 0; i < 240; i++) {
            bool wanted = wants_of(true, clean);
            granted += wanted;
            if (wanted) {
                hk_thp_forgo(unit);
            }
        }
        assert_int_equal(granted, clean ? 225 : 240);
    }
}

/* What a look at the clock takes is not the page's. */
static void slow_clock_makes_no_page_dear(void **state)
{
    (void)state;
    if (!pages_are_small()) {
        skip();
    }
    (void)HK_OS.fine(); /* from now on it is each first one of four that finds no more */
    sample(DEAR);
    assert_false(hk_thp_small_is_dear());
}

/* Lease a page. -> true: a superslab was opened for it that asks for huge pages. */
static bool lease_asks(struct hk_heap *heap, uint8_t slices)
{
    uint64_t arenas = hk_os_fake_calls(HK_OS_MAP);
    uint64_t before = hk_os_fake_calls(HK_OS_ADVISE);
    struct hk_page *page = lease_slices(heap, slices, true);
    assert_non_null(page);
    hk_page_slot(page)->touched = touched;
    /* a new arena is told once */
    return hk_os_fake_calls(HK_OS_ADVISE) - before > hk_os_fake_calls(HK_OS_MAP) - arenas;
}

static void end(struct hk_heap *heap)
{
    while (heap->pages) {
        hk_cold.retire(heap, heap->pages);
    }
    hk_cold.death(heap);
}

/* -> pages of `slices` that a heap has when it first asks for huge pages, if another one has
 * `others` slices, and nobody else has any; 0: not by some hundreds. */
static size_t pages_until_asked(uint8_t slices, size_t others)
{
    struct hk_heap *heap = hk_cold.birth(0);
    struct hk_heap *other = hk_cold.birth(0);
    size_t pages = 0;
    bool asked = false;
    assert_non_null(heap);
    assert_non_null(other);
    for (size_t i = 0; i < others; i++) {
        assert_false(lease_asks(other, 1));
    }
    while (!asked && pages < 4 * ROOM) {
        asked = lease_asks(heap, slices);
        pages += !asked;
    }
    end(heap);
    end(other);
    forget_all();
    advance(LONGEST_PAUSE); /* the machine's own huge pages may be slow */
    return asked ? pages : 0;
}

static void large_heap_asks(void **state)
{
    (void)state;
    if (HK_WARM_PREFILL) {
        skip(); /* a heap has pages that it has not leased */
    }
    hk_os_fake_step(CHEAP);
    assert_int_equal(pages_until_asked(1, 3 * ROOM - MANY + 1), MANY + ROOM - 1);
    assert_int_equal(pages_until_asked(1, 3 * ROOM - MANY), MANY);
    assert_int_equal(pages_until_asked(2, 0), 0);
}

/* That they are is seen as soon as the first superslab is opened. */
static void smaller_heap_asks_where_small_pages_are_dear(void **state)
{
    (void)state;
    if (!pages_are_small() || HK_WARM_PREFILL) {
        skip();
    }
    hk_os_fake_step(DEAR);
    assert_int_equal(pages_until_asked(1, ROOM - SOME + 1), SOME + ROOM - 1);
    assert_int_equal(pages_until_asked(1, ROOM - SOME), SOME);
    assert_in_range(pages_until_asked(2, 0), MANY, MANY + ROOM);
    hk_os_fake_step(CHEAP);
    assert_int_equal(pages_until_asked(1, ROOM - SOME), 2 * ROOM + SOME);
}

/* As long as half of its pages' memory is untouched it asks no sooner than elsewhere. */
static void only_a_filled_heap_asks_sooner(void **state)
{
    (void)state;
    if (!pages_are_small() || HK_WARM_PREFILL) {
        skip();
    }
    hk_os_fake_step(DEAR);
    touched = HK_SLICE / 2;
    assert_int_equal(pages_until_asked(1, ROOM - SOME), SOME);
    touched -= 1;
    assert_int_equal(pages_until_asked(1, ROOM - SOME), 2 * ROOM + SOME);
}

/* Of `pages` of two slices so many bytes were touched of the first ones, hardly any of the others.
 */
static enum hk_grow growth_with(size_t pages, size_t first, uint32_t bytes)
{
    struct hk_heap *heap = hk_cold.birth(0);
    struct hk_lease request = {.heap = heap, .block_size = 16, .slices = 1, .grow = true};
    assert_non_null(heap);
    for (size_t i = 0; i < pages; i++) {
        struct hk_page *page = lease_slices(heap, 2, true);
        assert_non_null(page);
        hk_page_slot(page)->touched = i < first ? bytes : 1;
    }
    enum hk_grow grow = hk_growth(&request);
    end(heap);
    forget_all();
    return grow;
}

static void pages_of_several_slices_count_by_their_size(void **state)
{
    (void)state;
    if (!pages_are_small() || HK_WARM_PREFILL) {
        skip();
    }
    hk_os_fake_step(DEAR);
    sample(DEAR);
    assert_int_equal(growth_with(SOME, SOME, HK_SLICE), HK_GROW_DENSE);
    assert_int_equal(growth_with(SOME, SOME, HK_SLICE - 1), HK_GROW);
    assert_int_equal(growth_with(SOME, SOME / 2, 2 * HK_SLICE), HK_GROW_DENSE);
    assert_int_equal(growth_with(SOME, SOME / 4, 8 * HK_SLICE), HK_GROW); /* a page has two */
    assert_int_equal(growth_with(SOME - 1, SOME - 1, HK_SLICE), HK_GROW);
}

static void no_heap_of_many_asks_sooner(void **state)
{
    (void)state;
    enum { HEAPS = 5 };
    struct hk_heap *heap[HEAPS];
    hk_os_fake_step(DEAR);
    for (int i = 0; i < HEAPS; i++) {
        heap[i] = hk_cold.birth(0);
        assert_non_null(heap[i]);
    }
    for (int i = 0; i < MANY - 1; i++) {
        assert_false(lease_asks(heap[0], 1));
    }
    assert_false(heap[0]->dear);
    for (int i = 0; i < HEAPS; i++) {
        end(heap[i]);
    }
    forget_all();
}

static void without_auto_none_is_wanted(void **state)
{
    (void)state;
    assert_false(wants(true));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(dense_superslab_asks_once, settle, give_back),
        cmocka_unit_test_setup_teardown(quick_huge_page_means_no_pause, settle, give_back),
        cmocka_unit_test_setup_teardown(slow_huge_page_takes_the_wish_back, settle, give_back),
        cmocka_unit_test_setup_teardown(refused_wish_is_taken_back, settle, give_back),
        cmocka_unit_test_setup_teardown(pause_doubles_up_to_its_longest, settle, give_back),
        cmocka_unit_test_setup_teardown(quick_huge_page_halves_the_pause, settle, give_back),
        cmocka_unit_test_setup_teardown(slow_huge_pages_at_once_count_as_one, settle, give_back),
        cmocka_unit_test_setup_teardown(wish_is_forgone_for_parts, settle, give_back),
        cmocka_unit_test_setup_teardown(small_pages_are_dear_as_the_last_sample_says, settle,
                                        give_back),
        cmocka_unit_test_setup_teardown(unit_that_asks_is_no_sample, settle, give_back),
        cmocka_unit_test_setup_teardown(huge_page_is_not_slow_if_small_ones_are_slower, settle,
                                        give_back),
        cmocka_unit_test_setup_teardown(what_small_pages_may_take_is_bounded, settle, give_back),
        cmocka_unit_test_setup_teardown(one_wish_in_sixteen_is_for_a_sample, settle, give_back),
        cmocka_unit_test_setup_teardown(slow_clock_makes_no_page_dear, settle, give_back),
        cmocka_unit_test_setup_teardown(large_heap_asks, settle, give_back),
        cmocka_unit_test_setup_teardown(smaller_heap_asks_where_small_pages_are_dear, settle,
                                        give_back),
        cmocka_unit_test_setup_teardown(only_a_filled_heap_asks_sooner, settle, give_back),
        cmocka_unit_test_setup_teardown(pages_of_several_slices_count_by_their_size, settle,
                                        give_back),
        cmocka_unit_test_setup_teardown(no_heap_of_many_asks_sooner, settle, give_back),
    };
    const struct CMUnitTest other[] = {
        cmocka_unit_test_setup_teardown(without_auto_none_is_wanted, settle, give_back),
    };
    if (HK_THP != HK_THP_AUTO) {
        return cmocka_run_group_tests_name("thp", other, start_cold, NULL);
    }
    return cmocka_run_group_tests_name("thp", tests, start_cold, NULL);
}
