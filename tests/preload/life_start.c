/* SPDX-License-Identifier: MIT */
/* The first and the last moments of a process: blocks from preinit_array and from constructors of
 * a library and of the program; atexit handlers; the main thread that ends before the others. */
#include "crew.h"
#include "early.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static char *preinit_block;
static char *constructor_block;

static void allocate_in_preinit(int argc, char **argv, char **environment)
{
    (void)argv;
    (void)environment;
    preinit_block = strdup("from preinit");
    free(malloc(argc > 0 ? 300000 : 1));
}

__attribute__((section(".preinit_array"),
               used)) static void (*const preinit)(int, char **, char **) = allocate_in_preinit;

__attribute__((constructor(101))) static void allocate_in_constructor(void)
{
    constructor_block = malloc(50);
    strcpy(constructor_block, "from the program's constructor");
}

static void blocks_from_before_main_are_good(void)
{
    EXPECT(strcmp(preinit_block, "from preinit") == 0);
    EXPECT(strcmp(constructor_block, "from the program's constructor") == 0);
    EXPECT(strcmp(early_block, "from a constructor") == 0);
    EXPECT(strcmp(early_thread_block, "from a thread before main") == 0);
    preinit_block = realloc(preinit_block, 9000);
    EXPECT(strcmp(preinit_block, "from preinit") == 0);
    free(preinit_block);
    free(constructor_block);
}

static void *exit_block;

static void free_at_exit(void)
{
    free_marked(exit_block);
    exit_block = marked_block(5000);
    for (size_t size = 16; size < MIB(2); size *= 3) {
        free_marked(marked_block(size));
    }
}

static void exit_handlers_may_allocate(void)
{
    EXPECT(atexit(free_at_exit) == 0);
    exit_block = marked_block(777);
    exit(0);
}

static struct swap_table table;

static void *end_the_process(void *main_thread)
{
    join(*(pthread_t *)main_thread);
    swap_blocks(&table, 5, 20000, 1500);
    clear_table(&table);
    for (int i = 0; i < 20; i++) {
        in_child(free_at_exit);
    }
    exit(0);
}

static void the_process_outlives_its_main_thread(void)
{
    static pthread_t main_thread;
    main_thread = pthread_self();
    swap_blocks(&table, 3, 5000, 1500);
    start(end_the_process, &main_thread);
    pthread_exit(NULL);
}

int main(int argc, char **argv)
{
    static const struct claim claims[] = {
        {"blocks_from_before_main_are_good", blocks_from_before_main_are_good},
        {"exit_handlers_may_allocate", exit_handlers_may_allocate},
        {"the_process_outlives_its_main_thread", the_process_outlives_its_main_thread},
    };
    return check_claims(argc, argv, claims, sizeof claims / sizeof *claims);
}
