/* SPDX-License-Identifier: MIT */
/* What a thread does with the large blocks that its heap keeps. */
#include "coldbox/spans_list.h"

#include "coldbox/cold.h"
#include "coldbox/purge.h"

#include <errno.h>

enum {
    MORE_SHIFT = 2, /* a span may be longer than asked for by a quarter */
    CLAIM = 16,     /* slices: claims grow by such steps, so that most frees leave them alone */
};

_Atomic(size_t) hk_spans_account;

/* Blocks that leave a heap, on their way to the superslabs and arenas. */
struct gone {
    struct hk_page *span[HK_SPAN_PLACES];
    uint32_t count;
};

size_t hk_spans_claimed(void)
{
    return atomic_load_explicit(&hk_spans_account, memory_order_relaxed);
}

/* -> slices that all claims together may amount to. */
static size_t most(void)
{
    size_t allowed = atomic_load_explicit(&hk_slabs.purge_above, memory_order_relaxed);
    return (allowed - (allowed >> HK_SPANS_REST)) >> HK_SLICE_SHIFT;
}

/* Lower the heap's claim to what is on its lists. */
static void unclaim(struct hk_spans *spans)
{
    uint32_t all = hk_atomic_swap(&spans->claim, 0, memory_order_relaxed);
    uint32_t rest = all < spans->slices ? all : spans->slices;
    hk_atomic_add(&spans->claim, rest);
    hk_atomic_sub(&hk_spans_account, all - rest);
}

static bool claim_slices(struct hk_spans *spans, uint32_t slices)
{
    hk_atomic_add(&hk_spans_account, slices);
    if (hk_spans_claimed() > most()) {
        hk_atomic_sub(&hk_spans_account, slices);
        return false;
    }
    hk_atomic_add(&spans->claim, slices);
    return true;
}

/* Raise the heap's claim to `slices`; to more where it is no small one any more. */
static bool claim_more(struct hk_spans *spans, uint32_t slices)
{
    uint32_t claim = hk_spans_claim(spans);
    uint32_t more = slices > claim ? slices - claim : 0;
    return (claim >= CLAIM && claim_slices(spans, (uint32_t)hk_round_up(more, CLAIM))) ||
           claim_slices(spans, more);
}

/* -> true: the heap has room and claim for `count` slices more. */
static inline bool may_keep(const struct hk_spans *spans, uint32_t count)
{
    return ~spans->taken && spans->slices + count <= hk_spans_claim(spans) &&
           hk_spans_claimed() <= most();
}

static void let_go(struct gone *gone, struct hk_page *page)
{
    if (page) {
        gone->span[gone->count++] = page;
    }
}

/* Take out the block of the next taken place in turn, which has been there for long, or about so.
 */
static void drop(struct hk_spans *spans, struct gone *gone)
{
    uint32_t from = spans->taken >> spans->oldest;
    uint32_t place = from ? spans->oldest + (uint32_t)__builtin_ctz(from)
                          : (uint32_t)__builtin_ctz(spans->taken);
    spans->oldest = (place + 1) % HK_SPAN_PLACES;
    let_go(gone, hk_spans_take_place(spans, place));
}

/* Make room for a block that belongs on `list`: a huge one puts out no span. -> false: there is
 * nothing to put out. */
static bool put_out(struct hk_spans *spans, uint32_t list, struct gone *gone)
{
    if (list == HK_SPANS_HUGE && spans->lengths >> HK_SPANS_HUGE & 1) {
        uint8_t *link = &spans->first[HK_SPANS_HUGE];
        while (spans->next[*link] != HK_SPAN_PLACES) {
            link = &spans->next[*link];
        }
        let_go(gone, hk_spans_take_out(spans, link, HK_SPANS_HUGE));
    } else if (list != HK_SPANS_HUGE && spans->taken) {
        drop(spans, gone);
    } else {
        return false;
    }
    return true;
}

/* The holder's lists follow what was taken back. */
static void catch_up(struct hk_spans *spans, struct gone *gone)
{
    for (uint32_t rest = spans->taken; rest; rest &= rest - 1) {
        uint32_t place = (uint32_t)__builtin_ctz(rest);
        if (!atomic_load_explicit(&spans->span[place], memory_order_relaxed)) {
            (void)hk_spans_take_place(spans, place);
        }
    }
    while (spans->slices > hk_spans_claim(spans)) {
        drop(spans, gone);
    }
}

static void give_gone_locked(const struct gone *gone)
{
    for (uint32_t i = 0; i < gone->count; i++) {
        hk_spans_give_locked(gone->span[i], false);
    }
}

/* -> true: a block of `usable` bytes may serve a request for `size`. */
static inline bool fits(size_t usable, size_t size)
{
    return usable >= size && usable - size <= size >> MORE_SHIFT;
}

static __attribute__((noinline)) void *pop_huge(struct hk_spans *spans, size_t size)
{
    uint8_t *link = &spans->first[HK_SPANS_HUGE];
    while (spans->lengths >> HK_SPANS_HUGE & 1 && *link != HK_SPAN_PLACES) {
        if (!fits(hk_spans_usable(spans, *link), size)) {
            link = &spans->next[*link];
            continue;
        }
        struct hk_page *head = hk_spans_take_out(spans, link, HK_SPANS_HUGE);
        if (HK_LIKELY(head)) {
            char *block = hk_huge_base(head) + hk_large_of(head)->offset;
            atomic_store_explicit(&spans->used, true, memory_order_relaxed);
            hk_large_mark(hk_page_of(block), HK_KIND_HUGE);
            hk_large_mark(head, HK_KIND_HUGE);
            return block;
        }
    }
    return NULL;
}

void *hk_cold_large_pop(struct hk_heap *heap, size_t size)
{
    struct hk_spans *spans = &heap->spans;
    if (size > HK_SPAN_MAX) {
        return pop_huge(spans, size);
    }
    uint32_t count = hk_span_count(size);
    uint64_t mask = hk_slice_mask(count, (count >> MORE_SHIFT) + 1);
    for (;;) {
        uint64_t fitting = spans->lengths & mask;
        if (!fitting) {
            return NULL;
        }
        uint32_t list = (uint32_t)__builtin_ctzll(fitting);
        struct hk_page *page = hk_spans_take_out(spans, &spans->first[list], list);
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
    if (spans->slices >
        hk_spans_claim(spans)) { /* whoever takes spans back takes the claim as well */
        catch_up(spans, &gone);
    }
    HK_ASSERT(!hk_spans_check(spans));
    bool room = false;
    for (;;) {
        room =
            ~spans->taken && (may_keep(spans, count) || claim_more(spans, spans->slices + count));
        if (room || !put_out(spans, hk_spans_list(count), &gone)) {
            break;
        }
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

static inline bool keep(struct hk_spans *spans, struct hk_page *page, size_t usable, uint32_t list)
{
    atomic_store_explicit(&spans->used, true, memory_order_relaxed);
    hk_large_mark(page, HK_KIND_FREE);
    hk_spans_add(spans, page, usable, list);
    return true;
}

static __attribute__((noinline)) bool make_room_and_keep(struct hk_spans *spans,
                                                         struct hk_page *page, uint32_t count)
{
    return make_room(spans, count) &&
           keep(spans, page, hk_large_of(page)->usable, hk_spans_list(count));
}

/* A run is kept as it came from the arena: no longer than its block needs, and touched no further.
 */
static bool is_plain(const struct hk_large *large)
{
    size_t units = (large->offset + large->usable + HK_SUPERSLAB - 1) >> HK_SUPERSLAB_SHIFT;
    return large->usable > HK_SPAN_MAX && large->units == units && !large->moved &&
           large->touched <= large->usable;
}

static __attribute__((noinline)) bool keep_huge(struct hk_spans *spans, struct hk_page *page,
                                                const void *block)
{
    struct hk_page *head = hk_large_head(page, block);
    const struct hk_large *large = hk_large_of(head);
    uint32_t count = hk_span_count(large->usable);
    if (!is_plain(large) || count > most() ||
        !(may_keep(spans, count) || make_room(spans, count))) {
        return false;
    }
    hk_large_mark(page, HK_KIND_FREE);
    return keep(spans, head, large->usable, HK_SPANS_HUGE);
}

bool hk_cold_large_keep(struct hk_heap *heap, struct hk_page *page, void *block)
{
    struct hk_spans *spans = &heap->spans;
    if (!heap->keeps) {
        return false;
    }
    if (page->kind != HK_KIND_SPAN) {
        return page->kind == HK_KIND_HUGE && keep_huge(spans, page, block);
    }
    HK_REQUIRE(block == hk_page_start(page), "free: not the start of a block");
    uint32_t count = hk_span_slices(page);
    return HK_LIKELY(may_keep(spans, count))
               ? keep(spans, page, (size_t)count << HK_SLICE_SHIFT, count)
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
