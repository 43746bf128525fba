/* SPDX-License-Identifier: MIT */
#include "coldbox/spans.h"

#include "coldbox/heaps.h"
#include "coldbox/purge.h"
#include "coldbox/spans_fast.h"

#include <errno.h>
#include <string.h>

enum {
    CLAIM = 16, /* slices: claims grow by such steps, so that most frees leave them alone */
    PLACES = HK_SPAN_PLACES,
};

_Static_assert(HK_SPAN_LENGTHS == (HK_SPAN_MAX >> HK_SLICE_SHIFT) + 1, "every length has a list");
_Static_assert(HK_SPAN_LENGTHS <= 64, "lengths are bits of a word");
_Static_assert(HK_SPAN_PLACES == 32, "places are bits of a word");

_Atomic(size_t) hk_spans_claims;

/* Spans that leave a heap, on their way to the superslabs. */
struct gone {
    struct hk_page *span[PLACES];
    uint32_t count;
};

static uint32_t claim_of(const struct hk_spans *spans)
{
    return atomic_load_explicit(&spans->claim, memory_order_relaxed);
}

size_t hk_spans_kept(void)
{
    size_t slices = 0;
    const struct hk_heap *heap = atomic_load_explicit(&hk_heaps.all, memory_order_acquire);
    for (; heap; heap = heap->next) {
        for (uint32_t i = 0; i < PLACES; i++) {
            bool there = atomic_load_explicit(&heap->spans.span[i], memory_order_relaxed);
            slices += there ? hk_spans_length(&heap->spans, i) : 0;
        }
    }
    return slices;
}

/* Lower the heap's claim to what it keeps. */
static void unclaim(struct hk_spans *spans)
{
    uint32_t all = hk_atomic_swap(&spans->claim, 0, memory_order_relaxed);
    uint32_t rest = all < spans->slices ? all : spans->slices;
    hk_atomic_add(&spans->claim, rest);
    hk_atomic_sub(&hk_spans_claims, all - rest);
}

static bool claim_slices(struct hk_spans *spans, uint32_t slices)
{
    hk_atomic_add(&hk_spans_claims, slices);
    if (hk_spans_claimed() > hk_spans_most()) {
        hk_atomic_sub(&hk_spans_claims, slices);
        return false;
    }
    hk_atomic_add(&spans->claim, slices);
    return true;
}

/* Raise the heap's claim to `slices`; to more where it is no small one any more. */
static bool claim_more(struct hk_spans *spans, uint32_t slices)
{
    uint32_t claim = claim_of(spans);
    uint32_t more = slices > claim ? slices - claim : 0;
    return (claim >= CLAIM && claim_slices(spans, (uint32_t)hk_round_up(more, CLAIM))) ||
           claim_slices(spans, more);
}

static struct hk_page *take_place(struct hk_spans *spans, uint32_t place)
{
    uint8_t *link = &spans->first[hk_spans_length(spans, place)];
    while (*link != place + 1) {
        HK_ASSERT(*link);
        link = &spans->next[*link - 1];
    }
    return hk_spans_unlist(spans, link);
}

/* Take out the span of the next taken place in turn, if there is one, which has been there for
 * long, or about so. No place is the last one. */
static void drop(struct hk_spans *spans, struct gone *gone)
{
    if (!spans->taken) {
        return;
    }
    uint32_t from = spans->taken >> spans->oldest;
    uint32_t place = from ? spans->oldest + (uint32_t)__builtin_ctz(from)
                          : (uint32_t)__builtin_ctz(spans->taken);
    spans->oldest = (place + 1) % PLACES;
    struct hk_page *page = take_place(spans, place);
    if (page) {
        gone->span[gone->count++] = page;
    }
}

/* The holder's lists follow what was taken back. */
static void catch_up(struct hk_spans *spans, struct gone *gone)
{
    for (uint32_t rest = spans->taken; rest; rest &= rest - 1) {
        uint32_t place = (uint32_t)__builtin_ctz(rest);
        if (!atomic_load_explicit(&spans->span[place], memory_order_relaxed)) {
            (void)take_place(spans, place);
        }
    }
    while (spans->slices > claim_of(spans)) {
        drop(spans, gone);
    }
}

static void give_locked(struct hk_page *page, bool aged)
{
    struct hk_slices span = hk_slices_at(page, hk_span_slices(page));
    hk_slices_give_locked(span);
    if (aged) {
        span.slab->aged |= hk_slice_mask(span.index, span.count);
    }
}

static void give_gone_locked(const struct gone *gone)
{
    for (uint32_t i = 0; i < gone->count; i++) {
        give_locked(gone->span[i], false);
    }
}

/* The span at `place`, if nobody has taken it back. */
static const char *check_span(const struct hk_spans *spans, uint32_t place, uint32_t count)
{
    hk_lock_take(&hk_slabs.lock); /* so that nobody takes it back meanwhile */
    const char *broken = NULL;
    const struct hk_page *page = atomic_load_explicit(&spans->span[place], memory_order_relaxed);
    if (page) {
        struct hk_slices span = hk_slices_at(page, count);
        bool listed = span.slab->free & hk_slice_mask(span.index, count);
        broken = page->kind != HK_KIND_FREE ? "a kept span has a descriptor in use"
                 : listed                   ? "a kept span is free in its superslab"
                                            : NULL;
    }
    hk_lock_give(&hk_slabs.lock);
    return broken;
}

/* A place of `count` slices, on a list or the last one. */
static const char *check_place(const struct hk_spans *spans, uint32_t place, uint32_t count,
                               uint32_t *seen)
{
    if (~spans->taken >> place & 1 || *seen >> place & 1 ||
        hk_spans_length(spans, place) != count) {
        return "a heap's list of spans holds what does not belong there";
    }
    *seen |= 1u << place;
    return check_span(spans, place, count);
}

/* The last place, of `count` slices; 0: there is none. */
static const char *check_last(const struct hk_spans *spans, uint32_t count, uint32_t *seen)
{
    bool filled =
        count && atomic_load_explicit(&spans->span[spans->last], memory_order_relaxed) != NULL;
    if (spans->last_length ? spans->last_length != count : filled) {
        return "a heap's last place is not what it is taken for";
    }
    return count ? check_place(spans, spans->last, count, seen) : NULL;
}

const char *hk_spans_check(const struct hk_spans *spans)
{
    uint32_t seen = 0;
    uint32_t slices = spans->last_block ? hk_spans_length(spans, spans->last) : 0;
    const char *broken = check_last(spans, slices, &seen);
    for (uint32_t length = 0; length < HK_SPAN_LENGTHS && !broken; length++) {
        if ((spans->lengths >> length & 1) != (spans->first[length] != 0)) {
            return "a heap's lengths of spans are not those of its lists";
        }
        for (uint32_t link = spans->first[length]; link && !broken; link = spans->next[link - 1]) {
            broken = check_place(spans, link - 1, length, &seen);
            slices += length;
        }
    }
    bool sums = seen == spans->taken && slices == spans->slices;
    return broken ? broken : sums ? NULL : "a heap's spans do not sum to its count";
}

/* Make room for `count` slices, as far as the heap may keep so many. -> true: there is room. */
static bool make_room(struct hk_spans *spans, uint32_t count)
{
    int saved = errno; /* giving memory back may set it */
    struct gone gone = {.count = 0};
    hk_spans_end_last(spans);
    if (spans->slices > claim_of(spans)) { /* whoever takes spans back takes the claim as well */
        catch_up(spans, &gone);
    }
    HK_ASSERT(!hk_spans_check(spans));
    bool room = false;
    for (;;) {
        room = ~spans->taken &&
               (hk_spans_may_keep(spans, count) || claim_more(spans, spans->slices + count));
        if (room || !spans->taken) {
            break;
        }
        drop(spans, &gone);
        if (hk_spans_claimed() > hk_spans_most()) {
            unclaim(spans); /* policy allows less than it did */
        }
    }
    if (!room) {
        unclaim(spans);
    }
    if (gone.count) {
        hk_lock_take(&hk_slabs.lock);
        give_gone_locked(&gone);
        hk_lock_give(&hk_slabs.lock);
        hk_purge_excess();
    }
    errno = saved;
    return room;
}

bool hk_spans_keep(struct hk_heap *heap, struct hk_page *page)
{
    uint32_t count = hk_span_slices(page);
    hk_heap_enter(heap);
    bool room = heap->keeps && make_room(&heap->spans, count);
    if (room) {
        hk_spans_add(&heap->spans, page, hk_page_start(page), count);
    }
    hk_heap_leave(heap);
    return room;
}

void hk_spans_yield(struct hk_heap *heap)
{
    struct gone gone = {.count = 0};
    hk_lock_take(&hk_slabs.lock);
    if (hk_slabs.dirty_slices == 0) {
        hk_spans_end_last(&heap->spans);
        drop(&heap->spans, &gone);
        give_gone_locked(&gone);
        unclaim(&heap->spans);
    }
    hk_lock_give(&hk_slabs.lock);
}

static void take_back_locked(struct hk_spans *spans, bool aged)
{
    for (uint32_t i = 0; i < PLACES; i++) {
        if (atomic_load_explicit(&spans->span[i], memory_order_relaxed)) {
            struct hk_page *page = hk_atomic_swap(&spans->span[i], NULL, memory_order_acquire);
            if (page) {
                give_locked(page, aged);
            }
        }
    }
    if (claim_of(spans)) {
        uint32_t claim = hk_atomic_swap(&spans->claim, 0, memory_order_relaxed);
        hk_atomic_sub(&hk_spans_claims, claim);
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

/* A thread that is gone may have stood anywhere on its short ways. */
static void forget_lists(struct hk_spans *spans)
{
    spans->lengths = 0;
    spans->taken = 0;
    spans->slices = 0;
    spans->last_length = 0;
    spans->last_block = NULL;
    memset(spans->first, 0, sizeof spans->first);
}

void hk_spans_child(struct hk_heap *self)
{
    struct hk_heap *heap = atomic_load_explicit(&hk_heaps.all, memory_order_relaxed);
    for (; heap; heap = heap->next) {
        if (heap != self) {
            take_back_locked(&heap->spans, false);
            forget_lists(&heap->spans);
        }
    }
    /* a thread that is gone may have stood between the account and its claim */
    atomic_store_explicit(&hk_spans_claims, self ? claim_of(&self->spans) : 0,
                          memory_order_relaxed);
}
