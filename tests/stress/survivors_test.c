/* SPDX-License-Identifier: MIT */
/* Threads that fill much memory and leave a few blocks of every page, which other threads free
 * after them: pages give memory back in parts, are emptied by strangers, change heaps, and serve
 * again. */
#include "stress/stress.h"

#include "coldbox/seat.h"

enum {
    THREADS = 3,
    LIVES = 6,
    BURST = 16 << 20, /* bytes: as much as makes pages give memory back, in two of them */
    LEFT = 20000,     /* survivors of all threads */
};

static parcel_place left[LEFT];

/* Leave a block behind, and end the one that was there before. */
static void leave(struct random *random, struct parcel *parcel)
{
    parcel_place *here = &left[random_below(random, LEFT)];
    struct parcel *before = atomic_exchange(here, parcel);
    if (before) {
        parcel_end(before, random);
    }
}

static void shuffle(struct random *random, struct parcel **parcel, size_t count)
{
    for (size_t i = count - 1; i; i--) {
        size_t other = random_below(random, i + 1);
        struct parcel *moved = parcel[i];
        parcel[i] = parcel[other];
        parcel[other] = moved;
    }
}

/* Fill, and free all but one of `every` blocks. */
static void burst(struct random *random, struct parcel **parcel, size_t count, size_t most)
{
    for (size_t i = 0; i < count; i++) {
        parcel[i] = parcel_make(random, most);
    }
    if (random_below(random, 2)) {
        shuffle(random, parcel, count);
    }
    size_t every = 20 + random_below(random, 200);
    for (size_t i = 0; i < count; i++) {
        if (!parcel[i]) {
            continue;
        }
        if (random_below(random, every)) {
            parcel_end(parcel[i], random);
        } else {
            leave(random, parcel[i]);
        }
    }
}

static void live(size_t index)
{
    static const size_t mosts[] = {50, 150, 400, 1000, 3000, 9000, 60000};
    struct random random = stress_random(index);
    size_t most = mosts[random_below(&random, sizeof mosts / sizeof *mosts)];
    size_t count = BURST / (most / 6 + sizeof(struct parcel)); /* small ones are as many as large */
    struct parcel **parcel = hk_calloc(count, sizeof(struct parcel *));
    stress_expect(parcel, "out of memory");
    for (size_t i = 0; parcel && i < 3; i++) {
        burst(&random, parcel, count, most);
        if (random_below(&random, 4) == 0) {
            hk_malloc_trim(0);
        }
    }
    hk_free(parcel);
}

static void survivors_keep_their_content(void **state)
{
    (void)state;
    size_t lives = stress_scaled(LIVES);
    for (size_t i = 0; i < lives; i++) {
        stress_run(THREADS, live);
        assert_null(HK_COLD.check());
    }
    parcel_end_left(left, LEFT);
    assert_null(HK_COLD.check());
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(survivors_keep_their_content)};
    return cmocka_run_group_tests_name("survivors", tests, NULL, NULL);
}
