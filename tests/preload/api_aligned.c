/* SPDX-License-Identifier: MIT */
/* posix_memalign, aligned_alloc, memalign, valloc, pvalloc, free_sized and free_aligned_sized:
 * every power of two from 1 byte to 1 GiB, with sizes around every boundary. */
#include "claim.h"

#include <errno.h>
#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { WAYS = 3 };

/* -> block by one of the three ways to ask for an alignment. */
static void *aligned_block(size_t way, size_t align, size_t size)
{
    void *block = NULL;
    switch (way) {
    case 0:
        return aligned_alloc(align, size);
    case 1:
        return memalign(align, size);
    default:
        EXPECT(posix_memalign(&block, align < sizeof(void *) ? sizeof(void *) : align, size) == 0);
        return block;
    }
}

static void check_aligned(size_t align, size_t size)
{
    for (size_t way = 0; way < WAYS; way++) {
        errno = EDOM;
        char *block = aligned_block(way, align, size);
        EXPECT(block != NULL && errno == EDOM);
        EXPECT((uintptr_t)block % align == 0);
        size_t usable = malloc_usable_size(block);
        EXPECT(usable >= size);
        if (usable > 0) {
            block[0] = 1;
            block[usable - 1] = 1;
            block[usable / 2] = 1;
        }
        free(block);
        EXPECT(errno == EDOM);
    }
}

static void every_power_of_two_is_an_alignment(void)
{
    static const size_t sizes[] = {0, 1, 16, 100, 1024, 1500, 5000, 70000, 300000, MIB(3), MIB(9)};
    for (size_t align = 1; align <= MIB(1024); align *= 2) {
        for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
            check_aligned(align, sizes[i]);
        }
        check_aligned(align, align - 1);
        check_aligned(align, align);
        check_aligned(align, align + 1);
        check_aligned(align, align * 2 - 1);
    }
}

static void aligned_blocks_do_not_overlap(void)
{
    enum { COUNT = 2000 };
    static unsigned char *block[COUNT];
    uint64_t seed = 77;
    for (size_t i = 0; i < COUNT; i++) {
        size_t align = (size_t)1 << next_random(&seed) % (i % 40 ? 13 : 23);
        block[i] = aligned_block(i % WAYS, align, next_random(&seed) % 6000);
        EXPECT((uintptr_t)block[i] % align == 0);
        memset(block[i], (int)(i % 251), malloc_usable_size(block[i]));
    }
    for (size_t i = 0; i < COUNT; i++) {
        size_t usable = malloc_usable_size(block[i]);
        for (size_t byte = 0; byte < usable; byte++) {
            EXPECT(block[i][byte] == i % 251);
        }
        free(block[i]);
    }
}

static void many_blocks_of_the_largest_alignments_live_together(void)
{
    enum { COUNT = 6 };
    char *block[COUNT];
    for (size_t align = MIB(1); align <= MIB(1024); align *= 4) {
        for (size_t i = 0; i < COUNT; i++) {
            block[i] = memalign(align, 1 + i * KIB(700));
            EXPECT(block[i] != NULL && (uintptr_t)block[i] % align == 0);
            memset(block[i], (int)i, 1 + i * KIB(700));
        }
        for (size_t i = 0; i < COUNT; i++) {
            EXPECT(block[i][0] == (char)i && block[i][i * KIB(700)] == (char)i);
            free(block[i]);
        }
    }
}

static void posix_memalign_refuses_bad_alignments(void)
{
    static const size_t bad[] = {0, 1, 2, 3, 4, 7, 12, 24, 48, 4095, 4097, SIZE_MAX, SIZE_MAX - 7};
    char mark;
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        void *block = &mark;
        errno = EDOM;
        EXPECT(posix_memalign(&block, bad[i], 64) == EINVAL);
        EXPECT(block == &mark);
        EXPECT(errno == EDOM);
    }
}

static void posix_memalign_returns_enomem(void)
{
    static const size_t impossible[] = {PTRDIFF_MAX, SIZE_MAX / 2 + 1, SIZE_MAX - 4096, SIZE_MAX};
    char mark;
    for (size_t align = sizeof(void *); align <= MIB(1024); align *= 8) {
        for (size_t i = 0; i < sizeof impossible / sizeof *impossible; i++) {
            void *block = &mark;
            EXPECT(posix_memalign(&block, align, impossible[i]) == ENOMEM);
            EXPECT(block == &mark);
        }
    }
}

static void impossible_aligned_requests_are_refused(void)
{
    static const size_t impossible[] = {PTRDIFF_MAX, SIZE_MAX / 2 + 1, SIZE_MAX - 4096, SIZE_MAX};
    for (size_t i = 0; i < sizeof impossible / sizeof *impossible; i++) {
        for (size_t align = 1; align <= MIB(1024); align *= 4) {
            errno = 0;
            EXPECT(aligned_alloc(align, impossible[i]) == NULL && errno == ENOMEM);
            errno = 0;
            EXPECT(memalign(align, impossible[i]) == NULL && errno == ENOMEM);
        }
        errno = 0;
        EXPECT(valloc(impossible[i]) == NULL && errno == ENOMEM);
        errno = 0;
        EXPECT(pvalloc(impossible[i]) == NULL && errno == ENOMEM);
    }
    volatile size_t far = (size_t)1 << 62; /* hidden from the compiler, which would warn */
    errno = 0;
    EXPECT(memalign(far * 2, 1) == NULL && errno != 0);
    errno = 0;
    EXPECT(aligned_alloc(far, 1) == NULL && errno == ENOMEM);
}

/* The system's library rounded such an alignment up until version 2.38. */
static void aligned_alloc_refuses_what_is_no_power_of_two(void)
{
    static const size_t bad[] = {0, 3, 6, 24, 100, 4097};
    for (size_t i = 0; library_under_test() && i < sizeof bad / sizeof *bad; i++) {
        errno = 0;
        EXPECT(aligned_alloc(bad[i], 64) == NULL);
        EXPECT(errno == EINVAL);
    }
}

static void page_functions_give_whole_pages(void)
{
    size_t page = (size_t)sysconf(_SC_PAGESIZE);
    for (size_t size = 0; size <= 3 * page; size += page / 4 + 1) {
        errno = EDOM;
        char *block = valloc(size);
        EXPECT(block != NULL && (uintptr_t)block % page == 0 && errno == EDOM);
        free(block);
        block = pvalloc(size);
        EXPECT(block != NULL && (uintptr_t)block % page == 0 && errno == EDOM);
        EXPECT(malloc_usable_size(block) >= (size + page - 1) / page * page);
        memset(block, 1, malloc_usable_size(block));
        free(block);
    }
}

static void sized_frees_take_every_size_and_alignment(void)
{
    void (*free_with_size)(void *, size_t);
    void (*free_with_both)(void *, size_t, size_t);
    find_function("free_sized", &free_with_size);
    find_function("free_aligned_sized", &free_with_both);
    if (!free_with_size || !free_with_both) {
        EXPECT(!library_under_test());
        return;
    }
    errno = EDOM;
    for (size_t size = 0; size <= MIB(5); size += size / 7 + 1) {
        free_with_size(malloc(size), size);
        free_with_size(calloc(1, size), size);
        free_with_size(realloc(malloc(size + 5), size + 1), size + 1);
        for (size_t align = 1; align <= MIB(8); align *= 4) {
            free_with_both(aligned_alloc(align, size), align, size);
        }
    }
    free_with_size(NULL, 0);
    free_with_size(NULL, 99);
    free_with_both(NULL, 64, 128);
    EXPECT(errno == EDOM);
}

int main(int argc, char **argv)
{
    static const struct claim claims[] = {
        {"every_power_of_two_is_an_alignment", every_power_of_two_is_an_alignment},
        {"aligned_blocks_do_not_overlap", aligned_blocks_do_not_overlap},
        {"many_blocks_of_the_largest_alignments_live_together",
         many_blocks_of_the_largest_alignments_live_together},
        {"posix_memalign_refuses_bad_alignments", posix_memalign_refuses_bad_alignments},
        {"posix_memalign_returns_enomem", posix_memalign_returns_enomem},
        {"impossible_aligned_requests_are_refused", impossible_aligned_requests_are_refused},
        {"aligned_alloc_refuses_what_is_no_power_of_two",
         aligned_alloc_refuses_what_is_no_power_of_two},
        {"page_functions_give_whole_pages", page_functions_give_whole_pages},
        {"sized_frees_take_every_size_and_alignment", sized_frees_take_every_size_and_alignment},
    };
    return check_claims(argc, argv, claims, sizeof claims / sizeof *claims);
}
