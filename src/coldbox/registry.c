/* SPDX-License-Identifier: MIT */
/* Two levels: 4096 leaves of 8192 units cover 47 bits of user address space (4 MiB units). An
 * address above that is handed out by the kernel only on request, and we make none. */
#include "coldbox/registry.h"

#include "coldbox/meta.h"
#include "common/atomic.h"
#include "common/sizes.h"

#include <errno.h>
#include <stdint.h>

enum {
    LEAF_SHIFT = 13,
    LEAF_UNITS = 1 << LEAF_SHIFT,
    LEAVES = 4096,
};

struct leaf {
    _Atomic(uint8_t) owned[LEAF_UNITS];
};

static _Atomic(struct leaf *) leaves[LEAVES];

static struct leaf *find_leaf(size_t unit)
{
    if (unit >> LEAF_SHIFT >= LEAVES) {
        return NULL;
    }
    /* acquire: pairs with make_leaf */
    return atomic_load_explicit(&leaves[unit >> LEAF_SHIFT], memory_order_acquire);
}

static struct leaf *make_leaf(size_t unit)
{
    struct leaf *leaf = find_leaf(unit);
    if (leaf || unit >> LEAF_SHIFT >= LEAVES) {
        return leaf;
    }
    struct leaf *made = hk_meta_alloc(sizeof *made);
    if (!made) {
        return NULL;
    }
    if (hk_atomic_cas(&leaves[unit >> LEAF_SHIFT], &leaf, made, memory_order_acq_rel)) {
        return made;
    }
    hk_meta_free(made, sizeof *made);
    return find_leaf(unit);
}

static void mark(const void *base, size_t units, uint8_t owned)
{
    size_t first = (uintptr_t)base >> HK_SUPERSLAB_SHIFT;
    for (size_t unit = first; unit < first + units; unit++) {
        struct leaf *leaf = find_leaf(unit);
        atomic_store_explicit(&leaf->owned[unit % LEAF_UNITS], owned, memory_order_relaxed);
    }
}

int hk_registry_add(const void *base, size_t units)
{
    size_t first = (uintptr_t)base >> HK_SUPERSLAB_SHIFT;
    for (size_t unit = first; unit < first + units; unit += LEAF_UNITS) {
        if (!make_leaf(unit)) {
            return ENOMEM;
        }
    }
    if (!make_leaf(first + units - 1)) {
        return ENOMEM;
    }
    mark(base, units, 1);
    return 0;
}

void hk_registry_remove(const void *base, size_t units)
{
    mark(base, units, 0);
}

bool hk_registry_owns(const void *addr)
{
    size_t unit = ((uintptr_t)addr - 1) >> HK_SUPERSLAB_SHIFT;
    struct leaf *leaf = find_leaf(unit);
    return leaf && atomic_load_explicit(&leaf->owned[unit % LEAF_UNITS], memory_order_relaxed);
}

size_t hk_registry_bytes(void)
{
    size_t bytes = sizeof leaves;
    for (size_t i = 0; i < LEAVES; i++) {
        bytes += atomic_load_explicit(&leaves[i], memory_order_relaxed) ? sizeof(struct leaf) : 0;
    }
    return bytes;
}
