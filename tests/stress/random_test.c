/* SPDX-License-Identifier: MIT */
/* Everything at once: all sizes, all forms, private and shared blocks, trims, in threads of which
 * some end early and are replaced. */
#include "stress/stress.h"

#include "coldbox/seat.h"

#include <pthread.h>

enum {
    THREADS = 4,
    GENERATIONS = 6,
    OPERATIONS = 12000,
    PRIVATE = 128,
    SHARED = 64,
    HUGE_MOST = 6 << 20,
};

static parcel_place shared[SHARED];

static size_t random_most(struct random *random)
{
    size_t dice = random_below(random, 1000);
    if (dice < 800) {
        return 1100;
    }
    if (dice < 990) {
        return 40000;
    }
    return dice < 998 ? 400000 : HUGE_MOST;
}

static void operate(struct parcel **slot, struct random *random)
{
    size_t dice = random_below(random, 100);
    if (!*slot) {
        *slot = parcel_make(random, random_most(random));
    } else if (dice < 20) {
        *slot = parcel_resize(*slot, random, random_most(random));
    } else if (dice < 50) {
        *slot = atomic_exchange(&shared[random_below(random, SHARED)], *slot);
    } else {
        parcel_end(*slot, random);
        *slot = NULL;
    }
    if (random_below(random, 4000) == 0) {
        hk_malloc_trim(random_below(random, 1 << 20));
    }
}

static void live(size_t index)
{
    struct random random = stress_random(index);
    struct parcel *slot[PRIVATE] = {NULL};
    size_t operations = stress_scaled(OPERATIONS) / (1 + random_below(&random, 3));
    for (size_t i = 0; i < operations; i++) {
        operate(&slot[random_below(&random, PRIVATE)], &random);
    }
    for (size_t i = 0; i < PRIVATE; i++) {
        /* half of them outlive the thread */
        struct parcel *parcel = slot[i];
        if (parcel && random_below(&random, 2)) {
            parcel = atomic_exchange(&shared[random_below(&random, SHARED)], parcel);
        }
        if (parcel) {
            parcel_end(parcel, &random);
        }
    }
}

static void everything_at_once_keeps_its_content(void **state)
{
    (void)state;
    for (size_t i = 0; i < GENERATIONS; i++) {
        stress_run(THREADS, live);
        assert_null(HK_COLD.check());
    }
    parcel_end_left(shared, SHARED);
    assert_null(HK_COLD.check());
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(everything_at_once_keeps_its_content),
    };
    return cmocka_run_group_tests_name("random", tests, NULL, NULL);
}
