/* SPDX-License-Identifier: MIT */
/* Threads that use a few blocks of every middle size, free them, and then do nothing.
 *
 * A server's pool of threads looks like that between requests. What is resident at the end is
 * what the allocator keeps for threads that may never need it again.
 */
#include "common.h"

#include <stdlib.h>
#include <string.h>

enum {
    SIZE_MIN = 1025,
    SIZE_MAX_BYTES = 256 * 1024,
    THREAD_MAX = 1000,
    BLOCK_MAX = 64,
};

static uint64_t thread_count = 50;
static uint64_t block_count = 3;

static pthread_barrier_t used;
static pthread_barrier_t measured;

static const struct hk_bench_arg args[] = {
    {.name = "THREADS", .help = "threads", .value = &thread_count, .min = 1, .max = THREAD_MAX},
    {.name = "BLOCKS",
     .help = "blocks of a size that a thread has at once",
     .value = &block_count,
     .min = 1,
     .max = BLOCK_MAX},
    {.name = NULL},
};

static const struct hk_bench_program program = {
    .name = "mid_idle",
    .summary = "Threads use a few blocks of each size from 1 to 256 KiB, free them, and sleep.",
    .args = args,
};

static uint64_t size_count(void)
{
    uint64_t count = 0;

    for (size_t size = SIZE_MIN; size <= SIZE_MAX_BYTES; size += size / 8) {
        count++;
    }
    return count;
}

static void *work(void *unused)
{
    void *block[BLOCK_MAX];

    (void)unused;
    for (size_t size = SIZE_MIN; size <= SIZE_MAX_BYTES; size += size / 8) {
        for (uint64_t i = 0; i < block_count; i++) {
            block[i] = malloc(size);
            hk_bench_touch(block[i]);
            memset(block[i], 1, size);
        }
        for (uint64_t i = 0; i < block_count; i++) {
            free(block[i]);
        }
    }
    pthread_barrier_wait(&used);
    pthread_barrier_wait(&measured);
    return NULL;
}

int main(int argc, char **argv)
{
    static pthread_t thread[THREAD_MAX];

    hk_bench_parse(&program, argc, argv);
    if (pthread_barrier_init(&used, NULL, (unsigned)thread_count + 1) != 0 ||
        pthread_barrier_init(&measured, NULL, (unsigned)thread_count + 1) != 0) {
        hk_bench_fail("no barrier");
    }
    double start = hk_bench_seconds(HK_BENCH_WALL);
    for (uint64_t i = 0; i < thread_count; i++) {
        hk_bench_spawn(&thread[i], work, NULL);
    }
    pthread_barrier_wait(&used);
    double seconds = hk_bench_seconds(HK_BENCH_WALL) - start;
    uint64_t idle_kib = hk_bench_rss_kib();
    pthread_barrier_wait(&measured);
    for (uint64_t i = 0; i < thread_count; i++) {
        hk_bench_join(thread[i]);
    }
    hk_bench_report_end(program.name, 2 * thread_count * block_count * size_count(), seconds,
                        idle_kib);
    return 0;
}
