/* SPDX-License-Identifier: MIT */
/* The empty decorator: sees nothing, costs nothing. */
#ifndef HK_DECORATOR_NONE_H
#define HK_DECORATOR_NONE_H

#include "gate/decorator.h"

HK_INLINE void *hk_decorator_none_allocated(void *block, size_t size)
{
    (void)size;
    return block;
}

HK_INLINE void hk_decorator_none_freeing(void *block)
{
    (void)block;
}

static const struct hk_decorator hk_decorator_none = {
    .name = "none",
    .allocated = hk_decorator_none_allocated,
    .freeing = hk_decorator_none_freeing,
};

#endif
