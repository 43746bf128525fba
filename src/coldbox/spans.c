/* SPDX-License-Identifier: MIT */
#include "coldbox/spans.h"

#include "coldbox/cold.h"
#include "coldbox/heaps.h"
#include "coldbox/large.h"
#include "coldbox/purge.h"

#include <errno.h>

enum {
    MORE_SHIFT = 2, /* a span may be longer than asked for by a quarter */
    CLAIM = 16,     /* slices: claims grow by such steps, so that most frees leave them alone */
    PLACES = HK_SPAN_PLACES, /* of a heap; as the end of a list of places: none */
};

_Static_assert(HK_SPAN_LENGTHS == (HK_SPAN_MAX >> HK_SLICE_SHIFT) + 1, "every length has a list");
_Static_assert(HK_SPAN_LENGTHS <= 64, "lengths are bits of a word");
_Static_assert(HK_SPAN_PLACES == 32, "places are bits of a word");

static _Atomic(size_t) claimed; /* slices */

/* Spans that leave a heap, on their way to the superslabs. */
struct gone {
    struct hk_page *span[PLACES];
    uint32_t count;
};

size_t hk_spans_claimed(void)
{
    return atomic_load_explicit(&claimed, memory_order_relaxed);
}

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
            slices +=
                there ? atomic_load_explicit(&heap->spans.length[i], memory_order_relaxed) : 0;
        }
    }
    return slices;
}

/* -> slices that all claims together may amount to. */
static size_t most(void)
{
    size_t allowed = atomic_load_explicit(&hk_slabs.purge_above, memory_order_relaxed);
    return allowed / 2 >> HK_SLICE_SHIFT;
}

/* Lower the heap's claim to what is on its lists. */
static void unclaim(struct hk_spans *spans)
{
    uint32_t all = hk_atomic_swap(&spans->claim, 0, memory_order_relaxed);
    uint32_t rest = all < spans->slices ? all : spans->slices;
    hk_atomic_add(&spans->claim, rest);
    hk_atomic_sub(&claimed, all - rest);
}

static bool claim_slices(struct hk_spans *spans, uint32_t slices)
{
    hk_atomic_add(&claimed, slices);
    if (hk_spans_claimed() > most()) {
        hk_atomic_sub(&claimed, slices);
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

/* -> true: the heap has room and claim for `count` slices more. */
static inline bool may_keep(const struct hk_spans *spans, uint32_t count)
{
    return ~spans->taken && spans->slices + count <= claim_of(spans) &&
           hk_spans_claimed() <= most();
}

static void add(struct hk_spans *spans, struct hk_page *page, uint32_t count)
{
    uint32_t place = (uint32_t)__builtin_ctz(~spans->taken);
    spans->taken |= 1u << place;
    spans->next[place] = spans->lengths >> count & 1 ? spans->first[count] : PLACES;
    spans->first[count] = (uint8_t)place;
    spans->lengths |= (uint64_t)1 << count;
    spans->slices += count;
    atomic_store_explicit(&spans->length[place], (uint8_t)count, memory_order_relaxed);
    /* release: whoever takes it out sees its descriptor */
    hk_atomic_put(&spans->span[place], page, memory_order_release);
}

/* Take the place that `link` names off its list. -> its span, or NULL: somebody took it back. */
static inline struct hk_page *take_out(struct hk_spans *spans, uint8_t *link)
{
    uint32_t place = *link;
    uint32_t count = atomic_load_explicit(&spans->length[place], memory_order_relaxed);
    *link = spans->next[place];
    spans->taken &= ~(1u << place);
    if (spans->first[count] == PLACES) {
        spans->lengths &= ~((uint64_t)1 << count);
    }
    spans->slices -= count;
    return hk_atomic_swap(&spans->span[place], NULL, memory_order_acquire);
}

static struct hk_page *take_place(struct hk_spans *spans, uint32_t place)
{
    uint8_t *link =
        &spans->first[atomic_load_explicit(&spans->length[place], memory_order_relaxed)];
    while (*link != place) {
        link = &spans->next[*link];
    }
    return take_out(spans, link);
}

/* Take out the span of the next taken place in turn, which has been there for long, or about so. */
static void drop(struct hk_spans *spans, struct gone *gone)
{
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

const char *hk_spans_check(const struct hk_spans *spans)
{
    uint32_t slices = 0;
    uint32_t seen = 0;
    for (uint32_t length = 0; length < HK_SPAN_LENGTHS; length++) {
        uint32_t place = spans->lengths >> length & 1 ? spans->first[length] : PLACES;
        for (; place < PLACES; place = spans->next[place]) {
            if (~spans->taken >> place & 1 || seen >> place & 1 ||
                atomic_load_explicit(&spans->length[place], memory_order_relaxed) != length) {
                return "a heap's list of spans holds what does not belong there";
            }
            const char *broken = check_span(spans, place, length);
            if (broken) {
                return broken;
            }
            seen |= 1u << place;
            slices += length;
        }
    }
    return seen == spans->taken && slices == spans->slices
               ? NULL
               : "a heap's spans do not sum to its count";
}

void *hk_cold_large_pop(struct hk_heap *heap, size_t size)
{
    if (size > HK_SPAN_MAX) {
        return NULL;
    }
    struct hk_spans *spans = &heap->spans;
    uint32_t count = hk_span_count(size);
    uint64_t mask = hk_slice_mask(count, (count >> MORE_SHIFT) + 1);
    for (;;) {
        uint64_t fitting = spans->lengths & mask;
        if (!fitting) {
            return NULL;
        }
        struct hk_page *page = take_out(spans, &spans->first[__builtin_ctzll(fitting)]);
        if (HK_LIKELY(page)) {
            atomic_store_explicit(&spans->used, true, memory_order_relaxed);
            hk_large_mark(page, HK_KIND_SPAN);
            return hk_page_start(page);
        }
    }
}

/* Make room for `count` slices, as far as the heap may keep so many. -> true: there is room. */
static bool make_room(struct hk_spans *spans, uint32_t count)
{
    int saved = errno; /* giving memory back may set it */
    struct gone gone = {.count = 0};
    if (spans->slices > claim_of(spans)) { /* whoever takes spans back takes the claim as well */
        catch_up(spans, &gone);
    }
    HK_ASSERT(!hk_spans_check(spans));
    bool room = false;
    for (;;) {
        room =
            ~spans->taken && (may_keep(spans, count) || claim_more(spans, spans->slices + count));
        if (room || !spans->taken) {
            break;
        }
        drop(spans, &gone);
        if (hk_spans_claimed() > most()) {
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

static inline bool keep(struct hk_spans *spans, struct hk_page *page, uint32_t count)
{
    atomic_store_explicit(&spans->used, true, memory_order_relaxed);
    hk_large_mark(page, HK_KIND_FREE);
    add(spans, page, count);
    return true;
}

static __attribute__((noinline)) bool make_room_and_keep(struct hk_spans *spans,
                                                         struct hk_page *page, uint32_t count)
{
    return make_room(spans, count) && keep(spans, page, count);
}

bool hk_cold_large_keep(struct hk_heap *heap, struct hk_page *page, void *block)
{
    if (page->kind != HK_KIND_SPAN || !heap->keeps) {
        return false;
    }
    HK_REQUIRE(block == hk_page_start(page), "free: not the start of a block");
    struct hk_spans *spans = &heap->spans;
    uint32_t count = hk_span_slices(page);
    return HK_LIKELY(may_keep(spans, count)) ? keep(spans, page, count)
                                             : make_room_and_keep(spans, page, count);
}

void hk_spans_yield(struct hk_heap *heap)
{
    struct gone gone = {.count = 0};
    hk_lock_take(&hk_slabs.lock);
    if (hk_slabs.dirty_slices == 0) {
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
        hk_atomic_sub(&claimed, claim);
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
    atomic_store_explicit(&claimed, self ? claim_of(&self->spans) : 0, memory_order_relaxed);
}
