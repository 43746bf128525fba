/* SPDX-License-Identifier: MIT */
/* The cold side's lock: one holder at a time, no waiter forgotten. */
#include "unit/cold_unit.h"

#include "common/lock.h"

#include <pthread.h>
#include <sched.h>

enum { THREADS = 4, ROUNDS = 20000 };

static struct hk_lock lock = {.rank = HK_RANK_SLABS};
static size_t counter;

static void *count_up(void *arg)
{
    (void)arg;
    for (int i = 0; i < ROUNDS; i++) {
        hk_lock_take(&lock);
        size_t seen = counter;
        if (i % 64 == 0) {
            sched_yield(); /* longer than others care to spin */
        }
        counter = seen + 1;
        hk_lock_give(&lock);
    }
    return NULL;
}

static void one_thread_holds_it_at_a_time(void **state)
{
    (void)state;
    pthread_t thread[THREADS];
    for (size_t i = 0; i < THREADS; i++) {
        assert_int_equal(pthread_create(&thread[i], NULL, count_up, NULL), 0);
    }
    for (size_t i = 0; i < THREADS; i++) {
        pthread_join(thread[i], NULL);
    }
    assert_int_equal(counter, (size_t)THREADS * ROUNDS);
}

static void given_lock_is_free(void **state)
{
    (void)state;
    hk_lock_take(&lock);
    assert_int_not_equal(lock.word, 0);
    hk_lock_give(&lock);
    assert_int_equal(lock.word, 0);
}

static void tried_lock_is_taken_if_free(void **state)
{
    (void)state;
    assert_true(hk_lock_try(&lock));
    assert_false(hk_lock_try(&lock));
    hk_lock_give(&lock);
    assert_int_equal(lock.word, 0);

    hk_lock_keep(&lock);
    assert_true(hk_lock_try(&lock)); /* the keeper's own */
    hk_lock_give(&lock);
    hk_lock_unkeep(&lock);
    assert_int_equal(lock.word, 0);
}

static void renewed_lock_is_free(void **state)
{
    (void)state;
    hk_lock_keep(&lock);
    hk_lock_unkeep(&lock);
    hk_lock_take(&lock);
    hk_lock_give(&lock);
    assert_int_equal(lock.word, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(one_thread_holds_it_at_a_time),
        cmocka_unit_test(given_lock_is_free),
        cmocka_unit_test(tried_lock_is_taken_if_free),
        cmocka_unit_test(renewed_lock_is_free),
    };
    return cmocka_run_group_tests_name("lock", tests, NULL, NULL);
}
