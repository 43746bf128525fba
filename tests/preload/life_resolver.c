/* SPDX-License-Identifier: MIT */
/* Blocks from a symbol's resolver (ifunc), which runs while the loader is still at work. */
#include "crew.h"

#include <stdlib.h>
#include <string.h>

static void *resolver_blocks[64];

static int chosen(void)
{
    return 42;
}

/* Runs while the program is being relocated: thread-local data may be set to its first values
 * afterwards, so whatever the allocator keeps there is forgotten once. */
__attribute__((used)) static int (*choose(void))(void)
{
    for (size_t i = 0; i < 64; i++) {
        resolver_blocks[i] = malloc(i * 40 + 1);
    }
    free(resolver_blocks[10]);
    free(resolver_blocks[20]);
    return chosen;
}

static int resolved(void) __attribute__((ifunc("choose")));

static void blocks_from_a_resolver_are_good(void)
{
    EXPECT(resolved() == 42);
    for (size_t i = 0; i < 64; i++) {
        if (i != 10 && i != 20) {
            EXPECT(resolver_blocks[i] != NULL);
            memset(resolver_blocks[i], 1, i * 40 + 1);
        }
    }
    for (size_t i = 0; i < 64; i++) {
        if (i != 10 && i != 20) {
            free(resolver_blocks[i]);
        }
    }
    struct swap_table *table = calloc(1, sizeof *table);
    swap_blocks(table, 5, 10000, 3000);
    clear_table(table);
    free(table);
}

int main(int argc, char **argv)
{
    static const struct claim claims[] = {
        {"blocks_from_a_resolver_are_good", blocks_from_a_resolver_are_good},
    };
    return check_claims(argc, argv, claims, sizeof claims / sizeof *claims);
}
