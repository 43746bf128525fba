/* SPDX-License-Identifier: MIT */
/* What the gate promises about errors, zero sizes, overflow and alignment. */
#include "unit/unit.h"

#include "gate/gate.h"

#include <errno.h>
#include <string.h>

/* No constant that the compiler could warn about, or fold a call away for. */
static size_t opaque(size_t value)
{
    static volatile size_t copy;
    copy = value;
    return copy;
}

#define TOO_BIG opaque((size_t)PTRDIFF_MAX + 1)

enum { MARK = 4711 }; /* a value that errno never has */

static const size_t sizes[] = {
    0, 1, 16, 17, 1024, 1025, 8192, 8193, 262144, 262145, 2097152, 2097153, 4194304, 16777217,
};
enum { SIZES = sizeof sizes / sizeof *sizes };

static void success_leaves_errno_alone(void **state)
{
    (void)state;
    errno = MARK;
    for (size_t i = 0; i < SIZES; i++) {
        void *block = hk_malloc(sizes[i]);
        void *zeros = hk_calloc(1, sizes[i]);
        void *aligned = hk_aligned_alloc(64, sizes[i]);
        block = hk_realloc(block, sizes[i] + 1);
        assert_true(block && zeros && aligned);
        hk_free(block);
        hk_free(zeros);
        hk_free(aligned);
        assert_int_equal(errno, MARK);
    }
}

static void free_keeps_errno(void **state)
{
    (void)state;
    for (size_t i = 0; i < SIZES; i++) {
        void *block = hk_malloc(sizes[i]);
        errno = MARK + 1;
        hk_free(block);
        assert_int_equal(errno, MARK + 1);
    }
    hk_free(NULL);
    assert_int_equal(errno, MARK + 1);
}

static void zero_size_gets_a_block_of_its_own(void **state)
{
    (void)state;
    void *first = hk_malloc(0);
    void *second = hk_malloc(0);
    void *third = hk_calloc(0, 10);
    void *fourth = hk_aligned_alloc(4096, 0);

    assert_true(first && second && third && fourth);
    assert_ptr_not_equal(first, second);
    assert_int_equal((uintptr_t)fourth % 4096, 0);
    hk_free(first);
    hk_free(second);
    hk_free(third);
    hk_free(fourth);
}

static void no_memory(void *block)
{
    assert_null(block);
    assert_int_equal(errno, ENOMEM);
    errno = 0;
}

static void sizes_above_ptrdiff_max_fail(void **state)
{
    (void)state;
    static const size_t excess[] = {0, 1, 4096, (size_t)PTRDIFF_MAX};
    errno = 0;
    for (size_t i = 0; i < sizeof excess / sizeof *excess; i++) {
        size_t size = TOO_BIG + excess[i];
        no_memory(hk_malloc(size));
        no_memory(hk_calloc(1, size));
        no_memory(hk_realloc(NULL, size));
        no_memory(hk_aligned_alloc(16, size));
        no_memory(hk_aligned_alloc(1 << 20, size));
        no_memory(hk_memalign(4096, size));
        no_memory(hk_valloc(size));
        no_memory(hk_pvalloc(size));
    }
}

static void more_than_there_is_fails(void **state)
{
    (void)state;
    errno = 0;
    no_memory(hk_malloc(opaque(PTRDIFF_MAX)));
    no_memory(hk_calloc(1, opaque(PTRDIFF_MAX)));
    no_memory(hk_malloc(opaque((size_t)1 << 50)));
    no_memory(hk_aligned_alloc((size_t)1 << 62, opaque(1)));
    no_memory(hk_aligned_alloc((size_t)1 << 63, opaque(1)));
    no_memory(hk_memalign(opaque(SIZE_MAX), 1));
}

static void overflowing_products_fail(void **state)
{
    (void)state;
    size_t half = opaque(SIZE_MAX / 2 + 1);
    void *block = hk_malloc(10);
    errno = 0;
    no_memory(hk_calloc(half, 2));
    no_memory(hk_calloc(opaque(SIZE_MAX), opaque(SIZE_MAX)));
    no_memory(hk_reallocarray(NULL, half, 2));
    no_memory(hk_reallocarray(block, half, 2));
    hk_free(block);
}

static void failed_realloc_leaves_the_block_alone(void **state)
{
    (void)state;
    for (size_t i = 1; i < SIZES; i++) {
        unsigned char *block = hk_malloc(sizes[i]);
        memset(block, 0x5a, sizes[i]);
        errno = 0;
        no_memory(hk_realloc(block, TOO_BIG));
        no_memory(hk_realloc(block, opaque((size_t)1 << 50)));
        no_memory(hk_reallocarray(block, opaque(SIZE_MAX), 3));
        for (size_t b = 0; b < sizes[i]; b++) {
            assert_int_equal(block[b], 0x5a);
        }
        hk_free(block);
    }
}

static void realloc_to_zero_frees(void **state)
{
    (void)state;
    errno = MARK;
    for (size_t i = 0; i < SIZES; i++) {
        void *block = hk_malloc(sizes[i]);
        assert_null(hk_realloc(block, opaque(0)));
    }
    void *block = hk_realloc(NULL, opaque(0));
    assert_non_null(block);
    hk_free(block);
    assert_int_equal(errno, MARK);
}

static void wrong_alignment_is_einval(void **state)
{
    (void)state;
    static const size_t wrong[] = {0, 3, 24, 48, 4097, SIZE_MAX};
    void *out = &out;
    errno = 0;
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        assert_null(hk_aligned_alloc(opaque(wrong[i]), 10));
        assert_int_equal(errno, EINVAL);
        errno = MARK;
        assert_int_equal(hk_posix_memalign(&out, opaque(wrong[i]), 10), EINVAL);
        assert_ptr_equal(out, &out);
        assert_int_equal(errno, MARK);
    }
    assert_int_equal(hk_posix_memalign(&out, 4, 10), EINVAL);
    assert_int_equal(hk_posix_memalign(&out, 2, 10), EINVAL);
}

static void posix_memalign_returns_its_error(void **state)
{
    (void)state;
    void *out = &out;
    errno = MARK;
    assert_int_equal(hk_posix_memalign(&out, 64, TOO_BIG), ENOMEM);
    assert_int_equal(hk_posix_memalign(&out, 64, opaque((size_t)1 << 50)), ENOMEM);
    assert_ptr_equal(out, &out);
    assert_int_equal(hk_posix_memalign(&out, 64, 100), 0);
    assert_int_equal((uintptr_t)out % 64, 0);
    assert_int_equal(errno, MARK);
    hk_free(out);
}

static void memalign_rounds_the_alignment_up(void **state)
{
    (void)state;
    void *block = hk_memalign(100, 10);
    void *any = hk_memalign(0, 10);
    assert_non_null(block);
    assert_non_null(any);
    assert_int_equal((uintptr_t)block % 128, 0);
    hk_free(block);
    hk_free(any);
}

static void usable_size_of_null_is_zero(void **state)
{
    (void)state;
    assert_int_equal(hk_malloc_usable_size(NULL), 0);
}

static void pvalloc_fills_whole_pages(void **state)
{
    (void)state;
    void *block = hk_pvalloc(1);
    void *page = hk_valloc(1);
    assert_true(block && page);
    assert_int_equal((uintptr_t)block % 4096, 0);
    assert_int_equal((uintptr_t)page % 4096, 0);
    assert_true(hk_malloc_usable_size(block) >= 4096);
    hk_free(block);
    hk_free(page);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(success_leaves_errno_alone),
        cmocka_unit_test(free_keeps_errno),
        cmocka_unit_test(zero_size_gets_a_block_of_its_own),
        cmocka_unit_test(sizes_above_ptrdiff_max_fail),
        cmocka_unit_test(more_than_there_is_fails),
        cmocka_unit_test(overflowing_products_fail),
        cmocka_unit_test(failed_realloc_leaves_the_block_alone),
        cmocka_unit_test(realloc_to_zero_frees),
        cmocka_unit_test(wrong_alignment_is_einval),
        cmocka_unit_test(posix_memalign_returns_its_error),
        cmocka_unit_test(memalign_rounds_the_alignment_up),
        cmocka_unit_test(usable_size_of_null_is_zero),
        cmocka_unit_test(pvalloc_fills_whole_pages),
    };
    return cmocka_run_group_tests_name("errors", tests, NULL, NULL);
}
