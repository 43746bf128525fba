/* SPDX-License-Identifier: MIT */
/* Hot box v3: the shortest path. Thread bins, one counter per page whose zero is every event; the
 * protocol is hotbox/paged.h's over the tiny bins. */
#ifndef HK_HOTBOX_V3_H
#define HK_HOTBOX_V3_H

#include "hotbox/paged.h"

/* What its pages are, by its seat. */
#ifndef HK_HOTBOX_V3_KIND
#define HK_HOTBOX_V3_KIND HK_KIND_TINY
#endif

HK_INLINE void *hk_hotbox_v3_alloc(struct hk_heap *heap, size_t offset)
{
    return hk_bin_pop(heap, offset);
}

HK_HIDDEN void hk_hotbox_v3_init(struct hk_heap *heap);
HK_SLOW_FN void *hk_hotbox_v3_refill(struct hk_heap *heap, size_t offset);
HK_HIDDEN size_t hk_hotbox_v3_collect(struct hk_heap *heap, enum hk_collect how);
HK_HIDDEN void hk_hotbox_v3_abandon(struct hk_heap *heap);
HK_HIDDEN void hk_hotbox_v3_stat(struct hk_heap *heap, struct hk_hot_stat *out);
HK_HIDDEN const char *hk_hotbox_v3_check(struct hk_heap *heap);

static const struct hk_hotbox hk_hotbox_v3 = {
    .name = "v3",
    .heap_size = HK_TINY_BINS * sizeof(struct hk_shelf),
    .owns_pages = true,
    .init = hk_hotbox_v3_init,
    .alloc = hk_hotbox_v3_alloc,
    .refill = hk_hotbox_v3_refill,
    .free_local = hk_paged_free,
    .spill = hk_paged_spill,
    .splice = hk_paged_splice,
    .attach = hk_paged_attach,
    .collect = hk_hotbox_v3_collect,
    .abandon = hk_hotbox_v3_abandon,
    .stat = hk_hotbox_v3_stat,
    .check = hk_hotbox_v3_check,
};

#endif
