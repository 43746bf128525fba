/* SPDX-License-Identifier: MIT */
/* Threads that come and go: many at once, blocks that outlive their thread, keys whose destructors
 * allocate again and again, cancellation, and threads that vanish without any destructor. */
#include "crew.h"

#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

static struct swap_table table;

static void *swap_for_a_while(void *argument)
{
    uintptr_t seed = (uintptr_t)argument;
    swap_blocks(&table, seed * 7919 + 1, 2000, seed % 10 ? 900 : 60000);
    return NULL;
}

static void two_hundred_threads_hand_blocks_around(void)
{
    enum { COUNT = 200 };
    pthread_t thread[COUNT];
    for (int round = 0; round < 3; round++) {
        for (uintptr_t i = 0; i < COUNT; i++) {
            thread[i] = start(swap_for_a_while, (void *)(i + 1));
        }
        for (size_t i = 0; i < COUNT; i++) {
            join(thread[i]);
        }
    }
    clear_table(&table);
}

static void *make_blocks(void *unused)
{
    (void)unused;
    void **list = malloc(300 * sizeof *list);
    for (size_t i = 0; i < 300; i++) {
        list[i] = marked_block(16 + i * i);
    }
    return list;
}

static void *free_blocks(void *argument)
{
    void **list = argument;
    for (size_t i = 0; i < 300; i++) {
        free_marked(list[i]);
    }
    free(list);
    return NULL;
}

static void blocks_outlive_their_thread(void)
{
    void *list[20];
    for (int round = 0; round < 20; round++) {
        for (size_t i = 0; i < 20; i++) {
            list[i] = join(start(make_blocks, NULL));
        }
        free_blocks(list[0]);
        for (size_t i = 1; i < 20; i++) {
            join(start(free_blocks, list[i]));
        }
    }
}

static pthread_key_t key;

/* The argument says how many more rounds are wanted. */
static void allocate_again(void *value)
{
    size_t left = *(size_t *)value;
    free(value);
    for (size_t size = 16; size < 400000; size *= 3) {
        free_marked(marked_block(size));
    }
    if (left > 0) {
        size_t *next = malloc(sizeof *next);
        *next = left - 1;
        EXPECT(pthread_setspecific(key, next) == 0);
    }
}

static void *use_key(void *first_use_is_the_key)
{
    if (!first_use_is_the_key) {
        free_marked(marked_block(100));
    }
    size_t *value = malloc(sizeof *value);
    *value = 3; /* one less than PTHREAD_DESTRUCTOR_ITERATIONS */
    EXPECT(pthread_setspecific(key, value) == 0);
    return NULL;
}

static void key_destructors_allocate_in_every_round(void)
{
    EXPECT(pthread_key_create(&key, allocate_again) == 0);
    for (uintptr_t i = 0; i < 300; i++) {
        join(start(use_key, (void *)(i % 2)));
    }
    EXPECT(pthread_key_delete(key) == 0);
}

/* Every key of the process has a destructor that allocates, so one of them runs after the
 * library's own, whatever number that has. */
static pthread_key_t all_keys[1024];
static size_t key_count;

static void allocate_and_keep(void *value)
{
    free_marked(value);
    free_marked(marked_block(5000));
    free_marked(marked_block(40));
}

static void *use_all_keys(void *unused)
{
    (void)unused;
    for (size_t i = 0; i < key_count; i++) {
        EXPECT(pthread_setspecific(all_keys[i], marked_block(16 + i)) == 0);
    }
    return NULL;
}

static void destructors_of_all_keys_allocate(void)
{
    while (key_count < 1024 && pthread_key_create(&all_keys[key_count], allocate_and_keep) == 0) {
        key_count++;
    }
    EXPECT(key_count > 100);
    for (int i = 0; i < 50; i++) {
        join(start(use_all_keys, NULL));
    }
}

static _Thread_local int inside;
static atomic_int cancelled_inside;
static atomic_int cancelled_outside;

static void count_cancel(void *unused)
{
    (void)unused;
    atomic_fetch_add(inside ? &cancelled_inside : &cancelled_outside, 1);
    free_marked(marked_block(300));
}

static void allocate_for_ever(uint64_t seed)
{
    for (;;) {
        inside = 1;
        swap_blocks(&table, next_random(&seed), 50, seed % 64 ? 2000 : MIB(1));
        inside = 0;
        pthread_testcancel();
    }
}

static void *allocate_until_cancelled(void *argument)
{
    pthread_cleanup_push(count_cancel, NULL);
    allocate_for_ever((uintptr_t)argument);
    pthread_cleanup_pop(0);
    return NULL;
}

static void cancellation_never_strikes_inside(void)
{
    pthread_t thread[8];
    for (int round = 0; round < 20; round++) {
        for (uintptr_t i = 0; i < 8; i++) {
            thread[i] = start(allocate_until_cancelled, (void *)(i + 1));
        }
        for (size_t i = 0; i < 8; i++) {
            EXPECT(pthread_cancel(thread[i]) == 0);
        }
        for (size_t i = 0; i < 8; i++) {
            EXPECT(join(thread[i]) == PTHREAD_CANCELED);
        }
    }
    EXPECT(cancelled_inside == 0);
    EXPECT(cancelled_outside > 0);
    clear_table(&table);
}

static atomic_int vanished;

static void *vanish(void *argument)
{
    uintptr_t seed = (uintptr_t)argument;
    swap_blocks(&table, seed * 31 + 1, 3000, 1500);
    atomic_fetch_add(&vanished, 1);
    syscall(SYS_exit, 0);
    return NULL;
}

static void threads_vanish_without_destructors(void)
{
    for (int i = 1; i <= 30; i++) {
        EXPECT(pthread_detach(start(vanish, (void *)(uintptr_t)i)) == 0);
        join(start(swap_for_a_while, (void *)(uintptr_t)i));
    }
    while (atomic_load(&vanished) < 30) {
        sched_yield();
    }
    swap_blocks(&table, 5, 20000, 1500);
    clear_table(&table);
}

int main(int argc, char **argv)
{
    static const struct claim claims[] = {
        {"two_hundred_threads_hand_blocks_around", two_hundred_threads_hand_blocks_around},
        {"blocks_outlive_their_thread", blocks_outlive_their_thread},
        {"key_destructors_allocate_in_every_round", key_destructors_allocate_in_every_round},
        {"destructors_of_all_keys_allocate", destructors_of_all_keys_allocate},
        {"cancellation_never_strikes_inside", cancellation_never_strikes_inside},
        {"threads_vanish_without_destructors", threads_vanish_without_destructors},
    };
    return check_claims(argc, argv, claims, sizeof claims / sizeof *claims);
}
