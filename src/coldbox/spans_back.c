/* SPDX-License-Identifier: MIT */
/* Kept large blocks on their way back: what any thread may do with what any heap keeps. */
#include "coldbox/spans_list.h"

#include "coldbox/heaps.h"

struct hk_spans_kept hk_spans_kept(void)
{
    struct hk_spans_kept kept = {0, 0};
    const struct hk_heap *heap = atomic_load_explicit(&hk_heaps.all, memory_order_acquire);
    for (; heap; heap = heap->next) {
        for (uint32_t i = 0; i < HK_SPAN_PLACES; i++) {
            bool there = atomic_load_explicit(&heap->spans.span[i], memory_order_relaxed);
            size_t bytes = there ? hk_spans_usable(&heap->spans, i) : 0;
            *(bytes > HK_SPAN_MAX ? &kept.huge : &kept.spans) += bytes;
        }
    }
    return kept;
}

void hk_spans_give_locked(struct hk_page *page, bool aged)
{
    if (hk_large_of(page)->units) {
        hk_huge_give_locked(page, aged);
        return;
    }
    struct hk_slices span = hk_slices_at(page, hk_span_slices(page));
    hk_slices_give_locked(span);
    if (aged) {
        span.slab->aged |= hk_slice_mask(span.index, span.count);
    }
}

/* -> true: what lies under the kept block is free as well. */
static bool is_free_locked(struct hk_page *page)
{
    if (hk_large_of(page)->units) {
        struct hk_units unit = hk_units_find_locked(page);
        return hk_bit(unit.arena->free, unit.index);
    }
    struct hk_slices span = hk_slices_at(page, hk_span_slices(page));
    return span.slab->free & hk_slice_mask(span.index, span.count);
}

/* The block at `place`, if nobody has taken it back. */
static const char *check_span(const struct hk_spans *spans, uint32_t place)
{
    hk_lock_take(&hk_slabs.lock); /* so that nobody takes it back meanwhile */
    const char *broken = NULL;
    struct hk_page *page = atomic_load_explicit(&spans->span[place], memory_order_relaxed);
    if (page) {
        broken = page->kind != HK_KIND_FREE ? "a kept span has a descriptor in use"
                 : is_free_locked(page)     ? "a kept span is free in its superslab"
                                            : NULL;
    }
    hk_lock_give(&hk_slabs.lock);
    return broken;
}

const char *hk_spans_check(const struct hk_spans *spans)
{
    uint32_t slices = 0;
    uint32_t seen = 0;
    for (uint32_t list = 0; list < HK_SPAN_LENGTHS; list++) {
        uint32_t place = spans->lengths >> list & 1 ? spans->first[list] : HK_SPAN_PLACES;
        for (; place < HK_SPAN_PLACES; place = spans->next[place]) {
            uint32_t count = hk_span_count(hk_spans_usable(spans, place));
            if (~spans->taken >> place & 1 || seen >> place & 1 || hk_spans_list(count) != list) {
                return "a heap's list of spans holds what does not belong there";
            }
            const char *broken = check_span(spans, place);
            if (broken) {
                return broken;
            }
            seen |= 1u << place;
            slices += count;
        }
    }
    return seen == spans->taken && slices == spans->slices
               ? NULL
               : "a heap's spans do not sum to its count";
}

static void take_back_locked(struct hk_spans *spans, bool aged)
{
    for (uint32_t i = 0; i < HK_SPAN_PLACES; i++) {
        if (atomic_load_explicit(&spans->span[i], memory_order_relaxed)) {
            struct hk_page *page = hk_atomic_swap(&spans->span[i], NULL, memory_order_acquire);
            if (page) {
                hk_spans_give_locked(page, aged);
            }
        }
    }
    if (hk_spans_claim(spans)) {
        uint32_t claim = hk_atomic_swap(&spans->claim, 0, memory_order_relaxed);
        hk_atomic_sub(&hk_spans_account, claim);
    }
}

void hk_spans_clear(struct hk_heap *heap)
{
    hk_lock_take(&hk_slabs.lock);
    take_back_locked(&heap->spans, false);
    hk_lock_give(&hk_slabs.lock);
}

void hk_spans_clear_all(void)
{
    hk_lock_take(&hk_slabs.lock);
    struct hk_heap *heap = atomic_load_explicit(&hk_heaps.all, memory_order_acquire);
    for (; heap; heap = heap->next) {
        take_back_locked(&heap->spans, false);
    }
    hk_lock_give(&hk_slabs.lock);
}

void hk_spans_tick(void)
{
    if (!hk_spans_claimed()) {
        return;
    }
    hk_lock_take(&hk_slabs.lock);
    struct hk_heap *heap = atomic_load_explicit(&hk_heaps.all, memory_order_acquire);
    for (; heap; heap = heap->next) {
        if (!atomic_load_explicit(&heap->spans.used, memory_order_relaxed)) {
            take_back_locked(&heap->spans, true);
        }
        atomic_store_explicit(&heap->spans.used, false, memory_order_relaxed);
    }
    hk_lock_give(&hk_slabs.lock);
}

void hk_spans_child(struct hk_heap *self)
{
    struct hk_heap *heap = atomic_load_explicit(&hk_heaps.all, memory_order_relaxed);
    for (; heap; heap = heap->next) {
        if (heap != self) {
            take_back_locked(&heap->spans, false);
        }
    }
    /* a thread that is gone may have stood between the account and its claim */
    atomic_store_explicit(&hk_spans_account, self ? hk_spans_claim(&self->spans) : 0,
                          memory_order_relaxed);
}
