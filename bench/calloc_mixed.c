/* SPDX-License-Identifier: MIT */
/* Zeroed blocks of one size: allocate, check both ends, dirty them, free.
 *
 * Every repetition gets blocks that the one before has dirtied, so an allocator cannot live on
 * memory that is fresh from the kernel. A byte that is not zero ends the run.
 */
#include "common.h"

#include <stdlib.h>

static uint64_t size = 64;
static uint64_t block_count = 10000;
static uint64_t rep_count = 200;

static const struct hk_bench_arg args[] = {
    {.name = "SIZE", .help = "bytes of a block", .value = &size, .min = 1, .max = 1 << 30},
    {.name = "COUNT", .help = "blocks", .value = &block_count, .min = 1, .max = 100000000},
    {.name = "REPS", .help = "repetitions", .value = &rep_count, .min = 1, .max = 1000000000},
    {.name = NULL},
};

static const struct hk_bench_program program = {
    .name = "calloc_mixed",
    .summary = "calloc COUNT blocks of SIZE, check and dirty both ends, free them; REPS times.",
    .args = args,
};

static void run(unsigned char **block)
{
    for (uint64_t i = 0; i < block_count; i++) {
        unsigned char *fresh = calloc(1, size);

        if (fresh == NULL) {
            hk_bench_fail("the allocator returned NULL");
        }
        if (fresh[0] != 0 || fresh[size - 1] != 0) {
            hk_bench_fail("calloc returned a block that is not zero");
        }
        fresh[0] = 1;
        fresh[size - 1] = 1;
        hk_bench_keep(fresh);
        block[i] = fresh;
    }
    for (uint64_t i = 0; i < block_count; i++) {
        free(block[i]);
    }
}

int main(int argc, char **argv)
{
    hk_bench_parse(&program, argc, argv);
    unsigned char **block = hk_bench_table(block_count, sizeof *block);
    double start = hk_bench_seconds(HK_BENCH_CPU);
    for (uint64_t i = 0; i < rep_count; i++) {
        run(block);
    }
    double seconds = hk_bench_seconds(HK_BENCH_CPU) - start;
    hk_bench_report(program.name, 2 * block_count * rep_count, seconds);
    return 0;
}
