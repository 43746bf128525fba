/* SPDX-License-Identifier: MIT */
/* malloc, free, malloc_usable_size and malloc_trim: what C, POSIX and the GNU library promise of
 * them, at every size from 0 to some MiB and at the impossible ones. */
#include "claim.h"

#include <dlfcn.h>
#include <errno.h>
#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const size_t impossible[] = {
    PTRDIFF_MAX,     (size_t)PTRDIFF_MAX + 1, SIZE_MAX / 2 + KIB(64), SIZE_MAX - KIB(64),
    SIZE_MAX - 4096, SIZE_MAX - 16,           SIZE_MAX - 1,           SIZE_MAX,
};

enum { IMPOSSIBLE = sizeof impossible / sizeof *impossible };

/* -> the size to look at next: every one to 4 KiB, then both sides of every power of two. */
static size_t size_after(size_t size)
{
    if (size < 4096) {
        return size + 1;
    }
    size_t power = (size_t)1 << (63 - __builtin_clzll(size));
    if (size == 2 * power - 1 || size == power) {
        return size + 1;
    }
    return size == power + 1 ? power + power / 3 : 2 * power - 1;
}

static void all_documented_names_are_exported(void)
{
    static const char *const names[] = {
        "malloc",      "calloc",
        "realloc",     "reallocarray",
        "free",        "posix_memalign",
        "memalign",    "aligned_alloc",
        "valloc",      "pvalloc",
        "free_sized",  "free_aligned_sized",
        "malloc_trim", "malloc_usable_size",
    };
    for (size_t i = 0; library_under_test() && i < sizeof names / sizeof *names; i++) {
        expect(comes_from_library(names[i]), names[i], __FILE__, __LINE__);
    }
}

static void zero_size_gives_unique_blocks(void)
{
    enum { COUNT = 300 };
    void *block[COUNT];
    for (size_t i = 0; i < COUNT; i++) {
        block[i] = i % 3 ? malloc(0) : calloc(i % 2, 0);
        EXPECT(block[i] != NULL);
        for (size_t other = 0; other < i; other++) {
            EXPECT(block[i] != block[other]);
        }
    }
    for (size_t i = 0; i < COUNT; i++) {
        free(block[i]);
    }
}

static void blocks_are_aligned_to_16(void)
{
    for (size_t size = 0; size <= MIB(64); size = size_after(size)) {
        void *block = malloc(size);
        EXPECT(block != NULL);
        EXPECT((uintptr_t)block % 16 == 0);
        free(block);
    }
}

static void usable_size_covers_the_request(void)
{
    EXPECT(malloc_usable_size(NULL) == 0);
    for (size_t size = 0; size <= MIB(8); size = size_after(size)) {
        char *block = malloc(size);
        size_t usable = malloc_usable_size(block);
        EXPECT(usable >= size);
        EXPECT(malloc_usable_size(block) == usable);
        memset(block, 0x5a, usable);
        free(block);
    }
}

static void usable_bytes_of_live_blocks_do_not_overlap(void)
{
    enum { COUNT = 4000 };
    static unsigned char *block[COUNT];
    uint64_t seed = 12345;
    for (size_t i = 0; i < COUNT; i++) {
        size_t size = next_random(&seed) % (i % 50 ? 700 : 70000);
        block[i] = malloc(size);
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

static void impossible_sizes_are_refused(void)
{
    for (size_t i = 0; i < IMPOSSIBLE; i++) {
        errno = 0;
        EXPECT(malloc(impossible[i]) == NULL);
        EXPECT(errno == ENOMEM);
        errno = 0;
        EXPECT(calloc(1, impossible[i]) == NULL);
        EXPECT(errno == ENOMEM);
        errno = 0;
        EXPECT(realloc(NULL, impossible[i]) == NULL);
        EXPECT(errno == ENOMEM);
    }
}

static void success_leaves_errno_alone(void)
{
    for (size_t size = 0; size <= MIB(64); size = size_after(size)) {
        errno = EDOM;
        char *block = malloc(size);
        EXPECT(block != NULL && errno == EDOM);
        block = realloc(block, size + size / 2 + 1);
        EXPECT(block != NULL && errno == EDOM);
        (void)malloc_usable_size(block);
        EXPECT(errno == EDOM);
        free(block);
        EXPECT(errno == EDOM);
        free(calloc(1, size));
        EXPECT(errno == EDOM);
    }
}

static void free_preserves_errno(void)
{
    enum { COUNT = 64 };
    void *block[COUNT];
    for (size_t size = 1; size <= MIB(2); size *= 2) {
        for (size_t i = 0; i < COUNT; i++) {
            block[i] = malloc(size);
        }
        errno = ERANGE;
        for (size_t i = 0; i < COUNT; i++) {
            free(block[i]);
        }
        EXPECT(errno == ERANGE);
    }
    free(NULL);
    EXPECT(errno == ERANGE);
}

static void trim_keeps_live_blocks(void)
{
    enum { COUNT = 2000 };
    static char *block[COUNT];
    for (size_t i = 0; i < COUNT; i++) {
        block[i] = malloc(i * 37 % 9000 + 1);
        memset(block[i], (int)(i % 127), i * 37 % 9000 + 1);
    }
    for (size_t i = 0; i < COUNT; i += 2) {
        free(block[i]);
    }
    errno = EDOM;
    int trimmed = malloc_trim(0);
    EXPECT(trimmed == 0 || trimmed == 1);
    EXPECT(errno == EDOM);
    for (size_t i = 1; i < COUNT; i += 2) {
        EXPECT(block[i][0] == (char)(i % 127) && block[i][i * 37 % 9000] == (char)(i % 127));
        free(block[i]);
    }
}

static void blocks_of_the_c_library_are_ours(void)
{
    char *text = strdup("a line");
    text = realloc(text, 5000);
    EXPECT(strcmp(text, "a line") == 0);
    free(text);

    EXPECT(asprintf(&text, "%0900d", 7) == 900);
    EXPECT(malloc_usable_size(text) >= 901);
    free(text);
    text = getcwd(NULL, 0);
    EXPECT(text != NULL);
    free(text);

    size_t size = 0;
    FILE *stream = open_memstream(&text, &size);
    for (int i = 0; i < 10000; i++) {
        fprintf(stream, "%d\n", i);
    }
    fclose(stream);
    EXPECT(size == 48890);
    free(text);
}

int main(int argc, char **argv)
{
    static const struct claim claims[] = {
        {"all_documented_names_are_exported", all_documented_names_are_exported},
        {"zero_size_gives_unique_blocks", zero_size_gives_unique_blocks},
        {"blocks_are_aligned_to_16", blocks_are_aligned_to_16},
        {"usable_size_covers_the_request", usable_size_covers_the_request},
        {"usable_bytes_of_live_blocks_do_not_overlap", usable_bytes_of_live_blocks_do_not_overlap},
        {"impossible_sizes_are_refused", impossible_sizes_are_refused},
        {"success_leaves_errno_alone", success_leaves_errno_alone},
        {"free_preserves_errno", free_preserves_errno},
        {"trim_keeps_live_blocks", trim_keeps_live_blocks},
        {"blocks_of_the_c_library_are_ours", blocks_of_the_c_library_are_ours},
    };
    return check_claims(argc, argv, claims, sizeof claims / sizeof *claims);
}
