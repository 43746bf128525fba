/* SPDX-License-Identifier: MIT */
/* malloc, free and calloc for programs that have the archive in them: their fast paths become part
 * of the caller. Blocks are those of malloc: either's may go to the other. Where the size is no
 * constant to the compiler, in builds with a header in front of blocks, and under sanitizers these
 * are calls of malloc, free and calloc. Not in C++, and with the archive of the same build only:
 * with another one, linking fails. any. */
#ifndef HK_GATE_INLINE_H
#define HK_GATE_INLINE_H

/* This is a program's code, not the library's. */
#define HK_IN_PROGRAM 1

#include "gate/fast.h"
#include "gate/gate.h"

#include <stdlib.h>

/* A sanitizer brings a malloc of its own, beside which there must be no other. For those that show
 * no macro a program defines HAKMEM_INLINE_CALLS, in all of its units. */
#if defined(HAKMEM_INLINE_CALLS) || defined(__SANITIZE_ADDRESS__) ||                               \
    defined(__SANITIZE_THREAD__) || defined(__SANITIZE_HWADDRESS__)
#define HK_INLINE_CALLS 1
#elif defined(__has_feature)
#define HK_INLINE_CALLS                                                                            \
    (__has_feature(address_sanitizer) || __has_feature(thread_sanitizer) ||                        \
     __has_feature(memory_sanitizer) || __has_feature(leak_sanitizer) ||                           \
     __has_feature(hwaddress_sanitizer))
#else
#define HK_INLINE_CALLS 0
#endif

/* Around each fast path, as a call would be one. Compilers know that malloc itself changes nothing
 * that a program can see, and would keep a bin's head in a register across it; and a free block's
 * link and what the program keeps there have different types, so they may pass each other. */
#define HK_APART() __asm__ volatile("" : : : "memory")

/* -> as malloc. */
static inline void *hakmem_malloc(size_t size)
{
    if (HK_HEADER != HK_HEADER_OFF || HK_INLINE_CALLS || !__builtin_constant_p(size)) {
        return malloc(size);
    }
    HK_APART();
    void *block = hk_fast_malloc(size);
    HK_APART();
    return block;
}

/* As free. */
static inline void hakmem_free(void *block)
{
    if (HK_HEADER != HK_HEADER_OFF || HK_INLINE_CALLS) {
        free(block);
        return;
    }
    HK_APART();
    hk_fast_free(block);
    HK_APART();
}

/* -> as calloc. */
static inline void *hakmem_calloc(size_t count, size_t size)
{
    if (HK_HEADER != HK_HEADER_OFF || HK_INLINE_CALLS || !__builtin_constant_p(count) ||
        !__builtin_constant_p(size)) {
        return calloc(count, size);
    }
    HK_APART();
    void *block = hk_fast_calloc(count, size);
    HK_APART();
    return block;
}

#endif
