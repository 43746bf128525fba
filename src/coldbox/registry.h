/* SPDX-License-Identifier: MIT */
/* Which addresses are ours, in O(1): a two-level table over units of superslab size, whose leaves
 * are made on demand. 4096 leaves of 8192 units cover 47 bits of user address space (4 MiB units);
 * an address above that is handed out by the kernel only on request, and we make none. Reads take
 * no lock; entries are set once and stay while the address is ours. Asked for each large block that
 * is freed, except one that went out last and comes back, and on no other fast path. */
#ifndef HK_COLDBOX_REGISTRY_H
#define HK_COLDBOX_REGISTRY_H

#include "common/atomic.h"
#include "common/sizes.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Units [base, base + units * HK_SUPERSLAB) are ours. -> 0 or errno; nothing changed on failure.
 * any. */
HK_HIDDEN int hk_registry_add(const void *base, size_t units);
HK_HIDDEN void hk_registry_remove(const void *base, size_t units);

enum {
    HK_REGISTRY_LEAF_SHIFT = 13,
    HK_REGISTRY_LEAF = 1 << HK_REGISTRY_LEAF_SHIFT, /* units of a leaf */
    HK_REGISTRY_LEAVES = 4096,
};

struct hk_registry_leaf {
    _Atomic(uint8_t) owned[HK_REGISTRY_LEAF];
};

extern HK_HIDDEN _Atomic(struct hk_registry_leaf *) hk_registry_leaves[HK_REGISTRY_LEAVES];

static inline struct hk_registry_leaf *hk_registry_leaf(size_t unit)
{
    if (HK_UNLIKELY(unit >> HK_REGISTRY_LEAF_SHIFT >= HK_REGISTRY_LEAVES)) {
        return NULL;
    }
    /* acquire: pairs with the release of what made it */
    return atomic_load_explicit(&hk_registry_leaves[unit >> HK_REGISTRY_LEAF_SHIFT],
                                memory_order_acquire);
}

/* -> true: the byte before `addr` lies in a unit of ours (as hk_page_of finds it). any. */
static inline bool hk_registry_owns(const void *addr)
{
    size_t unit = ((uintptr_t)addr - 1) >> HK_SUPERSLAB_SHIFT;
    struct hk_registry_leaf *leaf = hk_registry_leaf(unit);
    return leaf &&
           atomic_load_explicit(&leaf->owned[unit % HK_REGISTRY_LEAF], memory_order_relaxed);
}

/* -> bytes of tables, whether touched or not. any. */
HK_HIDDEN size_t hk_registry_bytes(void);

#endif
