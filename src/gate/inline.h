/* SPDX-License-Identifier: MIT */
/* malloc, free and calloc for programs that have the archive in them: their fast paths become part
 * of the caller. Blocks are those of malloc: either's may go to the other. Where the size is no
 * constant to the compiler, and in builds with a header in front of blocks, these are calls. Not in
 * C++, and with the archive of the same build only: with another one, linking fails. any. */
#ifndef HK_GATE_INLINE_H
#define HK_GATE_INLINE_H

#include "gate/fast.h"
#include "gate/gate.h"

/* -> as malloc. */
static inline void *hakmem_malloc(size_t size)
{
    bool constant = !HK_HEADER && __builtin_constant_p(size);
    return constant ? hk_fast_malloc(size) : hk_malloc(size);
}

/* As free. */
static inline void hakmem_free(void *block)
{
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
    return constant ? hk_fast_calloc(count, size) : hk_calloc(count, size);
}

#endif
