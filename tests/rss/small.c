/* SPDX-License-Identifier: MIT */
/* Memory of a process that hardly allocates: what an allocator costs every process of a system. */
#include "memory.h"

#include <stdlib.h>

enum {
    BLOCKS = 10,
    /* The C library's own pages of such a process, some 110 KiB, and of the allocator a heap, the
     * descriptors of a superslab, and a page or two of each class. */
    MOST = 384 << 10,
};

static void small_process_needs_little(void)
{
    char *block[BLOCKS];
    for (size_t i = 0; i < BLOCKS; i++) {
        block[i] = malloc((i + 1) * 16);
        EXPECT(block[i] != NULL);
        block[i][0] = 1;
    }
    expect_at_most(anonymous(), MOST, true, "KiB of a process with ten blocks");
    for (size_t i = 0; i < BLOCKS; i++) {
        free(block[i]);
    }
}

int main(int argc, char **argv)
{
    static const struct claim claims[] = {
        {"small_process_needs_little", small_process_needs_little},
    };
    return check_claims(argc, argv, claims, sizeof claims / sizeof *claims);
}
