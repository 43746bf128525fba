/* SPDX-License-Identifier: MIT */
#include "coldbox/spans.h"

#include "coldbox/cold.h"
#include "coldbox/heaps.h"
#include "coldbox/large.h"
#include "coldbox/purge.h"

#include <errno.h>
#include <string.h>

enum {
    MORE_SHIFT = 2, /* a span may be longer than asked for by a quarter */
    CLAIM = 16,     /* slices: a claim grows by steps, so that most frees leave the account alone */
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

static uint32_t kept(const struct hk_spans *spans)
{
    return atomic_load_explicit(&spans->slices, memory_order_relaxed);
}

static void set_kept(struct hk_spans *spans, uint32_t slices)
{
    atomic_store_explicit(&spans->slices, slices, memory_order_relaxed);
}

size_t hk_spans_kept(void)
{
    size_t slices = 0;
    const struct hk_heap *heap = atomic_load_explicit(&hk_heaps.all, memory_order_acquire);
    for (; heap; heap = heap->next) {
        slices += kept(&heap->spans);
    }
    return slices;
}

/* -> slices that all claims together may amount to. */
static size_t most(void)
{
    size_t allowed = atomic_load_explicit(&hk_slabs.purge_above, memory_order_relaxed);
    return allowed / 2 >> HK_SLICE_SHIFT;
}

/* Lower the heap's claim to what it keeps. */
static void unclaim(struct hk_spans *spans)
{
    uint32_t excess = spans->claim - kept(spans);
    spans->claim -= excess;
    hk_atomic_sub(&claimed, excess);
}

static bool claim_more(struct hk_spans *spans, size_t slices)
{
    uint32_t more = (uint32_t)hk_round_up(slices - spans->claim, CLAIM);
    hk_atomic_add(&claimed, more);
    if (hk_spans_claimed() > most()) {
        hk_atomic_sub(&claimed, more);
        return false;
    }
    spans->claim += more;
    return true;
}

/* -> true: the heap may keep `count` slices more. */
static inline bool may_keep(struct hk_spans *spans, uint32_t count)
{
    size_t slices = (size_t)kept(spans) + count;
    return ~spans->taken &&
           (slices <= spans->claim ? hk_spans_claimed() <= most() : claim_more(spans, slices));
}

static void add(struct hk_spans *spans, struct hk_page *page, uint32_t count)
{
    uint32_t place = (uint32_t)__builtin_ctz(~spans->taken);
    spans->taken |= 1u << place;
    spans->span[place] = page;
    spans->length[place] = (uint8_t)count;
    spans->next[place] = spans->lengths >> count & 1 ? spans->first[count] : PLACES;
    spans->first[count] = (uint8_t)place;
    spans->lengths |= (uint64_t)1 << count;
    set_kept(spans, kept(spans) + count);
}

/* Take the span out whose place `link` names. */
static inline struct hk_page *take_out(struct hk_spans *spans, uint8_t *link)
{
    uint32_t place = *link;
    uint32_t count = spans->length[place];
    *link = spans->next[place];
    spans->taken &= ~(1u << place);
    if (spans->first[count] == PLACES) {
        spans->lengths &= ~((uint64_t)1 << count);
    }
    set_kept(spans, kept(spans) - count);
    return spans->span[place];
}

/* Take out the span of the next taken place in turn, which has been there for long, or about so. */
static void drop(struct hk_spans *spans, struct gone *gone)
{
    uint32_t from = spans->taken >> spans->oldest;
    uint32_t place = from ? spans->oldest + (uint32_t)__builtin_ctz(from)
                          : (uint32_t)__builtin_ctz(spans->taken);
    spans->oldest = (place + 1) % PLACES;
    uint8_t *link = &spans->first[spans->length[place]];
    while (*link != place) {
        link = &spans->next[*link];
    }
    gone->span[gone->count++] = take_out(spans, link);
}

static void give(const struct gone *gone, bool aged)
{
    hk_lock_take(&hk_slabs.lock);
    for (uint32_t i = 0; i < gone->count; i++) {
        struct hk_page *page = gone->span[i];
        struct hk_superslab *slab = (struct hk_superslab *)hk_page_superslab(page);
        uint32_t index = (uint32_t)hk_page_slice(page);
        uint32_t count = hk_span_slices(page);
        hk_slices_give_locked((struct hk_slices){slab, index, count});
        if (aged) {
            slab->aged |= hk_slice_mask(index, count);
        }
    }
    hk_lock_give(&hk_slabs.lock);
}

void *hk_cold_large_pop(struct hk_heap *heap, size_t size)
{
    if (size > HK_SPAN_MAX) {
        return NULL;
    }
    struct hk_spans *spans = &heap->spans;
    uint32_t count = (uint32_t)((size + HK_SLICE - 1) >> HK_SLICE_SHIFT);
    uint64_t fitting = spans->lengths & hk_slice_mask(count, (count >> MORE_SHIFT) + 1);
    spans->used = true;
    if (!fitting) {
        return NULL;
    }
    struct hk_page *page = take_out(spans, &spans->first[__builtin_ctzll(fitting)]);
    hk_large_mark(page, HK_KIND_SPAN);
    return hk_page_start(page);
}

/* Policy allows less than it did: a heap that is over the account keeps to what it has. */
static void heed_account(struct hk_spans *spans)
{
    if (hk_spans_claimed() > most()) {
        unclaim(spans);
    }
}

/* Make room for `count` slices, as far as the heap may keep so many. -> true: there is room. */
static __attribute__((noinline)) bool make_room(struct hk_spans *spans, uint32_t count)
{
    int saved = errno; /* giving memory back may set it */
    struct gone gone = {.count = 0};
    bool room = false;
    while (!room && spans->taken) {
        drop(spans, &gone);
        heed_account(spans);
        room = may_keep(spans, count);
    }
    if (gone.count) {
        give(&gone, false);
        hk_purge_excess();
    }
    errno = saved;
    return room;
}

bool hk_cold_large_keep(struct hk_heap *heap, struct hk_page *page, void *block)
{
    if (page->kind != HK_KIND_SPAN || !heap->keeps) {
        return false;
    }
    HK_REQUIRE(block == hk_page_start(page), "free: not the start of a block");
    struct hk_spans *spans = &heap->spans;
    uint32_t count = hk_span_slices(page);
    spans->used = true;
    if (!may_keep(spans, count) && !make_room(spans, count)) {
        return false;
    }
    hk_large_mark(page, HK_KIND_FREE);
    add(spans, page, count);
    return true;
}

void hk_spans_yield(struct hk_heap *heap)
{
    struct gone gone = {.count = 0};
    hk_lock_take(&hk_slabs.lock);
    bool none_dirty = hk_slabs.dirty_slices == 0;
    hk_lock_give(&hk_slabs.lock);
    if (none_dirty) {
        drop(&heap->spans, &gone);
        give(&gone, false);
        unclaim(&heap->spans);
    }
}

static void clear(struct hk_spans *spans, bool aged)
{
    struct gone gone = {.count = 0};
    while (spans->taken) {
        drop(spans, &gone);
    }
    unclaim(spans);
    if (gone.count) {
        give(&gone, aged);
    }
}

void hk_spans_clear(struct hk_heap *heap)
{
    clear(&heap->spans, false);
}

void hk_cold_age(struct hk_heap *heap)
{
    HK_ASSERT(!hk_spans_check(heap));
    if (!heap->spans.used) {
        clear(&heap->spans, true);
    }
    heap->spans.used = false;
}

void hk_spans_child(void)
{
    size_t claims = 0;
    struct hk_heap *heap = atomic_load_explicit(&hk_heaps.all, memory_order_relaxed);
    for (; heap; heap = heap->next) {
        if (atomic_load_explicit(&heap->state, memory_order_relaxed) == HK_HEAP_FROZEN) {
            memset(&heap->spans, 0, sizeof heap->spans);
        }
        claims += heap->spans.claim;
    }
    atomic_store_explicit(&claimed, claims, memory_order_relaxed);
}

static const char *check_span(const struct hk_page *page, uint32_t count)
{
    if (page->kind != HK_KIND_FREE) {
        return "a kept span has a descriptor in use";
    }
    const struct hk_superslab *slab = (const struct hk_superslab *)hk_page_superslab(page);
    hk_lock_take(&hk_slabs.lock);
    bool listed = slab->free & hk_slice_mask((uint32_t)hk_page_slice(page), count);
    hk_lock_give(&hk_slabs.lock);
    return listed ? "a kept span is free in its superslab" : NULL;
}

const char *hk_spans_check(const struct hk_heap *heap)
{
    const struct hk_spans *spans = &heap->spans;
    uint32_t slices = 0;
    uint32_t seen = 0;
    for (uint32_t length = 0; length < HK_SPAN_LENGTHS; length++) {
        uint32_t place = spans->lengths >> length & 1 ? spans->first[length] : PLACES;
        for (; place < PLACES; place = spans->next[place]) {
            if (~spans->taken >> place & 1 || seen >> place & 1 || spans->length[place] != length) {
                return "a heap's list of spans holds what does not belong there";
            }
            const char *broken = check_span(spans->span[place], length);
            if (broken) {
                return broken;
            }
            seen |= 1u << place;
            slices += length;
        }
    }
    if (seen != spans->taken || slices != kept(spans)) {
        return "a heap's spans do not sum to its count";
    }
    return slices <= spans->claim ? NULL : "a heap keeps more spans than it has claimed";
}
