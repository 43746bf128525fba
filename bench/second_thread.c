/* SPDX-License-Identifier: MIT */
/* Preloaded, it starts a thread before the program does anything: from then on libc says that the
 * process may have several, and no allocator does without its atomic operations. */
#include <pthread.h>

static void *end(void *arg)
{
    return arg;
}

__attribute__((constructor)) static void start(void)
{
    pthread_t thread;
    if (pthread_create(&thread, NULL, end, NULL) == 0) {
        pthread_join(thread, NULL);
    }
}
