/* SPDX-License-Identifier: MIT */
/* Threads and blocks for the programs about life cycles: starting and joining with the result
 * checked, blocks that know their size and mark, and a table through which threads swap blocks. */
#ifndef CREW_H
#define CREW_H

#include <pthread.h>
#include <stdatomic.h>
#include <time.h>

#include "claim.h"

enum { SWAP_SLOTS = 1024 };

struct swap_table {
    _Atomic(void *) slot[SWAP_SLOTS];
};

/* Start a thread, or stop the program. */
pthread_t start(void *(*run)(void *), void *argument);

/* Wait for it. -> what it returned */
void *join(pthread_t thread);

/* -> block of `size` >= 16 bytes that carries its size and a mark at both ends. */
void *marked_block(size_t size);

/* Check the marks and free the block; NULL is fine. */
void free_marked(void *block);

/* `count` times: put a fresh block of up to `size_limit` bytes in a slot of the table and free what
 * was there, which any thread may have made. */
void swap_blocks(struct swap_table *table, uint64_t seed, size_t count, size_t size_limit);

/* Free what the table still holds. */
void clear_table(struct swap_table *table);

/* How often a claim is tried: `most` times where forking is quick. Where it is slow it ends after
 * some seconds, but not before a few rounds. */
struct rounds {
    int most;
    int done;
    time_t end; /* s */
};

/* -> true: go round once more. */
bool another_round(struct rounds *rounds);

/* Fork; the child runs `run` and must end with status 0. */
void in_child(void (*run)(void));

#endif
