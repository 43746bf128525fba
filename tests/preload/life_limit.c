/* SPDX-License-Identifier: MIT */
/* A low limit of address space: requests that don't fit fail with ENOMEM and nothing else happens;
 * what was freed can be had again. A program can also start under such a limit. */
#include "crew.h"

#include <errno.h>
#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

static char *program;

static size_t address_space(void)
{
    unsigned long pages = 0;
    char text[64] = {0};
    FILE *file = fopen("/proc/self/statm", "r");
    EXPECT(file != NULL && fgets(text, sizeof text, file) != NULL);
    fclose(file);
    pages = strtoul(text, NULL, 10);
    return pages * (size_t)sysconf(_SC_PAGESIZE);
}

static void allow(size_t more)
{
    struct rlimit limit;
    EXPECT(getrlimit(RLIMIT_AS, &limit) == 0);
    limit.rlim_cur = address_space() + more;
    EXPECT(setrlimit(RLIMIT_AS, &limit) == 0);
}

/* -> bytes that could be had in blocks of `size`; all are freed again. */
static size_t exhaust(size_t size)
{
    void **all = NULL;
    size_t count = 0;
    for (;;) {
        errno = 0;
        void **block = malloc(size);
        if (!block) {
            EXPECT(errno == ENOMEM);
            break;
        }
        /* the system's library forgets the refusal that made it look elsewhere */
        EXPECT(errno == 0 || !library_under_test());
        memset(block, 1, size < 4096 ? size : 4096);
        *block = all;
        all = block;
        count++;
    }
    while (all) {
        void *next = *all;
        free(all);
        all = next;
    }
    return count * size;
}

static void every_size_runs_out_and_comes_back(void)
{
    static const size_t sizes[] = {64, 1000, 5000, 60000, 300000, MIB(3), MIB(20)};
    allow(MIB(128));
    for (int round = 0; round < 2; round++) {
        for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
            /* half of what the limit allows: maps, units and classes have their own rounding */
            EXPECT(exhaust(sizes[i]) >= MIB(64));
            malloc_trim(0);
        }
    }
}

/* Fill memory with blocks of one size, free them in random order, and go on to the next size: what
 * the last ones leave behind must not keep the next from being had. */
static void freed_sizes_make_room_for_others(void)
{
    enum { PHASES = 40, SMALLEST = 32, LARGEST = 1024 };
    uint64_t random = 7;
    void **blocks = calloc(MIB(48) / SMALLEST, sizeof *blocks);
    EXPECT(blocks != NULL);
    allow(MIB(128));
    for (size_t phase = 0; phase < PHASES; phase++) {
        size_t size = SMALLEST + (LARGEST - SMALLEST) * phase / (PHASES - 1);
        size_t count = MIB(48) / size;
        for (size_t i = 0; i < count; i++) {
            blocks[i] = malloc(size);
            EXPECT(blocks[i] != NULL);
            size_t other = next_random(&random) % (i + 1);
            void *block = blocks[i];
            blocks[i] = blocks[other];
            blocks[other] = block;
        }
        for (size_t i = 0; i < count; i++) {
            free(blocks[i]);
        }
    }
    free(blocks);
}

static void refusals_leave_blocks_alone(void)
{
    char *block = malloc(MIB(10));
    memset(block, 7, MIB(10));
    allow(MIB(64));
    for (size_t size = MIB(200); size < MIB(4096); size *= 2) {
        errno = 0;
        EXPECT(realloc(block, size) == NULL && errno == ENOMEM);
        errno = 0;
        EXPECT(calloc(2, size) == NULL && errno == ENOMEM);
        errno = 0;
        EXPECT(memalign(MIB(64), size) == NULL && errno == ENOMEM);
    }
    EXPECT(block[0] == 7 && memcmp(block, block + 1, MIB(10) - 1) == 0);
    block = realloc(block, MIB(12));
    EXPECT(block != NULL && block[MIB(10) - 1] == 7);
    free(block);
}

static void *exhaust_small(void *unused)
{
    (void)unused;
    exhaust(500);
    exhaust(40000);
    return NULL;
}

static void threads_run_out_together(void)
{
    pthread_t thread[4];
    allow(MIB(160));
    for (int round = 0; round < 3; round++) {
        for (size_t i = 0; i < 4; i++) {
            thread[i] = start(exhaust_small, NULL);
        }
        for (size_t i = 0; i < 4; i++) {
            join(thread[i]);
        }
    }
    free_marked(marked_block(100000));
}

static void use_little(void)
{
    for (size_t size = 16; size < MIB(2); size *= 2) {
        free_marked(marked_block(size));
    }
}

static void programs_start_under_a_low_limit(void)
{
    /* the program alone needs about 6 MiB */
    struct rlimit limit = {.rlim_cur = MIB(48), .rlim_max = MIB(48)};
    EXPECT(setrlimit(RLIMIT_AS, &limit) == 0);
    execl(program, program, "little_is_enough", (char *)NULL);
    EXPECT(!"exec works");
}

static void little_is_enough(void)
{
    use_little();
    in_child(use_little);
}

int main(int argc, char **argv)
{
    static const struct claim claims[] = {
        {"little_is_enough", little_is_enough},
        {"every_size_runs_out_and_comes_back", every_size_runs_out_and_comes_back},
        {"freed_sizes_make_room_for_others", freed_sizes_make_room_for_others},
        {"refusals_leave_blocks_alone", refusals_leave_blocks_alone},
        {"threads_run_out_together", threads_run_out_together},
        {"programs_start_under_a_low_limit", programs_start_under_a_low_limit},
    };
    program = argv[0];
    return check_claims(argc, argv, claims, sizeof claims / sizeof *claims);
}
