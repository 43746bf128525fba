/* SPDX-License-Identifier: MIT */
/* The gate: every public entry point under its internal name. In the interposer each one is also
 * exported under its libc name, as an alias of the same code. Semantics are those of C23, POSIX and
 * glibc: errno is ENOMEM exactly when NULL is returned for a request that is not zero, and
 * untouched otherwise; a size above PTRDIFF_MAX fails; size 0 gets a block of its own; all are safe
 * in any thread, none in a signal handler. */
#ifndef HK_GATE_GATE_H
#define HK_GATE_GATE_H

#include "common/attr.h"

#include <stddef.h>

HK_HIDDEN void *hk_malloc(size_t size);
HK_HIDDEN void hk_free(void *block);
HK_HIDDEN void *hk_calloc(size_t count, size_t size);

/* size 0 frees the block and returns NULL, as glibc does; on failure the block is as before. */
HK_HIDDEN void *hk_realloc(void *block, size_t size);
HK_HIDDEN void *hk_reallocarray(void *block, size_t count, size_t size);

/* C23: the caller's knowledge of size and alignment is not needed. */
HK_HIDDEN void hk_free_sized(void *block, size_t size);
HK_HIDDEN void hk_free_aligned_sized(void *block, size_t align, size_t size);

/* -> 0, EINVAL (align is no power of two multiple of sizeof(void *)) or ENOMEM; *out untouched
 * then. */
HK_HIDDEN int hk_posix_memalign(void **out, size_t align, size_t size);

/* EINVAL where align is no power of two. */
HK_HIDDEN void *hk_aligned_alloc(size_t align, size_t size);

/* align is rounded up to a power of two. */
HK_HIDDEN void *hk_memalign(size_t align, size_t size);
HK_HIDDEN void *hk_valloc(size_t size);
HK_HIDDEN void *hk_pvalloc(size_t size);

/* -> bytes that may be used; 0 for NULL. */
HK_HIDDEN size_t hk_malloc_usable_size(void *block);

/* Give free memory back to the OS, the calling thread's caches included, but `keep` bytes.
 * -> 1 if any was given back, else 0. */
HK_HIDDEN int hk_malloc_trim(size_t keep);

#endif
