/* SPDX-License-Identifier: MIT */
/* realloc, reallocarray and calloc: content that is kept, content that is zero, and what a refusal
 * leaves behind. Size 0 behaves as in the GNU library: the block is freed and NULL returned. */
#include "claim.h"

#include <errno.h>
#include <malloc.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

static const size_t sizes[] = {
    1,      15,         16,     17,          100,    1000,   1024,          1025,    4096,
    5000,   8192,       8193,   32768,       70000,  262144, 262145,        MIB(1),  MIB(1) + 1,
    MIB(2), MIB(2) + 1, MIB(3), MIB(4) - 64, MIB(4), MIB(5), MIB(8) + 4096, MIB(33), MIB(64),
};

enum { SIZES = sizeof sizes / sizeof *sizes };

static void fill(unsigned char *block, size_t size, unsigned seed)
{
    for (size_t i = 0; i < size; i++) {
        block[i] = (unsigned char)(i * 7 + i / 4096 + seed);
    }
}

static bool is_filled(const unsigned char *block, size_t size, unsigned seed)
{
    for (size_t i = 0; i < size; i++) {
        if (block[i] != (unsigned char)(i * 7 + i / 4096 + seed)) {
            return false;
        }
    }
    return true;
}

static bool is_zero(const unsigned char *block, size_t size)
{
    return size == 0 || (block[0] == 0 && memcmp(block, block + 1, size - 1) == 0);
}

static void realloc_keeps_content_from_every_size_to_the_next(void)
{
    unsigned char *block = malloc(1);
    fill(block, 1, 3);
    for (size_t i = 0; i + 1 < SIZES; i++) {
        block = realloc(block, sizes[i + 1]);
        EXPECT(block != NULL && is_filled(block, sizes[i], 3));
        fill(block, sizes[i + 1], 3);
    }
    for (size_t i = SIZES; i-- > 1;) {
        block = realloc(block, sizes[i - 1]);
        EXPECT(block != NULL && is_filled(block, sizes[i - 1], 3));
    }
    free(block);
}

static void realloc_keeps_content_between_far_sizes(void)
{
    for (size_t from = 0; from < SIZES; from += 2) {
        for (size_t to = 0; to < SIZES; to += 3) {
            size_t kept = sizes[from] < sizes[to] ? sizes[from] : sizes[to];
            kept = kept < MIB(3) ? kept : MIB(3);
            unsigned char *block = malloc(sizes[from]);
            fill(block, kept, 9);
            block = realloc(block, sizes[to]);
            EXPECT(block != NULL && is_filled(block, kept, 9));
            EXPECT(malloc_usable_size(block) >= sizes[to]);
            block[sizes[to] - 1] = 1;
            free(block);
        }
    }
}

static void realloc_keeps_content_of_aligned_blocks(void)
{
    for (size_t align = 32; align <= MIB(16); align *= 2) {
        for (size_t size = 100; size <= MIB(6); size *= 11) {
            unsigned char *block = memalign(align, size);
            fill(block, size, 1);
            block = realloc(block, size * 2);
            EXPECT(block != NULL && is_filled(block, size, 1));
            block = realloc(block, size / 2);
            EXPECT(block != NULL && is_filled(block, size / 2, 1));
            free(block);
        }
    }
}

static void realloc_grows_in_small_steps_to_a_large_block(void)
{
    unsigned char *block = NULL;
    size_t size = 0;
    for (size_t step = 1; size < MIB(20); step += step / 8 + 1) {
        block = realloc(block, size + step);
        EXPECT(block != NULL);
        memset(block + size, (int)(size % 253), step);
        EXPECT(size == 0 || block[size / 2] != 255);
        size += step;
    }
    free(block);
}

static void realloc_to_zero_frees_and_returns_null(void)
{
    for (size_t i = 0; i < SIZES; i++) {
        errno = EDOM;
        EXPECT(realloc(malloc(sizes[i]), 0) == NULL);
        EXPECT(errno == EDOM);
        EXPECT(reallocarray(malloc(sizes[i]), 0, 8) == NULL);
        EXPECT(reallocarray(malloc(sizes[i]), 8, 0) == NULL);
        EXPECT(errno == EDOM);
    }
}

static void realloc_to_zero_leaks_nothing(void)
{
    struct rlimit before;
    EXPECT(getrlimit(RLIMIT_AS, &before) == 0);
    struct rlimit low = {.rlim_cur = MIB(2048), .rlim_max = before.rlim_max};
    EXPECT(setrlimit(RLIMIT_AS, &low) == 0);

    /* 6 GiB in all */
    for (size_t i = 0; i < 6000; i++) {
        char *block = malloc(MIB(1));
        EXPECT(block != NULL);
        block[0] = 1;
        EXPECT(realloc(block, 0) == NULL);
    }

    EXPECT(setrlimit(RLIMIT_AS, &before) == 0);
}

static void realloc_of_null_allocates(void)
{
    char *zero = realloc(NULL, 0);
    char *other = realloc(NULL, 0);
    EXPECT(zero != NULL && other != NULL && zero != other);
    free(zero);
    free(other);

    char *array = reallocarray(NULL, 33, 3);
    EXPECT(malloc_usable_size(array) >= 99);
    free(array);
}

static void refused_realloc_leaves_the_block_alone(void)
{
    static const size_t refused[] = {PTRDIFF_MAX, SIZE_MAX / 2 + 1, SIZE_MAX - 4096, SIZE_MAX};
    volatile size_t half = SIZE_MAX / 2 + 1; /* hidden from the compiler, which would warn */
    for (size_t i = 0; i < SIZES; i++) {
        unsigned char *block = malloc(sizes[i]);
        fill(block, sizes[i], 5);
        for (size_t at = 0; at < sizeof refused / sizeof *refused; at++) {
            errno = 0;
            EXPECT(realloc(block, refused[at]) == NULL);
            EXPECT(errno == ENOMEM);
        }
        errno = 0;
        EXPECT(reallocarray(block, half, 2) == NULL);
        EXPECT(errno == ENOMEM);
        EXPECT(is_filled(block, sizes[i], 5));
        free(block);
    }
}

static void overflowing_products_are_refused(void)
{
    static const size_t pairs[][2] = {
        {SIZE_MAX, 2},
        {2, SIZE_MAX},
        {SIZE_MAX / 2 + 1, 2},
        {(size_t)1 << 32, (size_t)1 << 32},
        {SIZE_MAX, SIZE_MAX},
        {SIZE_MAX / 16 + 2, 16},
        {((size_t)1 << 33) + 1, (size_t)1 << 31},
    };
    for (size_t i = 0; i < sizeof pairs / sizeof *pairs; i++) {
        errno = 0;
        EXPECT(calloc(pairs[i][0], pairs[i][1]) == NULL);
        EXPECT(errno == ENOMEM);
        errno = 0;
        EXPECT(reallocarray(NULL, pairs[i][0], pairs[i][1]) == NULL);
        EXPECT(errno == ENOMEM);
    }
}

static void dirty_then_calloc(size_t size, size_t count)
{
    unsigned char *block[16];
    for (size_t i = 0; i < count; i++) {
        block[i] = malloc(size);
        memset(block[i], 0xa5, malloc_usable_size(block[i]));
    }
    for (size_t i = 0; i < count; i++) {
        free(block[i]);
    }
    for (size_t i = 0; i < count; i++) {
        block[i] = i % 2 ? calloc(1, size) : calloc(size, 1);
        EXPECT(block[i] != NULL && is_zero(block[i], size));
        memset(block[i], 0xa5, size);
    }
    for (size_t i = 0; i < count; i++) {
        free(block[i]);
    }
}

static void calloc_zeroes_recycled_memory(void)
{
    for (size_t size = 1; size <= 2200; size++) {
        dirty_then_calloc(size, 16);
    }
    for (size_t size = 2201; size <= MIB(1); size += size / 9) {
        dirty_then_calloc(size, 8);
    }
    for (size_t i = 0; i < SIZES; i++) {
        dirty_then_calloc(sizes[i], 2);
        malloc_trim(0);
        dirty_then_calloc(sizes[i], 1);
    }
}

static void calloc_zeroes_memory_that_changed_its_size(void)
{
    uint64_t seed = 99;
    for (int i = 0; i < 3000; i++) {
        size_t size = next_random(&seed) % (i % 10 ? KIB(40) : MIB(4)) + 1;
        unsigned char *block = malloc(size);
        memset(block, 0xff, size);
        block = realloc(block, next_random(&seed) % (2 * size) + 1);
        free(block);
        size = next_random(&seed) % (i % 10 ? KIB(40) : MIB(4)) + 1;
        block = calloc(1, size);
        EXPECT(is_zero(block, size));
        memset(block, 0xff, size);
        free(block);
    }
}

int main(int argc, char **argv)
{
    static const struct claim claims[] = {
        {"realloc_keeps_content_from_every_size_to_the_next",
         realloc_keeps_content_from_every_size_to_the_next},
        {"realloc_keeps_content_between_far_sizes", realloc_keeps_content_between_far_sizes},
        {"realloc_keeps_content_of_aligned_blocks", realloc_keeps_content_of_aligned_blocks},
        {"realloc_grows_in_small_steps_to_a_large_block",
         realloc_grows_in_small_steps_to_a_large_block},
        {"realloc_to_zero_frees_and_returns_null", realloc_to_zero_frees_and_returns_null},
        {"realloc_to_zero_leaks_nothing", realloc_to_zero_leaks_nothing},
        {"realloc_of_null_allocates", realloc_of_null_allocates},
        {"refused_realloc_leaves_the_block_alone", refused_realloc_leaves_the_block_alone},
        {"overflowing_products_are_refused", overflowing_products_are_refused},
        {"calloc_zeroes_recycled_memory", calloc_zeroes_recycled_memory},
        {"calloc_zeroes_memory_that_changed_its_size", calloc_zeroes_memory_that_changed_its_size},
    };
    return check_claims(argc, argv, claims, sizeof claims / sizeof *claims);
}
