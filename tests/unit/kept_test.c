/* SPDX-License-Identifier: MIT */
/* What a thread keeps at hand of shared pages, and how much that may be. */
#include "unit/pool_unit.h"

#include "pool/shared.h"

#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

enum { MANY = 600 };

static void *blocks[MANY];

static struct hk_heap *start(void)
{
    struct hk_heap *heap = new_heap();
    hk_shared_init(heap);
    return heap;
}

static void finish(struct hk_heap *heap)
{
    const char *broken = hk_shared_check(heap);
    if (broken) {
        fail_msg("%s", broken);
    }
    hk_shared_abandon(heap);
    HK_COLD.death(heap);
    expect_in_order();
    assert_int_equal(leased_now(), 0);
}

static void *take(struct hk_heap *heap, size_t size)
{
    void *block = hk_kept_pop(hk_kept(heap, hk_bin_of_size(size)));
    block = block ? block : hk_kept_refill(heap, size);
    assert_non_null(block);
    return block;
}

static void give(struct hk_heap *heap, void *block)
{
    struct hk_page *page = hk_page_of(block);
    if (!hk_kept_free(heap, page, block)) {
        hk_kept_spill(heap, page, block);
    }
}

/* Take so many blocks of the size, and give them back. */
static void breathe(struct hk_heap *heap, size_t size, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        blocks[i] = take(heap, size);
    }
    for (size_t i = 0; i < count; i++) {
        give(heap, blocks[i]);
    }
}

static size_t kept_bytes(struct hk_heap *heap)
{
    size_t bytes = 0;
    for (size_t bin = HK_TINY_BINS; bin < HK_BIN_COUNT; bin++) {
        struct hk_kept *kept = hk_kept(heap, bin);
        bytes += (kept->count + hk_kept_in_lifo(kept)) * hk_bin_block_size(bin);
    }
    return bytes;
}

static void last_freed_block_is_the_first_taken(void **state)
{
    (void)state;
    struct hk_heap *heap = start();
    breathe(heap, 2000, 3);
    void *block = take(heap, 2000);
    void *other = take(heap, 2000);

    give(heap, other);
    give(heap, block);

    assert_ptr_equal(take(heap, 2000), block);
    assert_ptr_equal(take(heap, 2000), other);
    give(heap, block);
    give(heap, other);
    finish(heap);
}

static void block_in_the_ring_is_not_written_to(void **state)
{
    (void)state;
    struct hk_heap *heap = start();
    void *block = take(heap, 30000);
    memset(block, 0x77, 30000);

    give(heap, block);

    assert_int_equal(hk_kept(heap, hk_bin_of_size(30000))->count, 1);
    for (size_t i = 0; i < 30000; i++) {
        assert_int_equal(((unsigned char *)block)[i], 0x77);
    }
    finish(heap);
}

static void new_class_keeps_a_handful(void **state)
{
    (void)state;
    struct hk_heap *heap = start();

    breathe(heap, 1200, 3);
    breathe(heap, 100000, 1);

    assert_in_range(hk_kept(heap, hk_bin_of_size(1200))->limit, 2, 4);
    assert_int_equal(hk_kept(heap, hk_bin_of_size(100000))->limit, 1);
    finish(heap);
}

static void busy_class_keeps_more(void **state)
{
    (void)state;
    struct hk_heap *heap = start();
    struct hk_kept *kept = hk_kept(heap, hk_bin_of_size(4000));

    for (size_t round = 0; round < 40; round++) {
        breathe(heap, 4000, 60);
    }

    assert_int_equal(kept->limit, HK_KEPT_MOST);
    assert_true(kept->count + hk_kept_in_lifo(kept) <= HK_KEPT_MOST);
    finish(heap);
}

static void thread_keeps_no_more_than_its_bound(void **state)
{
    (void)state;
    struct hk_heap *heap = start();

    for (size_t round = 0; round < 20; round++) {
        for (size_t bin = HK_TINY_BINS; bin < HK_BIN_COUNT; bin++) {
            breathe(heap, hk_bin_block_size(bin), 24);
        }
        assert_true(kept_bytes(heap) <= HK_KEPT_THREAD);
    }

    /* every class has had something of it */
    for (size_t bin = HK_TINY_BINS; bin < HK_BIN_COUNT; bin++) {
        assert_true(hk_kept(heap, bin)->limit > 0);
    }
    finish(heap);
}

/* Threads that have used everything: their heaps keep a floor each, and share the rest. */
static void many_threads_share_a_bound(void **state)
{
    (void)state;
    enum { HEAPS = 24 };
    struct hk_heap *heap[HEAPS];
    size_t bytes = 0;

    for (size_t i = 0; i < HEAPS; i++) {
        heap[i] = start();
        for (size_t round = 0; round < 3; round++) {
            for (size_t bin = HK_TINY_BINS; bin < HK_BIN_COUNT; bin++) {
                breathe(heap[i], hk_bin_block_size(bin), 12);
            }
        }
        bytes += kept_bytes(heap[i]);
    }

    assert_true(bytes <= HK_KEPT_PROCESS + HEAPS * (size_t)HK_KEPT_FLOOR);
    assert_true(kept_bytes(heap[HEAPS - 1]) <= HK_KEPT_FLOOR);
    for (size_t i = 0; i < HEAPS; i++) {
        hk_shared_abandon(heap[i]);
    }
    /* what they had is free again */
    for (size_t round = 0; round < 3; round++) {
        breathe(heap[0], 200000, 40);
    }
    assert_true(hk_kept_all(heap[0])->granted > HK_KEPT_FLOOR);
    finish(heap[0]);
}

/* Take as much as is granted to a heap. */
static void be_greedy(struct hk_heap *heap)
{
    for (size_t round = 0; round < 12; round++) {
        for (size_t bin = HK_TINY_BINS; bin < HK_BIN_COUNT; bin++) {
            breathe(heap, hk_bin_block_size(bin), 24);
        }
    }
}

/* Where nothing more is granted, the class in need gets what another one has. */
static void busy_class_takes_from_idle_ones(void **state)
{
    (void)state;
    enum { HOGS = 4, IDLE = 160000, BUSY = 20000 };
    struct hk_heap *hog[HOGS];
    for (size_t i = 0; i < HOGS; i++) {
        hog[i] = start();
        be_greedy(hog[i]);
    }
    struct hk_heap *heap = start();
    breathe(heap, IDLE, 1);
    breathe(heap, IDLE / 2, 1);
    size_t before = hk_kept_all(heap)->granted;

    for (size_t round = 0; round < 60; round++) {
        breathe(heap, BUSY, 40);
    }

    assert_int_equal(hk_kept(heap, hk_bin_of_size(BUSY))->limit, HK_KEPT_MOST);
    assert_int_equal(hk_kept(heap, hk_bin_of_size(IDLE))->limit, 0);
    assert_true(before > 0);
    assert_true(hk_kept_all(heap)->granted < HK_KEPT_FLOOR + HK_KEPT_FLOOR / 2);
    for (size_t i = 0; i < HOGS; i++) {
        hk_shared_abandon(hog[i]);
    }
    finish(heap);
}

/* -> true: in a process where nobody else is greedy, the heap gets more than its floor. */
static bool gets_more_than_its_floor(struct hk_heap *heap)
{
    be_greedy(heap);
    return hk_kept_all(heap)->granted > HK_KEPT_FLOOR + HK_KEPT_PROCESS / 4;
}

static void forked_child_has_what_lost_threads_had(void **state)
{
    (void)state;
    enum { HOGS = 4 };
    struct hk_heap *hog[HOGS];
    struct hk_heap *self = start();
    for (size_t i = 0; i < HOGS; i++) {
        hog[i] = start();
        be_greedy(hog[i]);
    }
    assert_false(gets_more_than_its_floor(self));
    int status;

    HK_COLD.prefork();
    pid_t child = fork();
    if (child == 0) {
        HK_COLD.child(self);
        _exit(gets_more_than_its_floor(self) ? 0 : 1);
    }
    HK_COLD.parent();

    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(status, 0);
    assert_false(gets_more_than_its_floor(self));
    for (size_t i = 0; i < HOGS; i++) {
        hk_shared_abandon(hog[i]);
    }
    finish(self);
}

static void spill_returns_half(void **state)
{
    (void)state;
    struct hk_heap *heap = start();
    struct hk_kept *kept = hk_kept(heap, hk_bin_of_size(4000));
    for (size_t round = 0; round < 40; round++) {
        breathe(heap, 4000, 60);
    }
    size_t count = 0;
    while (count <= HK_KEPT_MOST || kept->count + hk_kept_in_lifo(kept)) {
        blocks[count++] = take(heap, 4000);
    }
    for (size_t i = 0; i < HK_KEPT_MOST; i++) {
        give(heap, blocks[--count]);
    }
    assert_int_equal(hk_kept_count(heap), HK_KEPT_MOST);

    give(heap, blocks[--count]);

    assert_int_equal(hk_kept_count(heap), HK_KEPT_MOST / 2 + 1);
    while (count) {
        give(heap, blocks[--count]);
    }
    finish(heap);
}

static void thread_without_a_heap_gives_straight_back(void **state)
{
    (void)state;
    struct hk_heap *heap = start();
    struct hk_hot_stat stat;
    void *block = take(heap, 5000);
    hk_kept_flush(heap);

    hk_kept_spill(NULL, hk_page_of(block), block);

    hk_shared_stat(heap, &stat);
    assert_int_equal(stat.blocks_out, 0);
    finish(heap);
}

static void page_of_the_last_free_is_remembered_as_asked(void **state)
{
    (void)state;
    struct hk_heap *heap = start();
    void *block = take(heap, 5000);
    struct hk_mid_desc *desc = hk_mid_find(hk_mid_start(hk_page_of(block), block));

    give(heap, block);
    give(heap, take(heap, 5000));

    bool cached = HK_MID_DESC == HK_MID_DESC_CACHED;
    assert_ptr_equal(hk_kept_all(heap)->last, cached ? desc : NULL);
    finish(heap);
}

static void flush_leaves_nothing(void **state)
{
    (void)state;
    static const struct hk_kept nothing;
    struct hk_heap *heap = start();
    for (size_t bin = HK_TINY_BINS; bin < HK_BIN_COUNT; bin += 3) {
        breathe(heap, hk_bin_block_size(bin), 30);
    }

    hk_kept_flush(heap);

    assert_int_equal(hk_kept_count(heap), 0);
    for (size_t bin = HK_TINY_BINS; bin < HK_BIN_COUNT; bin++) {
        assert_memory_equal(hk_kept(heap, bin), &nothing, sizeof nothing);
    }
    assert_memory_equal(hk_kept_all(heap), &nothing, sizeof(struct hk_kept_all));
    finish(heap);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(last_freed_block_is_the_first_taken, fresh_cold),
        cmocka_unit_test_setup(block_in_the_ring_is_not_written_to, fresh_cold),
        cmocka_unit_test_setup(new_class_keeps_a_handful, fresh_cold),
        cmocka_unit_test_setup(busy_class_keeps_more, fresh_cold),
        cmocka_unit_test_setup(thread_keeps_no_more_than_its_bound, fresh_cold),
        cmocka_unit_test_setup(many_threads_share_a_bound, fresh_cold),
        cmocka_unit_test_setup(busy_class_takes_from_idle_ones, fresh_cold),
        cmocka_unit_test_setup(forked_child_has_what_lost_threads_had, fresh_cold),
        cmocka_unit_test_setup(spill_returns_half, fresh_cold),
        cmocka_unit_test_setup(thread_without_a_heap_gives_straight_back, fresh_cold),
        cmocka_unit_test_setup(page_of_the_last_free_is_remembered_as_asked, fresh_cold),
        cmocka_unit_test_setup(flush_leaves_nothing, fresh_cold),
    };
    return cmocka_run_group_tests_name("kept", tests, NULL, NULL);
}
