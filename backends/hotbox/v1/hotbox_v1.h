/* SPDX-License-Identifier: MIT */
/* Hot box v1, TinyHeap: a class allocates from one current page, a page keeps its own free blocks
 * and its own count, and the cold side is told what each page holds (v1_meta.h). The bin's head is
 * the current page's descriptor; the bin's other fields are not used. */
#ifndef HK_HOTBOX_V1_H
#define HK_HOTBOX_V1_H

#include "v1_page.h"

#include "hotbox/hotbox.h"

/* The slow half of a free that is an event: the page's countdown has just reached zero. */
HK_SLOW_FN void hk_v1_event(struct hk_page *page);

HK_INLINE void *hk_hotbox_v1_alloc(struct hk_heap *heap, size_t offset)
{
    struct hk_page *page = hk_bin_head(heap, offset);
    if (HK_UNLIKELY(!page)) {
        return NULL;
    }
    struct hk_v1 *own = hk_v1(page);
    void *block = own->free;
    if (HK_UNLIKELY(!block)) {
        return NULL;
    }
    /* whatever is done of this when fork leaves the thread behind, the list is whole, and attach
     * counts anew */
    own->free = *(void **)block;
    own->countdown += 1;
    hk_v1_report(page, 1);
    return block;
}

HK_INLINE bool hk_hotbox_v1_free(struct hk_heap *heap, struct hk_page *page, void *block)
{
    (void)heap;
    struct hk_v1 *own = hk_v1(page);
    *(void **)block = own->free;
    own->free = block;
    hk_v1_report(page, -1);
    if (HK_UNLIKELY(--own->countdown == 0)) {
        hk_v1_event(page);
    }
    return true;
}

HK_HIDDEN void hk_hotbox_v1_init(struct hk_heap *heap);
HK_SLOW_FN void *hk_hotbox_v1_refill(struct hk_heap *heap, size_t offset);
HK_SLOW_FN void hk_hotbox_v1_spill(struct hk_heap *heap, struct hk_page *page, void *block);
HK_SLOW_FN void hk_hotbox_v1_splice(struct hk_heap *heap, struct hk_page *page, void *first,
                                    void *last, size_t count);
HK_COLD_FN void hk_hotbox_v1_attach(struct hk_heap *heap, struct hk_page *page);
HK_SLOW_FN size_t hk_hotbox_v1_collect(struct hk_heap *heap, enum hk_collect how);
HK_COLD_FN void hk_hotbox_v1_abandon(struct hk_heap *heap);
HK_COLD_FN void hk_hotbox_v1_stat(struct hk_heap *heap, struct hk_hot_stat *out);
HK_COLD_FN const char *hk_hotbox_v1_check(struct hk_heap *heap);

static const struct hk_hotbox hk_hotbox_v1 = {
    .name = "v1",
    .heap_size = HK_TINY_BINS * sizeof(struct hk_v1_lane),
    .owns_pages = true,
    .init = hk_hotbox_v1_init,
    .alloc = hk_hotbox_v1_alloc,
    .refill = hk_hotbox_v1_refill,
    .free_local = hk_hotbox_v1_free,
    .spill = hk_hotbox_v1_spill,
    .splice = hk_hotbox_v1_splice,
    .attach = hk_hotbox_v1_attach,
    .collect = hk_hotbox_v1_collect,
    .abandon = hk_hotbox_v1_abandon,
    .stat = hk_hotbox_v1_stat,
    .check = hk_hotbox_v1_check,
};

#endif
