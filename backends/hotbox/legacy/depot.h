/* SPDX-License-Identifier: MIT */
/* The depot: hot box legacy's pages, which belong to all threads. For each class lists of pages and
 * a stock of loose blocks under the class's lock; a page's blocks are bits of its block map under
 * the page's lock, one of a few that all pages share. Locks are taken in the order class, page, the
 * cold side's; pages are leased, retired and purged with none held.
 *
 * A page is retired when no block of it is out, which only a thread that holds both locks can see
 * happen: whoever has a block of a page in hand may use its descriptor. So a put that would change
 * the page's place lets go of the page's lock and comes again with the class's, its block still in
 * hand. */
#ifndef HK_HOTBOX_LEGACY_DEPOT_H
#define HK_HOTBOX_LEGACY_DEPOT_H

#include "common/heap.h"
#include "hotbox/hotbox.h"

enum { HK_DEPOT_BATCH = 128 }; /* blocks that one put takes, most */

/* Which of its class's lists a page is on. */
enum hk_depot_place {
    HK_DEPOT_NOWHERE = 0, /* on none: one thread has it in hand, no other knows it */
    HK_DEPOT_OPEN,        /* has something to give, and blocks that are out */
    HK_DEPOT_FULL,        /* has nothing to give, or too little to be worth a visit */
    HK_DEPOT_KEPT,        /* all its blocks are in: kept so that the next lease is not needed */
    HK_DEPOT_PLACES,
};

/* The private part of a page descriptor. */
struct hk_depot_page {
    uint32_t offset;      /* of the class's bin; set before the page's first block goes out */
    uint32_t reciprocal;  /* of the block size; likewise */
    uint16_t capacity;    /* blocks; likewise */
    uint16_t carved;      /* blocks that exist, in address order; page lock */
    uint16_t out;         /* of them in magazines or with the application; page lock */
    uint8_t place;        /* enum hk_depot_place; written under both locks */
    bool claimed;         /* its free blocks are being purged; page lock */
    bool clean;           /* none has come in since they were purged; page lock */
    struct hk_page *next; /* on its list; class lock */
    struct hk_page *prev;
};

_Static_assert(sizeof(struct hk_depot_page) <= HK_PAGE_PRIVATE, "it fits the private part");

HK_INLINE struct hk_depot_page *hk_depot_page(struct hk_page *page)
{
    return (struct hk_depot_page *)page->private_part;
}

/* Before anything else; may be called again. any. */
HK_HIDDEN void hk_depot_start(void);

/* Take up to `want` blocks of bin `bin`, 0 < want <= HK_DEPOT_BATCH, into the slots below `end`:
 * the one to be used first into end[-1]. -> how many; 0: the depot has none, lease. any; `heap` is
 * the caller's. */
HK_HIDDEN size_t hk_depot_take(struct hk_heap *heap, size_t bin, void **end, size_t want);

/* The same from a page that is leased for it. -> 0: out of memory. */
HK_HIDDEN size_t hk_depot_take_new(struct hk_heap *heap, size_t bin, void **end, size_t want);

/* Take `count` <= HK_DEPOT_BATCH blocks of one bin back: into the stock, from which any thread
 * takes them without a look at their pages, while that has room; else into their pages. -> bytes of
 * the pages that were retired. any; `heap` is the caller's. */
HK_HIDDEN size_t hk_depot_give(struct hk_heap *heap, size_t bin, void *const *blocks, size_t count);

/* Put the stock into its pages. -> bytes of the pages that were retired. */
HK_HIDDEN size_t hk_depot_clear_stock(struct hk_heap *heap, size_t bin);

/* Put the stock into its pages, and keep no more than `most_kept` empty ones; nothing if it was
 * another heap that used the class last. -> bytes of the pages that were retired. */
HK_HIDDEN size_t hk_depot_age(struct hk_heap *heap, size_t bin, size_t most_kept);

/* Put `count` <= HK_DEPOT_BATCH blocks of one bin back into their pages. -> bytes of the pages that
 * were retired. any; `heap` is the caller's or NULL. */
HK_HIDDEN size_t hk_depot_put(struct hk_heap *heap, void *const *blocks, size_t count);

/* A page (a head) that is on no list joins its class's; one that has just been leased is prepared.
 * any. */
HK_HIDDEN void hk_depot_join(struct hk_page *page);

/* Over all pages of bin `bin`. any. */

/* Retire every page that is kept. -> bytes. */
HK_HIDDEN size_t hk_depot_retire_kept(struct hk_heap *heap, size_t bin);

/* Every free block may be taken from now on. */
HK_HIDDEN void hk_depot_wake(size_t bin);

/* Give back free parts of pages. -> bytes. */
HK_HIDDEN size_t hk_depot_purge(size_t bin);

/* Add the pages' counts, and the stock's. */
HK_HIDDEN void hk_depot_stat(size_t bin, struct hk_hot_stat *sum);

/* -> NULL, or the first broken invariant. */
HK_HIDDEN const char *hk_depot_check(size_t bin);

/* -> NULL, or what is wrong with a block of bin `bin` that is in a magazine. */
HK_HIDDEN const char *hk_depot_check_out(size_t bin, const void *block);

#endif
