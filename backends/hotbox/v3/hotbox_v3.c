/* SPDX-License-Identifier: MIT */
/* Hot box v3's slow half: the page protocol over the classes of its kind. */
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
    return hk_paged_collect(heap, HK_HOTBOX_V3_KIND, how);
}

void hk_hotbox_v3_abandon(struct hk_heap *heap)
{
    hk_paged_abandon(heap, HK_HOTBOX_V3_KIND);
}

void hk_hotbox_v3_stat(struct hk_heap *heap, struct hk_hot_stat *out)
{
    hk_paged_stat(heap, HK_HOTBOX_V3_KIND, out);
}

const char *hk_hotbox_v3_check(struct hk_heap *heap)
{
    return hk_paged_check(heap, HK_HOTBOX_V3_KIND);
}
