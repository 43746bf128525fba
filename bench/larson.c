/* SPDX-License-Identifier: MIT */
/* Larson and Krishnan's server simulation, with a fixed amount of work instead of a fixed time.
 *
 * A thread replaces random blocks of its slots, then starts a successor with the same slots and
 * ends. So most blocks are freed by another thread than the one that allocated them, often after
 * that one has gone, and threads come and go all the time.
 */
#include "common.h"

#include <stdlib.h>

enum { THREAD_MAX = 64 };

/* Belongs to one thread at a time: the newest of its chain. */
struct chain {
    void **slot;
    uint64_t rounds_left;
    struct hk_bench_random random;
};

static uint64_t thread_count = 2;
static uint64_t round_count = 50;
static uint64_t cycle_count = 50000;
static uint64_t slot_count = 5000;
static uint64_t min_size = 8;
static uint64_t max_size = 1000;

static const struct hk_bench_arg args[] = {
    {.name = "THREADS",
     .help = "threads at a time",
     .value = &thread_count,
     .min = 1,
     .max = THREAD_MAX},
    {.name = "ROUNDS",
     .help = "threads one after the other",
     .value = &round_count,
     .min = 1,
     .max = 1000000},
    {.name = "CYCLES",
     .help = "replacements by a thread",
     .value = &cycle_count,
     .min = 1,
     .max = 1000000000},
    {.name = "WS", .help = "slots of a thread", .value = &slot_count, .min = 1, .max = 10000000},
    {.name = "--min", .help = "smallest size", .value = &min_size, .min = 1, .max = 1 << 30},
    {.name = "--max", .help = "largest size", .value = &max_size, .min = 1, .max = 1 << 30},
    {.name = NULL},
};

static const struct hk_bench_program program = {
    .name = "larson",
    .summary = "Threads replace random blocks, then hand their slots to a new thread and end.",
    .args = args,
};

static struct {
    pthread_mutex_t lock;
    pthread_cond_t ended;
    uint64_t chains_left; /* under lock */
} progress = {
    .lock = PTHREAD_MUTEX_INITIALIZER,
    .ended = PTHREAD_COND_INITIALIZER,
};

static void *draw_block(struct hk_bench_random *random)
{
    uint32_t size_count = (uint32_t)(max_size - min_size + 1);
    void *block = malloc(min_size + hk_bench_below(random, size_count));

    hk_bench_touch(block);
    return block;
}

static void end_chain(void)
{
    pthread_mutex_lock(&progress.lock);
    progress.chains_left--;
    pthread_cond_signal(&progress.ended);
    pthread_mutex_unlock(&progress.lock);
}

static void *work(void *arg)
{
    struct chain *chain = arg;
    pthread_t successor;

    for (uint64_t i = 0; i < cycle_count; i++) {
        void **chosen = &chain->slot[hk_bench_below(&chain->random, (uint32_t)slot_count)];

        free(*chosen);
        *chosen = draw_block(&chain->random);
    }
    chain->rounds_left--;
    if (chain->rounds_left == 0) {
        end_chain();
        return NULL;
    }
    hk_bench_spawn(&successor, work, chain);
    pthread_detach(successor);
    return NULL;
}

static void prepare(struct chain *chain)
{
    for (uint64_t i = 0; i < thread_count; i++) {
        chain[i].slot = hk_bench_table(slot_count, sizeof *chain[i].slot);
        chain[i].rounds_left = round_count;
        hk_bench_seed(&chain[i].random, i);
        for (uint64_t j = 0; j < slot_count; j++) {
            chain[i].slot[j] = draw_block(&chain[i].random);
        }
    }
}

static void run(struct chain *chain)
{
    pthread_t first;

    progress.chains_left = thread_count;
    for (uint64_t i = 0; i < thread_count; i++) {
        hk_bench_spawn(&first, work, &chain[i]);
        pthread_detach(first);
    }
    pthread_mutex_lock(&progress.lock);
    while (progress.chains_left > 0) {
        pthread_cond_wait(&progress.ended, &progress.lock);
    }
    pthread_mutex_unlock(&progress.lock);
}

static void tidy_up(struct chain *chain)
{
    for (uint64_t i = 0; i < thread_count; i++) {
        for (uint64_t j = 0; j < slot_count; j++) {
            free(chain[i].slot[j]);
        }
    }
}

int main(int argc, char **argv)
{
    static struct chain chain[THREAD_MAX];

    hk_bench_parse(&program, argc, argv);
    if (min_size > max_size) {
        hk_bench_usage_error(&program, "--min is larger than --max");
    }
    prepare(chain);
    double start = hk_bench_seconds(HK_BENCH_WALL);
    run(chain);
    double seconds = hk_bench_seconds(HK_BENCH_WALL) - start;
    tidy_up(chain);
    hk_bench_report(program.name, 2 * thread_count * round_count * cycle_count, seconds);
    return 0;
}
