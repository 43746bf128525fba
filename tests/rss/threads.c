/* SPDX-License-Identifier: MIT */
/* Memory under changing threads: thousands of short ones, producers with one thread that only
 * frees, and hundreds that sleep after a burst. */
#include "memory.h"

#include <malloc.h>
#include <semaphore.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum {
    WAVES = 1250,
    WAVE = 8, /* threads at a time: 10 000 in all */
    BLOCKS = 120,
};

static void *lists[WAVE][BLOCKS];

/* About 130 KiB in blocks of 16 to 2400 bytes. */
static void fill_list(void **list, uint64_t seed)
{
    for (size_t i = 0; i < BLOCKS; i++) {
        list[i] = marked_block(16 + next_random(&seed) % 2400);
    }
}

static void free_list(void **list)
{
    for (size_t i = 0; i < BLOCKS; i++) {
        free_marked(list[i]);
        list[i] = NULL;
    }
}

static void *fill_and_free(void *argument)
{
    fill_list(argument, 31);
    free_list(argument);
    return NULL;
}

static void *fill_and_leave(void *argument)
{
    fill_list(argument, 37);
    return NULL;
}

/* Frees what the thread before it in this place left, and leaves its own. */
static void *free_and_leave(void *argument)
{
    free_list(argument);
    fill_list(argument, 41);
    return NULL;
}

static void run_wave(void *(*run)(void *))
{
    pthread_t thread[WAVE];
    for (size_t i = 0; i < WAVE; i++) {
        thread[i] = start(run, lists[i]);
    }
    for (size_t i = 0; i < WAVE; i++) {
        join(thread[i]);
    }
}

/* Eight heaps with some pages of 64 KiB in each of up to 90 size classes that are in use at a time,
 * and free memory up to the budget of 6 MiB. Without reuse the waves would need 1.3 GB. */
static const size_t wave_bound = MIB(32);

static void expect_no_growth(size_t before)
{
    expect_at_most(growth_since(before), wave_bound, true, "KiB after 10 000 threads");
}

static void short_threads_leave_nothing(void)
{
    run_wave(fill_and_free);
    size_t before = resident();
    for (int wave = 0; wave < WAVES; wave++) {
        run_wave(fill_and_free);
    }
    expect_no_growth(before);
}

static pthread_key_t late_key;

/* The first round only asks for a second one, which allocates for the first time in the thread. */
static void allocate_late(void *value)
{
    if (value != &late_key) {
        EXPECT(pthread_setspecific(late_key, &late_key) == 0);
        return;
    }
    void *block[100];
    for (size_t i = 0; i < 100; i++) {
        block[i] = malloc(3000);
        EXPECT(block[i] != NULL);
        *(char *)block[i] = 1;
    }
    for (size_t i = 0; i < 100; i++) {
        free(block[i]);
    }
}

static void *end_late(void *unused)
{
    EXPECT(pthread_setspecific(late_key, "first round") == 0);
    return unused;
}

/* Each of 2000 threads would keep a bin of 10 blocks of 3000 bytes: 60 MB. */
static void threads_that_allocate_late_leave_nothing(void)
{
    EXPECT(pthread_key_create(&late_key, allocate_late) == 0);
    join(start(end_late, NULL));
    size_t before = resident();
    for (int i = 0; i < 2000; i++) {
        join(start(end_late, NULL));
    }
    expect_at_most(growth_since(before), MIB(4), true, "KiB after 2000 late threads");
}

static void blocks_of_short_threads_are_freed_by_another(void)
{
    run_wave(fill_and_free);
    size_t before = resident();
    for (int wave = 0; wave < WAVES; wave++) {
        run_wave(fill_and_leave);
        for (size_t i = 0; i < WAVE; i++) {
            free_list(lists[i]);
        }
    }
    expect_no_growth(before);
}

static void short_threads_free_their_predecessors_blocks(void)
{
    run_wave(fill_and_free);
    size_t before = resident();
    for (int wave = 0; wave < WAVES; wave++) {
        run_wave(free_and_leave);
    }
    for (size_t i = 0; i < WAVE; i++) {
        free_list(lists[i]);
    }
    expect_no_growth(before);
}

enum { PRODUCERS = 4, QUEUE = 4096, HANDED = 200000 };

static struct {
    void *block[QUEUE];
    sem_t room;
    sem_t filled;
    atomic_size_t put;
} queue;

static void *produce(void *argument)
{
    uint64_t seed = (uintptr_t)argument;
    for (size_t i = 0; i < HANDED; i++) {
        size_t size = 16 + next_random(&seed) % (i % 100 ? 600 : 20000);
        void *block = marked_block(size);
        while (sem_wait(&queue.room) != 0) {
        }
        atomic_store((_Atomic(void *) *)&queue.block[atomic_fetch_add(&queue.put, 1) % QUEUE],
                     block);
        sem_post(&queue.filled);
    }
    return NULL;
}

static void *only_free(void *unused)
{
    (void)unused;
    for (size_t i = 0; i < (size_t)HANDED * PRODUCERS; i++) {
        void *block = NULL;
        while (sem_wait(&queue.filled) != 0) {
        }
        while (!(block = atomic_exchange((_Atomic(void *) *)&queue.block[i % QUEUE], NULL))) {
            sched_yield();
        }
        free_marked(block);
        sem_post(&queue.room);
    }
    return NULL;
}

/* At most 4096 blocks of 400 bytes on average are on their way: 2 MiB live. Besides them a producer
 * may have some pages of each class, the freeing thread 512 KiB held back, and the budget is 6 MiB.
 * All that was handed over is above 300 MiB. */
static void one_thread_frees_what_others_make(void)
{
    pthread_t producer[PRODUCERS];
    EXPECT(sem_init(&queue.room, 0, QUEUE - PRODUCERS) == 0 && sem_init(&queue.filled, 0, 0) == 0);
    size_t before = resident();
    pthread_t consumer = start(only_free, NULL);
    for (uintptr_t i = 0; i < PRODUCERS; i++) {
        producer[i] = start(produce, (void *)(i + 1));
    }
    for (size_t i = 0; i < PRODUCERS; i++) {
        join(producer[i]);
    }
    join(consumer);
    expect_at_most(growth_since(before), MIB(40), true, "KiB after 800 000 blocks");
}

enum { SLEEPERS = 200 };

static sem_t asleep;
static sem_t awake;

static void *burst_and_sleep(void *unused)
{
    struct burst burst[2];
    (void)unused;
    burst_begin(&burst[0], KIB(512), 16, 1024);
    burst_begin(&burst[1], KIB(512), 1025, 20000);
    burst_end(&burst[0]);
    burst_end(&burst[1]);
    sem_post(&asleep);
    while (sem_wait(&awake) != 0) {
    }
    return NULL;
}

/* Three blocks of every size from 1 to 256 KiB in steps of an eighth: 7 MiB, not all at a time. */
static void *touch_and_sleep(void *unused)
{
    (void)unused;
    for (size_t size = 1025; size <= KIB(256); size += size / 8) {
        void *block[3];
        for (size_t i = 0; i < 3; i++) {
            block[i] = malloc(size);
            EXPECT(block[i] != NULL);
            memset(block[i], 1, size);
        }
        for (size_t i = 0; i < 3; i++) {
            free(block[i]);
        }
    }
    sem_post(&asleep);
    while (sem_wait(&awake) != 0) {
    }
    return NULL;
}

static void *sleep_only(void *unused)
{
    (void)unused;
    sem_post(&asleep);
    while (sem_wait(&awake) != 0) {
    }
    return NULL;
}

static size_t growth_by_sleepers(void *(*run)(void *))
{
    static pthread_t thread[SLEEPERS];
    EXPECT(sem_init(&asleep, 0, 0) == 0 && sem_init(&awake, 0, 0) == 0);
    size_t before = resident();
    for (size_t i = 0; i < SLEEPERS; i++) {
        thread[i] = start(run, NULL);
    }
    for (size_t i = 0; i < SLEEPERS; i++) {
        while (sem_wait(&asleep) != 0) {
        }
    }
    malloc_trim(0);
    size_t growth = growth_since(before);
    for (size_t i = 0; i < SLEEPERS; i++) {
        sem_post(&awake);
    }
    for (size_t i = 0; i < SLEEPERS; i++) {
        join(thread[i]);
    }
    return growth;
}

/* A sleeping thread may keep its bins and pages, but not more memory than its burst had touched,
 * with half as much again for partly filled pages; in particular not huge pages of which it had
 * used some KiB. The threads' stacks are measured first and taken off. */
static void idle_threads_keep_no_more_than_their_burst(void)
{
    size_t stacks = growth_by_sleepers(sleep_only);
    size_t growth = growth_by_sleepers(burst_and_sleep);
    size_t kept = growth > stacks ? growth - stacks : 0;
    expect_at_most(kept, SLEEPERS * KIB(1536), true, "KiB kept by 200 idle threads");
}

/* Where the pages of middle sizes are all threads': each may keep 256 KiB, all together 16 MiB
 * more; as much again for partly filled pages and what the main thread has not trimmed. */
static void idle_threads_keep_a_handful_of_middle_blocks(void)
{
    size_t stacks = growth_by_sleepers(sleep_only);
    size_t growth = growth_by_sleepers(touch_and_sleep);
    size_t kept = growth > stacks ? growth - stacks : 0;
    size_t bound = SLEEPERS * KIB(256) + MIB(16);
    expect_at_most(kept, 2 * bound, true, "KiB of middle blocks kept by 200 idle threads");
}

/* Where they are a heap's, classes that hold nothing in use serve the next ones: of the 7 MiB a
 * thread keeps the last few sizes, which are the largest. Without that it kept 5 MiB. */
static void idle_threads_keep_few_middle_sizes(void)
{
    size_t stacks = growth_by_sleepers(sleep_only);
    size_t growth = growth_by_sleepers(touch_and_sleep);
    size_t kept = growth > stacks ? growth - stacks : 0;
    expect_at_most(kept, SLEEPERS * MIB(3), true, "KiB of middle blocks kept by 200 idle threads");
}

int main(int argc, char **argv)
{
    static const struct claim claims[] = {
        {"short_threads_leave_nothing", short_threads_leave_nothing},
        {"threads_that_allocate_late_leave_nothing", threads_that_allocate_late_leave_nothing},
        {"blocks_of_short_threads_are_freed_by_another",
         blocks_of_short_threads_are_freed_by_another},
        {"short_threads_free_their_predecessors_blocks",
         short_threads_free_their_predecessors_blocks},
        {"one_thread_frees_what_others_make", one_thread_frees_what_others_make},
        {"idle_threads_keep_no_more_than_their_burst", idle_threads_keep_no_more_than_their_burst},
        {"idle_threads_keep_a_handful_of_middle_blocks",
         idle_threads_keep_a_handful_of_middle_blocks},
        {"idle_threads_keep_few_middle_sizes", idle_threads_keep_few_middle_sizes},
    };
    return check_claims(argc, argv, claims, sizeof claims / sizeof *claims);
}
