/* SPDX-License-Identifier: MIT */
/* The life of v2's page nodes, shared by the box's own files. Everything runs as the heap's holder.
 * A page is on a ring of its class, and has the flag LISTED, exactly while it is partial, fresh or
 * empty. */
#ifndef HK_HOTBOX_V2_NODE_H
#define HK_HOTBOX_V2_NODE_H

#include "hotbox_v2.h"

/* Empty pages that a class keeps, the option max_partial. */
#ifndef HK_MAX_PARTIAL
#define HK_MAX_PARTIAL 2
#endif

enum { HK_V2_CURRENT_COUNT = 1 << 30 }; /* frees to a current page are no events */

enum hk_v2_state {
    HK_V2_FULL,    /* nothing to give, or less than is worth a refill */
    HK_V2_CURRENT, /* its free blocks are in the bin */
    HK_V2_PARTIAL, /* on the ring `partial` */
    HK_V2_FRESH,   /* on the ring `spare`: has memory never carved, or given back */
    HK_V2_EMPTY,   /* on the ring `spare`: no block is out */
};

/* The box's bits of a page's flags. */
enum {
    HK_V2_STATE_SHIFT = 3,
    HK_V2_STATE = 7 << HK_V2_STATE_SHIFT, /* enum hk_v2_state */
    HK_V2_SURE = 0x40,                    /* abandon left the counts exact: no fork came between */
    HK_V2_PARKED = 0x80,                  /* the map has free blocks, whose memory was given back */
};

_Static_assert((HK_V2_STATE | HK_V2_SURE | HK_V2_PARKED) == HK_PAGE_BOX, "all the box's bits");

static inline enum hk_v2_state hk_v2_state(const struct hk_page *page)
{
    return (enum hk_v2_state)((page->flags & HK_V2_STATE) >> HK_V2_STATE_SHIFT);
}

static inline void hk_v2_set_state(struct hk_page *page, enum hk_v2_state state)
{
    page->flags = (uint8_t)((page->flags & ~HK_V2_STATE) | state << HK_V2_STATE_SHIFT);
}

/* Set or clear one of the flags. */
static inline void hk_v2_flag(struct hk_page *page, uint8_t flag, bool on)
{
    page->flags = (uint8_t)(on ? page->flags | flag : page->flags & ~flag);
}

/* -> the lane of a tiny class. */
static inline struct hk_v2_lane *hk_v2_lane(struct hk_heap *heap, size_t bin_index)
{
    return (struct hk_v2_lane *)heap->lanes.tiny[bin_index];
}

static inline size_t hk_v2_capacity(const struct hk_page *page)
{
    return HK_SLICE / page->block_size;
}

/* -> bits in the page's map: carved blocks whose memory was given back. */
HK_HIDDEN size_t hk_v2_parked(struct hk_page *page);

/* -> carved blocks that are not in the page; of the current page that is all but the parked. */
static inline size_t hk_v2_out(struct hk_page *page)
{
    struct hk_v2_node *node = hk_v2_node(page);
    if (hk_v2_state(page) == HK_V2_CURRENT) {
        return page->flags & HK_V2_PARKED ? node->carved - hk_v2_parked(page) : node->carved;
    }
    return (size_t)(node->floor + node->countdown);
}

/* Record the count of blocks out, and when the next event is due. The page is not current. */
HK_HIDDEN void hk_v2_set_out(struct hk_page *page, size_t out);

/* Count the page's blocks anew. */
HK_HIDDEN void hk_v2_recount(struct hk_page *page);

/* A page on no ring, `out` > 0 of its blocks out, goes where it belongs. */
HK_HIDDEN void hk_v2_place(struct hk_heap *heap, struct hk_page *page, size_t out);

/* The same for a page that has no block out: it is kept whatever the bound, or as it allows. */
HK_HIDDEN void hk_v2_keep(struct hk_heap *heap, struct hk_page *page);
HK_HIDDEN void hk_v2_keep_or_retire(struct hk_heap *heap, struct hk_page *page);

/* Take the page off its ring; then it is full. */
HK_HIDDEN void hk_v2_unlist(struct hk_heap *heap, struct hk_page *page);

/* Retire an empty page that is on no ring. */
HK_HIDDEN void hk_v2_retire(struct hk_heap *heap, struct hk_page *page);

/* The current page takes its blocks back out of the bin, and goes where it belongs. */
HK_HIDDEN void hk_v2_put_down(struct hk_heap *heap, struct hk_page *page);

/* A page that fork has left as its thread had it becomes one on no ring. */
HK_HIDDEN void hk_v2_settle(struct hk_heap *heap, struct hk_page *page);

/* Forget the free blocks of an empty page: it will be carved again, in address order. */
HK_HIDDEN void hk_v2_forget(struct hk_page *page);

/* List full pages that have a free block after all. -> pages. */
HK_HIDDEN size_t hk_v2_list_hidden(struct hk_heap *heap);

/* Give back the memory of free blocks of a page that is not current. -> bytes. */
HK_HIDDEN size_t hk_v2_purge(struct hk_page *page);

/* -> some of the page's parked blocks, linked, parked no more; `parked` is set. */
HK_HIDDEN void *hk_v2_unpark(struct hk_page *page);

#endif
