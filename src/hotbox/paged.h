/* SPDX-License-Identifier: MIT */
/* The page protocol that hot box v3 and pool v2 share: thread bins over pages whose free blocks are
 * bits. A page's map has one bit per block (1 = free in the page); the block itself holds nothing,
 * so its memory may be given back. `countdown` counts page-path frees down to the next event; its
 * zero is the only test: a page that gets room, and a page that becomes empty.
 *
 * A page that is nearly empty has two events more: it is sparse, and hardly used. Where a page has
 * more slices each block holds OS pages of its own, and a page is called so earlier.
 *
 *   blocks out = bias + countdown   (one slice)
 *   blocks out = bias               (more slices: every slice's countdown stays 1, each free is an
 * event) listed on its heap's shelf      it has returned blocks, bits, or memory never carved
 *
 * A bin's limit is negative while it has not been refilled since HK_COLLECT_IDLE saw it last.
 */
#ifndef HK_HOTBOX_PAGED_H
#define HK_HOTBOX_PAGED_H

#include "coldbox/coldbox.h"
#include "common/self.h"
#include "hotbox/blockmap.h"
#include "hotbox/hotbox.h"

/* Bits of a page's flags. */
enum {
    HK_PAGED_SPARSE = 8,  /* on the heap's list of sparse pages */
    HK_PAGED_PURGED = 16, /* its free memory has been given back, and it has not served since */
    HK_PAGED_DONE = 32,   /* and was given back when hardly a block was out: that is all of it */
};

enum {
    HK_PAGED_SPARSE_SHIFT = 4, /* sparse: no more than a sixteenth of the blocks is out, */
    HK_PAGED_MULTI_SHIFT = 2,  /* or a quarter in a page of more slices */
    HK_PAGED_HARDLY_SHIFT = 2, /* hardly used: no more than a quarter of that */
};

/* The private part of a page descriptor. owner, or whoever holds the heap. */
struct hk_paged {
    int32_t countdown;
    int32_t bias;
    uint32_t reciprocal;     /* of the block size */
    uint16_t carved;         /* blocks that exist, in address order */
    uint16_t returned_count; /* length of `returned` */
    void *returned;          /* blocks that came home from other threads, linked */
    struct hk_page *next;    /* on the shelf */
    struct hk_page *prev;
};

_Static_assert(sizeof(struct hk_paged) == HK_PAGE_PRIVATE, "the private part is full");

/* Pages of one class that have something to give; a lane. */
struct hk_shelf {
    struct hk_page *first;
    struct hk_page *last;
};

_Static_assert(sizeof(struct hk_shelf) <= HK_TINY_LANE && sizeof(struct hk_shelf) <= HK_POOL_LANE,
               "a shelf fits its lane");

static inline struct hk_shelf *hk_shelf(struct hk_heap *heap, size_t bin)
{
    return hk_lane(heap, bin);
}

HK_INLINE struct hk_paged *hk_paged(struct hk_page *page)
{
    return (struct hk_paged *)page->private_part;
}

/* -> index of the block at `offset` bytes (a multiple of the block size) from the page's start. */
HK_INLINE size_t hk_paged_index(const struct hk_paged *paged, size_t offset)
{
    return hk_map_index(paged->reciprocal, offset);
}

/* The slow half of a free that is an event: the countdown has just reached zero. */
HK_SLOW_FN void hk_paged_event(struct hk_page *page, void *block);

/* hk_hotbox.free_local: onto the bin while it has room, else into the page. */
HK_INLINE bool hk_paged_free(struct hk_heap *heap, struct hk_page *page, void *block)
{
    (void)heap;
    struct hk_bin *bin = page->bin;
    if (HK_LIKELY(--bin->room >= 0)) {
        /* link first: a thread that fork leaves behind here still has a whole list */
        *(void **)block = bin->head;
        bin->head = block;
        return true;
    }
    struct hk_paged *paged = hk_paged(page);
    if (HK_UNLIKELY(--paged->countdown == 0)) {
        hk_paged_event(page, block);
        return true;
    }
    hk_map_set(hk_page_map(page), hk_paged_index(paged, (uint16_t)(uintptr_t)block));
    return true;
}

/* hk_hotbox.refill over the bin at `offset`. */
HK_SLOW_FN void *hk_paged_refill(struct hk_heap *heap, size_t offset);

/* hk_hotbox.spill: into the page, past the bin. */
HK_HIDDEN void hk_paged_spill(struct hk_heap *heap, struct hk_page *page, void *block);

/* The other members of both interfaces; `kind` is what the box's pages are: its classes are those
 * whose hk_kind_of_bin it is. */
HK_SLOW_FN void hk_paged_splice(struct hk_heap *heap, struct hk_page *page, void *first, void *last,
                                size_t count);
HK_COLD_FN void hk_paged_attach(struct hk_heap *heap, struct hk_page *page);
HK_SLOW_FN size_t hk_paged_collect(struct hk_heap *heap, enum hk_kind kind, enum hk_collect how);
HK_COLD_FN void hk_paged_abandon(struct hk_heap *heap, enum hk_kind kind);
HK_COLD_FN void hk_paged_stat(struct hk_heap *heap, enum hk_kind kind, struct hk_hot_stat *out);
HK_COLD_FN const char *hk_paged_check(struct hk_heap *heap, enum hk_kind kind);

/* Shared by the protocol's own files. */

/* The block is free in its page (a head): its bit. To be counted by hk_paged_in. -> false: it was
 * free already. */
static inline bool hk_paged_mark(struct hk_page *page, const void *block)
{
    size_t index =
        hk_paged_index(hk_paged(page), (size_t)((const char *)block - hk_page_start(page)));
    bool fresh = !hk_map_has(hk_page_map(page), index);
    hk_map_set(hk_page_map(page), index);
    return fresh;
}

/* `count` blocks, marked, have come back into their page (a head). May retire it. */
HK_HIDDEN void hk_paged_in(struct hk_heap *heap, struct hk_page *page, size_t count);

/* -> blocks of the page (a head) that are with the application, in bins, or on their way home. */
HK_HIDDEN size_t hk_paged_out(struct hk_page *page);
HK_HIDDEN void hk_paged_set_out(struct hk_page *page, size_t out);
HK_HIDDEN size_t hk_paged_capacity(struct hk_page *page);

/* The page (a head) holds no block: keep it with its class as policy says, or retire it. */
HK_HIDDEN void hk_paged_empty(struct hk_heap *heap, struct hk_page *page);
HK_HIDDEN void hk_paged_list(struct hk_heap *heap, struct hk_page *page);
HK_HIDDEN void hk_paged_unlist(struct hk_heap *heap, struct hk_page *page);

/* Give back the OS pages that lie wholly in free blocks of the page (a head). -> bytes. */
HK_HIDDEN size_t hk_paged_purge(struct hk_heap *heap, struct hk_page *page);

/* -> slices of the page (a head) in which blocks were carved. Does not change while it is on the
 * list of sparse pages. */
static inline uint32_t hk_paged_carved_slices(struct hk_page *page)
{
    uint32_t bytes = hk_paged(page)->carved * page->block_size;
    return (bytes + HK_SLICE - 1) >> HK_SLICE_SHIFT;
}

/* -> most blocks that are out of a page (a head) which is sparse. */
static inline size_t hk_paged_sparse_at(struct hk_page *page)
{
    bool multi = page->flags & HK_PAGE_MULTI;
    return hk_paged(page)->carved >> (multi ? HK_PAGED_MULTI_SHIFT : HK_PAGED_SPARSE_SHIFT);
}

/* The same of one that is hardly used. */
static inline size_t hk_paged_hardly_at(struct hk_page *page)
{
    return hk_paged_sparse_at(page) >> HK_PAGED_HARDLY_SHIFT;
}

/* -> most blocks that are out of a page (a head) when it becomes sparse, or hardly used after it
 * has given memory back; 0: it will not, or has been so already, or has little memory to give. */
static inline size_t hk_paged_thin_at(struct hk_page *page)
{
    size_t carved = hk_paged(page)->carved;
    bool may = HK_FREE_POLICY != HK_FREE_KEEP &&
               !(page->flags & (HK_PAGED_SPARSE | HK_PAGED_DONE)) &&
               carved * page->block_size >= HK_SLICE / 2;
    bool again = page->flags & HK_PAGED_PURGED;
    return !may ? 0 : again ? hk_paged_hardly_at(page) : hk_paged_sparse_at(page);
}

/* `out` blocks are out of the page (a head). If so few make it sparse, or hardly used after it has
 * given memory back, it goes on the list; where many are, the oldest give theirs back. */
HK_HIDDEN void hk_paged_thin(struct hk_heap *heap, struct hk_page *page, size_t out);

/* The same, but nothing is given back now. -> true: the page is on the list. */
HK_HIDDEN bool hk_paged_enlist(struct hk_heap *heap, struct hk_page *page, size_t out);

/* The page is empty, and on the list no more. */
HK_HIDDEN void hk_paged_delist(struct hk_heap *heap, struct hk_page *page);

/* The page serves again, and is on the list no more. */
HK_HIDDEN void hk_paged_thick(struct hk_heap *heap, struct hk_page *page);

/* The page, which is empty and on no list, is the heap's no more. */
HK_HIDDEN void hk_paged_retire(struct hk_heap *heap, struct hk_page *page);

/* At HK_COLLECT_IDLE: what purged pages have taught sinks, and some of those that have been sparse
 * for long give their memory back, if there are many. */
HK_HIDDEN void hk_paged_rest(struct hk_heap *heap);

/* The heap's thread ends: where memory is dear some of its sparse pages give it back now, since
 * nobody may come back for them. */
HK_HIDDEN void hk_paged_leave(struct hk_heap *heap);

#endif
