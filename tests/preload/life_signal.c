/* SPDX-License-Identifier: MIT */
/* A thread that is stopped for long, or for ever, outside of the allocator holds up nobody: others
 * free its blocks, take its pages' memory and end. */
#include "crew.h"

#include <malloc.h>
#include <semaphore.h>
#include <signal.h>
#include <stdlib.h>
#include <unistd.h>

static struct swap_table table;
static sem_t stopped;
static sem_t resume;

static void wait_in_handler(int number)
{
    (void)number;
    sem_post(&stopped);
    while (sem_wait(&resume) != 0) {
    }
}

static void *allocate_and_stop(void *argument)
{
    uintptr_t seed = (uintptr_t)argument;
    swap_blocks(&table, seed, 5000, 1200);
    EXPECT(pthread_kill(pthread_self(), SIGUSR1) == 0);
    swap_blocks(&table, seed + 1, 5000, 1200);
    return NULL;
}

static void *swap_and_trim(void *argument)
{
    uintptr_t seed = (uintptr_t)argument;
    for (uint64_t i = 1; i <= 20; i++) {
        swap_blocks(&table, seed * i, 2000, i % 5 ? 1200 : 100000);
        malloc_trim(0);
    }
    return NULL;
}

static void stop_threads(pthread_t *thread, size_t count)
{
    struct sigaction action = {.sa_handler = wait_in_handler};
    EXPECT(sem_init(&stopped, 0, 0) == 0 && sem_init(&resume, 0, 0) == 0);
    EXPECT(sigaction(SIGUSR1, &action, NULL) == 0);
    for (size_t i = 0; i < count; i++) {
        thread[i] = start(allocate_and_stop, (void *)(i + 1));
    }
    for (size_t i = 0; i < count; i++) {
        while (sem_wait(&stopped) != 0) {
        }
    }
}

static void others_go_on_while_threads_are_stopped(void)
{
    pthread_t sleeper[4];
    pthread_t worker[4];
    stop_threads(sleeper, 4);

    for (size_t i = 0; i < 4; i++) {
        worker[i] = start(swap_and_trim, (void *)(i + 100));
    }
    swap_and_trim((void *)7);
    for (size_t i = 0; i < 4; i++) {
        join(worker[i]);
    }

    for (size_t i = 0; i < 4; i++) {
        sem_post(&resume);
    }
    for (size_t i = 0; i < 4; i++) {
        join(sleeper[i]);
    }
    clear_table(&table);
}

static void use_in_child(void)
{
    swap_blocks(&table, 3, 5000, 1200);
    clear_table(&table);
}

static void fork_works_while_threads_are_stopped(void)
{
    pthread_t sleeper[4];
    stop_threads(sleeper, 4);
    for (int i = 0; i < 20; i++) {
        in_child(use_in_child);
    }
    use_in_child();
}

static void the_process_ends_while_threads_are_stopped(void)
{
    pthread_t sleeper[4];
    stop_threads(sleeper, 4);
    clear_table(&table);
    exit(0);
}

int main(int argc, char **argv)
{
    static const struct claim claims[] = {
        {"others_go_on_while_threads_are_stopped", others_go_on_while_threads_are_stopped},
        {"fork_works_while_threads_are_stopped", fork_works_while_threads_are_stopped},
        {"the_process_ends_while_threads_are_stopped", the_process_ends_while_threads_are_stopped},
    };
    return check_claims(argc, argv, claims, sizeof claims / sizeof *claims);
}
