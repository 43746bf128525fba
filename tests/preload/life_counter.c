/* SPDX-License-Identifier: MIT */
/* Two preloaded interposers. argv[2] says whether the counting one comes first (it then wraps the
 * library under test) or last (nobody calls it). The order is the runner's, by LD_PRELOAD. */
#include "crew.h"

#include <dlfcn.h>
#include <stdlib.h>
#include <string.h>

static struct {
    size_t (*allocations)(void);
    size_t (*releases)(void);
    void *(*next)(void);
} counter;

static void *work(void *unused)
{
    (void)unused;
    struct swap_table *table = calloc(1, sizeof *table);
    swap_blocks(table, 5, 20000, 3000);
    clear_table(table);
    free(table);
    return NULL;
}

static void use_blocks(void)
{
    pthread_t thread[3];
    for (size_t i = 0; i < 3; i++) {
        thread[i] = start(work, NULL);
    }
    work(NULL);
    for (size_t i = 0; i < 3; i++) {
        join(thread[i]);
    }
}

static void counter_first_wraps_the_library(void)
{
    Dl_info info;
    size_t before = counter.allocations();
    use_blocks();
    EXPECT(counter.allocations() >= before + 80000);
    EXPECT(counter.releases() >= 80000);
    EXPECT(dladdr(counter.next(), &info) != 0);
    EXPECT(!library_under_test() || strcmp(info.dli_fname, library_under_test()) == 0);
}

static void counter_last_sees_nothing(void)
{
    EXPECT(comes_from_library("malloc"));
    EXPECT(comes_from_library("free"));
    use_blocks();
    EXPECT(counter.allocations() == 0);
}

int main(int argc, char **argv)
{
    find_function("counter_allocations", &counter.allocations);
    find_function("counter_releases", &counter.releases);
    find_function("counter_next", &counter.next);
    EXPECT(counter.allocations && counter.releases && counter.next);
    if (argc > 1 && strcmp(argv[1], "last") == 0) {
        counter_last_sees_nothing();
    } else {
        counter_first_wraps_the_library();
    }
    return EXIT_SUCCESS;
}
