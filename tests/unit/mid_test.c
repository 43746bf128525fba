/* SPDX-License-Identifier: MIT */
/* The shared pages: what is drawn from them, what is put back, which pages stay. */
#include "unit/pool_unit.h"

#include "common/policy.h"

#include <pthread.h>
#include <sched.h>
#include <string.h>

enum {
    SIZE = 4096, /* of the blocks: 16 to a page of one slice */
    CAPACITY = HK_SLICE / SIZE,
};

static const size_t bin = HK_TINY_BINS + 15;

/* A heap, with the module started. */
static struct hk_heap *start(void)
{
    hk_mid_start_up();
    assert_int_equal(hk_bin_block_size(bin), SIZE);
    return new_heap();
}

/* Nothing that the test used is left. */
static void finish(struct hk_heap *heap)
{
    hk_mid_retire_empty(heap);
    expect_in_order();
    assert_int_equal(leased_now(), 0);
}

static void draw_all(struct hk_heap *heap, void **blocks, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        assert_int_equal(hk_mid_draw(heap, bin, &blocks[i], 1), 1);
    }
}

static void lowest_blocks_are_drawn_first(void **state)
{
    (void)state;
    struct hk_heap *heap = start();
    void *blocks[5];
    void *again[2];

    assert_int_equal(hk_mid_draw(heap, bin, blocks, 5), 5);
    for (size_t i = 1; i < 5; i++) {
        assert_ptr_equal(blocks[i], (char *)blocks[0] + i * SIZE);
    }
    hk_mid_put(heap, (void *[]){blocks[3], blocks[1]}, 2);
    assert_int_equal(hk_mid_draw(heap, bin, again, 2), 2);

    assert_ptr_equal(again[0], blocks[1]);
    assert_ptr_equal(again[1], blocks[3]);
    hk_mid_put(heap, blocks, 5);
    finish(heap);
}

static void a_draw_is_from_one_page(void **state)
{
    (void)state;
    struct hk_heap *heap = start();
    void *blocks[2 * CAPACITY];

    size_t count = hk_mid_draw(heap, bin, blocks, CAPACITY + 3);

    assert_int_equal(count, CAPACITY);
    assert_int_equal(hk_mid_draw(heap, bin, blocks + count, 3), 3);
    assert_ptr_not_equal(hk_page_of(blocks[0]), hk_page_of(blocks[count]));
    hk_mid_put(heap, blocks, count + 3);
    finish(heap);
}

static void used_memory_comes_before_untouched(void **state)
{
    (void)state;
    struct hk_heap *heap = start();
    void *blocks[CAPACITY + 2];
    void *block;
    draw_all(heap, blocks, CAPACITY + 2); /* a full page, and one that is mostly untouched */
    hk_mid_put(heap, &blocks[7], 1);

    assert_int_equal(hk_mid_draw(heap, bin, &block, 1), 1);
    assert_ptr_equal(block, blocks[7]);
    assert_int_equal(hk_mid_draw(heap, bin, &block, 1), 1);
    assert_ptr_equal(block, (char *)blocks[CAPACITY] + 2 * SIZE);

    hk_mid_put(heap, &block, 1);
    hk_mid_put(heap, blocks, CAPACITY + 2);
    finish(heap);
}

static void fresh_block_is_told(void **state)
{
    (void)state;
    struct hk_heap *heap = start();
    void *blocks[2];
    heap->fresh_block = NULL;

    assert_int_equal(hk_mid_draw(heap, bin, &blocks[0], 1), 1);
    assert_ptr_equal(heap->fresh_block, blocks[0]);
    heap->fresh_block = NULL;
    hk_mid_put(heap, &blocks[0], 1);
    assert_int_equal(hk_mid_draw(heap, bin, &blocks[1], 1), 1);

    assert_ptr_equal(blocks[1], blocks[0]);
    assert_null(heap->fresh_block);
    hk_mid_put(heap, &blocks[1], 1);
    finish(heap);
}

static void empty_pages_are_kept_as_the_profile_says(void **state)
{
    (void)state;
    struct hk_heap *heap = start();
    size_t kept = hk_policy_retention(NULL, bin);
    void *blocks[3 * CAPACITY];
    draw_all(heap, blocks, 3 * CAPACITY);
    assert_int_equal(leased_now(), 3);

    hk_mid_put(heap, blocks, 3 * CAPACITY);

    assert_int_equal(leased_now(), kept);
    assert_int_equal(hk_mid_retire_empty(heap), kept * HK_SLICE);
    finish(heap);
}

/* A page's worth of blocks comes and goes: neither leased nor retired. */
static void breathing_set_never_leases(void **state)
{
    (void)state;
    struct hk_heap *heap = start();
    struct hk_cold_fake_log log;
    void *blocks[2 * CAPACITY];
    draw_all(heap, blocks, 2 * CAPACITY);

    for (size_t round = 0; round < 50; round++) {
        size_t first = round % 2 ? CAPACITY : CAPACITY / 2;
        hk_mid_put(heap, blocks + first, CAPACITY);
        draw_all(heap, blocks + first, CAPACITY);
    }

    hk_cold_fake_log(&log);
    assert_int_equal(log.leases, 2);
    assert_int_equal(log.retires, 0);
    hk_mid_put(heap, blocks, 2 * CAPACITY);
    finish(heap);
}

static void blocks_of_many_pages_go_home_together(void **state)
{
    (void)state;
    struct hk_heap *heap = start();
    void *blocks[4 * CAPACITY];
    void *mixed[4 * CAPACITY];
    struct hk_mid_stat stat;
    draw_all(heap, blocks, 4 * CAPACITY);

    for (size_t i = 0; i < 4 * CAPACITY; i++) {
        mixed[i] = blocks[i * 29 % (4 * CAPACITY)];
    }
    hk_mid_put(NULL, mixed, 4 * CAPACITY);

    hk_mid_stat(&stat);
    assert_int_equal(stat.blocks_out, 0);
    finish(heap);
}

static void blocks_are_purged_once_it_is_not_refused(void **state)
{
    (void)state;
    struct hk_heap *heap = start();
    void *blocks[CAPACITY];
    draw_all(heap, blocks, CAPACITY);
    memset(blocks[0], 0x5a, SIZE);
    hk_mid_put(heap, blocks + 1, CAPACITY - 2); /* all but the first and the last */

    hk_cold_fake_refuse_purges(true);
    assert_int_equal(hk_mid_purge(heap), 0);
    hk_cold_fake_refuse_purges(false);
    assert_int_equal(hk_mid_purge(heap), (CAPACITY - 2) * SIZE);
    assert_int_equal(hk_mid_purge(heap), 0);
    assert_int_equal(((unsigned char *)blocks[0])[SIZE - 1], 0x5a);
    assert_int_equal(hk_mid_draw(heap, bin, &blocks[1], 1), 1);
    hk_mid_put(heap, &blocks[1], 1);
    assert_int_equal(hk_mid_purge(heap), SIZE);

    expect_in_order();
    hk_mid_put(heap, (void *[]){blocks[0], blocks[CAPACITY - 1]}, 2);
    finish(heap);
}

static void *purge(void *heap)
{
    hk_mid_purge(heap);
    return NULL;
}

/* Retire a page of which `bits` are out, as if others were empty. */
static void retire_locked(struct hk_heap *heap, struct hk_mid_desc *desc, uint64_t bits)
{
    struct hk_mid_class *class = hk_mid_class(bin);
    size_t most = hk_policy_retention(NULL, bin);
    class->empty += most;
    assert_true(hk_mid_put_locked(desc, bits));
    class->empty -= most;
    hk_mid_retire(heap, desc);
}

/* For the thread sanitizer: a descriptor gets a page of another class while a purge waits for the
 * lock of the one that it had. */
static void purge_meets_a_page_that_changes_its_class(void **state)
{
    (void)state;
    void *blocks[CAPACITY];
    pthread_t thread;
    if (HK_SINGLE) {
        skip();
    }
    struct hk_heap *heap = start();
    struct hk_heap *other = new_heap();
    draw_all(heap, blocks, CAPACITY);
    struct hk_mid_desc *desc = hk_mid_find((uintptr_t)blocks[0]);
    hk_lock_take(hk_mid_lock(bin));
    assert_int_equal(pthread_create(&thread, NULL, purge, other), 0);
    while (atomic_load(&hk_mid_lock(bin)->word) != 2) {
        sched_yield();
    }

    retire_locked(heap, desc, hk_mid_bits(CAPACITY));
    hk_lock_give(hk_mid_lock(bin));
    struct hk_page *page = new_page(heap, 2 * SIZE);
    assert_true(hk_mid_serve(page));

    assert_ptr_equal(hk_mid_find((uintptr_t)hk_page_start(page)), desc);
    pthread_join(thread, NULL);
    finish(heap);
}

static void refused_metadata_leaves_no_page_behind(void **state)
{
    (void)state;
    struct hk_heap *heap = start();
    void *blocks[40 * CAPACITY];
    size_t count = 0;
    hk_cold_fake_meta_budget(0);

    while (count < 40 * CAPACITY && hk_mid_draw(heap, bin, &blocks[count], 1)) {
        count += 1;
    }

    assert_in_range(count, CAPACITY, 40 * CAPACITY - 1);
    assert_int_equal(leased_now(), count / CAPACITY);
    expect_in_order();
    hk_mid_put(heap, blocks, count);
    finish(heap);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(lowest_blocks_are_drawn_first, fresh_cold),
        cmocka_unit_test_setup(a_draw_is_from_one_page, fresh_cold),
        cmocka_unit_test_setup(used_memory_comes_before_untouched, fresh_cold),
        cmocka_unit_test_setup(fresh_block_is_told, fresh_cold),
        cmocka_unit_test_setup(empty_pages_are_kept_as_the_profile_says, fresh_cold),
        cmocka_unit_test_setup(breathing_set_never_leases, fresh_cold),
        cmocka_unit_test_setup(blocks_of_many_pages_go_home_together, fresh_cold),
        cmocka_unit_test_setup(blocks_are_purged_once_it_is_not_refused, fresh_cold),
        cmocka_unit_test_setup(purge_meets_a_page_that_changes_its_class, fresh_cold),
        /* last: descriptors are at hand by now */
        cmocka_unit_test_setup(refused_metadata_leaves_no_page_behind, fresh_cold),
    };
    return cmocka_run_group_tests_name("mid", tests, NULL, NULL);
}
