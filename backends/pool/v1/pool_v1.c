/* SPDX-License-Identifier: MIT */
/* Pool v1's two paths: what the thread has at hand, and the table. */
#include "pool_v1.h"

void *hk_pool_v1_alloc(struct hk_heap *heap, size_t size)
{
    struct hk_heap *own = hk_self_object(heap);
    return HK_LIKELY(own) ? hk_kept_pop(hk_kept(own, hk_pool_bin(size))) : NULL;
}

bool hk_pool_v1_free(struct hk_heap *heap, struct hk_page *page, void *block)
{
    struct hk_heap *own = hk_self_object(heap);
    return HK_LIKELY(own) && hk_kept_free(own, page, block);
}
