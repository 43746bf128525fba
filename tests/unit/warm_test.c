/* SPDX-License-Identifier: MIT */
/* Warm pages, pages taken ahead, and the budget, as the options of the program say. */
#include "unit/cold_unit.h"

#include "coldbox/stats.h"

#include <string.h>

enum { TINY = 4, MANY = 40 };

static struct hk_stats stats;

static uint64_t counted(enum hk_event event)
{
    hk_stats_read(&stats);
    return stats.bin[TINY].event[event];
}

static struct hk_page *lease(struct hk_heap *heap)
{
    struct hk_page *page = lease_slices(heap, 1, true);
    assert_non_null(page);
    return page;
}

static void lease_many(struct hk_heap *heap)
{
    for (size_t i = 0; i < MANY; i++) {
        lease(heap);
    }
}

static void retire_all(struct hk_heap *heap)
{
    while (heap->pages) {
        hk_cold.retire(heap, heap->pages);
    }
}

static void end(struct hk_heap *heap)
{
    retire_all(heap);
    hk_cold.death(heap);
    assert_int_equal(cold_stat().leased, 0);
    assert_null(hk_cold.check());
}

static void one_visit_brings_the_pages_ahead_as_well(void **state)
{
    (void)state;
    struct hk_heap *heap = hk_cold.birth(0);
    lease_slices(heap, 2, true); /* so that the superslab is there */
    uint64_t visits = counted(HK_EVENT_VISIT);
    uint64_t warm = counted(HK_EVENT_WARM);

    lease_many(heap);

    assert_int_equal(counted(HK_EVENT_VISIT) - visits, MANY / (1 + HK_WARM_PREFILL));
    assert_int_equal(counted(HK_EVENT_WARM) - warm, MANY - MANY / (1 + HK_WARM_PREFILL));
    end(heap);
}

static void pages_ahead_are_warm(void **state)
{
    (void)state;
    struct hk_heap *heap = hk_cold.birth(0);

    lease(heap);

    assert_int_equal(heap->warm_count, HK_WARM_PREFILL);
    assert_int_equal(cold_stat().leased, (1 + HK_WARM_PREFILL) * HK_SLICE);
    end(heap);
}

static void pages_ahead_know_whether_they_are_zero(void **state)
{
    (void)state;
    hk_cold.trim(NULL, 0);
    struct hk_heap *heap = hk_cold.birth(0);
    for (size_t i = 0; i < MANY; i++) {
        struct hk_page *page = lease(heap);
        assert_true(page->flags & HK_PAGE_ZERO);
        memset(hk_page_start(page), 1, HK_SLICE);
    }
    retire_all(heap);
    for (size_t i = 0; i < MANY; i++) {
        struct hk_page *page = lease(heap);
        const char *memory = hk_page_start(page);
        assert_true(!(page->flags & HK_PAGE_ZERO) || memory[HK_SLICE / 2] == 0);
    }
    end(heap);
}

static void no_page_is_taken_ahead_for_larger_ones(void **state)
{
    (void)state;
    struct hk_heap *heap = hk_cold.birth(0);

    assert_non_null(lease_slices(heap, 4, true));

    assert_int_equal(heap->warm_count, 0);
    end(heap);
}

static void heap_that_is_given_up_takes_none_ahead(void **state)
{
    (void)state;
    struct hk_heap *heap = hk_cold.birth(0);
    heap->keeps = false;

    lease(heap);

    assert_int_equal(heap->warm_count, 0);
    heap->keeps = true;
    end(heap);
}

static void too_little_memory_ahead_is_not_missed(void **state)
{
    (void)state;
    struct hk_heap *heap = hk_cold.birth(0);
    struct hk_heap *other = hk_cold.birth(0);
    lease(other);
    while (lease_slices(other, 1, false)) {
    }
    hk_cold.retire(other, other->pages);
    hk_cold.trim(other, 0); /* now one slice is free */

    struct hk_page *page = lease_slices(heap, 1, false);

    assert_non_null(page);
    assert_int_equal(heap->warm_count, 0);
    retire_all(other);
    hk_cold.death(other);
    end(heap);
}

static void warm_pages_stay_below_the_cap(void **state)
{
    (void)state;
    struct hk_heap *heap = hk_cold.birth(0);
    for (size_t i = 0; i < 4; i++) {
        lease_many(heap);
    }
    for (size_t i = 0; i < 2 * MANY; i++) {
        hk_cold.retire(heap, heap->pages);
        assert_in_range(heap->warm_count, 0, HK_WARM_CAP);
    }
    assert_int_equal(heap->warm_count, HK_WARM_CAP);
    end(heap);
}

static void misses_are_leases_that_needed_memory(void **state)
{
    (void)state;
    struct hk_heap *heap = hk_cold.birth(0);
    hk_cold.trim(NULL, 0);
    size_t superslabs = cold_stat().superslabs;
    uint64_t misses = counted(HK_EVENT_MISS);

    for (size_t i = 0; i < 3 * HK_SLICES; i++) {
        lease(heap);
    }

    assert_int_equal(superslabs, 0);
    assert_int_equal(counted(HK_EVENT_MISS) - misses, cold_stat().superslabs);
    end(heap);
}

static void budget_is_what_may_be_dirty(void **state)
{
    (void)state;
    struct hk_heap *heap = hk_cold.birth(0);
    size_t budget = HK_BUDGET >= 0 ? (size_t)HK_BUDGET : 6 << 20;
    lease_many(heap);
    retire_all(heap);
    hk_cold.trim(NULL, 0);
    hk_lock_take(&hk_slabs.lock);
    hk_slabs.hold = 0;
    hk_slabs_publish_locked();
    hk_lock_give(&hk_slabs.lock);

    assert_int_equal(hk_slabs.purge_above, budget);
    lease_many(heap);
    end(heap);
    assert_in_range(cold_stat().dirty, 0, hk_slabs.purge_above);
}

/* The gate asks the boxes for what is spare before new memory is taken, and comes again. */
static void lease_of_new_memory_is_refused_until_the_boxes_were_asked(void **state)
{
    (void)state;
    if (HK_FREE_POLICY == HK_FREE_KEEP) {
        skip();
    }
    struct hk_heap *heap = hk_cold.birth(0);
    hk_cold.trim(NULL, 0);
    assert_non_null(lease_slices(heap, 4, true));
    heap->spare = (struct hk_spare){.ask = HK_ASK_MAY, .fresh = 1000};

    assert_null(lease_slices(heap, 4, true));
    assert_int_equal(heap->spare.ask, HK_ASK_PLEASE);
    assert_int_equal(heap->spare.fresh, 0);
    assert_null(lease_slices(heap, 4, true));
    assert_false(hk_cold.adopt(heap));

    heap->spare.ask = HK_ASK_NOT;
    assert_non_null(lease_slices(heap, 4, true));
    end(heap);
}

static void lease_of_used_memory_is_not_refused(void **state)
{
    (void)state;
    if (HK_FREE_POLICY == HK_FREE_EAGER) {
        skip(); /* there is never any */
    }
    struct hk_heap *heap = hk_cold.birth(0);
    hk_cold.trim(NULL, 0);
    struct hk_page *page = lease_slices(heap, 4, true);
    hk_cold.retire(heap, page);
    heap->spare = (struct hk_spare){.ask = HK_ASK_MAY, .fresh = 1000};

    assert_ptr_equal(lease_slices(heap, 4, true), page);

    assert_int_equal(heap->spare.ask, HK_ASK_MAY);
    heap->spare.ask = HK_ASK_NOT;
    end(heap);
}

/* A heap that would be asked for a page of several slices, of which `regrets` of `given` classes
 * missed what they gave up. */
static struct hk_heap *start_regret(uint32_t given, uint32_t regrets)
{
    struct hk_heap *heap = hk_cold.birth(0);
    hk_cold.trim(NULL, 0);
    heap->spare =
        (struct hk_spare){.ask = HK_ASK_MAY, .leases = 1000, .given = given, .regrets = regrets};
    return heap;
}

static void classes_that_miss_what_they_gave_are_left_alone_for_a_while(void **state)
{
    (void)state;
    if (HK_FREE_POLICY != HK_FREE_BATCH) {
        skip();
    }
    struct hk_heap *heap = start_regret(3, 2);

    assert_non_null(lease_slices(heap, 4, true));

    assert_int_equal(heap->spare.ask, HK_ASK_MAY);
    assert_int_equal(heap->spare.paused, 64 - 1); /* this lease was the first */
    heap->spare.ask = HK_ASK_NOT;
    end(heap);
}

static void pause_ends_after_its_leases(void **state)
{
    (void)state;
    if (HK_FREE_POLICY != HK_FREE_BATCH) {
        skip();
    }
    struct hk_heap *heap = start_regret(0, 0);
    heap->spare.paused = 3;

    for (size_t i = 0; i < 3; i++) {
        assert_non_null(lease_slices(heap, 4, true));
        heap->spare.fresh = 0; /* else it asks because much was taken */
    }
    assert_null(lease_slices(heap, 4, true));

    heap->spare.ask = HK_ASK_NOT;
    end(heap);
}

static void give_up(struct hk_heap *heap, struct hk_page *page)
{
    heap->spare.ask = HK_ASK_GIVING;
    hk_cold.retire(heap, page);
    heap->spare.ask = HK_ASK_MAY;
}

static void class_that_gives_again_counts_again(void **state)
{
    (void)state;
    if (HK_FREE_POLICY != HK_FREE_BATCH) {
        skip();
    }
    struct hk_heap *heap = start_regret(0, 0);
    struct hk_page *page[3] = {lease(heap), lease(heap), lease(heap)};
    give_up(heap, page[0]);
    give_up(heap, page[1]);
    assert_int_equal(heap->spare.given, 1);

    heap->spare.leases += 1;                  /* another class's */
    assert_null(lease_slices(heap, 4, true)); /* which judges */
    assert_int_equal(heap->spare.given, 0);
    heap->spare.ask = HK_ASK_MAY;
    give_up(heap, page[2]);
    assert_int_equal(heap->spare.given, 1);

    heap->spare.ask = HK_ASK_NOT;
    end(heap);
}

/* The boxes are asked, and what was known of misses is forgotten. */
static void expect_no_pause(uint32_t given, uint32_t regrets)
{
    if (HK_FREE_POLICY != HK_FREE_BATCH) {
        skip();
    }
    struct hk_heap *heap = start_regret(given, regrets);

    assert_null(lease_slices(heap, 4, true));

    assert_int_equal(heap->spare.paused, 0);
    assert_int_equal(heap->spare.given + heap->spare.regrets, 0);
    heap->spare.ask = HK_ASK_NOT;
    end(heap);
}

static void misses_between_are_not_held_against_later_gifts(void **state)
{
    (void)state;
    expect_no_pause(0, 4);
}

static void there_is_no_pause_where_few_miss_what_they_gave(void **state)
{
    (void)state;
    expect_no_pause(3, 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(one_visit_brings_the_pages_ahead_as_well),
        cmocka_unit_test(pages_ahead_are_warm),
        cmocka_unit_test(pages_ahead_know_whether_they_are_zero),
        cmocka_unit_test(no_page_is_taken_ahead_for_larger_ones),
        cmocka_unit_test(heap_that_is_given_up_takes_none_ahead),
        cmocka_unit_test(too_little_memory_ahead_is_not_missed),
        cmocka_unit_test(warm_pages_stay_below_the_cap),
        cmocka_unit_test(misses_are_leases_that_needed_memory),
        cmocka_unit_test(budget_is_what_may_be_dirty),
        cmocka_unit_test(lease_of_new_memory_is_refused_until_the_boxes_were_asked),
        cmocka_unit_test(lease_of_used_memory_is_not_refused),
        cmocka_unit_test(classes_that_miss_what_they_gave_are_left_alone_for_a_while),
        cmocka_unit_test(pause_ends_after_its_leases),
        cmocka_unit_test(class_that_gives_again_counts_again),
        cmocka_unit_test(misses_between_are_not_held_against_later_gifts),
        cmocka_unit_test(there_is_no_pause_where_few_miss_what_they_gave),
    };
    return cmocka_run_group_tests_name("warm", tests, start_cold, NULL);
}
