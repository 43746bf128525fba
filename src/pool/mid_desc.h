/* SPDX-License-Identifier: MIT */
/* Descriptors of shared pages, and the table that finds the one of a block. A descriptor is one
 * line, away from the page; its memory is a descriptor's for ever. The table is open-addressed and
 * keyed by the address of the page's first byte; an entry is within HK_MID_WINDOW places of where
 * its key is hashed to, and never moves.
 *
 * Readers take no lock. Who looks a page up holds a block of it, so the page was entered before
 * the block was handed out, and stays until the block is back: whatever the reader sees of the
 * table is at least as new as that. A table that has been outgrown is kept, since a reader may
 * still be in it; what it says of other pages may be old, and does not matter: an entry counts only
 * if the descriptor itself says that it is the page's. */
#ifndef HK_POOL_MID_DESC_H
#define HK_POOL_MID_DESC_H

#include "common/heap.h"

/* Values of the option mid_desc: how a page is looked up at a free. */
enum hk_mid_lookup {
    HK_MID_DESC_CACHED, /* the page of the last free first, then the table */
    HK_MID_DESC_HASH,   /* the table */
};

#ifndef HK_MID_DESC
#define HK_MID_DESC HK_MID_DESC_CACHED
#endif

enum { HK_MID_WINDOW = 16 };

enum {
    HK_MID_LISTED = 1, /* on its class's list of pages with room */
    HK_MID_ZERO = 2,   /* memory that was never carved reads as zero */
};

struct hk_mid_desc {
    _Alignas(HK_CACHE_LINE) _Atomic(uintptr_t) start; /* of its page; 0: it has none */
    _Atomic(struct hk_heap *) mine; /* heap that drew from the page last; any may look */
    uint64_t free;                  /* bit: the block is in the page; from here on: class lock */
    uint64_t clean;                 /* bit: and its memory was given back since */
    struct hk_mid_desc *next;       /* on its class's list, or among the spare ones */
    struct hk_mid_desc *prev;
    uint32_t block_size; /* this and the next four: fixed while the page is in the table */
    uint32_t reciprocal; /* index = offset * reciprocal >> 32 */
    uint32_t lane;       /* offset of the class's lane in a heap */
    _Atomic(uint8_t) bin;
    uint8_t capacity;
    uint8_t carved; /* blocks handed out at least once, in address order */
    uint8_t flags;  /* HK_MID_* */
};

_Static_assert(sizeof(struct hk_mid_desc) == HK_CACHE_LINE, "a descriptor is one line");

/* The table: 1 << (64 - shift) places that keys are hashed to, and a window behind the last. */
struct hk_mid_table {
    _Alignas(HK_CACHE_LINE) uint32_t shift;
    uint32_t places;
};

typedef _Atomic(struct hk_mid_desc *) hk_mid_slot;

/* Never NULL: the first table is static, and so ready before any code runs. */
extern HK_HIDDEN _Atomic(struct hk_mid_table *) hk_mid_table;

/* -> first byte of the page that `address`, anywhere in the slice that `page` describes, lies in:
 *    the key. */
HK_INLINE uintptr_t hk_mid_start(const struct hk_page *page, const void *address)
{
    uintptr_t slice = (uintptr_t)address & ~(uintptr_t)(HK_SLICE - 1);
    return slice - ((uintptr_t)page->back << HK_SLICE_SHIFT);
}

static inline hk_mid_slot *hk_mid_slots(struct hk_mid_table *table)
{
    return (hk_mid_slot *)(table + 1);
}

/* -> the first of the window of places where the page may be entered. */
HK_INLINE hk_mid_slot *hk_mid_home(struct hk_mid_table *table, uintptr_t start)
{
    uint64_t slice = start >> HK_SLICE_SHIFT;
    return hk_mid_slots(table) + (slice * 0x9e3779b97f4a7c15u >> table->shift);
}

/* -> true: the descriptor (or NULL) is that of the page that starts at `start`. Relaxed: the page
 *    was entered before the caller was given its block. */
HK_INLINE bool hk_mid_is(struct hk_mid_desc *desc, uintptr_t start)
{
    return desc && atomic_load_explicit(&desc->start, memory_order_relaxed) == start;
}

/* -> the descriptor of the page that starts at `start`, or NULL: it is not entered. any; for a
 *    lasting answer the caller holds a block of the page. */
HK_INLINE struct hk_mid_desc *hk_mid_find(uintptr_t start)
{
    /* acquire: the table's content; pairs with the release of a new table */
    struct hk_mid_table *table = atomic_load_explicit(&hk_mid_table, memory_order_acquire);
    hk_mid_slot *slot = hk_mid_home(table, start);
    for (size_t i = 0; i < HK_MID_WINDOW; i++) {
        /* acquire: the descriptor's content; pairs with hk_mid_adopt */
        struct hk_mid_desc *desc = atomic_load_explicit(&slot[i], memory_order_acquire);
        if (hk_mid_is(desc, start)) {
            return desc;
        }
    }
    return NULL;
}

/* -> bit of the block that starts at, or contains, `block` in the descriptor's page. */
static inline uint64_t hk_mid_bit(struct hk_mid_desc *desc, const void *block)
{
    uintptr_t start = atomic_load_explicit(&desc->start, memory_order_relaxed);
    return (uint64_t)1 << (((uint64_t)((uintptr_t)block - start) * desc->reciprocal) >> 32);
}

/* -> the bits of the first `count` <= 64 blocks. */
static inline uint64_t hk_mid_bits(size_t count)
{
    return count >= 64 ? ~(uint64_t)0 : ((uint64_t)1 << count) - 1;
}

static inline struct hk_page *hk_mid_page(struct hk_mid_desc *desc)
{
    return hk_page_of((const char *)atomic_load_explicit(&desc->start, memory_order_relaxed) + 1);
}

/* Describe a page that has just been leased, all of its blocks in it, and enter it. -> its
 * descriptor; NULL: out of memory. any. */
HK_HIDDEN struct hk_mid_desc *hk_mid_adopt(struct hk_page *page);

/* Strike the page out; nobody holds a block of it. The descriptor is spare from now on. any. */
HK_HIDDEN void hk_mid_forget(struct hk_mid_desc *desc);

/* -> true: the descriptor is that of a listed page of class `bin`. The caller holds the class's
 *    lock, and has no block of the page: the descriptor may be any page's by now, or none's. */
HK_HIDDEN bool hk_mid_is_listed_locked(const struct hk_mid_desc *desc, size_t bin);

/* Fork takes the table's lock from now on. any. */
HK_HIDDEN void hk_mid_guard(void);

/* A walk over the table; pages that come or go meanwhile may be missed. */
struct hk_mid_walk {
    struct hk_mid_table *table;
    size_t place;
};

/* -> the next descriptor, or NULL: that was all. Start with a walk that is all zero. any. */
HK_HIDDEN struct hk_mid_desc *hk_mid_next(struct hk_mid_walk *walk);

/* -> NULL, or what is wrong with the table; *pages is how many are entered. any; takes its lock. */
HK_HIDDEN const char *hk_mid_table_check(size_t *pages);

#endif
