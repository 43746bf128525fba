/* SPDX-License-Identifier: MIT */
/* malloc, free and calloc for programs that have the archive in them: their fast paths become part
 * of the caller. Blocks are those of malloc: either's may go to the other. Where the size is no
 * constant to the compiler, and in builds with a header in front of blocks, these are calls. Not in
 * C++, and with the archive of the same build only: with another one, linking fails. any. */
#ifndef HK_GATE_INLINE_H
#define HK_GATE_INLINE_H

#include "gate/fast.h"
#include "gate/gate.h"

/* To the compiler a free block's link and what the program keeps in the block are objects of
 * different types, which it may move past each other; a call would keep them apart. */
#define HK_APART() __asm__ volatile("" : : : "memory")

/* -> as malloc. */
static inline void *hakmem_malloc(size_t size)
{
    bool constant = !HK_HEADER && __builtin_constant_p(size);
    void *block = constant ? hk_fast_malloc(size) : hk_malloc(size);
    HK_APART();
    return block;
}

/* As free. */
static inline void hakmem_free(void *block)
{
    HK_APART();
    if (HK_HEADER) {
        hk_free(block);
    } else {
        hk_fast_free(block);
    }
}

/* -> as calloc. */
static inline void *hakmem_calloc(size_t count, size_t size)
{
    bool constant = !HK_HEADER && __builtin_constant_p(count) && __builtin_constant_p(size);
    void *block = constant ? hk_fast_calloc(count, size) : hk_calloc(count, size);
    HK_APART();
    return block;
}

#endif
