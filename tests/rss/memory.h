/* SPDX-License-Identifier: MIT */
/* What the kernel says of this process, read without allocating, and the bursts that the programs
 * about memory share. Bounds are on bytes and counts, never on time; where a bound stands, its
 * reason stands beside it. */
#ifndef MEMORY_H
#define MEMORY_H

#include "crew.h"

/* -> bytes in memory. */
size_t resident(void);

/* -> bytes in memory that are the process's own: no file's, or written to. */
size_t anonymous(void);

/* -> bytes in memory beyond `before`, 0 if there are less. */
size_t growth_since(size_t before);

/* -> lines of the memory map. */
size_t mappings(void);

/* Stop the program unless `value` <= `bound`; the line says both, in KiB if `in_bytes`. */
void expect_at_most(size_t value, size_t bound, bool in_bytes, const char *what);

/* Blocks of `low` to `high` bytes, `bytes` in all, every one written to its end. */
struct burst {
    void **block;
    size_t count;
    size_t bytes;
};

void burst_begin(struct burst *burst, size_t bytes, size_t low, size_t high);

/* Free the blocks, all but one in `keep_one_in` at random (0: all). The list stays. */
void burst_free(struct burst *burst, size_t keep_one_in);

/* Free what is left, and the list. */
void burst_end(struct burst *burst);

#endif
