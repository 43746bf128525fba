/* SPDX-License-Identifier: MIT */
/* Pool v2: pages owned by a thread, found in O(1), with a path as short as a tiny block's: the
 * class is arithmetic, the rest is hotbox/paged.h's protocol over the pool's bins. */
#ifndef HK_POOL_V2_H
#define HK_POOL_V2_H

#include "hotbox/paged.h"
#include "pool/pool.h"

HK_INLINE void *hk_pool_v2_alloc(struct hk_heap *heap, size_t size)
{
    return hk_mid_pop(heap, size);
}

HK_HIDDEN void hk_pool_v2_init(struct hk_heap *heap);
HK_SLOW_FN void *hk_pool_v2_refill(struct hk_heap *heap, size_t size);
HK_HIDDEN bool hk_pool_v2_resize(struct hk_heap *heap, struct hk_page *page, void *block,
                                 size_t size);
HK_HIDDEN size_t hk_pool_v2_collect(struct hk_heap *heap, enum hk_collect how);
HK_HIDDEN void hk_pool_v2_abandon(struct hk_heap *heap);
HK_HIDDEN void hk_pool_v2_stat(struct hk_heap *heap, struct hk_hot_stat *out);
HK_HIDDEN const char *hk_pool_v2_check(struct hk_heap *heap);

static const struct hk_pool hk_pool_v2 = {
    .name = "v2",
    .heap_size = (HK_BIN_COUNT - HK_TINY_BINS) * sizeof(struct hk_shelf),
    .owns_pages = true,
    .init = hk_pool_v2_init,
    .alloc = hk_pool_v2_alloc,
    .refill = hk_pool_v2_refill,
    .free_local = hk_paged_free,
    .spill = hk_paged_spill,
    .resize = hk_pool_v2_resize,
    .splice = hk_paged_splice,
    .attach = hk_paged_attach,
    .collect = hk_pool_v2_collect,
    .abandon = hk_pool_v2_abandon,
    .stat = hk_pool_v2_stat,
    .check = hk_pool_v2_check,
};

#endif
