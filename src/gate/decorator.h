/* SPDX-License-Identifier: MIT */
/* The gate's decorator seat (struct hk_decorator): sees every block that leaves the gate and every
 * block that comes back, whatever box serves it. Chosen at build time; the default is empty and
 * folds away. Recorders, profilers and fault injection sit here. */
#ifndef HK_GATE_DECORATOR_H
#define HK_GATE_DECORATOR_H

#include "common/attr.h"

#include <stddef.h>

struct hk_decorator {
    const char *name;

    /* `block` (not NULL) of `size` requested bytes is about to be handed out; of aligned forms they
     * may be rounded up. -> the block, or NULL to refuse it: the gate then frees it and reports
     * ENOMEM. any; must not allocate, nor change errno. */
    void *(*allocated)(void *block, size_t size);

    /* `block` (not NULL) is about to be freed. any; must not allocate, nor change errno. */
    void (*freeing)(void *block);
};

#endif
