/* SPDX-License-Identifier: MIT */
/* Hot box stack: for each class one stack of free blocks, whatever page they are of. The shortest
 * paths there can be; the price is that a page is not seen to be empty before somebody asks
 * (malloc_trim, the thread's end), so memory does not move from one size to another meanwhile. */
#ifndef HOTBOX_STACK_H
#define HOTBOX_STACK_H

#include "common/self.h"
#include "hotbox/hotbox.h"

_Static_assert(HK_BOX_INTERFACE == 1, "this box was written for another contract");

/* Which seat the box is in: a build that has it as tiny base says so. */
#ifndef HK_HOTBOX_STACK_KIND
#define HK_HOTBOX_STACK_KIND HK_KIND_TINY
#endif

HK_INLINE void *hk_hotbox_stack_alloc(struct hk_heap *heap, size_t offset)
{
    return hk_bin_pop(heap, offset);
}

HK_INLINE bool hk_hotbox_stack_free(struct hk_heap *heap, struct hk_page *page, void *block)
{
    (void)heap;
    struct hk_bin *bin = page->bin;
    /* link first: a thread that fork leaves behind here still has a whole list */
    *(void **)block = bin->head;
    bin->head = block;
    return true;
}

HK_HIDDEN void hk_hotbox_stack_init(struct hk_heap *heap);
HK_COLD_FN void *hk_hotbox_stack_refill(struct hk_heap *heap, size_t offset);
HK_HIDDEN void hk_hotbox_stack_spill(struct hk_heap *heap, struct hk_page *page, void *block);
HK_HIDDEN void hk_hotbox_stack_splice(struct hk_heap *heap, struct hk_page *page, void *first,
                                      void *last, size_t count);
HK_HIDDEN void hk_hotbox_stack_attach(struct hk_heap *heap, struct hk_page *page);
HK_HIDDEN size_t hk_hotbox_stack_collect(struct hk_heap *heap, enum hk_collect how);
HK_HIDDEN void hk_hotbox_stack_abandon(struct hk_heap *heap);
HK_HIDDEN void hk_hotbox_stack_stat(struct hk_heap *heap, struct hk_hot_stat *out);
HK_HIDDEN const char *hk_hotbox_stack_check(struct hk_heap *heap);

static const struct hk_hotbox hk_hotbox_stack = {
    .name = "stack",
    .heap_size = HK_TINY_BINS * 16,
    .owns_pages = true,
    .init = hk_hotbox_stack_init,
    .alloc = hk_hotbox_stack_alloc,
    .refill = hk_hotbox_stack_refill,
    .free_local = hk_hotbox_stack_free,
    .spill = hk_hotbox_stack_spill,
    .splice = hk_hotbox_stack_splice,
    .attach = hk_hotbox_stack_attach,
    .collect = hk_hotbox_stack_collect,
    .abandon = hk_hotbox_stack_abandon,
    .stat = hk_hotbox_stack_stat,
    .check = hk_hotbox_stack_check,
};

#endif
