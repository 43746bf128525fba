/* SPDX-License-Identifier: MIT */
/* Large blocks that grow: what the move of their pages leaves behind, and what a refused one may
 * not lose; and free's promise about errno while the OS refuses to take memory back. */
#include "claim.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>

static bool is_filled(const unsigned char *block, size_t size, unsigned char value)
{
    return size == 0 || (block[0] == value && memcmp(block, block + 1, size - 1) == 0);
}

/* A block grows into memory that was dirty before it came, and is then moved away. */
static void moved_blocks_leave_no_memory_that_passes_for_clean(void)
{
    unsigned char *dirty = malloc(MIB(7));
    void *wall = malloc(MIB(3));
    unsigned char *block = malloc(KIB(1900));
    memset(dirty, 0xff, MIB(7));
    free(dirty);
    block = realloc(block, KIB(2250));
    memset(block, 0x11, KIB(2250));
    block = realloc(block, MIB(10));

    for (int i = 0; i < 20; i++) {
        unsigned char *zeros = calloc(1, KIB(3900));
        EXPECT(is_filled(zeros, KIB(3900), 0));
    }
    for (int i = 0; i < 20000; i++) {
        unsigned char *zeros = calloc(1, 600);
        EXPECT(is_filled(zeros, 600, 0));
    }
    EXPECT(is_filled(block, KIB(1900), 0x11));
    free(block);
    free(wall);
}

/* The limit is below what is mapped already: the kernel refuses to move anything. */
static void refused_growth_loses_nothing(void)
{
    unsigned char *block = malloc(MIB(3));
    void *wall = malloc(MIB(3));
    struct rlimit limit;
    memset(block, 5, MIB(3));
    EXPECT(getrlimit(RLIMIT_AS, &limit) == 0);
    limit.rlim_cur = MIB(1);
    EXPECT(setrlimit(RLIMIT_AS, &limit) == 0);

    unsigned char *grown = realloc(block, MIB(6));
    block = grown ? grown : block;

    EXPECT(is_filled(block, MIB(3), 5));
    memset(block, 6, grown ? MIB(6) : MIB(3));
    free(block);
    free(wall);
}

/* Locked memory is refused by the kernel when it is given back. */
static void free_keeps_errno_when_memory_is_locked(void)
{
    enum { BLOCKS = 60000, LOCKED = 12 };
    static char *block[BLOCKS];
    for (size_t i = 0; i < BLOCKS; i++) {
        block[i] = malloc(600);
        EXPECT(block[i] != NULL);
        block[i][0] = 1;
        if (i % (BLOCKS / LOCKED) == 0) {
            (void)mlock(block[i], 1);
        }
    }

    errno = EDOM;
    for (size_t i = 0; i < BLOCKS; i++) {
        free(block[i]);
        EXPECT(errno == EDOM);
    }
}

int main(int argc, char **argv)
{
    static const struct claim claims[] = {
        {"moved_blocks_leave_no_memory_that_passes_for_clean",
         moved_blocks_leave_no_memory_that_passes_for_clean},
        {"refused_growth_loses_nothing", refused_growth_loses_nothing},
        {"free_keeps_errno_when_memory_is_locked", free_keeps_errno_when_memory_is_locked},
    };
    return check_claims(argc, argv, claims, sizeof claims / sizeof *claims);
}
