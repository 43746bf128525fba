/* SPDX-License-Identifier: MIT */
/* Bins and their accessors, in the form that the program is built for. */
#include "unit/unit.h"

#include "common/self.h"

#include <string.h>

#if HK_TLS_BINS
_Thread_local struct hk_tls hk_tls;
#endif

static struct hk_heap heap;
static _Alignas(16) void *blocks[4][2];

static int all_zero(void **state)
{
    (void)state;
    memset(&heap, 0, sizeof heap);
#if HK_TLS_BINS
    memset(&hk_tls, 0, sizeof hk_tls);
#endif
    hk_mid_bind(&heap);
    return 0;
}

/* Pop from bin `bin`, by the accessor that its class asks for. */
static void *pop(size_t bin)
{
    return bin < HK_TINY_BINS ? hk_bin_pop(&heap, bin << HK_BIN_SHIFT)
                              : hk_mid_pop(&heap, hk_bin_block_size(bin));
}

static void zero_bin_is_empty(void **state)
{
    (void)state;
    for (size_t bin = 0; bin < HK_BIN_COUNT; bin++) {
        assert_null(pop(bin));
        assert_int_equal(hk_bin_at(&heap, bin << HK_BIN_SHIFT)->room, 0);
    }
}

static void every_bin_has_a_place_of_its_own(void **state)
{
    (void)state;
    static void *block[HK_BIN_COUNT][2];
    for (size_t bin = 0; bin < HK_BIN_COUNT; bin++) {
        hk_bin_at(&heap, bin << HK_BIN_SHIFT)->head = block[bin];
    }

    for (size_t bin = 0; bin < HK_BIN_COUNT; bin++) {
        assert_ptr_equal(pop(bin), block[bin]);
    }
}

/* By the table of steps, where there is one. */
static void every_size_finds_the_bin_of_its_class(void **state)
{
    (void)state;
    for (size_t size = HK_TINY_MAX + 1; size <= HK_POOL_MAX; size++) {
        struct hk_bin *bin = hk_bin_at(&heap, hk_pool_offset(size));
        size_t offset = (size_t)((char *)bin - (char *)&heap.mid);
        assert_int_equal(hk_mid_offset(&heap.mid, size), offset);
        assert_true(hk_bin_block_size(hk_pool_bin(size)) >= size);
    }
}

#if HK_TLS_BINS
static void unbound_mid_bins_are_empty(void **state)
{
    (void)state;
    static void *block[2];
    for (size_t bin = HK_TINY_BINS; bin < HK_BIN_COUNT; bin++) {
        hk_bin_at(&heap, bin << HK_BIN_SHIFT)->head = block;
    }
    hk_mid_bind(NULL);

    for (size_t bin = HK_TINY_BINS; bin < HK_BIN_COUNT; bin++) {
        assert_null(pop(bin));
    }
}
#endif

/* A tiny bin, and one of each half of the mid bins. */
static const size_t some[] = {2, HK_TINY_BINS + 1, HK_BIN_COUNT - 1};
enum { SOME = sizeof some / sizeof *some };

static void pop_takes_the_first_block(void **state)
{
    (void)state;
    for (size_t i = 0; i < SOME; i++) {
        struct hk_bin *bin = hk_bin_at(&heap, some[i] << HK_BIN_SHIFT);
        blocks[0][0] = blocks[1];
        blocks[1][0] = NULL;
        bin->head = blocks[0];

        assert_ptr_equal(pop(some[i]), blocks[0]);
        assert_ptr_equal(bin->head, blocks[1]);
        assert_ptr_equal(pop(some[i]), blocks[1]);
        assert_null(pop(some[i]));
    }
}

static void pop_gives_room_back(void **state)
{
    (void)state;
    for (size_t i = 0; i < SOME; i++) {
        struct hk_bin *bin = hk_bin_at(&heap, some[i] << HK_BIN_SHIFT);
        blocks[2][0] = NULL;
        bin->head = blocks[2];
        bin->room = -3;
        bin->limit = 7;

        pop(some[i]);
        assert_int_equal(bin->room, -2);
        pop(some[i]);
        assert_int_equal(bin->room, -2);
        assert_int_equal(bin->limit, 7);
    }
}

static void token_is_no_special_owner(void **state)
{
    (void)state;
    assert_true(hk_self_token(&heap) >= 4096);
    assert_int_equal(hk_self_token(&heap), hk_self_token(&heap));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(zero_bin_is_empty, all_zero),
        cmocka_unit_test_setup(every_bin_has_a_place_of_its_own, all_zero),
        cmocka_unit_test_setup(every_size_finds_the_bin_of_its_class, all_zero),
#if HK_TLS_BINS
        cmocka_unit_test_setup(unbound_mid_bins_are_empty, all_zero),
#endif
        cmocka_unit_test_setup(pop_takes_the_first_block, all_zero),
        cmocka_unit_test_setup(pop_gives_room_back, all_zero),
        cmocka_unit_test(token_is_no_special_owner),
    };
    return cmocka_run_group_tests_name("bins", tests, NULL, NULL);
}
