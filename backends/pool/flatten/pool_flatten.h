/* SPDX-License-Identifier: MIT */
/* Pool flatten: v1 with the path of a thread's own blocks flattened into the gate. A block at hand
 * is handed out at once; a block of a page that the thread drew from last is kept at once if the
 * page is known without a search; everything else falls back to v1's path, and why is counted. */
#ifndef HK_POOL_FLATTEN_H
#define HK_POOL_FLATTEN_H

#include "pool/shared.h"

HK_INLINE void *hk_pool_flatten_alloc(struct hk_heap *heap, size_t size)
{
    struct hk_heap *own = hk_self_object(heap);
    if (HK_UNLIKELY(!own)) {
        return NULL;
    }
    return hk_kept_pop(hk_kept(own, hk_pool_bin(size)));
}

/* v1's path, and a count of the reason. `heap` is the heap object, or NULL. */
HK_HIDDEN bool hk_pool_flatten_fall_back(struct hk_heap *heap, struct hk_page *page, void *block);

HK_INLINE bool hk_pool_flatten_free(struct hk_heap *heap, struct hk_page *page, void *block)
{
    struct hk_heap *own = hk_self_object(heap);
    struct hk_mid_desc *desc =
        HK_LIKELY(own) ? hk_kept_known(own, hk_mid_start(page, block)) : NULL;
    if (HK_LIKELY(desc && atomic_load_explicit(&desc->mine, memory_order_relaxed) == own &&
                  hk_kept_take(own, desc, block))) {
        return true;
    }
    /* the one call: so that what comes before it needs no stack frame */
    return hk_pool_flatten_fall_back(own, page, block);
}

static const struct hk_pool hk_pool_flatten = {
    .name = "flatten",
    .heap_size = HK_SHARED_HEAP_SIZE,
    .owns_pages = false,
    .init = hk_shared_init,
    .alloc = hk_pool_flatten_alloc,
    .refill = hk_kept_refill,
    .free_local = hk_pool_flatten_free,
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
