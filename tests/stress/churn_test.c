/* SPDX-License-Identifier: MIT */
/* Threads that come and go and leave blocks behind: their heaps are adopted, and used again. */
#include "stress/stress.h"

#include "coldbox/seat.h"

#include <pthread.h>

enum {
    THREADS = 4,
    LEGACY = 150, /* blocks that a thread leaves behind */
    ROUNDS = 120,
    HEAPS_MOST = 3 * THREADS,
    LEASED_MOST = 64 << 20,
};

static struct parcel *legacy[THREADS][LEGACY];

/* End what the thread before has left, and leave as much. */
static void live_and_leave(size_t index)
{
    struct random random = stress_random(index);
    for (size_t i = 0; i < LEGACY; i++) {
        struct parcel *parcel = legacy[(index + 1) % THREADS][i];
        if (parcel) {
            parcel_check(parcel);
        }
        struct parcel *short_lived = parcel_make(&random, 5000);
        if (short_lived) {
            parcel_end(short_lived, &random);
        }
    }
}

static void renew(size_t index)
{
    struct random random = stress_random(index);
    for (size_t i = 0; i < LEGACY; i++) {
        /* another thread's slots: a stranger frees every block, often after its owner's death */
        struct parcel **slot = &legacy[(index + 1) % THREADS][i];
        if (*slot) {
            parcel_end(*slot, &random);
        }
        *slot = parcel_make(&random, random_below(&random, 100) ? 3000 : 100000);
    }
}

static void end_all(void)
{
    struct random random = random_from(0);
    for (size_t i = 0; i < THREADS * LEGACY; i++) {
        struct parcel **slot = &legacy[i / LEGACY][i % LEGACY];
        if (*slot) {
            parcel_end(*slot, &random);
        }
        *slot = NULL;
    }
}

static void dead_threads_heaps_are_used_again(void **state)
{
    (void)state;
    struct hk_cold_stat stat;
    size_t rounds = stress_scaled(ROUNDS);
    for (size_t i = 0; i < rounds; i++) {
        stress_run(THREADS, renew);
        stress_run(THREADS, live_and_leave);
    }
    HK_COLD.stat(&stat);
    assert_in_range(stat.heaps, 1, HEAPS_MOST);
    assert_in_range(stat.leased, 0, LEASED_MOST);
    assert_null(HK_COLD.check());
    end_all();
    assert_null(HK_COLD.check());
}

/* Frees everything after the last round of key destructors that the allocator takes part in. */
static void late_free(void *block)
{
    hk_free(block);
    hk_free(hk_malloc(100));
}

static pthread_key_t late_key;

static void use_key(size_t index)
{
    struct random random = stress_random(index);
    pthread_setspecific(late_key, hk_malloc(random_size(&random, 4000)));
}

static void destructors_may_allocate_and_free(void **state)
{
    (void)state;
    struct hk_cold_stat stat;
    size_t rounds = stress_scaled(ROUNDS);
    assert_int_equal(pthread_key_create(&late_key, late_free), 0);
    for (size_t i = 0; i < rounds; i++) {
        stress_run(THREADS, use_key);
    }
    pthread_key_delete(late_key);
    HK_COLD.stat(&stat);
    assert_in_range(stat.heaps, 1, HEAPS_MOST);
    assert_null(HK_COLD.check());
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(dead_threads_heaps_are_used_again),
        cmocka_unit_test(destructors_may_allocate_and_free),
    };
    return cmocka_run_group_tests_name("churn", tests, NULL, NULL);
}
