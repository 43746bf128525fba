/* SPDX-License-Identifier: MIT */
/* Threads, marked blocks and children for the programs about life cycles. */
#include "crew.h"

#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

enum { ROUNDS_LEAST = 3, ROUNDS_SECONDS = 4 };

struct mark {
    size_t size;
    size_t check;
};

pthread_t start(void *(*run)(void *), void *argument)
{
    pthread_t thread;
    EXPECT(pthread_create(&thread, NULL, run, argument) == 0);
    return thread;
}

void *join(pthread_t thread)
{
    void *result = NULL;
    EXPECT(pthread_join(thread, &result) == 0);
    return result;
}

void *marked_block(size_t size)
{
    struct mark *mark = malloc(size);
    EXPECT(mark != NULL && size >= sizeof *mark);
    mark->size = size;
    mark->check = ~size;
    if (size > sizeof *mark) {
        ((unsigned char *)mark)[size - 1] = (unsigned char)(size * 31);
    }
    return mark;
}

void free_marked(void *block)
{
    if (!block) {
        return;
    }
    struct mark *mark = block;
    EXPECT(mark->check == ~mark->size);
    if (mark->size > sizeof *mark) {
        EXPECT(((unsigned char *)mark)[mark->size - 1] == (unsigned char)(mark->size * 31));
    }
    mark->check = 0;
    free(mark);
}

void swap_blocks(struct swap_table *table, uint64_t seed, size_t count, size_t size_limit)
{
    for (size_t i = 0; i < count; i++) {
        size_t size = sizeof(struct mark) + next_random(&seed) % size_limit;
        size_t slot = next_random(&seed) % SWAP_SLOTS;
        free_marked(atomic_exchange(&table->slot[slot], marked_block(size)));
    }
}

void clear_table(struct swap_table *table)
{
    for (size_t i = 0; i < SWAP_SLOTS; i++) {
        free_marked(atomic_exchange(&table->slot[i], NULL));
    }
}

bool another_round(struct rounds *rounds)
{
    struct timespec now;
    EXPECT(clock_gettime(CLOCK_MONOTONIC, &now) == 0);
    if (rounds->done == 0) {
        rounds->end = now.tv_sec + ROUNDS_SECONDS;
    }
    bool tired = now.tv_sec >= rounds->end && rounds->done >= ROUNDS_LEAST;
    return !tired && rounds->done++ < rounds->most;
}

void in_child(void (*run)(void))
{
    pid_t child = fork();
    EXPECT(child >= 0);
    if (child == 0) {
        run();
        _exit(0);
    }
    int status = 0;
    EXPECT(waitpid(child, &status, 0) == child);
    EXPECT(WIFEXITED(status) && WEXITSTATUS(status) == 0);
}
