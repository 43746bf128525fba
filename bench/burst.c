/* SPDX-License-Identifier: MIT */
/* Memory after a burst: fill it, free nearly all of it, and look at what the process still holds.
 *
 * The clock covers the allocations, the frees and the light work; the wait and the trim come after
 * it. The table of blocks is given back before the last look, except for the survivors' part.
 */
#include "common.h"

#include <malloc.h>
#include <stdlib.h>
#include <time.h>

/* weak, because it is not part of POSIX and a libc may do without it */
#pragma weak malloc_trim

enum {
    LIGHT_SIZE = 64,
    TOUCH_STEP = 4096,
};

static uint64_t block_count = 300000;
static uint64_t min_size = 128;
static uint64_t max_size = 384;
static uint64_t keep_percent;
static uint64_t light_count;
static uint64_t wait_ms;
static uint64_t trim;

static const struct hk_bench_arg args[] = {
    {.name = "COUNT", .help = "blocks", .value = &block_count, .min = 1, .max = 100000000},
    {.name = "MIN", .help = "smallest size", .value = &min_size, .min = 1, .max = 1 << 30},
    {.name = "MAX", .help = "largest size", .value = &max_size, .min = 1, .max = 1 << 30},
    {.name = "KEEP_PERCENT", .help = "blocks that survive", .value = &keep_percent, .max = 100},
    {.name = "--light",
     .help = "pairs of 64 bytes afterwards",
     .value = &light_count,
     .max = 1000000000000},
    {.name = "--wait-ms", .help = "then wait so long", .value = &wait_ms, .max = 3600000},
    {.name = "--trim", .help = "then call malloc_trim(0)", .value = &trim, .flag = true},
    {.name = NULL},
};

static const struct hk_bench_program program = {
    .name = "burst",
    .summary = "Allocate COUNT blocks of MIN..MAX bytes, free all but a random KEEP_PERCENT, and\n"
               "report the memory held at the end as well (end_rss_kib=).",
    .args = args,
};

static void touch_pages(unsigned char *block, size_t size)
{
    hk_bench_touch(block);
    for (size_t i = TOUCH_STEP; i < size; i += TOUCH_STEP) {
        block[i] = 1;
    }
    block[size - 1] = 1;
    hk_bench_keep(block);
}

static void fill(void **block, struct hk_bench_random *random)
{
    uint32_t size_count = (uint32_t)(max_size - min_size + 1);

    for (uint64_t i = 0; i < block_count; i++) {
        size_t size = min_size + hk_bench_below(random, size_count);

        block[i] = malloc(size);
        touch_pages(block[i], size);
    }
}

/* Free all but the survivors and move these to the front. -> number of survivors */
static uint64_t thin_out(void **block, struct hk_bench_random *random)
{
    uint64_t kept_count = 0;

    for (uint64_t i = 0; i < block_count; i++) {
        if (hk_bench_below(random, 100) < keep_percent) {
            block[kept_count++] = block[i];
        } else {
            free(block[i]);
        }
    }
    return kept_count;
}

static void work_lightly(void)
{
    for (uint64_t i = 0; i < light_count; i++) {
        void *block = malloc(LIGHT_SIZE);

        hk_bench_touch(block);
        free(block);
    }
}

static void settle(void)
{
    struct timespec left = {
        .tv_sec = (time_t)(wait_ms / 1000),
        .tv_nsec = (long)(wait_ms % 1000) * 1000000,
    };

    while (nanosleep(&left, &left) != 0) {
    }
    if (trim && malloc_trim != NULL) {
        malloc_trim(0);
    }
}

int main(int argc, char **argv)
{
    struct hk_bench_random random;

    hk_bench_parse(&program, argc, argv);
    if (min_size > max_size) {
        hk_bench_usage_error(&program, "MIN is larger than MAX");
    }
    hk_bench_seed(&random, 1);
    void **block = hk_bench_table(block_count, sizeof *block);
    double start = hk_bench_seconds(HK_BENCH_CPU);
    fill(block, &random);
    uint64_t kept_count = thin_out(block, &random);
    work_lightly();
    double seconds = hk_bench_seconds(HK_BENCH_CPU) - start;

    hk_bench_table_shrink(block, block_count, kept_count, sizeof *block);
    settle();
    uint64_t end_rss_kib = hk_bench_rss_kib();
    for (uint64_t i = 0; i < kept_count; i++) {
        free(block[i]);
    }
    hk_bench_report_end(program.name, 2 * block_count - kept_count + 2 * light_count, seconds,
                        end_rss_kib);
    return 0;
}
