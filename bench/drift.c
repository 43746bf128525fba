/* SPDX-License-Identifier: MIT */
/* Fragmentation: a long random run whose sizes drift, with the same number of bytes in use.
 *
 * In each phase sizes are scattered around a centre (about log-normal: the exponent is a sum of
 * four draws), and the centre goes from the smallest to the largest and back. Random blocks make
 * room for new ones, so that old sizes leave holes where the new ones do not fit; a few blocks stay
 * to the end. Every block is written whole: what is resident beyond the requested bytes is the
 * allocator's. That ratio is looked at when each phase ends; the clock leaves the look out, and the
 * first filling.
 */
#include "common.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* The head of a block. */
struct head {
    uint64_t size;
    struct head *next; /* of those that stay */
};

enum {
    PHASES = 64,   /* of a cycle */
    TURNOVER = 16, /* times the target that a cycle allocates */
    SIZE_MIN = sizeof(struct head),
    CENTRE_MAX = 1 << 20,
};

static const double SPREAD = 1.5; /* octaves; makes a standard deviation of 0.87 */

static uint64_t cycle_count = 8;
static uint64_t live_mib = 32;
static uint64_t from = 32;
static uint64_t to = 8192;
static uint64_t keep_percent = 10;
static uint64_t seed = 1;

static const struct hk_bench_arg args[] = {
    {.name = "CYCLES", .help = "in all", .value = &cycle_count, .min = 1, .max = 1000000},
    {.name = "--live", .help = "MiB in use", .value = &live_mib, .min = 1, .max = 65536},
    {.name = "--from", .help = "first centre", .value = &from, .min = SIZE_MIN, .max = CENTRE_MAX},
    {.name = "--to", .help = "last centre", .value = &to, .min = SIZE_MIN, .max = CENTRE_MAX},
    {.name = "--keep", .help = "% of the bytes stay to the end", .value = &keep_percent, .max = 50},
    {.name = "--seed", .help = "of the random numbers", .value = &seed, .max = UINT64_MAX},
    {.name = NULL},
};

static const struct hk_bench_program program = {
    .name = "drift",
    .summary = "CYCLES times the centre of the sizes drifts from --from to --to bytes and back,\n"
               "while random blocks are replaced. Reports resident by requested memory as well,\n"
               "the mean of all phases and at the end (mean_rss_ratio=, end_rss_ratio=).",
    .args = args,
};

struct run {
    struct hk_bench_random random;
    struct head **block; /* those that may be replaced */
    uint64_t block_count;
    uint64_t block_max;
    struct head *kept;
    uint32_t keep_bound; /* a draw of 32 bits below it keeps the block */
    uint64_t live_bytes;
    uint64_t target;
    uint64_t op_count;
};

/* Exponents of two and back, linear between powers. */
static double octave_of(uint64_t size)
{
    int power = 63 - __builtin_clzll(size);
    double base = (double)(UINT64_C(1) << power);

    return power + (double)size / base - 1;
}

static uint64_t size_of(double octave)
{
    int power = (int)octave;

    return (uint64_t)((double)(UINT64_C(1) << power) * (1 + octave - power));
}

static double centre_of(uint64_t phase)
{
    double share = (double)(phase % PHASES) / (PHASES / 2);
    double way = share <= 1 ? share : 2 - share;

    return octave_of(from) + way * (octave_of(to) - octave_of(from));
}

static uint64_t draw_size(struct hk_bench_random *random, double centre)
{
    uint64_t bits = hk_bench_next(random);
    uint64_t sum = (bits & 0xffff) + (bits >> 16 & 0xffff) + (bits >> 32 & 0xffff) + (bits >> 48);
    double octave = centre + SPREAD * ((double)sum / 65536 - 2);
    uint64_t size = octave > 0 ? size_of(octave) : 0;

    return size < SIZE_MIN ? SIZE_MIN : size;
}

static void free_random(struct run *run)
{
    uint32_t place = hk_bench_below(&run->random, (uint32_t)run->block_count);
    struct head *block = run->block[place];

    run->block_count--;
    run->block[place] = run->block[run->block_count];
    run->live_bytes -= block->size;
    run->op_count++;
    free(block);
}

static void add(struct run *run, uint64_t size)
{
    struct head *block = malloc(size);

    hk_bench_touch(block);
    memset(block, 1, size);
    block->size = size;
    run->live_bytes += size;
    run->op_count++;
    if ((uint32_t)(hk_bench_next(&run->random) >> 32) < run->keep_bound) {
        block->next = run->kept;
        run->kept = block;
    } else {
        run->block[run->block_count] = block;
        run->block_count++;
    }
}

static void run_phase(struct run *run, double centre, uint64_t byte_count)
{
    for (uint64_t done = 0; done < byte_count;) {
        uint64_t size = draw_size(&run->random, centre);

        while (run->block_count == run->block_max ||
               (run->block_count > 0 && run->live_bytes + size > run->target)) {
            free_random(run);
        }
        add(run, size);
        done += size;
    }
}

static void prepare(struct run *run)
{
    hk_bench_seed(&run->random, seed);
    run->target = live_mib << 20;
    run->block_max = run->target / (from < to ? from : to);
    if (run->block_max > UINT32_MAX) {
        hk_bench_usage_error(&program,
                             "so many blocks cannot be told apart; take a smaller --live");
    }
    run->block = hk_bench_table(run->block_max, sizeof(struct head *));
    run->keep_bound = (uint32_t)((double)UINT32_MAX * (double)keep_percent / 100 /
                                 (double)TURNOVER / (double)cycle_count);
}

static void tidy_up(struct run *run)
{
    while (run->block_count > 0) {
        free(run->block[--run->block_count]);
    }
    while (run->kept != NULL) {
        struct head *next = run->kept->next;

        free(run->kept);
        run->kept = next;
    }
}

/* Resident by requested memory; the workload's own table is left out. */
static double rss_ratio(const struct run *run)
{
    double rss = (double)hk_bench_rss_kib() * 1024;
    double table = (double)(run->block_max * sizeof(struct head *));

    if (rss <= table) {
        hk_bench_fail("resident memory cannot be read");
    }
    return (rss - table) / (double)run->live_bytes;
}

int main(int argc, char **argv)
{
    struct run run = {0};
    double seconds = 0;
    double ratio = 0;
    double ratio_sum = 0;
    char fields[96];

    hk_bench_parse(&program, argc, argv);
    prepare(&run);
    run_phase(&run, centre_of(0), run.target);
    run.op_count = 0;
    for (uint64_t phase = 0; phase < cycle_count * PHASES; phase++) {
        double start = hk_bench_seconds(HK_BENCH_CPU);

        run_phase(&run, centre_of(phase), run.target * TURNOVER / PHASES);
        seconds += hk_bench_seconds(HK_BENCH_CPU) - start;
        ratio = rss_ratio(&run);
        ratio_sum += ratio;
    }
    snprintf(fields, sizeof fields, " mean_rss_ratio=%.4f end_rss_ratio=%.4f",
             ratio_sum / (double)(cycle_count * PHASES), ratio);
    hk_bench_report_with(program.name, run.op_count, seconds, fields);
    tidy_up(&run);
    return 0;
}
