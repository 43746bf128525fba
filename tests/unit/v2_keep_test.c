/* SPDX-License-Identifier: MIT */
/* Hot box v2 with one bound on empty pages (V2_BOUND, the option max_partial that it was built
 * with): how many a class keeps, and that calls of the slow paths are rare, and a steady set leases
 * nothing, whatever the bound. */
#include "unit/v2_unit.h"

#include "unit/random.h"

enum {
    PAGES = 70, /* more than the largest bound */
    KEPT = V2_BOUND ? V2_BOUND : 1,
};

static size_t kept(struct hk_heap *heap)
{
    return hk_v2_lane(heap, V2_SIZE >> HK_BIN_SHIFT)->kept;
}

static size_t retires(void)
{
    struct hk_cold_fake_log log;
    hk_cold_fake_log(&log);
    return log.retires;
}

static void class_keeps_no_more_empty_pages_than_the_bound(void **state)
{
    (void)state;
    struct hk_heap *heap = v2_open();
    static void *blocks[PAGES * V2_CAPACITY + 1];
    v2_take_all(heap, blocks, PAGES * V2_CAPACITY + 1);

    for (size_t i = 0; i < PAGES; i++) {
        v2_give_all(heap, blocks + i * V2_CAPACITY, V2_CAPACITY);
        size_t expected = i + 1 < KEPT ? i + 1 : KEPT;
        assert_int_equal(kept(heap), expected);
        assert_int_equal(retires(), i + 1 - expected);
        assert_null(hk_hotbox_v2.check(heap));
    }

    v2_give(heap, blocks[PAGES * V2_CAPACITY]);
    v2_close(heap);
}

static void page_is_kept_beside_one_with_room_only_within_the_bound(void **state)
{
    (void)state;
    struct hk_heap *heap = v2_open();
    static void *blocks[3 * V2_CAPACITY];
    v2_take_all(heap, blocks, 3 * V2_CAPACITY);
    v2_give_all(heap, blocks, V2_WAKE); /* a page with room */

    v2_give_all(heap, blocks + V2_CAPACITY, V2_CAPACITY);

    assert_int_equal(kept(heap), V2_BOUND ? 1 : 0);
    assert_int_equal(retires(), V2_BOUND ? 0 : 1);
    v2_give_all(heap, blocks + V2_WAKE, V2_CAPACITY - V2_WAKE);
    v2_give_all(heap, blocks + 2 * V2_CAPACITY, V2_CAPACITY);
    v2_close(heap);
}

static void kept_pages_serve_before_any_lease(void **state)
{
    (void)state;
    struct hk_heap *heap = v2_open();
    static void *blocks[PAGES * V2_CAPACITY];
    v2_take_all(heap, blocks, PAGES * V2_CAPACITY);
    v2_give_all(heap, blocks, PAGES * V2_CAPACITY);
    uint64_t leases = v2_leases();

    v2_take_all(heap, blocks, (KEPT + 1) * V2_CAPACITY); /* the current page is one more */

    assert_int_equal(v2_leases(), leases);
    assert_int_equal(kept(heap), 0);
    v2_give_all(heap, blocks, (KEPT + 1) * V2_CAPACITY);
    v2_close(heap);
}

static void collect_retires_what_is_kept(void **state)
{
    (void)state;
    struct hk_heap *heap = v2_open();
    static void *blocks[PAGES * V2_CAPACITY];
    v2_take_all(heap, blocks, PAGES * V2_CAPACITY);
    v2_give_all(heap, blocks, PAGES * V2_CAPACITY);

    size_t bytes = hk_hotbox_v2.collect(heap, HK_COLLECT_ALL);

    assert_int_equal(bytes, (KEPT + 1) * HK_SLICE);
    assert_int_equal(retires(), PAGES);
    v2_close(heap);
}

/* Blocks in use, and the calls of slow paths that they have cost. */
struct work {
    struct hk_heap *heap;
    size_t refills;
    size_t events;
    void *blocks[8192];
};

static void *take(struct work *work, size_t size)
{
    void *block = hk_hotbox_v2.alloc(work->heap, size);
    if (!block) {
        work->refills += 1;
        block = hk_hotbox_v2.refill(work->heap, size);
    }
    assert_non_null(block);
    return block;
}

static void give(struct work *work, void *block)
{
    work->events += hk_v2_node(hk_page_of(block))->countdown == 1;
    v2_give(work->heap, block);
}

static struct work *work_begin(void)
{
    static struct work work;
    work = (struct work){.heap = v2_open()};
    return &work;
}

static void work_end(struct work *work, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        v2_give(work->heap, work->blocks[i]);
    }
    v2_close(work->heap);
}

/* `count` blocks of `size` bytes, or of all sizes for 0, are always out; 500 000 times a random one
 * is replaced. */
static void replace(struct work *work, size_t count, size_t size)
{
    struct random random = random_from(count);
    for (size_t i = 0; i < count; i++) {
        work->blocks[i] = take(work, size ? size : HK_ALIGN * (1 + i % 64));
    }
    uint64_t leases = v2_leases();
    work->refills = 0;
    work->events = 0;
    for (size_t i = 0; i < 500 * 1000; i++) {
        size_t slot = random_below(&random, count);
        give(work, work->blocks[slot]);
        work->blocks[slot] = take(work, size ? size : HK_ALIGN * (1 + slot % 64));
        leases = i < 20 * count ? v2_leases() : leases; /* warming up */
    }
    assert_int_equal(v2_leases(), leases);
}

/* `count` blocks are taken, then given back, in order: a million calls in all. */
static void batch(struct work *work, size_t count, size_t size)
{
    for (size_t done = 0; done < 500 * 1000; done += count) {
        for (size_t i = 0; i < count; i++) {
            work->blocks[i] = take(work, size);
        }
        for (size_t i = 0; i < count; i++) {
            give(work, work->blocks[i]);
        }
    }
}

static void a_pair_costs_no_slow_call(void **state)
{
    (void)state;
    struct work *work = work_begin();
    for (size_t size = HK_ALIGN; size <= HK_TINY_MAX; size += HK_ALIGN) {
        give(work, take(work, size));
        work->refills = 0;
        for (size_t i = 0; i < 10000; i++) {
            give(work, take(work, size));
        }
        assert_int_equal(work->refills + work->events, 0);
    }
    work_end(work, 0);
}

/* The others are of 500 000 mallocs and as many frees: at most so many of each are slow. */

static void expect_slow(const struct work *work, size_t most)
{
    assert_in_range(work->refills, 0, most);
    assert_in_range(work->events, 0, most);
}

static void mixed_set_of_a_page_a_class_costs_no_slow_call(void **state)
{
    (void)state;
    struct work *work = work_begin();
    replace(work, 400, 0);
    expect_slow(work, 0);
    work_end(work, 400);
}

static void mixed_set_of_many_pages_costs_few_slow_calls(void **state)
{
    (void)state;
    struct work *work = work_begin();
    replace(work, 8192, 0);
    expect_slow(work, 10 * 1000);
    work_end(work, 8192);
}

/* The hardest case: blocks come back to 128 pages, and only a page that has gathered V2_WAKE of
 * them is worth a refill. */
static void set_of_one_large_class_costs_no_more_than_its_pages_wake(void **state)
{
    (void)state;
    struct work *work = work_begin();
    replace(work, 8192, V2_SIZE);
    expect_slow(work, 500 * 1000 / V2_WAKE);
    work_end(work, 8192);
}

static void batches_within_a_page_cost_no_slow_call_for_each(void **state)
{
    (void)state;
    struct work *work = work_begin();
    batch(work, 1000, 64);
    expect_slow(work, 16);
    work_end(work, 0);
}

/* A page of theirs is one refill if it was kept, else four steps into it; and two events. */
static void batches_over_pages_cost_few_slow_calls_a_page(void **state)
{
    (void)state;
    const size_t pages = 500 * 1000 / V2_CAPACITY + 500;
    struct work *work = work_begin();
    batch(work, 1000, V2_SIZE);
    expect_slow(work, 4 * pages);
    assert_in_range(work->events, 0, 2 * pages);
    work_end(work, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        v2_test(class_keeps_no_more_empty_pages_than_the_bound),
        v2_test(page_is_kept_beside_one_with_room_only_within_the_bound),
        v2_test(kept_pages_serve_before_any_lease),
        v2_test(collect_retires_what_is_kept),
        v2_test(a_pair_costs_no_slow_call),
        v2_test(mixed_set_of_a_page_a_class_costs_no_slow_call),
        v2_test(mixed_set_of_many_pages_costs_few_slow_calls),
        v2_test(set_of_one_large_class_costs_no_more_than_its_pages_wake),
        v2_test(batches_within_a_page_cost_no_slow_call_for_each),
        v2_test(batches_over_pages_cost_few_slow_calls_a_page),
    };
    return cmocka_run_group_tests_name("v2_keep", tests, v2_start, NULL);
}
