/* SPDX-License-Identifier: MIT */
/* Pool flatten: which frees fall back, and what is counted for them. */
#include "unit/pool_unit.h"

#include "pool/flatten/pool_flatten.h"

enum { SIZE = 2000, BATCH = 200 };

struct reasons {
    uint64_t unknown;
    uint64_t not_mine;
    uint64_t other;
};

static struct reasons reasons(struct hk_heap *heap)
{
    return (struct reasons){
        .unknown = atomic_load(&heap->note[HK_NOTE_FLAT_UNKNOWN]),
        .not_mine = atomic_load(&heap->note[HK_NOTE_FLAT_NOT_MINE]),
        .other = atomic_load(&heap->note[HK_NOTE_FLAT_OTHER]),
    };
}

static struct hk_heap *start(void)
{
    struct hk_heap *heap = new_heap();
    hk_pool_flatten.init(heap);
    return heap;
}

static void *take(struct hk_heap *heap)
{
    void *block = hk_pool_flatten.alloc(heap, SIZE);
    block = block ? block : hk_pool_flatten.refill(heap, SIZE);
    assert_non_null(block);
    return block;
}

static void give(struct hk_heap *heap, void *block)
{
    struct hk_page *page = hk_page_of(block);
    if (!hk_pool_flatten.free_local(heap, page, block)) {
        hk_pool_flatten.spill(heap, page, block);
    }
}

static void finish(struct hk_heap *heap)
{
    assert_null(hk_pool_flatten.check(heap));
    hk_pool_flatten.abandon(heap);
    HK_COLD.death(heap);
}

static void expect(struct hk_heap *heap, uint64_t unknown, uint64_t not_mine, uint64_t other)
{
    struct reasons now = reasons(heap);
    assert_int_equal(now.unknown, unknown);
    assert_int_equal(now.not_mine, not_mine);
    assert_int_equal(now.other, other);
}

static void own_block_does_not_fall_back(void **state)
{
    (void)state;
    struct hk_heap *heap = start();

    for (size_t i = 0; i < BATCH; i++) {
        give(heap, take(heap));
    }

    expect(heap, 0, 0, 0);
    finish(heap);
}

static void block_of_anothers_page_is_not_mine(void **state)
{
    (void)state;
    struct hk_heap *heap = start();
    struct hk_heap *other = start();
    void *block = take(heap);
    hk_mid_put(NULL, (void *[]){take(other)}, 1); /* the other one has drawn from the page since */

    give(heap, block);

    expect(heap, 0, 1, 0);
    finish(other);
    finish(heap);
}

static void overflow_is_another_reason(void **state)
{
    (void)state;
    struct hk_heap *heap = start();
    void *blocks[BATCH];
    for (size_t i = 0; i < BATCH; i++) {
        blocks[i] = take(heap);
    }

    for (size_t i = 0; i < BATCH; i++) {
        give(heap, blocks[i]);
    }

    struct reasons now = reasons(heap);
    assert_int_equal(now.unknown, 0);
    assert_int_equal(now.not_mine, 0);
    /* a spill makes room for half of what may be kept */
    assert_in_range(now.other, BATCH / HK_KEPT_MOST, BATCH / 2);
    finish(heap);
}

/* Enough pages for some of them to be away from where their addresses are hashed to. */
static void page_that_takes_a_search_is_unknown(void **state)
{
    (void)state;
    enum { PAGES = 400, PER_PAGE = HK_SLICE / 2048 };
    static void *blocks[PAGES * PER_PAGE];
    struct hk_heap *heap = start();
    uint64_t away = 0;
    for (size_t i = 0; i < PAGES * PER_PAGE; i++) {
        blocks[i] = take(heap);
    }

    for (size_t i = 0; i < PAGES; i++) {
        void *block = blocks[i * PER_PAGE];
        uintptr_t start_of_page = hk_mid_start(hk_page_of(block), block);
        hk_mid_slot *home = hk_mid_home(atomic_load(&hk_mid_table), start_of_page);
        hk_kept_all(heap)->last = NULL;
        away += atomic_load(home) != hk_mid_find(start_of_page);
        give(heap, block);
        assert_int_equal(reasons(heap).unknown, away);
    }

    assert_true(away > 0);
    for (size_t i = 0; i < PAGES * PER_PAGE; i++) {
        if (i % PER_PAGE) {
            give(heap, blocks[i]);
        }
    }
    finish(heap);
    assert_int_equal(leased_now(), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(own_block_does_not_fall_back, fresh_cold),
        cmocka_unit_test_setup(block_of_anothers_page_is_not_mine, fresh_cold),
        cmocka_unit_test_setup(overflow_is_another_reason, fresh_cold),
        cmocka_unit_test_setup(page_that_takes_a_search_is_unknown, fresh_cold),
    };
    return cmocka_run_group_tests_name("flatten", tests, NULL, NULL);
}
