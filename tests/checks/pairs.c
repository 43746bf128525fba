/* SPDX-License-Identifier: MIT */
/* The driver of the instruction count: `pairs COUNT FORM NUMBER` allocates and frees COUNT times.
 * FORM is a function, which is asked for NUMBER bytes, or `mixed`: of NUMBER blocks of 16 to 1024
 * bytes one at random is replaced each time. Time stands still, or what is done now and then would
 * be done oftener on a slower machine. */
#define _GNU_SOURCE
#include <malloc.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { ALIGN = 64, BLOCKS = 8192 };

void free_sized(void *block, size_t size) __attribute__((weak));

int clock_gettime(clockid_t clock, struct timespec *time)
{
    (void)clock;
    *time = (struct timespec){.tv_sec = 1};
    return 0;
}

#define TIMES(call, give)                                                                          \
    for (long i = 0; i < count; i++) {                                                             \
        void *block = call;                                                                        \
        __asm__ volatile("" : : "r"(block) : "memory"); /* or the pair would be optimised away */  \
        give;                                                                                      \
    }

static void *by_posix_memalign(size_t size)
{
    void *block = NULL;
    return posix_memalign(&block, ALIGN, size) == 0 ? block : NULL;
}

static void replace_blocks(long count, size_t blocks)
{
    static void *place[BLOCKS];
    uint64_t random = 1;

    for (long i = 0; i < count; i++) {
        random = random * 6364136223846793005u + 1442695040888963407u;
        void **block = &place[(random >> 32) % blocks];
        free(*block);
        *block = malloc(16 + (random >> 20) % 1009);
    }
}

static int run(long count, const char *form, size_t size)
{
    if (strcmp(form, "malloc") == 0) {
        TIMES(malloc(size), free(block));
    } else if (strcmp(form, "calloc") == 0) {
        TIMES(calloc(1, size), free(block));
    } else if (strcmp(form, "aligned_alloc") == 0) {
        TIMES(aligned_alloc(ALIGN, size), free(block));
    } else if (strcmp(form, "memalign") == 0) {
        TIMES(memalign(ALIGN, size), free(block));
    } else if (strcmp(form, "posix_memalign") == 0) {
        TIMES(by_posix_memalign(size), free(block));
    } else if (strcmp(form, "valloc") == 0) {
        TIMES(valloc(size), free(block));
    } else if (strcmp(form, "free_sized") == 0 && free_sized) {
        TIMES(malloc(size), free_sized(block, size));
    } else if (strcmp(form, "mixed") == 0 && size <= BLOCKS) {
        replace_blocks(count, size);
    } else {
        return 2;
    }
    return 0;
}

int main(int argc, char **argv)
{
    return argc == 4 ? run(atol(argv[1]), argv[2], (size_t)atol(argv[3])) : 2;
}
