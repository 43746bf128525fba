/* SPDX-License-Identifier: MIT */
/* Pool v1: pages that belong to all threads, a few blocks at hand in each thread. Both paths are
 * out of line, so that a gate over it is as short as can be. */
#ifndef HK_POOL_V1_H
#define HK_POOL_V1_H

#include "pool/shared.h"

HK_HIDDEN void *hk_pool_v1_alloc(struct hk_heap *heap, size_t size);
HK_HIDDEN bool hk_pool_v1_free(struct hk_heap *heap, struct hk_page *page, void *block);

static const struct hk_pool hk_pool_v1 = {
    .name = "v1",
    .heap_size = HK_SHARED_HEAP_SIZE,
    .owns_pages = false,
    .init = hk_shared_init,
    .alloc = hk_pool_v1_alloc,
    .refill = hk_kept_refill,
    .free_local = hk_pool_v1_free,
    .spill = hk_kept_spill,
    .resize = hk_shared_resize,
    .splice = hk_shared_splice,
    .attach = hk_shared_attach,
    .collect = hk_shared_collect,
    .abandon = hk_shared_abandon,
    .stat = hk_shared_stat,
    .check = hk_shared_check,
};

#endif
