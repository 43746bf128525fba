/* SPDX-License-Identifier: MIT */
/* Misuse of a library for one thread: a second thread allocates. */
#include <pthread.h>
#include <stdlib.h>

static void *allocate(void *unused)
{
    (void)unused;
    return malloc(100);
}

int main(void)
{
    pthread_t thread;
    void *volatile block = malloc(100);
    if (pthread_create(&thread, NULL, allocate, NULL) == 0) {
        pthread_join(thread, NULL);
    }
    free(block);
    return 0;
}
