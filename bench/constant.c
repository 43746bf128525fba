/* SPDX-License-Identifier: MIT */
/* Blocks of sizes that the compiler knows, in loops of four kinds.
 *
 * For comparing ways to reach an allocator: compiled with TAKE and GIVE defined as functions that
 * inline, the class of a block is a constant in the program. What a call costs shows in `pair` and
 * `batch`, where nothing else is done; what it costs a program shows in `list` and `used`.
 */
#include "common.h"

#include <stdlib.h>

#ifndef TAKE
#define TAKE malloc
#define GIVE free
#endif

enum { BATCH = 40, NODES = 64, WORDS = 8 };

static const char *const patterns[] = {"pair", "batch", "list", "used", NULL};

static uint64_t pattern;
static uint64_t pair_count = 20000000;

static const struct hk_bench_arg args[] = {
    {.name = "PATTERN", .help = "what to do with the blocks", .value = &pattern, .words = patterns},
    {.name = "PAIRS", .help = "blocks", .value = &pair_count, .min = 64, .max = 1000000000000},
    {.name = NULL},
};

static const struct hk_bench_program program = {
    .name = "constant",
    .summary =
        "Blocks of constant sizes: a `pair` at a time, a `batch` of 40, a `list` of 64 nodes\n"
        "that is built and walked, or two that are `used`: written and read.",
    .args = args,
};

struct node {
    struct node *next;
    unsigned char rest[24];
};

/* Each -> pairs that were made: whole rounds. */
static uint64_t pair(uint64_t count)
{
    for (uint64_t i = 0; i < count; i++) {
        void *block = TAKE(64);
        hk_bench_touch(block);
        GIVE(block);
    }
    return count;
}

static uint64_t batch(uint64_t count)
{
    void *block[BATCH];

    for (uint64_t i = 0; i < count / BATCH; i++) {
        for (int j = 0; j < BATCH; j++) {
            block[j] = TAKE(64);
            hk_bench_touch(block[j]);
        }
        for (int j = 0; j < BATCH; j++) {
            GIVE(block[j]);
        }
    }
    return count / BATCH * BATCH;
}

static uint64_t list(uint64_t count)
{
    for (uint64_t i = 0; i < count / NODES; i++) {
        struct node *first = NULL;
        for (int j = 0; j < NODES; j++) {
            struct node *node = j & 1 ? TAKE(sizeof *node) : TAKE(sizeof *node + 16);
            hk_bench_touch(node);
            node->next = first;
            first = node;
        }
        while (first) {
            struct node *next = first->next;
            GIVE(first);
            first = next;
        }
    }
    return count / NODES * NODES;
}

static uint64_t used(uint64_t count)
{
    uint64_t number = 1;

    for (uint64_t i = 0; i < count / 2; i++) {
        uint64_t *first = TAKE(WORDS * sizeof *first);
        uint64_t *second = TAKE(96);
        hk_bench_touch(first);
        hk_bench_touch(second);
        for (int j = 0; j < WORDS; j++) {
            number = number * UINT64_C(6364136223846793005) + 1;
            first[j] = number >> 7;
        }
        second[0] = first[3];
        second[5] = number;
        number ^= second[0];
        hk_bench_keep(first);
        GIVE(first);
        GIVE(second);
    }
    return count / 2 * 2;
}

int main(int argc, char **argv)
{
    static uint64_t (*const run[])(uint64_t) = {pair, batch, list, used};

    hk_bench_parse(&program, argc, argv);
    double start = hk_bench_seconds(HK_BENCH_CPU);
    uint64_t done = run[pattern](pair_count);
    double seconds = hk_bench_seconds(HK_BENCH_CPU) - start;
    hk_bench_report(program.name, 2 * done, seconds);
    return 0;
}
