/* SPDX-License-Identifier: MIT */
/* One thread allocates, another frees.
 *
 * The blocks travel through a bounded ring, one by one or --batch at a time. Every free is a free
 * of another thread's block, and the producer lives on memory that comes home that way.
 */
#include "common.h"

#include <stdlib.h>

#include "ring.h"

enum { BATCH_MAX = 1024 };

static uint64_t size = 64;
static uint64_t block_count = 5000000;
static uint64_t batch = 1;

static const struct hk_bench_arg args[] = {
    {.name = "SIZE", .help = "bytes of a block", .value = &size, .min = 1, .max = 1 << 30},
    {.name = "COUNT", .help = "blocks", .value = &block_count, .min = 1, .max = 1000000000000},
    {.name = "--batch",
     .help = "blocks handed over in one step",
     .value = &batch,
     .min = 1,
     .max = BATCH_MAX},
    {.name = NULL},
};

static const struct hk_bench_program program = {
    .name = "hand_off",
    .summary = "A producer allocates COUNT blocks of SIZE, a consumer frees them.",
    .args = args,
};

static struct hk_bench_ring ring;

static void *produce(void *unused)
{
    void *block[BATCH_MAX];

    (void)unused;
    for (uint64_t done = 0; done < block_count; done += batch) {
        uint64_t left = block_count - done;
        size_t count = left < batch ? left : batch;

        for (size_t i = 0; i < count; i++) {
            block[i] = malloc(size);
            hk_bench_touch(block[i]);
        }
        hk_bench_ring_push(&ring, block, count);
    }
    return NULL;
}

static void *consume(void *unused)
{
    void *block[BATCH_MAX];
    unsigned spin_count = 0;
    uint64_t done = 0;

    (void)unused;
    while (done < block_count) {
        size_t count = hk_bench_ring_take(&ring, block, batch);

        for (size_t i = 0; i < count; i++) {
            free(block[i]);
        }
        done += count;
        if (count == 0) {
            hk_bench_ring_wait(&spin_count);
        }
    }
    return NULL;
}

int main(int argc, char **argv)
{
    pthread_t producer;
    pthread_t consumer;

    hk_bench_parse(&program, argc, argv);
    double start = hk_bench_seconds(HK_BENCH_WALL);
    hk_bench_spawn(&consumer, consume, NULL);
    hk_bench_spawn(&producer, produce, NULL);
    hk_bench_join(producer);
    hk_bench_join(consumer);
    double seconds = hk_bench_seconds(HK_BENCH_WALL) - start;
    hk_bench_report(program.name, 2 * block_count, seconds);
    return 0;
}
