/* SPDX-License-Identifier: MIT */
/* One block that grows step by step, as a string or a vector without spare room does.
 *
 * Only the new end is written, so an allocator that grows in place or moves pages instead of bytes
 * has nothing else to pay for.
 */
#include "common.h"

#include <stdlib.h>

static uint64_t start_size = 1024;
static uint64_t end_size = 1048576;
static uint64_t step = 1024;
static uint64_t rep_count = 100;

static const struct hk_bench_arg args[] = {
    {.name = "START", .help = "bytes at first", .value = &start_size, .min = 1, .max = 1 << 30},
    {.name = "END", .help = "bytes at last", .value = &end_size, .min = 1, .max = 1 << 30},
    {.name = "STEP", .help = "bytes a step", .value = &step, .min = 1, .max = 1 << 30},
    {.name = "REPS", .help = "repetitions", .value = &rep_count, .min = 1, .max = 1000000000},
    {.name = NULL},
};

static const struct hk_bench_program program = {
    .name = "realloc_growth",
    .summary = "Grow a block from START to END bytes by STEP with realloc, free it; REPS times.",
    .args = args,
};

/* -> operations done */
static uint64_t run(void)
{
    uint64_t op_count = 2;
    unsigned char *block = malloc(start_size);

    hk_bench_touch(block);
    for (uint64_t size = start_size + step; size <= end_size; size += step) {
        unsigned char *grown = realloc(block, size);

        if (grown == NULL) {
            hk_bench_fail("the allocator returned NULL");
        }
        block = grown;
        hk_bench_touch(block + size - 1);
        op_count++;
    }
    if (block[0] != 1) {
        hk_bench_fail("realloc lost the contents of the block");
    }
    free(block);
    return op_count;
}

int main(int argc, char **argv)
{
    uint64_t op_count = 0;

    hk_bench_parse(&program, argc, argv);
    if (start_size > end_size) {
        hk_bench_usage_error(&program, "START is larger than END");
    }
    double start = hk_bench_seconds(HK_BENCH_CPU);
    for (uint64_t i = 0; i < rep_count; i++) {
        op_count += run();
    }
    double seconds = hk_bench_seconds(HK_BENCH_CPU) - start;
    hk_bench_report(program.name, op_count, seconds);
    return 0;
}
