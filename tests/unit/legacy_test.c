/* SPDX-License-Identifier: MIT */
/* Hot box legacy from inside: magazines and their bounds, where blocks and pages go, what is kept
 * and given back. */
#include "unit/legacy_unit.h"

#include "unit/random.h"

static void magazine_of_a_new_heap_is_empty_and_full(void **state)
{
    (void)state;
    void *block = take(SMALL);
    struct hk_bin *bin = bin_of(SMALL);
    struct hk_bin was = *bin;
    *bin = (struct hk_bin){NULL, 0, 0};

    assert_null(hk_hotbox_legacy.alloc(heap, SMALL));
    assert_false(hk_hotbox_legacy.free_local(heap, hk_page_of(block), block));

    *bin = was;
    give(block);
}

static void last_block_in_is_the_first_one_out(void **state)
{
    (void)state;
    take_many(SMALL, 3);

    give_many(0, 3);

    assert_ptr_equal(take(SMALL), blocks[2]);
    assert_ptr_equal(take(SMALL), blocks[1]);
    assert_ptr_equal(take(SMALL), blocks[0]);
    give_many(0, 3);
}

static void refill_takes_half_a_magazine_in_order_of_address(void **state)
{
    (void)state;
    char *first = take(SMALL);

    assert_int_equal(bin_of(SMALL)->room, bin_of(SMALL)->limit / 2 - 1);
    for (size_t i = 1; i < 8; i++) {
        blocks[i] = take(SMALL);
        assert_ptr_equal(blocks[i], first + i * SMALL);
    }

    give(first);
    give_many(1, 8);
}

static unsigned char *lane_of(size_t offset)
{
    return hk_lane(heap, offset >> HK_BIN_SHIFT);
}

/* Whatever the pages hold: few blocks, scattered ones, whole words and more of them. */
static void refill_never_exceeds_its_buffer(void **state)
{
    (void)state;
    struct random random = random_start();
    struct hk_bin *bin = bin_of(SMALL);
    memset(lane_of(SMALL - 16), 0x5a, HK_TINY_LANE);
    memset(lane_of(SMALL + 16), 0x5a, HK_TINY_LANE);

    for (size_t round = 0; round < 200; round++) {
        size_t step = 1 + random_below(&random, 9);
        take_many(SMALL, MANY);
        put_many(0, MANY, step);
        while (bin->room) {
            void *at_hand = take(SMALL);
            hk_hotbox_legacy.spill(NULL, hk_page_of(at_hand), at_hand);
        }
        void *block = hk_hotbox_legacy.refill(heap, SMALL);
        if (bin->room >= bin->limit / 2 || bin->limit > HK_MAGAZINE_MOST) {
            fail_msg("%d blocks beside the first (HK_TEST_SEED=%llu)", bin->room,
                     (unsigned long long)random.seed);
        }
        give(block);
        for (size_t i = 0; i < MANY; i++) {
            if (i % step) {
                give(blocks[i]);
            }
        }
    }

    for (size_t i = 0; i < HK_TINY_LANE; i++) {
        assert_int_equal(lane_of(SMALL - 16)[i], 0x5a);
        assert_int_equal(lane_of(SMALL + 16)[i], 0x5a);
    }
    memset(lane_of(SMALL - 16), 0, HK_TINY_LANE);
    memset(lane_of(SMALL + 16), 0, HK_TINY_LANE);
}

static void magazine_that_runs_over_gets_longer(void **state)
{
    (void)state;
    take_many(SMALL, 1000);
    int32_t limit = bin_of(SMALL)->limit;

    give_many(0, 1000);

    assert_true(bin_of(SMALL)->limit > limit);
    assert_int_equal(bin_of(SMALL)->limit, HK_MAGAZINE_MOST);
    for (size_t i = 0; i < 100; i++) {
        take_many(SMALL, 1000);
        put_many(0, 1000, 1);
    }
    assert_int_equal(bin_of(SMALL)->limit, limit);
}

static void magazine_is_bounded_in_bytes(void **state)
{
    (void)state;
    for (size_t offset = 16; offset <= LARGE; offset += 16) {
        take_many(offset, 600);
        give_many(0, 600);
        assert_true((size_t)bin_of(offset)->limit * offset <= 64 * 1024);
        assert_true(bin_of(offset)->room <= bin_of(offset)->limit);
    }
}

static void flush_gives_every_block_to_its_own_page(void **state)
{
    (void)state;
    struct hk_hot_stat stat;
    take_many(LARGE, 640); /* ten pages and more */
    size_t at_hand = (size_t)bin_of(LARGE)->room;

    for (size_t i = 0; i < 320; i++) {
        give(blocks[i * 37 % 640]);
    }

    hk_hotbox_legacy.stat(heap, &stat);
    assert_int_equal(stat.blocks_out, 320 + stat.binned);
    assert_true(stat.blocks_in + stat.binned >= 320 + at_hand);
    assert_null(hk_hotbox_legacy.check(heap));
    for (size_t i = 320; i < 640; i++) {
        give(blocks[i * 37 % 640]);
    }
}

static size_t out_of_pages(void)
{
    struct hk_hot_stat stat;
    hk_hotbox_legacy.stat(heap, &stat);
    return stat.blocks_out;
}

static void stock_hands_over_without_a_look_at_pages(void **state)
{
    (void)state;
    take_many(SMALL, 300);
    give_many(0, 300); /* more than a magazine and the stock hold */
    size_t out = out_of_pages();
    assert_int_equal(class_of(SMALL)->stocked, HK_DEPOT_STOCK);

    size_t taken = (size_t)bin_of(SMALL)->room + 1; /* one refill */
    take_many(SMALL, taken);

    assert_int_equal(class_of(SMALL)->stocked, HK_DEPOT_STOCK - 1 - (size_t)bin_of(SMALL)->room);
    assert_int_equal(out_of_pages(), out);
    put_many(0, taken, 1);
}

static void stock_is_bounded_in_bytes(void **state)
{
    (void)state;
    for (size_t offset = 16; offset <= LARGE; offset += 16) {
        take_many(offset, 600);
        give_many(0, 600);
        assert_in_range(class_of(offset)->stocked, 1, HK_DEPOT_STOCK);
        assert_true(class_of(offset)->stocked * offset <= 64 * 1024);
    }
}

static void collect_puts_the_stock_into_its_pages(void **state)
{
    (void)state;
    take_many(SMALL, 300);
    give_many(0, 300);

    hk_hotbox_legacy.collect(heap, HK_COLLECT_ALL);

    assert_int_equal(class_of(SMALL)->stocked, 0);
    assert_int_equal(out_of_pages(), 0);
    assert_int_equal(cold_log().leased_now, 0);
}

static void freed_memory_is_not_written_to(void **state)
{
    (void)state;
    take_many(LARGE, 256);
    for (size_t i = 0; i < 256; i++) {
        memset(blocks[i], (int)i, LARGE);
    }

    /* every second one, so that no page becomes empty and is poisoned by the fake */
    for (size_t i = 0; i < 256; i += 2) {
        give(blocks[i]);
    }

    for (size_t i = 0; i < 256; i++) {
        const unsigned char *bytes = blocks[i];
        assert_int_equal(bytes[0], i);
        assert_memory_equal(bytes, bytes + 1, LARGE - 1);
    }
    for (size_t i = 1; i < 256; i += 2) {
        give(blocks[i]);
    }
}

static void full_page_waits_for_a_second_free_block(void **state)
{
    (void)state;
    take_many(LARGE, 64);
    assert_int_equal(count_of(LARGE, HK_DEPOT_FULL), 1);

    put_many(0, 1, 1);
    assert_int_equal(count_of(LARGE, HK_DEPOT_FULL), 1);
    put_many(1, 2, 1);
    assert_int_equal(count_of(LARGE, HK_DEPOT_FULL), 0);
    assert_int_equal(count_of(LARGE, HK_DEPOT_OPEN), 1);

    put_many(2, 64, 1);
}

static void collect_makes_every_free_block_reusable(void **state)
{
    (void)state;
    take_many(LARGE, 64);
    put_many(0, 1, 1);
    size_t leases = cold_log().leases;

    hk_hotbox_legacy.collect(heap, HK_COLLECT_KEEP);

    assert_ptr_equal(take(LARGE), blocks[0]);
    assert_int_equal(cold_log().leases, leases);
    put_many(0, 64, 1);
}

static void few_empty_pages_are_kept(void **state)
{
    (void)state;
    take_many(LARGE, 40 * 64);
    size_t leased = cold_log().leased_now;

    put_many(0, 20 * 64, 1);
    assert_in_range(count_of(LARGE, HK_DEPOT_KEPT), 1, 1 + leased / 8);

    put_many(20 * 64, 40 * 64, 1);
    assert_int_equal(count_of(LARGE, HK_DEPOT_KEPT), 1);
    assert_int_equal(cold_log().leased_now, 1);
}

/* Blocks of all classes, as many out as before after each step; one after the other is replaced. */
static void steady_state_never_leases(void **state)
{
    enum { SLOTS = 1000, WARM_UP = 10000, OPERATIONS = 1000000 };
    (void)state;
    struct random random = random_start();
    size_t leases = 0;
    for (size_t i = 0; i < SLOTS; i++) {
        blocks[i] = take(i % HK_TINY_BINS << HK_BIN_SHIFT);
    }

    for (size_t i = 0; i < OPERATIONS; i++) {
        size_t slot = random_below(&random, SLOTS);
        leases = i == WARM_UP ? cold_log().leases : leases;
        give(blocks[slot]);
        blocks[slot] = take(slot % HK_TINY_BINS << HK_BIN_SHIFT);
    }

    assert_int_equal(cold_log().leases, leases);
    give_many(0, SLOTS);
}

static void free_parts_are_purged_once(void **state)
{
    (void)state;
    take_many(LARGE, 128);
    put_many(0, 32, 1); /* half of the first page */

    hk_cold_fake_refuse_purges(true);
    assert_int_equal(hk_hotbox_legacy.collect(heap, HK_COLLECT_PARTS), 0);
    hk_cold_fake_refuse_purges(false);
    assert_true(hk_hotbox_legacy.collect(heap, HK_COLLECT_PARTS) >= 28 * 1024);
    size_t purges = cold_log().purges;
    assert_int_equal(hk_hotbox_legacy.collect(heap, HK_COLLECT_PARTS), 0);
    assert_int_equal(cold_log().purges, purges);
    put_many(32, 48, 1);
    assert_true(hk_hotbox_legacy.collect(heap, HK_COLLECT_PARTS) > 0);

    take_many(LARGE, 48);
    assert_null(hk_hotbox_legacy.check(heap));
    put_many(0, 128, 1);
}

static void nobodys_frees_need_no_magazine(void **state)
{
    (void)state;
    take_many(SMALL, 500);
    int32_t at_hand = bin_of(SMALL)->room;

    put_many(0, 500, 1);

    assert_int_equal(bin_of(SMALL)->room, at_hand);
}

static void chain_of_any_length_is_spliced(void **state)
{
    (void)state;
    enum { CHAIN = 2 * HK_DEPOT_BATCH + 7 };
    take_many(16, CHAIN); /* of one page */
    struct hk_hot_stat stat;
    for (size_t i = 0; i + 1 < CHAIN; i++) {
        *(void **)blocks[i] = blocks[i + 1];
    }

    hk_hotbox_legacy.splice(heap, hk_page_of(blocks[0]), blocks[0], blocks[CHAIN - 1], CHAIN);

    hk_hotbox_legacy.stat(heap, &stat);
    assert_int_equal(stat.blocks_out, stat.binned);
}

static void child_of_a_fork_finds_the_depot_free(void **state)
{
    (void)state;
    take_many(SMALL, 300);

    hk_cold_fake.prefork();
    assert_true(hk_lock_is_kept(&hk_depot.class_locks[SMALL >> HK_BIN_SHIFT]));
    assert_true(hk_lock_is_kept(hk_depot_lock_of(blocks[0])));
    give_many(0, 150); /* another library's handler, inside */
    hk_cold_fake.child(heap);

    give_many(150, 300);
    assert_null(hk_hotbox_legacy.check(heap));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        LEGACY_TEST(magazine_of_a_new_heap_is_empty_and_full),
        LEGACY_TEST(last_block_in_is_the_first_one_out),
        LEGACY_TEST(refill_takes_half_a_magazine_in_order_of_address),
        LEGACY_TEST(refill_never_exceeds_its_buffer),
        LEGACY_TEST(magazine_that_runs_over_gets_longer),
        LEGACY_TEST(magazine_is_bounded_in_bytes),
        LEGACY_TEST(flush_gives_every_block_to_its_own_page),
        LEGACY_TEST(stock_hands_over_without_a_look_at_pages),
        LEGACY_TEST(stock_is_bounded_in_bytes),
        LEGACY_TEST(collect_puts_the_stock_into_its_pages),
        LEGACY_TEST(freed_memory_is_not_written_to),
        LEGACY_TEST(full_page_waits_for_a_second_free_block),
        LEGACY_TEST(collect_makes_every_free_block_reusable),
        LEGACY_TEST(few_empty_pages_are_kept),
        LEGACY_TEST(steady_state_never_leases),
        LEGACY_TEST(free_parts_are_purged_once),
        LEGACY_TEST(nobodys_frees_need_no_magazine),
        LEGACY_TEST(chain_of_any_length_is_spliced),
        LEGACY_TEST(child_of_a_fork_finds_the_depot_free),
    };
    return cmocka_run_group_tests_name("legacy", tests, NULL, NULL);
}
