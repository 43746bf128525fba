/* SPDX-License-Identifier: MIT */
/* The short ways of large blocks, part of malloc and free: a span that the heap keeps goes out, a
 * freed one is kept where there is room. Neither takes a lock or calls anything but to stop, and
 * all that lengths decide by a branch is whether the span kept last is of the length asked for or
 * still there, and whether any fits. Those of huge blocks: coldbox/standby.h. */
#ifndef HK_COLDBOX_SPANS_FAST_H
#define HK_COLDBOX_SPANS_FAST_H

#include "coldbox/large.h"
#include "coldbox/spans.h"
#include "common/heap.h"

enum { HK_SPAN_MORE_SHIFT = 2 }; /* a span may be longer than asked for by a quarter */

/* -> slices that all claims together may amount to. any. */
HK_INLINE size_t hk_spans_most(void)
{
    size_t allowed = atomic_load_explicit(&hk_slabs.purge_above, memory_order_relaxed);
    return allowed / 2 >> HK_SLICE_SHIFT;
}

/* -> true: the heap has room and claim for `count` slices more. holder. */
HK_INLINE bool hk_spans_may_keep(const struct hk_spans *spans, uint32_t count)
{
    return ~spans->taken &&
           spans->slices + count <= atomic_load_explicit(&spans->claim, memory_order_relaxed) &&
           hk_spans_claimed() <= hk_spans_most();
}

/* Put the span that was kept last on the list of its length. holder. */
HK_INLINE void hk_spans_list_last(struct hk_spans *spans)
{
    uint32_t count = spans->last_length;
    if (count) {
        spans->next[spans->last] = spans->first[count];
        spans->first[count] = (uint8_t)(spans->last + 1);
        spans->lengths |= (uint64_t)1 << count;
        spans->last_length = 0;
    }
}

/* Keep the span, for which there is room. holder. */
HK_INLINE void hk_spans_add(struct hk_spans *spans, struct hk_page *page, uint32_t count)
{
    atomic_store_explicit(&spans->used, true, memory_order_relaxed);
    hk_large_mark(page, HK_KIND_FREE);
    hk_spans_list_last(spans);
    uint32_t place = (uint32_t)__builtin_ctz(~spans->taken);
    spans->taken |= 1u << place;
    spans->last = place;
    spans->last_length = count;
    spans->slices += count;
    atomic_store_explicit(&spans->length[place], (uint8_t)count, memory_order_relaxed);
    /* release: whoever takes it out sees its descriptor */
    hk_atomic_put(&spans->span[place], page, memory_order_release);
}

/* A place of `count` slices is on no list any more. -> its span, or NULL: somebody took it back.
 * holder. */
HK_INLINE struct hk_page *hk_spans_take(struct hk_spans *spans, uint32_t place, uint32_t count)
{
    spans->taken &= ~(1u << place);
    spans->slices -= count;
    return hk_atomic_swap(&spans->span[place], NULL, memory_order_acquire);
}

/* Take the place that `link` leads to off its list, as above. holder. */
HK_INLINE struct hk_page *hk_spans_unlist(struct hk_spans *spans, uint8_t *link)
{
    uint32_t place = *link - 1u;
    uint32_t count = atomic_load_explicit(&spans->length[place], memory_order_relaxed);
    *link = spans->next[place];
    spans->lengths &= ~((uint64_t)!spans->first[count] << count);
    return hk_spans_take(spans, place, count);
}

/* -> of the shortest spans that serve `count` > 0 slices the one that was kept last; or NULL: there
 * is none, or somebody took it back, and most likely all others. holder. */
HK_INLINE struct hk_page *hk_spans_pop(struct hk_spans *spans, uint32_t count)
{
    HK_ASSERT(count);
    if (HK_LIKELY(spans->last_length == count)) {
        spans->last_length = 0;
        return hk_spans_take(spans, spans->last, count);
    }
    hk_spans_list_last(spans);
    uint64_t fitting = spans->lengths & hk_slice_mask(count, (count >> HK_SPAN_MORE_SHIFT) + 1);
    return fitting ? hk_spans_unlist(spans, &spans->first[__builtin_ctzll(fitting)]) : NULL;
}

HK_INLINE void *hk_cold_large_pop(struct hk_heap *heap, size_t size)
{
    if (HK_UNLIKELY(size > HK_SPAN_MAX)) {
        return NULL;
    }
    struct hk_spans *spans = &heap->spans;
    struct hk_page *page = hk_spans_pop(spans, hk_span_count(size));
    if (HK_UNLIKELY(!page)) {
        return NULL;
    }
    atomic_store_explicit(&spans->used, true, memory_order_relaxed);
    hk_large_mark(page, HK_KIND_SPAN);
    return hk_page_start(page);
}

HK_INLINE bool hk_cold_large_keep(struct hk_heap *heap, struct hk_page *page, void *block)
{
    if (page->kind != HK_KIND_SPAN || !heap->keeps) {
        return false;
    }
    HK_REQUIRE((uintptr_t)block % HK_SLICE == 0, "free: not the start of a block");
    uint32_t count = hk_span_slices(page);
    if (HK_UNLIKELY(!hk_spans_may_keep(&heap->spans, count))) {
        return false;
    }
    hk_spans_add(&heap->spans, page, count);
    return true;
}

#endif
