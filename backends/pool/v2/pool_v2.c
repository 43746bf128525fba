/* SPDX-License-Identifier: MIT */
/* Pool v2's slow half: the page protocol over the classes above the tiny ones. */
#include "pool_v2.h"

void hk_pool_v2_init(struct hk_heap *heap)
{
    heap->keeps = true;
    hk_mid_bind(heap);
}

void *hk_pool_v2_refill(struct hk_heap *heap, size_t size)
{
    return hk_paged_refill(heap, hk_pool_offset(size));
}

bool hk_pool_v2_resize(struct hk_heap *heap, struct hk_page *page, void *block, size_t size)
{
    (void)heap;
    (void)block;
    /* at least half stays in use, else the block is worth moving */
    return size <= page->block_size && size > page->block_size / 2;
}

size_t hk_pool_v2_collect(struct hk_heap *heap, enum hk_collect how)
{
    return hk_paged_collect(heap, HK_KIND_POOL, how);
}

void hk_pool_v2_abandon(struct hk_heap *heap)
{
    hk_paged_abandon(heap, HK_KIND_POOL);
    hk_mid_bind(NULL);
}

void hk_pool_v2_stat(struct hk_heap *heap, struct hk_hot_stat *out)
{
    hk_paged_stat(heap, HK_KIND_POOL, out);
}

const char *hk_pool_v2_check(struct hk_heap *heap)
{
    return hk_paged_check(heap, HK_KIND_POOL);
}
