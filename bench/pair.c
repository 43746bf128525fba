/* SPDX-License-Identifier: MIT */
/* One block at a time: allocate, write a byte, free.
 *
 * The shortest way through an allocator. Both fast paths and nothing else.
 */
#include "common.h"

#include <stdlib.h>

static uint64_t size = 16;
static uint64_t iteration_count = 20000000;

static const struct hk_bench_arg args[] = {
    {.name = "SIZE", .help = "bytes of the block", .value = &size, .min = 1, .max = 1 << 30},
    {.name = "ITERS", .help = "pairs", .value = &iteration_count, .min = 1, .max = 1000000000000},
    {.name = NULL},
};

static const struct hk_bench_program program = {
    .name = "pair",
    .summary = "malloc(SIZE), write one byte, free; ITERS times.",
    .args = args,
};

static void run(size_t block_size, uint64_t count)
{
    for (uint64_t i = 0; i < count; i++) {
        void *block = malloc(block_size);

        hk_bench_touch(block);
        free(block);
    }
}

int main(int argc, char **argv)
{
    hk_bench_parse(&program, argc, argv);
    double start = hk_bench_seconds(HK_BENCH_CPU);
    run(size, iteration_count);
    double seconds = hk_bench_seconds(HK_BENCH_CPU) - start;
    hk_bench_report(program.name, 2 * iteration_count, seconds);
    return 0;
}
