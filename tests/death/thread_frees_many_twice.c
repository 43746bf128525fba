/* SPDX-License-Identifier: MIT */
/* Misuse: a block of SIZE bytes, one of many that another thread has freed, is freed again. */
#include <pthread.h>
#include <stdlib.h>

enum { BLOCKS = 64 };

static void *volatile block[BLOCKS];

static void *free_all(void *unused)
{
    for (int i = 0; i < BLOCKS; i++) {
        free(block[i]);
    }
    return unused;
}

int main(void)
{
    pthread_t thread;
    for (int i = 0; i < BLOCKS; i++) {
        block[i] = malloc(SIZE);
    }
    if (pthread_create(&thread, NULL, free_all, NULL) == 0) {
        pthread_join(thread, NULL);
    }
    free(block[0]);
    return 0;
}
