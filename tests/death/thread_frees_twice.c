/* SPDX-License-Identifier: MIT */
/* Misuse: a large block is freed by two threads. */
#include <pthread.h>
#include <stdlib.h>

static void *free_block(void *block)
{
    free(block);
    return NULL;
}

int main(void)
{
    pthread_t thread;
    void *volatile block = malloc(3 << 19);
    if (pthread_create(&thread, NULL, free_block, block) == 0) {
        pthread_join(thread, NULL);
    }
    free(block);
    return 0;
}
