/* SPDX-License-Identifier: MIT */
/* The option pool_zero: what reads as zero when a block of the pool is handed out, when it is
 * freed, and when it grows; and that calloc does no more than it has to. */
#include "unit/unit.h"

#include "common/mark.h"
#include "common/scrub.h"
#include "gate/gate.h"

#include <pthread.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

enum {
    SOIL = 0x5a,
    FULL = HK_POOL_ZERO == HK_POOL_ZERO_FULL,
    HEADER = HK_POOL_ZERO == HK_POOL_ZERO_HEADER,
    LINKS = 16, /* bytes that a free block may be linked by */
    BLOCKS = 40,
    FRAME = HK_HEADER ? 32 : 0, /* at most, of a block's header and canary */
};

static const size_t sizes[] = {1025, 1500,  2048,  5000,   8192,
                               9000, 33000, 70000, 200000, 262144 - FRAME};
enum { SIZES = sizeof sizes / sizeof *sizes };

static unsigned char *blocks[BLOCKS];

static bool is_all(const unsigned char *bytes, size_t from, size_t to, unsigned char value)
{
    for (size_t i = from; i < to; i++) {
        if (bytes[i] != value) {
            return false;
        }
    }
    return true;
}

static unsigned char *soiled_block(size_t size)
{
    unsigned char *block = hk_malloc(size);
    assert_non_null(block);
    memset(block, SOIL, hk_malloc_usable_size(block));
    return block;
}

/* A block that comes back at once is handed out as promised. */
static void expect_handed_out(const unsigned char *block, size_t size)
{
    size_t zero = FULL ? size : HEADER ? HK_SCRUB_HEADER : 0;
    assert_true(is_all(block, 0, zero, 0));
    if (!FULL) {
        assert_true(is_all(block, HK_SCRUB_HEADER, size, SOIL));
    }
}

static void block_is_handed_out_as_promised(void **state)
{
    (void)state;
    for (size_t i = 0; i < SIZES; i++) {
        unsigned char *first = soiled_block(sizes[i]);
        hk_free(first);
        unsigned char *again = hk_malloc(sizes[i]);
        assert_ptr_equal(again, first);
        expect_handed_out(again, sizes[i]);
        hk_free(again);
    }
}

static void aligned_block_is_handed_out_as_promised(void **state)
{
    (void)state;
    for (size_t align = 4096; align >= 32; align /= 2) {
        unsigned char *first = hk_aligned_alloc(align, 5000);
        assert_true(is_all(first, 0, FULL ? 5000 : HEADER ? HK_SCRUB_HEADER : 0, 0));
        memset(first, SOIL, 5000);
        hk_free(first);
        unsigned char *again = hk_aligned_alloc(align, 5000);
        assert_ptr_equal(again, first);
        expect_handed_out(again, 5000);
        hk_free(again);
    }
}

static void freed_block_is_scrubbed_as_promised(void **state)
{
    (void)state;
    for (size_t i = 0; i < SIZES; i++) {
        unsigned char *block = soiled_block(sizes[i]);
        size_t size = hk_malloc_usable_size(block);
        hk_free(block);
        size_t zero = FULL ? size : HEADER ? HK_SCRUB_HEADER : LINKS;
        assert_true(is_all(block, LINKS, zero, 0));
        assert_true(is_all(block, zero, size, SOIL));
    }
}

static void smaller_blocks_are_left_alone(void **state)
{
    (void)state;
    enum { SIZE = 1024 - FRAME };
    unsigned char *block = soiled_block(SIZE);
    hk_free(block);
    unsigned char *again = hk_malloc(SIZE);
    assert_ptr_equal(again, block);
    assert_true(is_all(again, LINKS, SIZE, SOIL));
    hk_free(again);
}

/* Whatever the memory was before: other classes' blocks, small ones, large ones. */
static void every_block_is_zero_where_all_is_promised(void **state)
{
    (void)state;
    for (size_t round = 0; round < 3 * SIZES; round++) {
        size_t size = sizes[round % SIZES];
        for (size_t i = 0; i < BLOCKS; i++) {
            blocks[i] = hk_malloc(size);
            assert_true(is_all(blocks[i], 0, FULL ? size : HEADER ? HK_SCRUB_HEADER : 0, 0));
            memset(blocks[i], SOIL, size);
        }
        for (size_t i = 0; i < BLOCKS; i++) {
            hk_free(blocks[i * 7 % BLOCKS]);
        }
        for (size_t i = 0; i < BLOCKS; i++) {
            blocks[i] = soiled_block(i % 4 ? 200 + 20 * i : 400000);
        }
        for (size_t i = 0; i < BLOCKS; i++) {
            hk_free(blocks[i]);
        }
    }
}

static void grown_part_is_zero_where_all_is_promised(void **state)
{
    (void)state;
    enum { WRITTEN = 3000, GROWN = 20000 };
    hk_free(soiled_block(WRITTEN));
    hk_free(soiled_block(GROWN));
    unsigned char *block = hk_malloc(WRITTEN);
    memset(block, SOIL, WRITTEN);

    for (size_t size = WRITTEN; size <= GROWN; size += 500) {
        block = hk_realloc(block, size);
        assert_true(is_all(block, 0, WRITTEN, SOIL));
        assert_true(!FULL || is_all(block, WRITTEN, size, 0));
    }
    hk_free(block);
}

static void block_that_moved_away_is_scrubbed_as_promised(void **state)
{
    (void)state;
    enum { SIZE = 5000 };
    for (size_t align = 16; align <= 1024; align *= 2) {
        unsigned char *block = hk_aligned_alloc(align, SIZE);
        memset(block, SOIL, SIZE);
        unsigned char *moved = hk_realloc(block, 20 * SIZE);
        assert_ptr_not_equal(moved, block);
        assert_true(is_all(moved, 0, SIZE, SOIL));
        size_t zero = FULL ? SIZE : HEADER ? HK_SCRUB_HEADER : LINKS;
        assert_true(is_all(block, LINKS, zero, 0));
        assert_true(is_all(block, zero, SIZE, SOIL));
        hk_free(moved);
    }
}

static void *free_all(void *unused)
{
    (void)unused;
    for (size_t i = 0; i < BLOCKS; i++) {
        hk_free(blocks[i]);
    }
    return NULL;
}

static void blocks_freed_elsewhere_are_handed_out_as_promised(void **state)
{
    (void)state;
    for (size_t round = 0; round < 4; round++) {
        pthread_t thread;
        for (size_t i = 0; i < BLOCKS; i++) {
            blocks[i] = hk_malloc(5000);
            assert_true(is_all(blocks[i], 0, FULL ? 5000 : HEADER ? HK_SCRUB_HEADER : 0, 0));
            memset(blocks[i], SOIL, 5000);
        }
        assert_int_equal(pthread_create(&thread, NULL, free_all, NULL), 0);
        pthread_join(thread, NULL);
    }
}

static void calloc_is_always_right(void **state)
{
    (void)state;
    for (size_t i = 0; i < 4 * (SIZES + 1); i++) {
        /* the last one is handed on without a lock from its second time on */
        size_t size = i < 4 * SIZES ? sizes[i % SIZES] : (size_t)3 << 20;
        hk_free(soiled_block(size));
        unsigned char *block = hk_calloc(1, size);
        assert_true(is_all(block, 0, size, 0));
        memset(block, SOIL, size);
        hk_free(block);
    }
}

/* Not a byte more: what follows the bytes asked for may be a header's or a canary's. */
static void clearing_ends_where_it_should(void **state)
{
    (void)state;
    enum { BEFORE = 16, MOST = 200, ALL = BEFORE + MOST + 64 };
    unsigned char bytes[ALL];
    for (size_t size = 0; size <= MOST; size++) {
        memset(bytes, SOIL, sizeof bytes);
        assert_ptr_equal(hk_clear(bytes + BEFORE, size), bytes + BEFORE);
        assert_true(is_all(bytes, 0, BEFORE, SOIL));
        assert_true(is_all(bytes, BEFORE, BEFORE + size, 0));
        assert_true(is_all(bytes, BEFORE + size, ALL, SOIL));
    }
}

/* -> OS pages between the header's and the last of a block that are resident. */
static size_t resident(const unsigned char *block, size_t size)
{
    unsigned char in_core[64];
    size_t page = (size_t)sysconf(_SC_PAGESIZE);
    uintptr_t begin = ((uintptr_t)block + HK_SCRUB_HEADER + page - 1) & ~(page - 1);
    uintptr_t end = ((uintptr_t)block + size) & ~(page - 1);
    size_t count = 0;
    assert_int_equal(mincore((void *)begin, end - begin, in_core), 0);
    for (size_t i = 0; i < (end - begin) / page; i++) {
        count += in_core[i] & 1;
    }
    return count;
}

static void calloc_leaves_memory_alone_that_is_known_to_be_zero(void **state)
{
    (void)state;
    enum { SIZE = 200000 };
    hk_malloc_trim(0);
    unsigned char *block = hk_calloc(1, SIZE);
    assert_int_equal(resident(block, SIZE), 0); /* from memory that was never used */
    memset(block, SOIL, SIZE);
    hk_free(block);

    /* scrubbed memory reads the same without its pages */
    size_t page = (size_t)sysconf(_SC_PAGESIZE);
    uintptr_t begin = ((uintptr_t)block + HK_SCRUB_HEADER + page - 1) & ~(page - 1);
    madvise((void *)begin, ((uintptr_t)block + SIZE - begin) & ~(page - 1), MADV_DONTNEED);
    unsigned char *again = hk_calloc(1, SIZE);

    assert_ptr_equal(again, block);
    assert_int_equal(resident(again, SIZE) == 0, FULL);
    assert_true(is_all(again, 0, SIZE, 0));
    hk_free(again);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(calloc_leaves_memory_alone_that_is_known_to_be_zero),
        cmocka_unit_test(block_is_handed_out_as_promised),
        cmocka_unit_test(aligned_block_is_handed_out_as_promised),
        cmocka_unit_test(freed_block_is_scrubbed_as_promised),
        cmocka_unit_test(smaller_blocks_are_left_alone),
        cmocka_unit_test(every_block_is_zero_where_all_is_promised),
        cmocka_unit_test(grown_part_is_zero_where_all_is_promised),
        cmocka_unit_test(block_that_moved_away_is_scrubbed_as_promised),
        cmocka_unit_test(blocks_freed_elsewhere_are_handed_out_as_promised),
        cmocka_unit_test(calloc_is_always_right),
        cmocka_unit_test(clearing_ends_where_it_should),
    };
    return cmocka_run_group_tests_name("zero", tests, NULL, NULL);
}
