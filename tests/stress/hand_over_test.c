/* SPDX-License-Identifier: MIT */
/* Blocks that one thread allocates and another frees: exchanged at random, and handed down a line
 * of producers and consumers. */
#include "stress/stress.h"

#include "coldbox/seat.h"

#include <semaphore.h>
#include <stdatomic.h>

enum {
    THREADS = 4,
    SHELF = 256,
    EXCHANGES = 60000,
    LINE = 64,
    HANDED = 60000,
    LEASED_MOST = 192 << 20, /* far above what the live blocks need, far below what a leak makes */
};

static _Atomic(struct parcel *) shelf[SHELF];

static void exchange(size_t index)
{
    struct random random = stress_random(index);
    size_t rounds = stress_scaled(EXCHANGES);
    for (size_t i = 0; i < rounds; i++) {
        size_t most = random_below(&random, 200) ? 2048 : 300000;
        struct parcel *parcel = parcel_make(&random, most);
        parcel = atomic_exchange(&shelf[random_below(&random, SHELF)], parcel);
        if (parcel) {
            parcel_end(parcel, &random);
        }
    }
}

static void require_bounded(void)
{
    struct hk_cold_stat stat;
    HK_COLD.stat(&stat);
    assert_in_range(stat.leased, 0, LEASED_MOST);
    assert_null(HK_COLD.check());
}

static void exchanged_blocks_keep_their_content(void **state)
{
    (void)state;
    struct random random = random_from(0);
    stress_run(THREADS, exchange);
    require_bounded();
    for (size_t i = 0; i < SHELF; i++) {
        struct parcel *parcel = atomic_exchange(&shelf[i], NULL);
        if (parcel) {
            parcel_end(parcel, &random);
        }
    }
    assert_null(HK_COLD.check());
}

/* A line of parcels from one producer to one consumer. */
static struct line {
    sem_t full;
    sem_t room;
    struct parcel *parcel[LINE];
} lines[THREADS / 2];

static void produce(struct line *line, size_t index)
{
    struct random random = stress_random(index);
    size_t count = stress_scaled(HANDED);
    for (size_t i = 0; i < count; i++) {
        sem_wait(&line->room);
        line->parcel[i % LINE] = parcel_make(&random, 600);
        sem_post(&line->full);
    }
}

static void consume(struct line *line, size_t index)
{
    struct random random = stress_random(index);
    size_t count = stress_scaled(HANDED);
    for (size_t i = 0; i < count; i++) {
        sem_wait(&line->full);
        struct parcel *parcel = line->parcel[i % LINE];
        sem_post(&line->room);
        if (parcel) {
            parcel_end(parcel, &random);
        }
    }
}

static void hand_over(size_t index)
{
    if (index % 2) {
        consume(&lines[index / 2], index);
    } else {
        produce(&lines[index / 2], index);
    }
}

static void handed_over_blocks_come_home(void **state)
{
    (void)state;
    for (size_t i = 0; i < THREADS / 2; i++) {
        sem_init(&lines[i].full, 0, 0);
        sem_init(&lines[i].room, 0, LINE);
    }
    stress_run(THREADS, hand_over);
    require_bounded();
    for (size_t i = 0; i < THREADS / 2; i++) {
        sem_destroy(&lines[i].full);
        sem_destroy(&lines[i].room);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(exchanged_blocks_keep_their_content),
        cmocka_unit_test(handed_over_blocks_come_home),
    };
    return cmocka_run_group_tests_name("hand_over", tests, NULL, NULL);
}
