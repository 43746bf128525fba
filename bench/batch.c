/* SPDX-License-Identifier: MIT */
/* Allocate many blocks of one size, then free them all in a given order.
 *
 * Shows what an allocator does when its caches run over. The random order is drawn before the
 * clock starts, so that it costs one more load for each free and nothing else.
 */
#include "common.h"

#include <stdlib.h>

enum { ORDER_FIFO, ORDER_LIFO, ORDER_RANDOM };

static const char *const orders[] = {"fifo", "lifo", "random", NULL};

static uint64_t order = ORDER_FIFO;
static uint64_t size = 64;
static uint64_t block_count = 10000;
static uint64_t rep_count = 500;

static const struct hk_bench_arg args[] = {
    {.name = "ORDER", .help = "of the frees", .value = &order, .words = orders},
    {.name = "SIZE", .help = "bytes of a block", .value = &size, .min = 1, .max = 1 << 30},
    {.name = "COUNT", .help = "blocks", .value = &block_count, .min = 1, .max = 100000000},
    {.name = "REPS", .help = "repetitions", .value = &rep_count, .min = 1, .max = 1000000000},
    {.name = NULL},
};

static const struct hk_bench_program program = {
    .name = "batch",
    .summary = "Allocate COUNT blocks of SIZE, free them in ORDER; REPS times.",
    .args = args,
};

static uint32_t *draw_order(void)
{
    struct hk_bench_random random;
    uint32_t *index = hk_bench_table(block_count, sizeof *index);

    hk_bench_seed(&random, 1);
    for (uint32_t i = 0; i < block_count; i++) {
        index[i] = order == ORDER_LIFO ? (uint32_t)block_count - 1 - i : i;
    }
    for (uint32_t i = (uint32_t)block_count - 1; order == ORDER_RANDOM && i > 0; i--) {
        uint32_t other = hk_bench_below(&random, i + 1);
        uint32_t moved = index[i];

        index[i] = index[other];
        index[other] = moved;
    }
    return index;
}

static void run(void **block, const uint32_t *index)
{
    for (uint64_t i = 0; i < block_count; i++) {
        block[i] = malloc(size);
        hk_bench_touch(block[i]);
    }
    for (uint64_t i = 0; i < block_count; i++) {
        free(block[index[i]]);
    }
}

int main(int argc, char **argv)
{
    hk_bench_parse(&program, argc, argv);
    void **block = hk_bench_table(block_count, sizeof *block);
    uint32_t *index = draw_order();
    double start = hk_bench_seconds(HK_BENCH_CPU);
    for (uint64_t i = 0; i < rep_count; i++) {
        run(block, index);
    }
    double seconds = hk_bench_seconds(HK_BENCH_CPU) - start;
    hk_bench_report(program.name, 2 * block_count * rep_count, seconds);
    return 0;
}
