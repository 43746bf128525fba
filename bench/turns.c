/* SPDX-License-Identifier: MIT */
/* Sizes that take turns: a few blocks of one size, all freed, then a few of the next, round and
 * round.
 *
 * An allocator that keeps memory for every size holds all of it; one that gives each size's memory
 * to the next may pay for that with every turn.
 */
#include "common.h"

#include <stdlib.h>

enum { SIZES_MOST = 256, BLOCKS_MOST = 64 };

static uint64_t round_count = 10000;
static uint64_t block_count = 4;
static uint64_t size_min = 1024;
static uint64_t size_max = 131072;

static const struct hk_bench_arg args[] = {
    {.name = "ROUNDS", .help = "in all", .value = &round_count, .min = 1, .max = 1000000000},
    {.name = "BLOCKS",
     .help = "of a size that are in use at once",
     .value = &block_count,
     .min = 1,
     .max = BLOCKS_MOST},
    {.name = "--min",
     .help = "smallest size, in bytes",
     .value = &size_min,
     .min = 8,
     .max = 1 << 24},
    {.name = "--max",
     .help = "largest size, in bytes",
     .value = &size_max,
     .min = 8,
     .max = 1 << 24},
    {.name = NULL},
};

static const struct hk_bench_program program = {
    .name = "turns",
    .summary =
        "ROUNDS times: for each size, an eighth larger than the one before, allocate BLOCKS\n"
        "blocks, write a byte of each, and free them.",
    .args = args,
};

static uint64_t run(const size_t *size, size_t size_count)
{
    void *block[BLOCKS_MOST];

    for (size_t i = 0; i < size_count; i++) {
        for (uint64_t k = 0; k < block_count; k++) {
            block[k] = malloc(size[i]);
            hk_bench_touch(block[k]);
        }
        for (uint64_t k = 0; k < block_count; k++) {
            free(block[k]);
        }
    }
    return 2 * size_count * block_count;
}

int main(int argc, char **argv)
{
    static size_t size[SIZES_MOST];
    size_t size_count = 0;
    uint64_t op_count = 0;

    hk_bench_parse(&program, argc, argv);
    if (size_min > size_max) {
        hk_bench_usage_error(&program, "--min is above --max");
    }
    for (size_t next = size_min; next <= size_max; next += next / 8) {
        size[size_count++] = next;
    }
    double start = hk_bench_seconds(HK_BENCH_CPU);
    for (uint64_t round = 0; round < round_count; round++) {
        op_count += run(size, size_count);
    }
    double seconds = hk_bench_seconds(HK_BENCH_CPU) - start;
    hk_bench_report(program.name, op_count, seconds);
    return 0;
}
