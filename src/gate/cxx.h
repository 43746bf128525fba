/* SPDX-License-Identifier: MIT */
/* What the two halves of the C++ operators share. */
#ifndef HK_GATE_CXX_H
#define HK_GATE_CXX_H

#include "common/attr.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Find the C++ library's operator of this name and store its address in *next, a function pointer.
 * `own` is ours, which the default search finds where there is no C++ library. -> false: none. */
HK_COLD_FN bool hk_find_operator(const char *name, uintptr_t own, void *next);

HK_HIDDEN void *hk_new(size_t size);
HK_HIDDEN void *hk_new_aligned(size_t size, size_t align);
HK_HIDDEN void hk_delete(void *block);
HK_HIDDEN void hk_delete_aligned(void *block, size_t align);

#endif
