/* SPDX-License-Identifier: MIT */
/* A library to load and unload: threads of its own that allocate until it is told to stop, a key
 * with a destructor that lies in it, and thread-local data that must fit in the static block. */
#include "plugin.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

enum { WORKERS = 3 };

static pthread_t worker[WORKERS];
static pthread_key_t key;
static atomic_bool stop;

/* More than the loader's reserve leaves if the allocator had taken a share of it. */
static __thread char local[256] __attribute__((tls_model("initial-exec"))) = {1};

static void free_value(void *value)
{
    free(value);
    free(malloc(2000));
}

static void *work(void *unused)
{
    (void)unused;
    memset(local, 2, sizeof local);
    pthread_setspecific(key, malloc(64));
    while (!atomic_load(&stop)) {
        void *block = malloc(300);
        block = realloc(block, 5000);
        free(block);
    }
    return NULL;
}

char *plugin_begin(void)
{
    atomic_store(&stop, false);
    if (local[0] == 0 || pthread_key_create(&key, free_value) != 0) {
        return NULL;
    }
    for (size_t i = 0; i < WORKERS; i++) {
        if (pthread_create(&worker[i], NULL, work, NULL) != 0) {
            return NULL;
        }
    }
    return strdup("from the plugin");
}

void plugin_end(void)
{
    atomic_store(&stop, true);
    for (size_t i = 0; i < WORKERS; i++) {
        pthread_join(worker[i], NULL);
    }
    pthread_key_delete(key);
}
