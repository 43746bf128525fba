/* SPDX-License-Identifier: MIT */
/* The one layout that the gate, the hot boxes and the cold side share: a page descriptor is one
 * cache line, out of line in its superslab; the first 24 bytes are common, the rest belongs to the
 * box that leased the page. Descriptor 0 describes the superslab itself, or a huge block that
 * begins there. Invariant: `owner` equals a thread's token exactly while that thread may use the
 * page's private half, so one compare in free() answers every unusual case. */
#ifndef HK_COMMON_PAGE_H
#define HK_COMMON_PAGE_H

#include "common/atomic.h"
#include "common/check.h"
#include "common/sizes.h"

struct hk_heap;

/* What a descriptor stands for. */
enum hk_kind {
    HK_KIND_FREE = 0, /* no lease: a block here was never handed out, or was given back */
    HK_KIND_TINY,     /* blocks of the tiny hot box */
    HK_KIND_BASE,     /* blocks of the tiny base box */
    HK_KIND_POOL,     /* blocks of the pool */
    HK_KIND_SPAN,     /* one large block in consecutive slices */
    HK_KIND_HUGE,     /* one block in a run of units, below it a header unit */
    HK_KIND_META,     /* the superslab's own data */
};

/* -> true: the page is leased to a box and holds blocks. */
static inline bool hk_kind_is_leased(unsigned kind)
{
    return kind >= HK_KIND_TINY && kind <= HK_KIND_POOL;
}

/* Owner values that no thread token equals: a token is an address above the first page. */
enum {
    HK_OWNER_NONE = 0,
    HK_OWNER_ORPHAN = 1, /* the heap's thread has ended */
    HK_OWNER_FROZEN = 2, /* the heap's thread did not come through fork */
    HK_OWNER_LARGE = 3,  /* a span or huge block: belongs to no thread */
    HK_OWNER_SHARED = 4, /* a page of a box that does not own pages: belongs to all threads */
    HK_OWNER_LAST = HK_OWNER_SHARED,
};

/* The bin of a descriptor that has no blocks: free, large, or the superslab's own. */
enum { HK_BIN_NONE = 255 };

_Static_assert((int)HK_BIN_COUNT <= HK_BIN_NONE, "a bin's index is one byte");

enum {
    HK_PAGE_LISTED = 1, /* on its heap's list of pages with room */
    HK_PAGE_MULTI = 2,  /* more than one slice: every slice has a descriptor, `back` leads home */
    HK_PAGE_ZERO = 4,   /* memory that was never carved reads as zero */
    HK_PAGE_BOX = 0xf8, /* these bits are the leasing box's; zero at lease */
};

enum { HK_PAGE_PRIVATE = 40 };

struct hk_page {
    _Atomic(uintptr_t) owner; /* written by the owner or whoever holds the heap; read by any */
    struct hk_bin *bin;       /* the owner's bin of this class; owner */
    uint32_t block_size;      /* bytes; 0 for spans and huge blocks */
    uint8_t bin_index;        /* < HK_BIN_COUNT, or HK_BIN_NONE */
    uint8_t kind;             /* enum hk_kind */
    uint8_t flags;            /* HK_PAGE_*; owner */
    uint8_t back;             /* slices back to the head of a multi-slice page */
    _Alignas(8) unsigned char private_part[HK_PAGE_PRIVATE]; /* the leasing box's; zero at lease */
};

_Static_assert(sizeof(struct hk_page) == HK_CACHE_LINE, "one descriptor, one line");
_Static_assert(offsetof(struct hk_page, private_part) == 24, "24 bytes are common");

enum {
    HK_PAGE_SHIFT = 6, /* log2 of sizeof(struct hk_page) */
    HK_PAGE_BYTES = 1 << HK_PAGE_SHIFT,
    /* Bytes of block map that a box may use for each slice; all zero whenever the slice is not
       leased. */
    HK_SLICE_MAP = 512,
};

/* What the cold side keeps for a slice, away from the hot descriptor. One line, since `live` may be
 * written by every operation of the owner, whose neighbours belong to others. */
struct hk_slot {
    /* whose page; written under the heap's hold, read by any; NULL for a shared page */
    _Alignas(HK_CACHE_LINE) _Atomic(struct hk_heap *) heap;
    struct hk_page *next; /* on heap->pages; owner */
    struct hk_page *prev;
    uint32_t slices; /* of the lease that begins here */
    /* bytes from the start that were in use since they last read as zero, about; 0: not known, or
     * none. Written by the cold side, and by boxes that carve; holder */
    uint32_t touched;
    _Atomic(uint32_t) live; /* blocks out, as the box reports them by adjust; holder */
    uint32_t sparse_since;  /* heap->sparse.looks when it came onto that list; holder */
    /* the page gave memory back in parts while it was this heap's, and then ended; its box's */
    struct hk_heap *purger;
    struct hk_page *sparse_next; /* on heap->sparse; holder */
    struct hk_page *sparse_prev;
};

_Static_assert(sizeof(struct hk_slot) == sizeof(struct hk_page), "slots mirror descriptors");

enum {
    /* Descriptors and slots of superslab n begin at place n / 2 % HK_COLOURS: if all superslabs had
     * theirs at the same place, they would share the same few sets of every cache, whose ways the
     * descriptors of eight superslabs fill. */
    HK_COLOURS = 4,
    HK_DESCRIPTORS = HK_SLICES << HK_PAGE_SHIFT, /* bytes; of slots as well */
    HK_COLOUR = 2 * HK_DESCRIPTORS,              /* bytes from one place to the next */
};

/* The start of every superslab: descriptors at its colour, slots behind them. The slice-map part
 * follows at a fixed place (see coldbox/superslab.h). */
struct hk_superslab_head {
    unsigned char place[HK_COLOURS][HK_COLOUR];
};

enum { HK_MAPS_OFFSET = sizeof(struct hk_superslab_head) }; /* of the slices' block maps */

/* -> the descriptor of slice `slice` of the superslab at `base`. */
static inline struct hk_page *hk_superslab_page(const void *base, size_t slice)
{
    size_t colour = ((uintptr_t)base >> HK_SUPERSLAB_SHIFT) / 2 % HK_COLOURS;
    return (struct hk_page *)((char *)base + colour * HK_COLOUR) + slice;
}

/* -> the descriptor of the slice that `block` (not NULL) lies in. The superslab is found from the
 * byte before the block: a block that starts exactly on a superslab boundary has its header below,
 * at the colour of the superslab above.
 */
HK_INLINE struct hk_page *hk_page_of(const void *block)
{
    uintptr_t base = ((uintptr_t)block - 1) & ~(uintptr_t)(HK_SUPERSLAB - 1);
    /* the bits above the slice's are the superslab's number; all but its lowest give the colour */
    uintptr_t line = ((uintptr_t)block >> (HK_SLICE_SHIFT - HK_PAGE_SHIFT)) &
                     (uintptr_t)((HK_COLOURS - 1) * HK_COLOUR | (HK_DESCRIPTORS - HK_PAGE_BYTES));
#if defined(__x86_64__)
    /* keeps base + index addressing: told that the bits are disjoint, gcc spends an `or` on the sum
     */
    __asm__("" : "+r"(line));
#endif
    return (struct hk_page *)(base + line);
}

HK_INLINE uintptr_t hk_page_owner(struct hk_page *page)
{
    /* relaxed: a thread's own token is only ever written by that thread */
    return atomic_load_explicit(&page->owner, memory_order_relaxed);
}

static inline struct hk_superslab_head *hk_page_superslab(const struct hk_page *page)
{
    return (struct hk_superslab_head *)((uintptr_t)page & ~(uintptr_t)(HK_SUPERSLAB - 1));
}

static inline size_t hk_page_slice(const struct hk_page *page)
{
    return ((uintptr_t)page & (HK_DESCRIPTORS - 1)) >> HK_PAGE_SHIFT;
}

HK_INLINE struct hk_slot *hk_page_slot(const struct hk_page *page)
{
    return (struct hk_slot *)((uintptr_t)page + HK_DESCRIPTORS);
}

/* -> the head descriptor of the page that `page` (any of its slices) belongs to. */
static inline struct hk_page *hk_page_head(struct hk_page *page)
{
    return page - page->back;
}

/* -> first byte of the page's memory. */
static inline char *hk_page_start(const struct hk_page *page)
{
    return (char *)hk_page_superslab(page) + (hk_page_slice(page) << HK_SLICE_SHIFT);
}

/* -> the block map of the page's first slice: HK_SLICE_MAP bytes, the leasing box's. */
static inline uint64_t *hk_page_map(const struct hk_page *page)
{
    /* the slice's number, times HK_SLICE_MAP, without a shift */
    uintptr_t map = ((uintptr_t)page & (HK_DESCRIPTORS - 1)) * (HK_SLICE_MAP / HK_PAGE_BYTES);
    return (uint64_t *)((char *)hk_page_superslab(page) + HK_MAPS_OFFSET + map);
}

static inline struct hk_heap *hk_page_heap(const struct hk_page *page)
{
    /* acquire: pairs with the release in lease and adoption, so the heap's fields are seen */
    return atomic_load_explicit(&hk_page_slot(page)->heap, memory_order_acquire);
}

#endif
