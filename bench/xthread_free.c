/* SPDX-License-Identifier: MIT */
/* Several threads allocate, one thread does nothing but free.
 *
 * Each producer has a bounded ring of its own and the consumer goes round, so blocks of different
 * owners and sizes alternate in its frees.
 */
#include "common.h"

#include <stdlib.h>

#include "ring.h"

enum {
    BURST = 32,
    PRODUCER_MAX = 64,
};

static uint64_t producer_count = 2;
static uint64_t block_count = 2000000;
static uint64_t min_size = 16;
static uint64_t max_size = 256;

static const struct hk_bench_arg args[] = {
    {.name = "PRODUCERS",
     .help = "threads that allocate",
     .value = &producer_count,
     .min = 1,
     .max = PRODUCER_MAX},
    {.name = "COUNT",
     .help = "blocks of each",
     .value = &block_count,
     .min = 1,
     .max = 1000000000000},
    {.name = "--min", .help = "smallest size", .value = &min_size, .min = 1, .max = 1 << 30},
    {.name = "--max", .help = "largest size", .value = &max_size, .min = 1, .max = 1 << 30},
    {.name = NULL},
};

static const struct hk_bench_program program = {
    .name = "xthread_free",
    .summary = "PRODUCERS threads allocate COUNT blocks each, one more thread frees them all.",
    .args = args,
};

static struct hk_bench_ring *rings;

static void *produce(void *arg)
{
    struct hk_bench_ring *ring = arg;
    struct hk_bench_random random;
    uint32_t size_count = (uint32_t)(max_size - min_size + 1);

    hk_bench_seed(&random, (uint64_t)(ring - rings));
    for (uint64_t i = 0; i < block_count; i++) {
        void *block = malloc(min_size + hk_bench_below(&random, size_count));

        hk_bench_touch(block);
        hk_bench_ring_push(ring, &block, 1);
    }
    return NULL;
}

static void consume(void)
{
    void *block[BURST];
    unsigned spin_count = 0;
    uint64_t left = producer_count * block_count;

    for (uint64_t turn = 0; left > 0; turn++) {
        size_t count = hk_bench_ring_take(&rings[turn % producer_count], block, BURST);

        for (size_t i = 0; i < count; i++) {
            free(block[i]);
        }
        left -= count;
        if (count == 0) {
            hk_bench_ring_wait(&spin_count);
        }
    }
}

int main(int argc, char **argv)
{
    pthread_t producer[PRODUCER_MAX];

    hk_bench_parse(&program, argc, argv);
    if (min_size > max_size) {
        hk_bench_usage_error(&program, "--min is larger than --max");
    }
    rings = hk_bench_table(producer_count, sizeof *rings);
    double start = hk_bench_seconds(HK_BENCH_WALL);
    for (uint64_t i = 0; i < producer_count; i++) {
        hk_bench_spawn(&producer[i], produce, &rings[i]);
    }
    consume();
    for (uint64_t i = 0; i < producer_count; i++) {
        hk_bench_join(producer[i]);
    }
    double seconds = hk_bench_seconds(HK_BENCH_WALL) - start;
    hk_bench_report(program.name, 2 * producer_count * block_count, seconds);
    return 0;
}
