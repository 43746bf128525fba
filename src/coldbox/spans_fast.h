/* SPDX-License-Identifier: MIT */
/* The short ways of large blocks, part of malloc and free: a span that the heap keeps goes out, the
 * one that went out last comes back to its place, another is kept where there is room. None takes a
 * lock or calls anything but to stop, and all that lengths decide by a branch is whether the span
 * in the last place is of the length asked for or still there, and whether any fits. Those of huge
 * blocks: coldbox/standby.h. */
#ifndef HK_COLDBOX_SPANS_FAST_H
#define HK_COLDBOX_SPANS_FAST_H

#include "coldbox/large.h"
#include "coldbox/registry.h"
#include "coldbox/spans.h"
#include "common/heap.h"

enum { HK_SPAN_MORE_SHIFT = 2 }; /* a span may be longer than asked for by a quarter */

/* -> slices that all claims together may amount to. any. */
HK_INLINE size_t hk_spans_most(void)
{
    size_t allowed = atomic_load_explicit(&hk_slabs.purge_above, memory_order_relaxed);
    return allowed / 2 >> HK_SLICE_SHIFT;
}

/* -> true: the heap has a claim to keep so many slices. holder. */
HK_INLINE bool hk_spans_are_claimed(const struct hk_spans *spans, uint32_t slices)
{
    return slices <= atomic_load_explicit(&spans->claim, memory_order_relaxed) &&
           hk_spans_claimed() <= hk_spans_most();
}

/* -> true: the heap has room and claim for `count` slices more. holder. */
HK_INLINE bool hk_spans_may_keep(const struct hk_spans *spans, uint32_t count)
{
    return ~spans->taken && hk_spans_are_claimed(spans, spans->slices + count);
}

HK_INLINE uint32_t hk_spans_length(const struct hk_spans *spans, uint32_t place)
{
    return atomic_load_explicit(&spans->length[place], memory_order_relaxed);
}

/* A place of `count` slices is on no list, nor the last one, any more. holder. */
HK_INLINE void hk_spans_leave(struct hk_spans *spans, uint32_t place, uint32_t count)
{
    spans->taken &= ~(1u << place);
    spans->slices -= count;
}

/* The last place is one among all: on the list of its length, or empty. holder. */
HK_INLINE void hk_spans_end_last(struct hk_spans *spans)
{
    uint32_t place = spans->last;
    uint32_t count = spans->last_length;
    if (count) {
        spans->next[place] = spans->first[count];
        spans->first[count] = (uint8_t)(place + 1);
        spans->lengths |= (uint64_t)1 << count;
        spans->last_length = 0;
    } else if (spans->last_block) {
        hk_spans_leave(spans, place, hk_spans_length(spans, place));
    }
    spans->last_block = NULL;
}

/* The last place, which is of `count` slices, holds the span. holder. */
HK_INLINE void hk_spans_fill_last(struct hk_spans *spans, struct hk_page *page, uint32_t count)
{
    uint32_t place = spans->last;
    atomic_store_explicit(&spans->used, true, memory_order_relaxed);
    hk_large_mark(page, HK_KIND_FREE);
    spans->last_length = count;
    /* release: whoever takes it out sees its descriptor */
    hk_atomic_put(&spans->span[place], page, memory_order_release);
}

/* Keep the span, for which there is room. holder. */
HK_INLINE void hk_spans_add(struct hk_spans *spans, struct hk_page *page, void *block,
                            uint32_t count)
{
    hk_spans_end_last(spans);
    uint32_t place = (uint32_t)__builtin_ctz(~spans->taken);
    spans->taken |= 1u << place;
    spans->last = place;
    spans->last_block = block;
    spans->slices += count;
    atomic_store_explicit(&spans->length[place], (uint8_t)count, memory_order_relaxed);
    hk_spans_fill_last(spans, page, count);
}

/* The same in the last place, if that waits for a block that is out. -> false: it does not, or
 * there is no room. holder. */
HK_INLINE bool hk_spans_replace_last(struct hk_spans *spans, struct hk_page *page, void *block,
                                     uint32_t count)
{
    uint32_t place = spans->last;
    uint32_t slices = spans->slices - hk_spans_length(spans, place) + count;
    if (!spans->last_block || spans->last_length || !hk_spans_are_claimed(spans, slices)) {
        return false;
    }
    spans->last_block = block;
    spans->slices = slices;
    atomic_store_explicit(&spans->length[place], (uint8_t)count, memory_order_relaxed);
    hk_spans_fill_last(spans, page, count);
    return true;
}

/* -> the span at `place`, or NULL: somebody took it back. holder. */
HK_INLINE struct hk_page *hk_spans_empty(struct hk_spans *spans, uint32_t place)
{
    return hk_short_swap(&spans->span[place], NULL, memory_order_acquire);
}

/* Take the place that `link` leads to off its list. -> as above. holder. */
HK_INLINE struct hk_page *hk_spans_unlist(struct hk_spans *spans, uint8_t *link)
{
    uint32_t place = *link - 1u;
    uint32_t count = hk_spans_length(spans, place);
    *link = spans->next[place];
    spans->lengths &= ~((uint64_t)!spans->first[count] << count);
    hk_spans_leave(spans, place, count);
    return hk_spans_empty(spans, place);
}

/* The span is on its way out. -> its block. holder. */
HK_INLINE void *hk_spans_go_out(struct hk_spans *spans, struct hk_page *page, void *block)
{
    atomic_store_explicit(&spans->used, true, memory_order_relaxed);
    hk_large_mark(page, HK_KIND_SPAN);
    HK_ASSUME(block);
    return block;
}

/* -> the span of `count` slices in the last place, which waits for it from now on; NULL: somebody
 * took it back. holder. */
HK_INLINE void *hk_spans_pop_last(struct hk_spans *spans, uint32_t count)
{
    struct hk_page *page = hk_spans_empty(spans, spans->last);
    spans->last_length = 0;
    if (HK_UNLIKELY(!page)) {
        spans->last_block = NULL;
        hk_spans_leave(spans, spans->last, count);
        return NULL;
    }
    return hk_spans_go_out(spans, page, spans->last_block);
}

/* -> of the shortest spans that serve `count` slices the one that was kept last; or NULL: there is
 * none, or somebody took it back, and most likely all others. holder. */
HK_INLINE void *hk_spans_pop_listed(struct hk_spans *spans, uint32_t count)
{
    hk_spans_end_last(spans);
    uint64_t fitting = spans->lengths & hk_slice_mask(count, (count >> HK_SPAN_MORE_SHIFT) + 1);
    struct hk_page *page =
        fitting ? hk_spans_unlist(spans, &spans->first[__builtin_ctzll(fitting)]) : NULL;
    return page ? hk_spans_go_out(spans, page, hk_page_start(page)) : NULL;
}

HK_INLINE void *hk_cold_large_pop(struct hk_heap *heap, size_t size)
{
    if (HK_UNLIKELY(size > HK_SPAN_MAX)) {
        return NULL;
    }
    uint32_t count = hk_span_count(size);
    HK_ASSERT(count);
    return HK_LIKELY(heap->spans.last_length == count) ? hk_spans_pop_last(&heap->spans, count)
                                                       : hk_spans_pop_listed(&heap->spans, count);
}

/* A block at that address that is in use is ours, whoever may have had it meanwhile, and fits its
 * place if its length is still the same. That is empty, even if the holder has not seen yet that
 * its span was taken back; then the claim is gone as well. No heap that is given up gets here. */
HK_INLINE bool hk_cold_large_back(struct hk_heap *heap, struct hk_page *page, const void *block)
{
    struct hk_spans *spans = &heap->spans;
    if (block != spans->last_block || HK_UNLIKELY(page->kind != HK_KIND_SPAN)) {
        return false;
    }
    uint32_t count = hk_span_slices(page);
    if (HK_UNLIKELY(hk_spans_length(spans, spans->last) != count ||
                    !hk_spans_are_claimed(spans, spans->slices))) {
        return false;
    }
    hk_spans_fill_last(spans, page, count);
    return true;
}

HK_INLINE bool hk_cold_large_keep(struct hk_heap *heap, struct hk_page *page, void *block)
{
    HK_REQUIRE(hk_registry_owns(block), "free: not a block of this allocator");
    if (page->kind != HK_KIND_SPAN || !heap->keeps) {
        return false;
    }
    HK_REQUIRE((uintptr_t)block % HK_SLICE == 0, "free: not the start of a block");
    struct hk_spans *spans = &heap->spans;
    uint32_t count = hk_span_slices(page);
    if (HK_LIKELY(hk_spans_replace_last(spans, page, block, count))) {
        return true;
    }
    hk_spans_end_last(spans);
    if (HK_UNLIKELY(!hk_spans_may_keep(spans, count))) {
        return false;
    }
    hk_spans_add(spans, page, block, count);
    return true;
}

#endif
