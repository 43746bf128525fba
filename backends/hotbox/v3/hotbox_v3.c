/* SPDX-License-Identifier: MIT */
/* Hot box v3's slow half: the page protocol over bins 0 .. HK_TINY_BINS - 1. */
#include "hotbox_v3.h"

void hk_hotbox_v3_init(struct hk_heap *heap)
{
    heap->keeps = true;
}

void *hk_hotbox_v3_refill(struct hk_heap *heap, size_t offset)
{
    return hk_paged_refill(heap, offset);
}

size_t hk_hotbox_v3_collect(struct hk_heap *heap, enum hk_collect how)
{
    return hk_paged_collect(heap, 0, HK_TINY_BINS, how);
}

void hk_hotbox_v3_abandon(struct hk_heap *heap)
{
    hk_paged_abandon(heap, 0, HK_TINY_BINS);
}

void hk_hotbox_v3_stat(struct hk_heap *heap, struct hk_hot_stat *out)
{
    hk_paged_stat(heap, 0, HK_TINY_BINS, out);
}

const char *hk_hotbox_v3_check(struct hk_heap *heap)
{
    return hk_paged_check(heap, 0, HK_TINY_BINS);
}
