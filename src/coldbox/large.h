/* SPDX-License-Identifier: MIT */
/* What a large block's descriptor holds: for large.c, which makes and frees them, large_resize.c,
 * and those that keep free ones: spans_fast.h, spans.c, standby.h, standby.c. */
#ifndef HK_COLDBOX_LARGE_H
#define HK_COLDBOX_LARGE_H

#include "common/page.h"

/* The private part of a large block's descriptor. */
struct hk_large {
    size_t usable;   /* bytes, also while it is kept; of a span whole slices */
    size_t touched;  /* huge blocks, as all that follow: highest `usable` so far */
    uint32_t offset; /* of the block from the run's start */
    uint32_t units;  /* of the run; 0: a mapping of its own */
    size_t moved;    /* bytes that came by move(): their mapping is renewed when they go */
    union {
        size_t map_bytes; /* of a mapping of its own */
        uintptr_t word;   /* of a run: how it waited (standby.h), 0: not as it is now */
    };
};

_Static_assert(sizeof(struct hk_large) <= HK_PAGE_PRIVATE, "fits the private part");

static inline struct hk_large *hk_large_of(struct hk_page *page)
{
    return (struct hk_large *)page->private_part;
}

/* -> slices of a span for `size` bytes. */
static inline uint32_t hk_span_count(size_t size)
{
    return (uint32_t)((size + HK_SLICE - 1) >> HK_SLICE_SHIFT);
}

/* -> slices of a span, which is in use or kept. */
static inline uint32_t hk_span_slices(struct hk_page *page)
{
    return (uint32_t)(hk_large_of(page)->usable >> HK_SLICE_SHIFT);
}

/* Write the two fields that tell a large block from a free descriptor: HK_KIND_FREE, or another. */
static inline void hk_large_mark(struct hk_page *page, enum hk_kind kind)
{
    page->kind = (uint8_t)kind;
    uintptr_t owner = kind == HK_KIND_FREE ? HK_OWNER_NONE : HK_OWNER_LARGE;
    atomic_store_explicit(&page->owner, owner, memory_order_relaxed);
}

/* The same for a huge block: the descriptor of its slice, and the one with its data. */
static inline void hk_huge_mark(struct hk_page *page, enum hk_kind kind)
{
    hk_large_mark(page, kind);
    if (page->back) {
        hk_large_mark(hk_page_head(page), kind);
    }
}

/* -> where a block begins in a run that starts at `base`: behind the header, and aligned, to
 * HK_SUPERSLAB at most. OS pages have `page` bytes. */
static inline uint32_t hk_huge_offset(const void *base, size_t align, size_t page)
{
    uintptr_t header = (uintptr_t)hk_superslab_page(base, 0) - (uintptr_t)base;
    return (uint32_t)hk_round_up(header + HK_DESCRIPTORS, align > page ? align : page);
}

/* -> the most of that, whatever the base. */
static inline size_t hk_huge_offset_most(size_t align, size_t page)
{
    return hk_round_up(HK_MAPS_OFFSET, align > page ? align : page);
}

/* -> units of a run for a block of `usable` bytes, `offset` behind its start. */
static inline size_t hk_huge_units(size_t offset, size_t usable)
{
    return (offset + usable + HK_SUPERSLAB - 1) >> HK_SUPERSLAB_SHIFT;
}

/* The run of a freed huge block, in whose first unit `addr` lies, is free again. any; slabs.lock
 * held. */
HK_HIDDEN void hk_huge_give_locked(const void *addr, const struct hk_large *large);

/* -> first byte of the run under a huge block. */
static inline char *hk_huge_base(const struct hk_page *head)
{
    return (char *)hk_page_superslab(head);
}

/* -> the descriptor that holds the block's data; stops where `block` is not a large block's start.
 */
static inline struct hk_page *hk_large_head(struct hk_page *page, const void *block)
{
    struct hk_page *head = hk_page_head(page);
    const char *start = page->kind == HK_KIND_SPAN ? hk_page_start(head)
                                                   : hk_huge_base(head) + hk_large_of(head)->offset;
    HK_REQUIRE(block == start, "free: not the start of a block");
    return head;
}

#endif
