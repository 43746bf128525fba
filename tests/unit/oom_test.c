/* SPDX-License-Identifier: MIT */
/* Out of memory at every single call of the system: the n-th call is refused, for each n that the
 * scenario makes, alone and with every later one. Nothing is lost, and all works afterwards. */
#include "unit/unit.h"

#include "coldbox/seat.h"
#include "fakes/os_fake.h"
#include "gate/gate.h"

#include <errno.h>
#include <string.h>

static const size_t sizes[] = {
    0,      1,      24,     100,    1024,    1025,    5000,    20000,   70000,
    200000, 262144, 262145, 900000, 2097152, 2097153, 3000000, 9000000, 600000000,
};
enum {
    SIZES = sizeof sizes / sizeof *sizes,
    ROUNDS = 4,
    BLOCKS = SIZES * ROUNDS,
    CALLS_MOST = 4000
};

static struct {
    unsigned char *block[BLOCKS];
    size_t size[BLOCKS];
    uint64_t refused;
} test;

static void mark_ends(unsigned char *block, size_t size, unsigned char mark)
{
    if (size) {
        block[0] = mark;
        block[size - 1] = mark;
    }
}

static void check_ends(const unsigned char *block, size_t size, unsigned char mark)
{
    if (size) {
        assert_int_equal(block[0], mark);
        assert_int_equal(block[size - 1], mark);
    }
}

/* A refused request is one that failed with ENOMEM and nothing else. */
static unsigned char *checked(void *block)
{
    if (!block) {
        assert_int_equal(errno, ENOMEM);
        test.refused += 1;
    }
    errno = 0;
    return block;
}

static void take(size_t index)
{
    size_t size = sizes[index % SIZES];
    unsigned char *block;
    errno = 0;
    if (index % 3 == 0) {
        block = checked(hk_calloc(1, size));
        if (block && size) {
            assert_int_equal(block[0] | block[size / 2] | block[size - 1], 0);
        }
    } else if (index % 3 == 1) {
        block = checked(hk_aligned_alloc((size_t)64 << index % 8, size));
    } else {
        block = checked(hk_malloc(size));
    }
    test.block[index] = block;
    test.size[index] = block ? size : 0;
    mark_ends(block, test.size[index], (unsigned char)index);
}

static void grow(size_t index)
{
    unsigned char *block = test.block[index];
    if (!block) {
        return;
    }
    size_t size = test.size[index] + test.size[index] / 2 + 1;
    unsigned char *grown = checked(hk_realloc(block, size));
    if (!grown) {
        check_ends(block, test.size[index], (unsigned char)index);
        return;
    }
    if (test.size[index]) {
        assert_int_equal(grown[0], (unsigned char)index);
        assert_int_equal(grown[test.size[index] - 1], (unsigned char)index);
    }
    test.block[index] = grown;
    test.size[index] = size;
    mark_ends(grown, size, (unsigned char)index);
}

static void scenario(void)
{
    test.refused = 0;
    for (size_t i = 0; i < BLOCKS; i++) {
        take(i);
    }
    for (size_t i = 0; i < BLOCKS; i += 2) {
        grow(i);
    }
    hk_malloc_trim(0);
    for (size_t i = 0; i < BLOCKS; i++) {
        if (test.block[i]) {
            check_ends(test.block[i], test.size[i], (unsigned char)i);
            hk_free(test.block[i]);
        }
    }
    hk_malloc_trim(0);
}

static size_t leased_now(void)
{
    struct hk_cold_stat stat;
    const char *broken = HK_COLD.check();
    if (broken) {
        fail_msg("%s", broken);
    }
    HK_COLD.stat(&stat);
    assert_int_equal(stat.huge, 0);
    return stat.leased;
}

/* The sums of the cold side hold, and a scenario goes through and leaves no more than the first
 * one. */
static void require_recovered(size_t leased)
{
    assert_in_range(leased_now(), 0, leased + HK_SLICE);
    hk_os_fake_reset();
    scenario();
    assert_int_equal(test.refused, 0);
    assert_int_equal(leased_now(), leased);
}

static void refuse_each(enum hk_os_call kind, bool onwards)
{
    hk_os_fake_reset();
    scenario();
    uint64_t calls = hk_os_fake_calls(kind);
    size_t leased = leased_now(); /* pages that the heap keeps for speed */
    assert_int_equal(test.refused, 0);
    assert_in_range(calls, 0, CALLS_MOST);
    uint64_t refused = 0;
    for (uint64_t n = 1; n <= calls; n++) {
        hk_os_fake_reset();
        hk_os_fake_fail(kind, n, onwards);
        scenario();
        refused += test.refused;
        require_recovered(leased);
    }
    /* only a mapping that is refused may be felt */
    assert_true(kind == HK_OS_CALLS || (kind == HK_OS_MAP) == (refused > 0));
}

static void first_allocation_may_be_refused(void **state)
{
    (void)state;
    hk_os_fake_fail(HK_OS_MAP, 1, true);
    errno = 0;
    assert_null(hk_malloc(10));
    assert_int_equal(errno, ENOMEM);
    assert_null(hk_malloc(10000));
    assert_null(hk_malloc(10000000));
    hk_os_fake_reset();
    void *block = hk_malloc(10);
    assert_non_null(block);
    hk_free(block);
}

static void any_single_call_may_be_refused(void **state)
{
    (void)state;
    refuse_each(HK_OS_CALLS, false);
}

static void every_call_from_one_on_may_be_refused(void **state)
{
    (void)state;
    refuse_each(HK_OS_CALLS, true);
}

static void every_mapping_from_one_on_may_be_refused(void **state)
{
    (void)state;
    refuse_each(HK_OS_MAP, true);
}

static void every_unmapping_may_be_refused(void **state)
{
    (void)state;
    refuse_each(HK_OS_UNMAP, true);
}

static void every_purge_may_be_refused(void **state)
{
    (void)state;
    refuse_each(HK_OS_PURGE, true);
}

static void every_move_may_be_refused(void **state)
{
    (void)state;
    refuse_each(HK_OS_MOVE, true);
}

static void every_advice_may_be_refused(void **state)
{
    (void)state;
    refuse_each(HK_OS_ADVISE, true);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(first_allocation_may_be_refused),
        cmocka_unit_test(any_single_call_may_be_refused),
        cmocka_unit_test(every_call_from_one_on_may_be_refused),
        cmocka_unit_test(every_mapping_from_one_on_may_be_refused),
        cmocka_unit_test(every_unmapping_may_be_refused),
        cmocka_unit_test(every_purge_may_be_refused),
        cmocka_unit_test(every_move_may_be_refused),
        cmocka_unit_test(every_advice_may_be_refused),
    };
    return cmocka_run_group_tests_name("oom", tests, NULL, NULL);
}
