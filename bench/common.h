/* SPDX-License-Identifier: MIT */
/* What the workloads share: arguments, random numbers, clocks, threads, the closing line.
 *
 * A workload reaches the allocator under test only through malloc, calloc, realloc and free, as
 * the loader resolves them. Nothing here calls these functions: tables come from mmap, and the
 * closing line goes out unbuffered. So every allocator is asked for exactly the same blocks.
 */
#ifndef HK_BENCH_COMMON_H
#define HK_BENCH_COMMON_H

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* One argument. A name that starts with "--" is an option, any other is positional. */
struct hk_bench_arg {
    const char *name;
    const char *help;
    uint64_t *value; /* the default before, the result after */
    uint64_t min;
    uint64_t max;
    const char *const *words; /* NULL, or the words allowed, ended by NULL; the value is an index */
    bool flag;                /* an option that takes no value and stores 1 */
};

struct hk_bench_program {
    const char *name;
    const char *summary;
    const struct hk_bench_arg *args; /* ended by an entry without a name */
};

/* Read the command line into the values of `program`.
 * errors   exits: 0 after --help, 2 with a message on stderr for anything not understood
 */
void hk_bench_parse(const struct hk_bench_program *program, int argc, char **argv);

/* As a usage error of hk_bench_parse, for what concerns several arguments at once. */
_Noreturn void hk_bench_usage_error(const struct hk_bench_program *program, const char *message);

/* Leave with status 1 and a message on stderr. */
_Noreturn void hk_bench_fail(const char *message);

/* Zero-filled and resident array outside of the allocator under test.
 * errors   exits with status 1
 */
void *hk_bench_table(size_t entry_count, size_t entry_size);

/* Keep only the first `kept_count` entries of a table. */
void hk_bench_table_shrink(void *table, size_t entry_count, size_t kept_count, size_t entry_size);

enum hk_bench_clock {
    HK_BENCH_CPU,  /* time of all threads of the process: for workloads of one thread */
    HK_BENCH_WALL, /* for workloads of several threads */
};

double hk_bench_seconds(enum hk_bench_clock clock);

/* Resident memory now, in KiB; 0 if unknown. */
uint64_t hk_bench_rss_kib(void);

/* Print the closing line. */
void hk_bench_report(const char *workload, uint64_t op_count, double seconds);

/* As hk_bench_report, with more fields: " name=number" for each. */
void hk_bench_report_with(const char *workload, uint64_t op_count, double seconds,
                          const char *fields);

/* As hk_bench_report, with the resident memory after a burst. */
void hk_bench_report_end(const char *workload, uint64_t op_count, double seconds,
                         uint64_t end_rss_kib);

/* As hk_bench_report, with the mean of the resident memory that was looked at during the run. */
void hk_bench_report_mean(const char *workload, uint64_t op_count, double seconds,
                          uint64_t mean_rss_kib);

/* Start and join one thread; exit with status 1 if that cannot be done. */
void hk_bench_spawn(pthread_t *thread, void *(*run)(void *), void *arg);
void hk_bench_join(pthread_t thread);

/* xorshift64*: one multiplication a draw, so that the harness stays small beside the allocator. */
struct hk_bench_random {
    uint64_t state;
};

static inline void hk_bench_seed(struct hk_bench_random *random, uint64_t seed)
{
    /* a step of splitmix64, because xorshift needs a state with many bits set */
    uint64_t mixed = (seed + 1) * UINT64_C(0x9e3779b97f4a7c15);

    mixed = (mixed ^ (mixed >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    mixed = (mixed ^ (mixed >> 27)) * UINT64_C(0x94d049bb133111eb);
    random->state = (mixed ^ (mixed >> 31)) | 1;
}

static inline uint64_t hk_bench_next(struct hk_bench_random *random)
{
    uint64_t state = random->state;

    state ^= state >> 12;
    state ^= state << 25;
    state ^= state >> 27;
    random->state = state;
    return state * UINT64_C(0x2545f4914f6cdd1d);
}

/* Map 32 random bits to 0 .. bound - 1 without a division. */
static inline uint32_t hk_bench_scale(uint32_t bits, uint32_t bound)
{
    return (uint32_t)(((uint64_t)bits * bound) >> 32);
}

static inline uint32_t hk_bench_below(struct hk_bench_random *random, uint32_t bound)
{
    return hk_bench_scale((uint32_t)(hk_bench_next(random) >> 32), bound);
}

/* Keep the compiler from dropping a malloc whose block is only freed again. */
static inline void hk_bench_keep(void *block)
{
#if defined(__GNUC__)
    __asm__ volatile("" : : "r"(block) : "memory");
#else
    static void *volatile kept;

    kept = block;
#endif
}

static inline void hk_bench_touch(void *block)
{
    if (block == NULL) {
        hk_bench_fail("the allocator returned NULL");
    }
    *(volatile unsigned char *)block = 1;
    hk_bench_keep(block);
}

#endif
