/* SPDX-License-Identifier: MIT */
/* A heap gives up what it keeps of classes that are not used before it takes memory that was never
 * used: for a page of several slices, and for one more of a class that fills its pages. Seen
 * through the gate, over the boxes that do so: hot box v3 and pool v2. */
#include "unit/unit.h"

#include "coldbox/seat.h"
#include "gate/gate.h"
#include "gate/route.h"
#include "gate/thread.h"

#include <string.h>

enum {
    BLOCKS = 3,
    ROOM = 64,  /* bytes of a block that a header may need */
    PAGES = 80, /* that a class fills */
    SMALLEST = 64,
    FEW = 24,     /* slices that a class has before it asks, and that lie at hand of others */
    ROUNDS = 300, /* after which all is as it will be */
    CHURNED = 8,  /* pages that a class fills and frees each time */
    OTHERS_FROM = 4,
};

static size_t sizes[HK_BIN_COUNT]; /* of the classes whose pages have as many slices as any */
static size_t size_count;
static size_t page_slices;

static int start(void **state)
{
    (void)state;
    page_slices = hk_page_slices(hk_bin_block_size(HK_BIN_COUNT - 1));
    for (size_t i = HK_TINY_BINS; page_slices > 1 && i < HK_BIN_COUNT; i++) {
        if (hk_page_slices(hk_bin_block_size(i)) == page_slices) {
            sizes[size_count++] = hk_bin_block_size(i) - ROOM;
        }
    }
    return 0;
}

static bool pool_spares(void)
{
    return HK_FREE_POLICY != HK_FREE_KEEP && size_count > 2 && strcmp(HK_POOL.name, "v2") == 0;
}

static bool tiny_spares(void)
{
    return HK_FREE_POLICY == HK_FREE_BATCH && !HK_HAS_BASE && strcmp(HK_TINY.name, "v3") == 0;
}

static struct hk_cold_stat cold_stat(void)
{
    struct hk_cold_stat stat;
    HK_COLD.stat(&stat);
    return stat;
}

static size_t leased(void)
{
    return cold_stat().leased >> HK_SLICE_SHIFT;
}

/* Use each class once, but for the first `skipped`. */
static void use_in_turn(size_t skipped)
{
    for (size_t i = skipped; i < size_count; i++) {
        void *blocks[BLOCKS];
        for (size_t k = 0; k < BLOCKS; k++) {
            blocks[k] = hk_malloc(sizes[i]);
            assert_non_null(blocks[k]);
        }
        for (size_t k = 0; k < BLOCKS; k++) {
            hk_free(blocks[k]);
        }
    }
}

static void classes_in_turn_share_a_page(void **state)
{
    (void)state;
    if (!pool_spares()) {
        skip();
    }
    hk_malloc_trim(0);
    size_t before = leased();

    use_in_turn(0);

    assert_in_range(leased() - before, 1, page_slices);
}

static void blocks_in_use_stay(void **state)
{
    (void)state;
    if (!pool_spares()) {
        skip();
    }
    unsigned char *held = hk_malloc(sizes[0]);
    memset(held, 0x5a, sizes[0]);

    use_in_turn(1);

    for (size_t i = 0; i < sizes[0]; i++) {
        assert_int_equal(held[i], 0x5a);
    }
    hk_free(held);
}

/* Each would find itself without its page for ever. */
static void classes_that_come_back_keep_their_pages(void **state)
{
    (void)state;
    if (!pool_spares()) {
        skip();
    }
    for (size_t round = 0; round < ROUNDS; round++) {
        use_in_turn(0);
    }
    uint64_t leases = cold_stat().leases;
    assert_true(leases > 0 || HK_STATS == HK_STATS_OFF);

    for (size_t round = 0; round < ROUNDS; round++) {
        use_in_turn(0);
    }

    assert_int_equal(cold_stat().leases, leases);
}

/* Fill PAGES pages with blocks of `size`, and free one block of each page in turn, so that what
 * stays at hand is of as many pages as it can be. -> slices leased when they are full. */
static size_t fill_and_scatter(size_t size)
{
    static void *blocks[PAGES * HK_SLICE / SMALLEST];
    size_t of_page = HK_SLICE / size;
    size -= ROOM / 4; /* for a header */
    for (size_t i = 0; i < PAGES * of_page; i++) {
        blocks[i] = hk_malloc(size);
        assert_non_null(blocks[i]);
    }
    size_t slices = leased();
    for (size_t i = 0; i < PAGES * of_page; i++) {
        hk_free(blocks[i % PAGES * of_page + i / PAGES]);
    }
    return slices;
}

static void class_that_fills_pages_has_those_of_others(void **state)
{
    (void)state;
    static const size_t filled[] = {512, 1024, 128, 256, SMALLEST, 768};
    if (!tiny_spares()) {
        skip();
    }
    hk_malloc_trim(0);
    size_t before = leased();

    for (size_t i = 0; i < 3 * sizeof filled / sizeof *filled; i++) {
        size_t size = filled[i % (sizeof filled / sizeof *filled)];
        assert_in_range(fill_and_scatter(size) - before, 0, PAGES + FEW);
    }
}

/* Fill and free pages of one class, then use a block of each other class of a tiny size.
 * -> leases of the heap for `rounds` of that. */
static uint32_t churn_beside_others(size_t rounds)
{
    static void *blocks[CHURNED * HK_SLICE / SMALLEST];
    const struct hk_heap *heap = hk_thread_heap();
    const size_t churned = hk_bin_block_size(HK_TINY_BINS - 1);
    uint32_t before = heap->spare.leases;
    for (size_t round = 0; round < rounds; round++) {
        size_t count = CHURNED * HK_SLICE / churned;
        for (size_t i = 0; i < count; i++) {
            blocks[i] = hk_malloc(churned - ROOM / 4);
            assert_non_null(blocks[i]);
        }
        for (size_t i = 0; i < count; i++) {
            hk_free(blocks[i]);
        }
        for (size_t bin = OTHERS_FROM; bin < HK_TINY_BINS - OTHERS_FROM; bin++) {
            void *block = hk_malloc(hk_bin_block_size(bin) - ROOM / 4);
            assert_non_null(block);
            hk_free(block);
        }
    }
    return heap->spare.leases - before;
}

/* What they keep is spare each time, and they miss it each time. */
static void others_keep_their_pages_beside_a_class_that_churns(void **state)
{
    (void)state;
    if (!tiny_spares()) {
        skip();
    }
    void *block = hk_malloc(1);
    struct hk_spare *spare = &hk_thread_heap()->spare;
    hk_malloc_trim(0);
    churn_beside_others(ROUNDS);
    spare->paused = UINT32_MAX;
    uint32_t unasked = churn_beside_others(ROUNDS);
    hk_malloc_trim(0);
    memset(spare, 0, sizeof *spare);
    churn_beside_others(ROUNDS);

    uint32_t asked = churn_beside_others(ROUNDS);

    assert_in_range(asked, 0, unasked + unasked / 8);
    hk_free(block);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(classes_in_turn_share_a_page),
        cmocka_unit_test(blocks_in_use_stay),
        cmocka_unit_test(classes_that_come_back_keep_their_pages),
        cmocka_unit_test(class_that_fills_pages_has_those_of_others),
        cmocka_unit_test(others_keep_their_pages_beside_a_class_that_churns),
    };
    return cmocka_run_group_tests_name("spare", tests, start, NULL);
}
