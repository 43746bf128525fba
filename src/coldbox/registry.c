/* SPDX-License-Identifier: MIT */
#include "coldbox/registry.h"

#include "coldbox/meta.h"

#include <errno.h>
#include <stdint.h>

_Atomic(struct hk_registry_leaf *) hk_registry_leaves[HK_REGISTRY_LEAVES];

static struct hk_registry_leaf *make_leaf(size_t unit)
{
    struct hk_registry_leaf *leaf = hk_registry_leaf(unit);
    if (leaf || unit >> HK_REGISTRY_LEAF_SHIFT >= HK_REGISTRY_LEAVES) {
        return leaf;
    }
    struct hk_registry_leaf *made = hk_meta_alloc(sizeof *made);
    if (!made) {
        return NULL;
    }
    if (hk_atomic_cas(&hk_registry_leaves[unit >> HK_REGISTRY_LEAF_SHIFT], &leaf, made,
                      memory_order_acq_rel)) {
        return made;
    }
    hk_meta_free(made, sizeof *made);
    return hk_registry_leaf(unit);
}

static void mark(const void *base, size_t units, uint8_t owned)
{
    size_t first = (uintptr_t)base >> HK_SUPERSLAB_SHIFT;
    for (size_t unit = first; unit < first + units; unit++) {
        struct hk_registry_leaf *leaf = hk_registry_leaf(unit);
        atomic_store_explicit(&leaf->owned[unit % HK_REGISTRY_LEAF], owned, memory_order_relaxed);
    }
}

int hk_registry_add(const void *base, size_t units)
{
    size_t first = (uintptr_t)base >> HK_SUPERSLAB_SHIFT;
    for (size_t unit = first; unit < first + units; unit += HK_REGISTRY_LEAF) {
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

size_t hk_registry_bytes(void)
{
    size_t bytes = sizeof hk_registry_leaves;
    for (size_t i = 0; i < HK_REGISTRY_LEAVES; i++) {
        bytes += atomic_load_explicit(&hk_registry_leaves[i], memory_order_relaxed)
                     ? sizeof(struct hk_registry_leaf)
                     : 0;
    }
    return bytes;
}
