/* SPDX-License-Identifier: MIT */
/* The lists of places of a heap's free large blocks, and the account of what heaps may keep: for
 * spans.c, which fills them, and spans_back.c, which empties them. */
#ifndef HK_COLDBOX_SPANS_LIST_H
#define HK_COLDBOX_SPANS_LIST_H

#include "coldbox/large.h"
#include "coldbox/spans.h"

enum { HK_SPANS_HUGE = 0 }; /* the list of huge blocks, which no span's length names */

_Static_assert(HK_SPAN_LENGTHS == (HK_SPAN_MAX >> HK_SLICE_SHIFT) + 1, "every length has a list");
_Static_assert(HK_SPAN_LENGTHS <= 64, "lengths are bits of a word");
_Static_assert(HK_SPAN_PLACES == 32, "places are bits of a word");

extern HK_HIDDEN _Atomic(size_t) hk_spans_account; /* slices that heaps have claimed */

static inline uint32_t hk_spans_claim(const struct hk_spans *spans)
{
    return atomic_load_explicit(&spans->claim, memory_order_relaxed);
}

/* -> usable bytes of the block at `place`. */
static inline size_t hk_spans_usable(const struct hk_spans *spans, uint32_t place)
{
    return atomic_load_explicit(&spans->usable[place], memory_order_relaxed);
}

/* -> the list of blocks of `count` slices. */
static inline uint32_t hk_spans_list(uint32_t count)
{
    return count < HK_SPAN_LENGTHS ? count : HK_SPANS_HUGE;
}

/* `page` is the block's head, `list` is hk_spans_list(hk_span_count(usable)). */
static inline void hk_spans_add(struct hk_spans *spans, struct hk_page *page, size_t usable,
                                uint32_t list)
{
    uint32_t place = (uint32_t)__builtin_ctz(~spans->taken);
    spans->taken |= 1u << place;
    spans->next[place] = spans->lengths >> list & 1 ? spans->first[list] : HK_SPAN_PLACES;
    spans->first[list] = (uint8_t)place;
    spans->lengths |= (uint64_t)1 << list;
    spans->slices += hk_span_count(usable);
    atomic_store_explicit(&spans->usable[place], usable, memory_order_relaxed);
    /* release: whoever takes it out sees its descriptor */
    hk_atomic_put(&spans->span[place], page, memory_order_release);
}

/* Take the place that `link` names off `list`. -> its block's head, or NULL: somebody took it back.
 */
static inline struct hk_page *hk_spans_take_out(struct hk_spans *spans, uint8_t *link,
                                                uint32_t list)
{
    uint32_t place = *link;
    *link = spans->next[place];
    spans->taken &= ~(1u << place);
    if (spans->first[list] == HK_SPAN_PLACES) {
        spans->lengths &= ~((uint64_t)1 << list);
    }
    spans->slices -= list == HK_SPANS_HUGE ? hk_span_count(hk_spans_usable(spans, place)) : list;
    return hk_atomic_swap(&spans->span[place], NULL, memory_order_acquire);
}

static inline struct hk_page *hk_spans_take_place(struct hk_spans *spans, uint32_t place)
{
    uint32_t list = hk_spans_list(hk_span_count(hk_spans_usable(spans, place)));
    uint8_t *link = &spans->first[list];
    while (*link != place) {
        link = &spans->next[*link];
    }
    return hk_spans_take_out(spans, link, list);
}

/* The block whose head is `page` leaves its heap for the superslabs or arenas; `aged`: it has been
 * free for a while. slabs.lock. */
HK_HIDDEN void hk_spans_give_locked(struct hk_page *page, bool aged);

#endif
