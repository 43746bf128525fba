/* SPDX-License-Identifier: MIT */
/* Hot box v2, HotHeap: a page's free blocks are one list that the box builds from the page's base
 * and capacity alone. Each class has a *current* page, which lends its list to the thread's bin: a
 * malloc pops there and counts nothing, and a free of a block of that page pushes there. A free of
 * a block of another page pushes on that page's own list. `where` in the page's node is the place
 * to push, so the free has no branch for it; its countdown's zero is every event. */
#ifndef HK_HOTBOX_V2_H
#define HK_HOTBOX_V2_H

#include "common/self.h"
#include "hotbox/hotbox.h"

/* What its pages are, by its seat. */
#ifndef HK_HOTBOX_V2_KIND
#define HK_HOTBOX_V2_KIND HK_KIND_TINY
#endif

/* The box's node of a page: its private part, in the line that every free reads the owner from. */
struct hk_v2_node {
    void **where;         /* a free pushes here: `list`, or the bin's head while current */
    void *list;           /* free blocks, linked by their first word; NULL while current */
    int32_t countdown;    /* frees down to the next event */
    uint16_t floor;       /* blocks out = floor + countdown, unless current */
    uint16_t carved;      /* blocks that exist, in address order */
    struct hk_page *next; /* on its ring */
    struct hk_page *prev;
};

_Static_assert(sizeof(struct hk_v2_node) == HK_PAGE_PRIVATE, "the private part is full");

/* The box's state of a class in a heap. */
struct hk_v2_lane {
    struct hk_page *current; /* its free blocks are in the bin */
    struct hk_page *partial; /* ring of pages with freed blocks; the first has gathered most */
    struct hk_page *spare;   /* ring of empty pages, then of those with room never handed out */
    size_t kept;             /* empty pages of `spare` */
};

HK_INLINE struct hk_v2_node *hk_v2_node(struct hk_page *page)
{
    return (struct hk_v2_node *)page->private_part;
}

HK_SLOW_FN void *hk_hotbox_v2_refill(struct hk_heap *heap, size_t offset);

/* The slow half of a free that is an event: the page's countdown has just reached zero. */
HK_SLOW_FN void hk_hotbox_v2_event(struct hk_page *page);

HK_INLINE void *hk_hotbox_v2_alloc(struct hk_heap *heap, size_t offset)
{
#if HK_SEG_BINS
    (void)heap;
    uintptr_t tls = hk_tls_offset();
    void *block;
    __asm__ volatile("movq %%fs:(%1,%2), %0" : "=r"(block) : "r"(tls), "r"(offset) : "memory");
    if (HK_UNLIKELY(!block)) {
        return NULL;
    }
    __asm__ volatile("movq %2, %%fs:(%0,%1)"
                     :
                     : "r"(tls), "r"(offset), "r"(*(void **)block)
                     : "memory");
    return block;
#else
    struct hk_bin *bin = hk_bin_at(heap, offset);
    void *block = bin->head;
    if (HK_LIKELY(block != NULL)) {
        bin->head = *(void **)block;
    }
    return block;
#endif
}

HK_INLINE bool hk_hotbox_v2_free(struct hk_heap *heap, struct hk_page *page, void *block)
{
    (void)heap;
    struct hk_v2_node *node = hk_v2_node(page);
    void **where = node->where;
    /* link first: a thread that fork leaves behind here still has a whole list */
    *(void **)block = *where;
    *where = block;
    if (HK_UNLIKELY(--node->countdown == 0)) {
        hk_hotbox_v2_event(page);
    }
    return true;
}

HK_HIDDEN void hk_hotbox_v2_init(struct hk_heap *heap);
HK_HIDDEN void hk_hotbox_v2_spill(struct hk_heap *heap, struct hk_page *page, void *block);
HK_SLOW_FN void hk_hotbox_v2_splice(struct hk_heap *heap, struct hk_page *page, void *first,
                                    void *last, size_t count);
HK_COLD_FN void hk_hotbox_v2_attach(struct hk_heap *heap, struct hk_page *page);
HK_SLOW_FN size_t hk_hotbox_v2_collect(struct hk_heap *heap, enum hk_collect how);
HK_COLD_FN void hk_hotbox_v2_abandon(struct hk_heap *heap);
HK_COLD_FN void hk_hotbox_v2_stat(struct hk_heap *heap, struct hk_hot_stat *out);
HK_COLD_FN const char *hk_hotbox_v2_check(struct hk_heap *heap);

static const struct hk_hotbox hk_hotbox_v2 = {
    .name = "v2",
    .heap_size = HK_TINY_BINS * sizeof(struct hk_v2_lane),
    .owns_pages = true,
    .init = hk_hotbox_v2_init,
    .alloc = hk_hotbox_v2_alloc,
    .refill = hk_hotbox_v2_refill,
    .free_local = hk_hotbox_v2_free,
    .spill = hk_hotbox_v2_spill,
    .splice = hk_hotbox_v2_splice,
    .attach = hk_hotbox_v2_attach,
    .collect = hk_hotbox_v2_collect,
    .abandon = hk_hotbox_v2_abandon,
    .stat = hk_hotbox_v2_stat,
    .check = hk_hotbox_v2_check,
};

#endif
