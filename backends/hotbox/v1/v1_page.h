/* SPDX-License-Identifier: MIT */
/* A page of hot box v1. Its free blocks are a list through their own first words, and the page
 * counts the blocks out; so the one line of the descriptor is all that an operation writes, but for
 * the block. Pages of more than one slice are not leased: tiny blocks do not need them.
 *
 *   blocks out    = countdown + bias
 *   blocks carved = blocks out + length of `free` + parked
 *   countdown     frees until the page's next event, which is its zero; alloc counts it up
 *
 *   state     on                        its event
 *   CURRENT   its class's bin           none: bias is -1, countdown never falls below 1
 *   PARTIAL   its class's lane, LISTED  the page is empty
 *   FULL      no list                   the page has enough free blocks to be listed again
 *   LOOSE     no list                   none: nobody owns the heap, or a box has just got the page
 */
#ifndef HK_HOTBOX_V1_PAGE_H
#define HK_HOTBOX_V1_PAGE_H

#include "v1_meta.h"

#include "common/bands.h"
#include "common/self.h"

/* The kind of the box's pages: which of the two tiny seats it is in. */
#ifndef HK_HOTBOX_V1_KIND
#define HK_HOTBOX_V1_KIND HK_KIND_TINY
#endif

enum hk_v1_state {
    HK_V1_LOOSE = 0,
    HK_V1_CURRENT,
    HK_V1_PARTIAL,
    HK_V1_FULL,
};

/* The private part of a page descriptor. holder. */
struct hk_v1 {
    void *free; /* blocks that lie free in the page, linked */
    int32_t countdown;
    int32_t bias;
    uint16_t carved;      /* blocks that exist, in address order */
    uint16_t parked;      /* free blocks that are bits of the page's map, and hold nothing */
    uint16_t told;        /* blocks out that the cold side knows of; HK_META_BATCHED only */
    uint8_t state;        /* enum hk_v1_state */
    struct hk_page *next; /* in the lane; PARTIAL only */
    struct hk_page *prev;
};

_Static_assert(sizeof(struct hk_v1) == HK_PAGE_PRIVATE, "the private part is full");
_Static_assert(HK_TINY_MAX <= 4096, "a page is one slice");

/* Pages of one class that have something to give, in the order they were listed in; a lane. */
struct hk_v1_lane {
    struct hk_page *first;
    struct hk_page *last;
};

_Static_assert(sizeof(struct hk_v1_lane) <= HK_TINY_LANE, "the list fits its lane");

HK_INLINE struct hk_v1 *hk_v1(struct hk_page *page)
{
    return (struct hk_v1 *)page->private_part;
}

static inline struct hk_v1_lane *hk_v1_lane(struct hk_heap *heap, size_t bin)
{
    return hk_lane(heap, bin);
}

static inline bool hk_v1_is_ours(const struct hk_page *page)
{
    return page->kind == HK_HOTBOX_V1_KIND;
}

static inline uint32_t hk_v1_capacity(const struct hk_page *page)
{
    return HK_SLICE / page->block_size;
}

/* -> blocks with the application or on their way home. */
static inline uint32_t hk_v1_out(struct hk_page *page)
{
    return (uint32_t)(hk_v1(page)->countdown + hk_v1(page)->bias);
}

/* -> true: the page can serve without memory that was never touched. */
static inline bool hk_v1_has_blocks(struct hk_page *page)
{
    return page && (hk_v1(page)->free || hk_v1(page)->parked);
}

/* -> how far the cold side's count of the page is behind. */
static inline int32_t hk_v1_delta(struct hk_page *page)
{
    return HK_TINY_META == HK_META_BATCHED ? (int32_t)hk_v1_out(page) - hk_v1(page)->told : 0;
}

/* Record the count of blocks out, and when the state's next event is due. */
HK_HIDDEN void hk_v1_set_out(struct hk_page *page, uint32_t out);

/* Go to a state, off every list, and tell. */
HK_HIDDEN void hk_v1_set_state(struct hk_page *page, enum hk_v1_state state);

/* List a page that is on no list if it has something to give, else it is FULL. */
HK_HIDDEN void hk_v1_place(struct hk_heap *heap, struct hk_page *page);

/* Take a PARTIAL page off; it is LOOSE then. */
HK_HIDDEN void hk_v1_unlist(struct hk_heap *heap, struct hk_page *page);

/* `count` blocks have come back into the page, past the fast path: it may go back to the cold
 * side. */
HK_HIDDEN void hk_v1_came_back(struct hk_heap *heap, struct hk_page *page, uint32_t count);

/* Give an empty page back, off its list. */
HK_HIDDEN void hk_v1_retire(struct hk_heap *heap, struct hk_page *page);

/* Tell the cold side what it has not been told of the page (HK_META_BATCHED). */
static inline void hk_v1_tell(struct hk_page *page)
{
    int32_t delta = hk_v1_delta(page);
    if (delta) {
        HK_COLD.adjust(page, delta);
        hk_v1(page)->told = (uint16_t)hk_v1_out(page);
    }
}

/* Make bits of the page's free blocks and give back the OS pages that lie wholly in them: a link
 * would bring them back. -> bytes. */
HK_HIDDEN size_t hk_v1_park(struct hk_page *page);

/* Link some of the parked blocks again. */
HK_HIDDEN void hk_v1_unpark(struct hk_page *page);

#endif
