/* SPDX-License-Identifier: MIT */
/* What realloc does to a block that grows by small steps, and to a large one that shrinks. */
#include "unit/unit.h"

#include "gate/gate.h"

#include "common/mark.h"
#include "common/page.h"

#include <string.h>

enum {
    STEP = 1000,
    TOP = 3 << 20,
    MOVES = 32,      /* by quarters from 2 KiB to 32 KiB, and classes below */
    LARGE = 3 << 20, /* a huge block */
};

static void growth_by_steps_moves_seldom(void **state)
{
    (void)state;
    unsigned char *block = hk_malloc(STEP);
    size_t moves = 0;
    for (size_t size = 2 * STEP; size <= TOP; size += STEP) {
        block[size - STEP - 1] = (unsigned char)(size / STEP);
        unsigned char *grown = hk_realloc(block, size);
        assert_non_null(grown);
        moves += grown != block;
        block = grown;
    }
    assert_true(moves <= MOVES);
    for (size_t size = 2 * STEP; size <= TOP; size += STEP) {
        assert_int_equal(block[size - STEP - 1], (unsigned char)(size / STEP));
    }
    hk_free(block);
}

/* Many small blocks that grow must not take a unit of address space each. */
static void many_that_grow_share_superslabs(void **state)
{
    (void)state;
    enum { COUNT = 300, SIZE = 40 * 1024 };
    unsigned char *block[COUNT];
    size_t huge = 0;
    for (size_t i = 0; i < COUNT; i++) {
        block[i] = hk_malloc(SIZE - 8 * 1024);
        block[i][0] = (unsigned char)i;
        block[i] = hk_realloc(block[i], SIZE);
        assert_non_null(block[i]);
        memset(block[i] + 1, 0x5a, SIZE - 1);
        huge += hk_page_of(block[i])->kind == HK_KIND_HUGE;
    }
    assert_true(huge < COUNT / 2);
    for (size_t i = 0; i < COUNT; i++) {
        assert_int_equal(block[i][0], (unsigned char)i);
        assert_memory_equal(block[i] + 1, block[i] + 2, SIZE - 2);
        hk_free(block[i]);
    }
}

static void large_block_that_shrinks_a_little_stays_as_it_is(void **state)
{
    (void)state;
    enum { LESS = LARGE - LARGE / 16 };
    void *block = hk_malloc(LARGE);
    size_t usable = hk_malloc_usable_size(block);
    assert_ptr_equal(hk_realloc(block, LESS), block);
    assert_int_equal(hk_malloc_usable_size(block), HK_HEADER == HK_HEADER_FULL ? LESS : usable);
    assert_ptr_equal(hk_realloc(block, LARGE - LARGE / 3), block);
    assert_true(hk_malloc_usable_size(block) < usable);
    hk_free(block);
}

static void large_block_that_becomes_small_goes_to_its_class(void **state)
{
    (void)state;
    unsigned char *block = hk_malloc(LARGE);
    memset(block, 0x42, 1000);
    block = hk_realloc(block, 1000);
    assert_true(hk_kind_is_leased(hk_page_of(block)->kind));
    assert_memory_equal(block, block + 1, 999);
    hk_free(block);
}

static void large_block_that_shrinks_by_parts_goes_to_its_class(void **state)
{
    (void)state;
    unsigned char *block = hk_malloc(LARGE);
    for (size_t size = LARGE; size >= 6000; size -= size / 4) {
        block = hk_realloc(block, size);
        assert_true(size > HK_POOL_MAX || hk_page_of(block)->kind != HK_KIND_HUGE);
        block[size - 1] = 0x42;
    }
    assert_true(hk_kind_is_leased(hk_page_of(block)->kind));
    hk_free(block);
}

/* The place that a large block leaves is its neighbour's to grow into. */
static void large_block_grows_into_freed_memory(void **state)
{
    (void)state;
    enum { ROUNDS = 20 };
    for (int round = 0; round < ROUNDS; round++) {
        unsigned char *block = hk_malloc(LARGE);
        void *neighbour = hk_malloc(LARGE);
        bool in_front = (char *)neighbour > (char *)block;
        block[LARGE - 1] = 0x42;
        hk_free(neighbour);
        unsigned char *grown = hk_realloc(block, 2 * LARGE);
        assert_true(grown == block || !in_front);
        assert_int_equal(grown[LARGE - 1], 0x42);
        hk_free(grown);
    }
}

/* What waits for the next of its size has not the form that these ask for. */
static void huge_block_that_waits_is_for_plain_requests(void **state)
{
    (void)state;
    enum { ALIGN = 1 << 20 };
    for (int pair = 0; pair < 3; pair++) {
        hk_free(hk_malloc(LARGE));
    }
    void *aligned = hk_aligned_alloc(ALIGN, LARGE);
    assert_int_equal((uintptr_t)aligned % ALIGN, 0);
    hk_free(aligned);
    for (int pair = 0; pair < 3; pair++) {
        hk_free(hk_malloc(LARGE));
    }
    /* it is moved once, and finds room to grow from there */
    unsigned char *block = hk_realloc(hk_malloc(LARGE / 2), LARGE);
    unsigned char *grown = hk_realloc(block, LARGE + LARGE / 2);
    assert_ptr_equal(grown, block);
    hk_free(grown);
}

static void size_beyond_memory_is_refused(void **state)
{
    (void)state;
    unsigned char *block = hk_malloc(LARGE);
    block[LARGE - 1] = 0x42;
    for (size_t size = (size_t)1 << 50; size < (size_t)1 << 62; size *= 2) {
        assert_null(hk_realloc(block, size));
    }
    assert_int_equal(block[LARGE - 1], 0x42);
    hk_free(block);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(growth_by_steps_moves_seldom),
        cmocka_unit_test(many_that_grow_share_superslabs),
        cmocka_unit_test(large_block_that_shrinks_a_little_stays_as_it_is),
        cmocka_unit_test(large_block_that_becomes_small_goes_to_its_class),
        cmocka_unit_test(large_block_that_shrinks_by_parts_goes_to_its_class),
        cmocka_unit_test(large_block_grows_into_freed_memory),
        cmocka_unit_test(huge_block_that_waits_is_for_plain_requests),
        cmocka_unit_test(size_beyond_memory_is_refused),
    };
    return cmocka_run_group_tests_name("realloc", tests, NULL, NULL);
}
