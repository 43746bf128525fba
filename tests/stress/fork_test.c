/* SPDX-License-Identifier: MIT */
/* fork while other threads are anywhere in the allocator. The child allocates, frees what its
 * parent's threads have allocated, and ends with 0. Children use nothing of libc that may wait for
 * a lock. */
#include "stress/stress.h"

#include "coldbox/seat.h"

#include <sched.h>
#include <stdatomic.h>
#include <sys/wait.h>
#include <unistd.h>

enum {
    WORKERS = 3,
    FORKERS = 1,
    FORKS = 40,
    KEPT = 200, /* blocks of each worker that every child frees */
    CHILD_ROUNDS = 2000,
    CHILD_SLOTS = 64,
    SPAN = 400000,
    HUGE = 3000000,
};

static struct parcel *kept[WORKERS][KEPT];
static _Atomic(size_t) ready;
static _Atomic(bool) stop;

/* Blocks of one size, one at a time, which their thread, or all together, keep at hand. */
static void back_and_forth(size_t size, unsigned char mark)
{
    for (int i = 0; i < 8; i++) {
        unsigned char *block = hk_malloc(size);
        stress_expect(block != NULL, "memory for a large block");
        block[0] = mark;
        block[size - 1] = mark;
        sched_yield();
        stress_expect(block[0] == mark && block[size - 1] == mark, "a large block is its thread's");
        hk_free(block);
    }
}

static void work(size_t index)
{
    struct random random = stress_random(index);
    struct parcel *slot[CHILD_SLOTS] = {NULL};
    for (size_t i = 0; i < KEPT; i++) {
        kept[index][i] = parcel_make(&random, random_below(&random, 50) ? 2000 : 400000);
    }
    atomic_fetch_add(&ready, 1);
    while (!atomic_load(&stop)) {
        struct parcel **some = &slot[random_below(&random, CHILD_SLOTS)];
        if (*some) {
            parcel_end(*some, &random);
        }
        bool large = random_below(&random, 500) == 0;
        *some = parcel_make(&random, large ? 300000 : 3000);
        if (large) {
            back_and_forth(random_below(&random, 2) ? SPAN : HUGE, (unsigned char)index);
        }
    }
    for (size_t i = 0; i < CHILD_SLOTS; i++) {
        if (slot[i]) {
            parcel_end(slot[i], &random);
        }
    }
}

/* -> whether the child found everything in order. */
static bool child_lives(uint64_t seed)
{
    struct random random = random_from(seed);
    struct parcel *slot[CHILD_SLOTS] = {NULL};
    for (size_t i = 0; i < WORKERS * KEPT; i++) {
        struct parcel *parcel = kept[i / KEPT][i % KEPT];
        if (!parcel) {
            return false;
        }
        parcel_end(parcel, &random);
    }
    for (size_t i = 0; i < CHILD_ROUNDS; i++) {
        struct parcel **some = &slot[random_below(&random, CHILD_SLOTS)];
        if (*some) {
            parcel_end(*some, &random);
        }
        *some = parcel_make(&random, random_below(&random, 100) ? 3000 : 300000);
        if (!*some) {
            return false;
        }
    }
    return stress_found_nothing() && !HK_COLD.check();
}

static void fork_often(size_t index)
{
    struct random random = stress_random(index);
    size_t forks = stress_scaled(FORKS);
    while (atomic_load(&ready) < WORKERS) {
        /* the workers' blocks are there before the first child looks at them */
        struct parcel *parcel = parcel_make(&random, 1000);
        if (parcel) {
            parcel_end(parcel, &random);
        }
    }
    for (size_t i = 0; i < forks; i++) {
        int status = 0;
        pid_t child = fork();
        if (child == 0) {
            _exit(child_lives(random_next(&random)) ? 0 : 1);
        }
        stress_expect(child > 0, "fork failed");
        stress_expect(child < 0 || waitpid(child, &status, 0) == child, "waitpid failed");
        stress_expect(WIFEXITED(status), "a child crashed");
        stress_expect(!WIFEXITED(status) || WEXITSTATUS(status) == 0, "a child found an error");
    }
    atomic_store(&stop, true);
}

static void work_or_fork(size_t index)
{
    if (index < WORKERS) {
        work(index);
    } else {
        fork_often(index);
    }
}

static void children_free_their_parents_blocks(void **state)
{
    (void)state;
    struct random random = random_from(0);
    atomic_store(&ready, 0);
    atomic_store(&stop, false);
    stress_run(WORKERS + FORKERS, work_or_fork);
    for (size_t i = 0; i < WORKERS * KEPT; i++) {
        parcel_end(kept[i / KEPT][i % KEPT], &random);
    }
    assert_null(HK_COLD.check());
}

/* Every child forks the next one, and each has freed something of all before it. */
static bool line_of_children(struct parcel *inherited, size_t depth)
{
    struct random random = random_from(depth);
    int status = 0;
    struct parcel *own = parcel_make(&random, 5000);
    parcel_check(inherited);
    if (depth == 0 || !own) {
        return own != NULL;
    }
    pid_t child = fork();
    if (child == 0) {
        parcel_end(inherited, &random);
        _exit(line_of_children(own, depth - 1) ? 0 : 1);
    }
    parcel_end(own, &random);
    return child > 0 && waitpid(child, &status, 0) == child && status == 0 &&
           stress_found_nothing();
}

static void children_may_fork(void **state)
{
    (void)state;
    struct random random = random_from(1);
    struct parcel *first = parcel_make(&random, 100);
    assert_true(line_of_children(first, 10));
    parcel_end(first, &random);
    assert_null(HK_COLD.check());
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(children_may_fork),
        cmocka_unit_test(children_free_their_parents_blocks),
    };
    return cmocka_run_group_tests_name("fork", tests, NULL, NULL);
}
