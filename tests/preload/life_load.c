/* SPDX-License-Identifier: MIT */
/* Libraries that come and go, and large thread-local data. argv[2] is the plugin's file. */
#include "crew.h"

#include <dlfcn.h>
#include <stdlib.h>
#include <string.h>

static const char *plugin_file;
static _Thread_local char large[KIB(256)];
static _Thread_local char initialised[KIB(32)] = "initialised";

static void use_plugin(void)
{
    char *(*begin)(void);
    void (*end)(void);
    void *plugin = dlopen(plugin_file, RTLD_NOW | RTLD_LOCAL);
    expect(plugin != NULL, plugin ? "" : dlerror(), __FILE__, __LINE__);
    void *symbol = dlsym(plugin, "plugin_begin");
    memcpy(&begin, &symbol, sizeof symbol);
    symbol = dlsym(plugin, "plugin_end");
    memcpy(&end, &symbol, sizeof symbol);

    char *block = begin();
    EXPECT(block != NULL);
    end();
    EXPECT(dlclose(plugin) == 0);
    EXPECT(strcmp(block, "from the plugin") == 0);
    free(block);
}

static void libraries_with_threads_come_and_go(void)
{
    for (int round = 0; round < 50; round++) {
        use_plugin();
    }
}

static void *load(void *unused)
{
    (void)unused;
    for (int round = 0; round < 20; round++) {
        void *library = dlopen("libm.so.6", RTLD_NOW);
        EXPECT(library != NULL);
        EXPECT(dlsym(library, "no_such_function") == NULL && dlerror() != NULL);
        dlclose(library);
    }
    return NULL;
}

static void threads_load_at_once(void)
{
    pthread_t thread[4];
    for (size_t i = 0; i < 4; i++) {
        thread[i] = start(load, NULL);
    }
    for (size_t i = 0; i < 4; i++) {
        join(thread[i]);
    }
}

static void *touch_thread_data(void *unused)
{
    (void)unused;
    EXPECT(strcmp(initialised, "initialised") == 0);
    for (size_t i = 0; i < sizeof large; i++) {
        EXPECT(large[i] == 0);
    }
    memset(large, 1, sizeof large);
    memset(initialised, 1, sizeof initialised);
    free_marked(marked_block(4000));
    for (size_t i = 0; i < sizeof large; i++) {
        EXPECT(large[i] == 1);
    }
    return NULL;
}

static void large_thread_data_is_left_alone(void)
{
    for (int i = 0; i < 30; i++) {
        join(start(touch_thread_data, NULL));
    }
    touch_thread_data(NULL);
}

int main(int argc, char **argv)
{
    static const struct claim claims[] = {
        {"libraries_with_threads_come_and_go", libraries_with_threads_come_and_go},
        {"threads_load_at_once", threads_load_at_once},
        {"large_thread_data_is_left_alone", large_thread_data_is_left_alone},
    };
    plugin_file = argc > 2 ? argv[2] : "";
    return check_claims(argc, argv, claims, sizeof claims / sizeof *claims);
}
