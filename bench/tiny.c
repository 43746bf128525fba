/* SPDX-License-Identifier: MIT */
/* A program that allocates next to nothing.
 *
 * Its peak is what an allocator costs every process on a system, however small.
 */
#include "common.h"

#include <stdlib.h>

enum {
    BLOCK_COUNT = 10,
    SIZE_STEP = 16,
};

static const struct hk_bench_arg args[] = {
    {.name = NULL},
};

static const struct hk_bench_program program = {
    .name = "tiny",
    .summary = "Make ten small allocations and exit: the memory of a tiny process.",
    .args = args,
};

int main(int argc, char **argv)
{
    void *block[BLOCK_COUNT];

    hk_bench_parse(&program, argc, argv);
    double start = hk_bench_seconds(HK_BENCH_CPU);
    for (size_t i = 0; i < BLOCK_COUNT; i++) {
        block[i] = malloc((i + 1) * SIZE_STEP);
        hk_bench_touch(block[i]);
    }
    double seconds = hk_bench_seconds(HK_BENCH_CPU) - start;
    hk_bench_report(program.name, BLOCK_COUNT, seconds);
    for (size_t i = 0; i < BLOCK_COUNT; i++) {
        free(block[i]);
    }
    return 0;
}
