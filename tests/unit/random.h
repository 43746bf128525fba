/* SPDX-License-Identifier: MIT */
/* Random numbers that can be repeated: HK_TEST_SEED sets the seed, which is otherwise new every
 * time and belongs in every message of a failure. */
#ifndef HK_UNIT_RANDOM_H
#define HK_UNIT_RANDOM_H

#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

struct random {
    uint64_t seed;
    uint64_t state;
};

static inline struct random random_from(uint64_t seed)
{
    return (struct random){.seed = seed, .state = seed};
}

static inline struct random random_start(void)
{
    const char *given = getenv("HK_TEST_SEED");
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    uint64_t mixed =
        (uint64_t)now.tv_nsec * 2654435761u ^ (uint64_t)now.tv_sec ^ (uint64_t)getpid();
    return random_from(given ? strtoull(given, NULL, 0) : mixed);
}

static inline uint64_t random_next(struct random *random)
{
    random->state += 0x9e3779b97f4a7c15u;
    uint64_t z = random->state;
    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
    z = (z ^ z >> 27) * 0x94d049bb133111ebu;
    return z ^ z >> 31;
}

/* -> a number below `bound`. */
static inline size_t random_below(struct random *random, size_t bound)
{
    return (size_t)(random_next(random) % bound);
}

/* -> a size from 1 to `most`, every power of two as likely as any other. */
static inline size_t random_size(struct random *random, size_t most)
{
    unsigned bits = 64u - (unsigned)__builtin_clzll(most);
    size_t top = (size_t)1 << random_below(random, bits);
    size_t size = top + random_below(random, top);
    return size > most ? most : size;
}

#endif
