/* SPDX-License-Identifier: MIT */
/* The entries that every allocation takes. With a header in front of blocks they go out of line
 * (header.c); without one they are the fast paths themselves. */
#include "gate/gate.h"

#include "gate/export.h"
#include "gate/fast.h"
#include "gate/header.h"

HK_HOT_ENTRY void *hk_malloc(size_t size)
{
    return HK_HEADER ? hk_headed_malloc(size) : hk_fast_malloc(size);
}

HK_INLINE void take_back(void *block)
{
    if (HK_HEADER) {
        hk_headed_free(block);
    } else {
        hk_fast_free(block);
    }
}

HK_HOT_ENTRY void hk_free(void *block)
{
    take_back(block);
}

HK_HOT_ENTRY void *hk_calloc(size_t count, size_t size)
{
    return HK_HEADER ? hk_headed_calloc(count, size) : hk_fast_calloc(count, size);
}

HK_HOT_ENTRY void hk_free_sized(void *block, size_t size)
{
    (void)size;
    take_back(block);
}

HK_HOT_ENTRY void hk_free_aligned_sized(void *block, size_t align, size_t size)
{
    (void)align;
    (void)size;
    take_back(block);
}

HK_EXPORT(hk_malloc, malloc);
HK_EXPORT(hk_free, free);
HK_EXPORT(hk_calloc, calloc);
HK_EXPORT(hk_free_sized, free_sized);
HK_EXPORT(hk_free_aligned_sized, free_aligned_sized);
