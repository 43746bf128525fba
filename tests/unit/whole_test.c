/* SPDX-License-Identifier: MIT */
/* Where small pages are dear, a superslab in huge pages that is in use gives nothing back while the
 * program frees: only when nobody has come for long, when it is asked to, or when it drains. */
#include "unit/cold_unit.h"

#include "coldbox/purge.h"
#include "coldbox/thp.h"

enum { DELAY = HK_PURGE_DELAY_MS * 1000000 };
enum { CHEAP = 100, DEAR = 20000 }; /* ns of a small page */
enum { QUIET = 10 };                /* ticks until parts of a superslab that is in use go back */
enum { PAGES = 12 * (HK_SLICES - 1), HALF = 2, HARDLY = 32 };

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
    hk_cold.tick(now); /* what has been wanted again is forgotten */
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

/* All pages go back but one in `every`, so that much more memory is dirty than policy allows. */
static void thin_out(size_t every)
{
    for (size_t i = 0; i < PAGES; i++) {
        if (i % every) {
            give(i);
        }
    }
}

static int end(void **state)
{
    (void)state;
    thin_out(PAGES);
    give(0);
    hk_cold.death(heap);
    hk_cold.trim(NULL, 0);
    assert_null(hk_cold.check());
    struct hk_arena *arena = atomic_load(&hk_slabs.arenas);
    for (; arena; arena = arena->next) {
        for (size_t i = 0; i < HK_ARENA_UNITS / 64; i++) {
            atomic_store(&arena->huge[i], 0);
        }
    }
    return 0;
}

static bool is_in_excess(void)
{
    return cold_stat().dirty > hk_purge_allowed();
}

static void superslab_in_use_stays_whole(void **state)
{
    (void)state;
    size_t whole = count_whole();
    assert_true(heap->dear);
    assert_true(whole > 6);
    thin_out(HALF);
    assert_int_equal(count_whole(), whole);
    assert_true(is_in_excess());
    assert_true(hk_os_fake_calls(HK_OS_PURGE) > 0); /* of those that are not in huge pages */
}

static void it_does_not_where_small_pages_are_cheap(void **state)
{
    (void)state;
    assert_false(heap->dear);
    assert_true(count_whole() > 2);
    thin_out(HALF);
    assert_false(is_in_excess());
}

static void quiet_one_is_taken_apart(void **state)
{
    (void)state;
    size_t whole = count_whole();
    thin_out(HALF);
    pass(QUIET - 1);
    assert_int_equal(count_whole(), whole);
    pass(2);
    assert_int_equal(count_whole(), 0);
    assert_int_equal(cold_stat().dirty, 0);
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

static void busy_one_is_never_quiet(void **state)
{
    (void)state;
    size_t whole = count_whole();
    thin_out(HALF);
    for (int tick = 0; tick < 2 * QUIET; tick++) {
        pass(1);
        touch_all();
    }
    assert_int_equal(count_whole(), whole);
}

static void drained_one_is_taken_apart(void **state)
{
    (void)state;
    thin_out(HALF);
    assert_true(is_in_excess());
    thin_out(HARDLY);
    assert_in_range(count_whole(), 0, 2);
    assert_in_range(cold_stat().dirty, 0, hk_purge_allowed() + 2 * HK_SUPERSLAB);
}

static void trim_takes_it_apart(void **state)
{
    (void)state;
    thin_out(HALF);
    assert_true(hk_cold.trim(heap, 0) > 0);
    assert_int_equal(cold_stat().dirty, 0);
    assert_in_range(count_whole(), 0, 1); /* the last one is not full */
}

/* What has been left whole does not keep others from giving memory back. */
static void free_superslab_goes_at_once(void **state)
{
    (void)state;
    thin_out(HALF);
    size_t dirty = cold_stat().dirty;
    void *block = take_large(64 << 20, HK_ALIGN, 0);
    assert_non_null(block);
    give_large(block);
    assert_in_range(cold_stat().dirty, 0, dirty + HK_SUPERSLAB);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(superslab_in_use_stays_whole, fill_dear, end),
        cmocka_unit_test_setup_teardown(it_does_not_where_small_pages_are_cheap, fill_cheap, end),
        cmocka_unit_test_setup_teardown(quiet_one_is_taken_apart, fill_dear, end),
        cmocka_unit_test_setup_teardown(busy_one_is_never_quiet, fill_dear, end),
        cmocka_unit_test_setup_teardown(drained_one_is_taken_apart, fill_dear, end),
        cmocka_unit_test_setup_teardown(trim_takes_it_apart, fill_dear, end),
        cmocka_unit_test_setup_teardown(free_superslab_goes_at_once, fill_dear, end),
    };
    /* OS pages larger than 4 KiB are never called dear */
    if (HK_THP != HK_THP_AUTO || HK_FREE_POLICY != HK_FREE_BATCH || HK_WARM_PREFILL ||
        HK_OS.facts()->page != 4096) {
        return 77;
    }
    return cmocka_run_group_tests_name("whole", tests, start_cold, NULL);
}
