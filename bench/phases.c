/* SPDX-License-Identifier: MIT */
/* Phases that change class: each phase fills and frees whole working sets of a few sizes, and the
 * next one does so with other sizes.
 *
 * What an allocator keeps for one phase's sizes is useless to the next phase, unless it notices
 * that nobody asks for those sizes any more. Blocks freed in random order, as those of hash tables
 * and caches are, make it harder: a few blocks kept anywhere hold many pages. Resident memory is
 * looked at when each phase ends, all its blocks freed; the clock leaves that look out. Sizes and
 * orders are drawn before the clock starts.
 */
#include "common.h"

#include <stdlib.h>

enum { GROUPS = 6, GROUP_SIZES = 3 };
enum { ORDER_RANDOM, ORDER_FIFO, ORDER_LIFO };

static const uint16_t group_sizes[GROUPS][GROUP_SIZES] = {
    {48, 64, 96},   {160, 192, 256}, {1024, 1536, 2048},
    {32, 112, 128}, {320, 512, 768}, {640, 896, 3072},
};

static const char *const orders[] = {"random", "fifo", "lifo", NULL};

static uint64_t phase_count = 24;
static uint64_t set_mib = 16;
static uint64_t set_count = 4;
static uint64_t group_count = GROUPS;
static uint64_t order = ORDER_RANDOM;

static const struct hk_bench_arg args[] = {
    {.name = "PHASES", .help = "in all", .value = &phase_count, .min = 1, .max = 1000000},
    {.name = "MIB", .help = "of blocks in a set", .value = &set_mib, .min = 1, .max = 1024},
    {.name = "SETS", .help = "of a phase", .value = &set_count, .min = 1, .max = 1000000},
    {.name = "--groups",
     .help = "of sizes, which the phases take in turn",
     .value = &group_count,
     .min = 1,
     .max = GROUPS},
    {.name = "--order", .help = "of the frees", .value = &order, .words = orders},
    {.name = NULL},
};

static const struct hk_bench_program program = {
    .name = "phases",
    .summary = "PHASES times: SETS times allocate MIB MiB in blocks of three sizes and free them;\n"
               "the next phase has three other sizes. Reports the mean of the resident memory at\n"
               "the phases' ends as well (mean_rss_kib=).",
    .args = args,
};

/* The blocks of a set. */
struct plan {
    uint32_t count;
    uint16_t *size;  /* in order of allocation */
    uint32_t *place; /* of the block that is freed next */
};

static void draw_order(struct plan *plan, struct hk_bench_random *random)
{
    for (uint32_t i = 0; i < plan->count; i++) {
        plan->place[i] = order == ORDER_LIFO ? plan->count - 1 - i : i;
    }
    for (uint32_t i = plan->count - 1; order == ORDER_RANDOM && i > 0; i--) {
        uint32_t other = hk_bench_below(random, i + 1);
        uint32_t moved = plan->place[i];

        plan->place[i] = plan->place[other];
        plan->place[other] = moved;
    }
}

static struct plan draw_plan(const uint16_t *sizes, struct hk_bench_random *random)
{
    uint64_t bytes = set_mib << 20;
    uint64_t most = bytes / sizes[0] + 1; /* the smallest size is the first */
    struct plan plan = {.size = hk_bench_table(most, sizeof *plan.size)};

    for (uint64_t drawn = 0; drawn < bytes; drawn += plan.size[plan.count++]) {
        plan.size[plan.count] = sizes[hk_bench_below(random, GROUP_SIZES)];
    }
    hk_bench_table_shrink(plan.size, most, plan.count, sizeof *plan.size);
    plan.place = hk_bench_table(plan.count, sizeof *plan.place);
    draw_order(&plan, random);
    return plan;
}

/* -> mallocs and frees */
static uint64_t run_set(const struct plan *plan, void **block)
{
    for (uint32_t i = 0; i < plan->count; i++) {
        block[i] = malloc(plan->size[i]);
        hk_bench_touch(block[i]);
    }
    for (uint32_t i = 0; i < plan->count; i++) {
        free(block[plan->place[i]]);
    }
    return 2 * (uint64_t)plan->count;
}

int main(int argc, char **argv)
{
    struct hk_bench_random random;
    struct plan plans[GROUPS];
    uint32_t most = 0;

    hk_bench_parse(&program, argc, argv);
    hk_bench_seed(&random, 1);
    for (uint64_t i = 0; i < group_count; i++) {
        plans[i] = draw_plan(group_sizes[i], &random);
        most = plans[i].count > most ? plans[i].count : most;
    }
    void **block = hk_bench_table(most, sizeof *block);
    uint64_t op_count = 0;
    uint64_t rss_kib = 0;
    double seconds = 0;
    for (uint64_t phase = 0; phase < phase_count; phase++) {
        double start = hk_bench_seconds(HK_BENCH_CPU);

        for (uint64_t i = 0; i < set_count; i++) {
            op_count += run_set(&plans[phase % group_count], block);
        }
        seconds += hk_bench_seconds(HK_BENCH_CPU) - start;
        rss_kib += hk_bench_rss_kib();
    }
    hk_bench_report_mean(program.name, op_count, seconds, rss_kib / phase_count);
    return 0;
}
