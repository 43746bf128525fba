/* SPDX-License-Identifier: MIT */
/* Random sizes in random order over a working set of slots.
 *
 * Each operation picks a slot: a filled one is freed, an empty one gets a block. About half of the
 * slots are filled in the long run, and no free follows its malloc in any order one could predict.
 */
#include "common.h"

#include <stdlib.h>

enum { C7_SIZE = 1024 };

static uint64_t op_count = 10000000;
static uint64_t slot_count = 400;
static uint64_t seed = 1;
static uint64_t min_size = 16;
static uint64_t max_size = 1024;
static uint64_t c7_only;

static const struct hk_bench_arg args[] = {
    {.name = "ITERS", .help = "operations", .value = &op_count, .min = 1, .max = 1000000000000},
    {.name = "WS", .help = "slots", .value = &slot_count, .min = 1, .max = 100000000},
    {.name = "SEED", .help = "of the random numbers", .value = &seed, .max = UINT64_MAX},
    {.name = "--min", .help = "smallest size", .value = &min_size, .min = 1, .max = 1 << 30},
    {.name = "--max", .help = "largest size", .value = &max_size, .min = 1, .max = 1 << 30},
    {.name = "--c7-only", .help = "only blocks of 1024 bytes", .value = &c7_only, .flag = true},
    {.name = NULL},
};

static const struct hk_bench_program program = {
    .name = "random_mixed",
    .summary = "Each operation picks a random slot of WS: frees it if filled, else fills it.",
    .args = args,
};

static void run(void **slot)
{
    struct hk_bench_random random;
    uint32_t bound = (uint32_t)slot_count;
    uint32_t size_count = (uint32_t)(max_size - min_size + 1);
    size_t base = min_size;

    hk_bench_seed(&random, seed);
    for (uint64_t i = op_count; i > 0; i--) {
        uint64_t bits = hk_bench_next(&random);
        void **chosen = &slot[hk_bench_scale((uint32_t)(bits >> 32), bound)];

        if (*chosen != NULL) {
            free(*chosen);
            *chosen = NULL;
        } else {
            *chosen = malloc(base + hk_bench_scale((uint32_t)bits, size_count));
            hk_bench_touch(*chosen);
        }
    }
}

int main(int argc, char **argv)
{
    hk_bench_parse(&program, argc, argv);
    if (c7_only) {
        min_size = max_size = C7_SIZE;
    }
    if (min_size > max_size) {
        hk_bench_usage_error(&program, "--min is larger than --max");
    }
    void **slot = hk_bench_table(slot_count, sizeof *slot);
    double start = hk_bench_seconds(HK_BENCH_CPU);
    run(slot);
    double seconds = hk_bench_seconds(HK_BENCH_CPU) - start;
    for (uint64_t i = 0; i < slot_count; i++) {
        free(slot[i]);
    }
    hk_bench_report(program.name, op_count, seconds);
    return 0;
}
