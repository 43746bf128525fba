/* SPDX-License-Identifier: MIT */
/* Phases that change class, with policy=learn: threads follow new snapshots and give up what nobody
 * asks for, while others free into their pages, come and go, and fork. */
#include "stress/stress.h"

#include "coldbox/learn.h"
#include "coldbox/seat.h"

#include <stdatomic.h>
#include <sys/wait.h>
#include <unistd.h>

enum {
    GROUPS = 6,
    GROUP_SIZES = 3,
    THREADS = 4,
    PHASES = 12,
    PARCELS = 3000, /* of a thread's set */
    SET_BYTES = 8 << 20,
    BLOCKS_MOST = SET_BYTES / 48,
};

static const uint16_t sizes[GROUPS][GROUP_SIZES] = {
    {48, 64, 96},   {160, 192, 256}, {1024, 1536, 2048},
    {80, 112, 128}, {320, 512, 768}, {640, 896, 3072},
};

static struct hk_learn_stat learn_stat(void)
{
    static struct hk_learn_stat stat;
    stress_expect(hk_learn_read(&stat), "the learner's lock is held");
    return stat;
}

static size_t leased(void)
{
    struct hk_cold_stat stat;
    HK_COLD.stat(&stat);
    return stat.leased;
}

static void shuffle(void **block, size_t count, struct random *random)
{
    for (size_t i = count - 1; i > 0; i--) {
        size_t other = random_below(random, i + 1);
        void *moved = block[i];
        block[i] = block[other];
        block[other] = moved;
    }
}

static void memory_of_quiet_classes_serves_the_others(void **state)
{
    (void)state;
    static void *block[BLOCKS_MOST];
    struct random random = random_from(1);
    for (size_t phase = 0; phase < 3 * GROUPS; phase++) {
        size_t count = 0;
        for (size_t bytes = 0; bytes < SET_BYTES; count++) {
            size_t size = sizes[phase % GROUPS][random_below(&random, GROUP_SIZES)];
            block[count] = hk_malloc(size);
            assert_non_null(block[count]);
            bytes += size;
        }
        assert_in_range(leased(), SET_BYTES, 2 * SET_BYTES);
        shuffle(block, count, &random);
        for (size_t i = 0; i < count; i++) {
            hk_free(block[i]);
        }
    }
    /* where boxes give up what is spare, nearly all has gone back before the learner looks */
    assert_true(learn_stat().quieted > 0);
    assert_true(learn_stat().woken > 0);
    assert_null(HK_COLD.check());
}

static _Atomic(struct parcel *) passed_on[THREADS][PARCELS];

/* Fill slots that the next thread will empty, with sizes of one group. */
static void phase_of(size_t index, size_t phase, struct random *random)
{
    for (size_t i = 0; i < PARCELS; i++) {
        size_t most = sizes[(phase + index) % GROUPS][random_below(random, GROUP_SIZES)];
        struct parcel *parcel = parcel_make(random, most);
        size_t slot = random_below(random, PARCELS);
        parcel = atomic_exchange(&passed_on[index][slot], parcel);
        if (parcel) {
            parcel_end(parcel, random);
        }
        parcel = atomic_exchange(&passed_on[(index + 1) % THREADS][i], NULL);
        if (parcel) {
            parcel_end(parcel, random);
        }
    }
}

static void change_phases(size_t index)
{
    struct random random = stress_random(index);
    size_t phases = stress_scaled(PHASES);
    for (size_t phase = 0; phase < phases; phase++) {
        phase_of(index, phase, &random);
    }
}

static void end_all(void)
{
    struct random random = random_from(0);
    for (size_t i = 0; i < THREADS * PARCELS; i++) {
        struct parcel *parcel = atomic_exchange(&passed_on[i / PARCELS][i % PARCELS], NULL);
        if (parcel) {
            parcel_end(parcel, &random);
        }
    }
    assert_null(HK_COLD.check());
}

static void threads_follow_the_learner(void **state)
{
    (void)state;
    for (int round = 0; round < 4; round++) {
        stress_run(THREADS, change_phases);
    }
    end_all();
    struct hk_cold_stat stat;
    HK_COLD.stat(&stat);
    assert_true(learn_stat().snapshots > 0);
    assert_in_range(learn_stat().objects, 1, stat.heaps + 2);
}

/* -> whether the child found everything in order, and its learner still learns. */
static bool child_learns(uint64_t seed)
{
    struct random random = random_from(seed);
    uint64_t steps = learn_stat().steps;
    void *held[64];
    for (size_t i = 0; i < 64; i++) {
        held[i] = hk_malloc(100000); /* so much growth is due for a step, in time */
    }
    while (learn_stat().steps == steps) {
        struct parcel *parcel = parcel_make(&random, 250000);
        if (!parcel) {
            return false;
        }
        parcel_end(parcel, &random);
    }
    for (size_t i = 0; i < 64; i++) {
        hk_free(held[i]);
    }
    return stress_found_nothing() && !HK_COLD.check();
}

static void fork_or_change_phases(size_t index)
{
    if (index < THREADS - 1) {
        change_phases(index);
        return;
    }
    struct random random = stress_random(index);
    size_t forks = stress_scaled(PHASES);
    for (size_t i = 0; i < forks; i++) {
        int status = 0;
        phase_of(index, i, &random);
        pid_t child = fork();
        if (child == 0) {
            _exit(child_learns(random_next(&random)) ? 0 : 1);
        }
        stress_expect(child > 0 && waitpid(child, &status, 0) == child, "no child");
        stress_expect(status == 0, "a child found an error");
    }
}

static void children_go_on_learning(void **state)
{
    (void)state;
    stress_run(THREADS, fork_or_change_phases);
    end_all();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(memory_of_quiet_classes_serves_the_others),
        cmocka_unit_test(threads_follow_the_learner),
        cmocka_unit_test(children_go_on_learning),
    };
    return cmocka_run_group_tests_name("phases", tests, NULL, NULL);
}
