/* SPDX-License-Identifier: MIT */
/* Time over sizes: the same few steps for each of many sizes from 16 bytes to 64 MiB.
 *
 * A size class, a threshold or a mapping that costs more than its neighbours shows as a step in
 * the curve. The number of steps depends on the size alone and never on how fast they are, so that
 * every allocator does the same. Filling and emptying a working set is outside of the clock.
 */
#include "common.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <unistd.h>

enum {
    SIZE_FIRST = 16,
    DOUBLINGS = 22,
    SIZES_PER_DOUBLING = 5,
    SIZE_COUNT = DOUBLINGS * SIZES_PER_DOUBLING + 1,
    SIZE_LAST = SIZE_FIRST << DOUBLINGS,
    LIVE_MAX = 64 << 20,
    SET_MAX = 64,
    TOUCH_STEP = 4096,
    TOUCH_MAX = 1 << 21, /* pages written in the steps of one size */
};

enum { PATTERN_PAIR, PATTERN_SET, PATTERN_BOTH };

static const char *const patterns[] = {"pair", "set", "both", NULL};

static uint64_t pattern = PATTERN_BOTH;
static uint64_t min_size = SIZE_FIRST;
static uint64_t max_size = SIZE_LAST;
static uint64_t scale = 100;
static uint64_t touch;
static uint64_t list;

static const struct hk_bench_arg args[] = {
    {.name = "PATTERN", .help = "what is done", .value = &pattern, .words = patterns},
    {.name = "--min", .help = "smallest size", .value = &min_size, .max = SIZE_LAST},
    {.name = "--max", .help = "largest size", .value = &max_size, .max = SIZE_LAST},
    {.name = "--scale", .help = "% of the steps", .value = &scale, .min = 1, .max = 100000},
    {.name = "--touch", .help = "write to each 4096 bytes", .value = &touch, .flag = true},
    {.name = "--list", .help = "print the sizes, run nothing", .value = &list, .flag = true},
    {.name = NULL},
};

static const struct hk_bench_program program = {
    .name = "sweep",
    .summary =
        "Steps over blocks of one size, for each of five sizes a doubling: 2^k, one more, and\n"
        "1.25, 1.5 and 1.75 times it. pair: malloc, write the first byte, free. set: a random\n"
        "block of a working set is freed and replaced; the set has 64 blocks, or what 64 MiB\n"
        "hold. Prints first, for each size: size= pattern= ops= seconds= faults=.",
    .args = args,
};

/* What one step takes of a good allocator makes some 20 ms of these. */
static const struct {
    size_t largest;
    uint64_t count;
} steps[] = {
    {8 << 10, 2000000}, {64 << 10, 1000000}, {256 << 10, 400000},
    {2 << 20, 200000},  {SIZE_LAST, 30000},
};

struct outcome {
    uint64_t op_count;
    double seconds;
    uint64_t fault_count;
};

static size_t size_at(unsigned place)
{
    size_t base = (size_t)SIZE_FIRST << (place / SIZES_PER_DOUBLING);
    unsigned within = place % SIZES_PER_DOUBLING;

    return within < 2 ? base + within : base + base / 4 * (within - 1);
}

static uint64_t step_count(size_t size)
{
    unsigned row = 0;

    while (size > steps[row].largest) {
        row++;
    }
    uint64_t count = steps[row].count * scale / 100;
    uint64_t page_count = (size + TOUCH_STEP - 1) / TOUCH_STEP;
    if (touch && count > TOUCH_MAX / page_count) {
        count = TOUCH_MAX / page_count;
    }
    return count > 0 ? count : 1;
}

static inline void *make_block(size_t size, bool whole)
{
    unsigned char *block = malloc(size);

    hk_bench_touch(block);
    for (size_t i = TOUCH_STEP; whole && i < size; i += TOUCH_STEP) {
        block[i] = 1;
    }
    hk_bench_keep(block);
    return block;
}

static uint64_t fault_count(void)
{
    struct rusage usage;

    if (getrusage(RUSAGE_SELF, &usage) != 0) {
        hk_bench_fail("page faults cannot be read");
    }
    return (uint64_t)usage.ru_minflt + (uint64_t)usage.ru_majflt;
}

static void run_pairs(size_t size, uint64_t count, bool whole)
{
    for (uint64_t i = 0; i < count; i++) {
        free(make_block(size, whole));
    }
}

static void run_replacements(void **block, uint32_t block_count, size_t size, uint64_t count,
                             bool whole)
{
    struct hk_bench_random random;

    hk_bench_seed(&random, size);
    for (uint64_t i = 0; i < count; i++) {
        void **chosen = &block[hk_bench_below(&random, block_count)];

        free(*chosen);
        *chosen = make_block(size, whole);
    }
}

static struct outcome run(unsigned its_pattern, size_t size, void **block)
{
    uint32_t block_count = size > LIVE_MAX / SET_MAX ? (uint32_t)(LIVE_MAX / size) : SET_MAX;
    uint64_t count = step_count(size);
    struct outcome outcome = {.op_count = 2 * count};

    for (uint32_t i = 0; its_pattern == PATTERN_SET && i < block_count; i++) {
        block[i] = make_block(size, touch);
    }
    uint64_t faults_before = fault_count();
    double start = hk_bench_seconds(HK_BENCH_CPU);
    if (its_pattern == PATTERN_SET) {
        run_replacements(block, block_count, size, count, touch);
    } else {
        run_pairs(size, count, touch);
    }
    outcome.seconds = hk_bench_seconds(HK_BENCH_CPU) - start;
    outcome.fault_count = fault_count() - faults_before;
    for (uint32_t i = 0; its_pattern == PATTERN_SET && i < block_count; i++) {
        free(block[i]);
    }
    return outcome;
}

static void print_size(unsigned its_pattern, size_t size, const struct outcome *outcome)
{
    int written = dprintf(
        STDOUT_FILENO, "size=%zu pattern=%s ops=%" PRIu64 " seconds=%.6f faults=%" PRIu64 "\n",
        size, patterns[its_pattern], outcome->op_count, outcome->seconds, outcome->fault_count);

    if (written < 0) {
        hk_bench_fail("cannot write to standard output");
    }
}

/* -> how many of the sizes are wanted */
static unsigned run_sizes(unsigned its_pattern, void **block, struct outcome *total)
{
    unsigned wanted_count = 0;

    for (unsigned place = 0; place < SIZE_COUNT; place++) {
        size_t size = size_at(place);

        if (size < min_size || size > max_size) {
            continue;
        }
        wanted_count++;
        if (list) {
            dprintf(STDOUT_FILENO, "size=%zu\n", size);
            continue;
        }
        struct outcome outcome = run(its_pattern, size, block);
        print_size(its_pattern, size, &outcome);
        total->op_count += outcome.op_count;
        total->seconds += outcome.seconds;
        total->fault_count += outcome.fault_count;
    }
    return wanted_count;
}

int main(int argc, char **argv)
{
    struct outcome total = {0};
    unsigned wanted_count = 0;
    char field[64];

    hk_bench_parse(&program, argc, argv);
    void **block = hk_bench_table(SET_MAX, sizeof *block);
    if (list || pattern != PATTERN_SET) {
        wanted_count += run_sizes(PATTERN_PAIR, block, &total);
    }
    if (!list && pattern != PATTERN_PAIR) {
        wanted_count += run_sizes(PATTERN_SET, block, &total);
    }
    if (wanted_count == 0) {
        hk_bench_usage_error(&program, "no size is from --min to --max; see --list");
    }
    if (!list) {
        snprintf(field, sizeof field, " faults=%" PRIu64, total.fault_count);
        hk_bench_report_with(program.name, total.op_count, total.seconds, field);
    }
    return 0;
}
