/* SPDX-License-Identifier: MIT */
/* Threads that each replace blocks of 1 to 32 KiB in a working set of their own.
 *
 * Sizes are log-uniform: an octave is drawn, then a size within it. No block crosses a thread, so
 * whatever slows the threads down is shared inside the allocator.
 */
#include "common.h"

#include <stdlib.h>

enum {
    OCTAVE_MIN = 10, /* 1 KiB */
    OCTAVE_COUNT = 5,
    THREAD_MAX = 64,
};

struct worker {
    void **slot;
    uint64_t seed;
    pthread_t thread;
};

static uint64_t thread_count = 2;
static uint64_t cycle_count = 500000;
static uint64_t slot_count = 256;
static uint64_t rep_count = 2;

static const struct hk_bench_arg args[] = {
    {.name = "THREADS", .help = "threads", .value = &thread_count, .min = 1, .max = THREAD_MAX},
    {.name = "CYCLES",
     .help = "replacements by each thread",
     .value = &cycle_count,
     .min = 1,
     .max = 1000000000000},
    {.name = "WS", .help = "slots of each thread", .value = &slot_count, .min = 1, .max = 10000000},
    {.name = "REPS",
     .help = "repetitions with new threads",
     .value = &rep_count,
     .min = 1,
     .max = 1000000},
    {.name = NULL},
};

static const struct hk_bench_program program = {
    .name = "mid_mt",
    .summary = "Threads replace random slots of their own by blocks of 1 to 32 KiB.",
    .args = args,
};

static size_t draw_size(struct hk_bench_random *random)
{
    uint64_t bits = hk_bench_next(random);
    size_t base = (size_t)1 << (OCTAVE_MIN + hk_bench_scale((uint32_t)(bits >> 32), OCTAVE_COUNT));

    return base + (size_t)(bits & (base - 1));
}

static void *work(void *arg)
{
    struct worker *worker = arg;
    struct hk_bench_random random;

    hk_bench_seed(&random, worker->seed);
    for (uint64_t i = 0; i < slot_count; i++) {
        worker->slot[i] = malloc(draw_size(&random));
        hk_bench_touch(worker->slot[i]);
    }
    for (uint64_t i = 0; i < cycle_count; i++) {
        void **chosen = &worker->slot[hk_bench_below(&random, (uint32_t)slot_count)];

        free(*chosen);
        *chosen = malloc(draw_size(&random));
        hk_bench_touch(*chosen);
    }
    for (uint64_t i = 0; i < slot_count; i++) {
        free(worker->slot[i]);
    }
    return NULL;
}

static void run(struct worker *worker)
{
    for (uint64_t i = 0; i < thread_count; i++) {
        hk_bench_spawn(&worker[i].thread, work, &worker[i]);
    }
    for (uint64_t i = 0; i < thread_count; i++) {
        hk_bench_join(worker[i].thread);
    }
}

int main(int argc, char **argv)
{
    struct worker worker[THREAD_MAX];

    hk_bench_parse(&program, argc, argv);
    for (uint64_t i = 0; i < thread_count; i++) {
        worker[i].slot = hk_bench_table(slot_count, sizeof *worker[i].slot);
        worker[i].seed = i;
    }
    double start = hk_bench_seconds(HK_BENCH_WALL);
    for (uint64_t i = 0; i < rep_count; i++) {
        run(worker);
    }
    double seconds = hk_bench_seconds(HK_BENCH_WALL) - start;
    uint64_t op_count = 2 * rep_count * thread_count * (cycle_count + slot_count);
    hk_bench_report(program.name, op_count, seconds);
    return 0;
}
