/* SPDX-License-Identifier: MIT */
/* A shared library that allocates in its first constructor and its last destructor, and starts a
 * thread in between. life_start.c looks at what it left. */
#include "early.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

char *early_block;
char *early_thread_block;

static void *allocate(void *unused)
{
    (void)unused;
    free(malloc(70000));
    return strdup("from a thread before main");
}

__attribute__((constructor(101))) static void begin(void)
{
    pthread_t thread;
    void *block = NULL;
    early_block = strdup("from a constructor");
    free(calloc(100, 100));
    if (pthread_create(&thread, NULL, allocate, NULL) == 0 && pthread_join(thread, &block) == 0) {
        early_thread_block = block;
    }
}

__attribute__((destructor(101))) static void end(void)
{
    void *block = realloc(malloc(100), 3000);
    free(early_block);
    free(early_thread_block);
    free(block);
}
