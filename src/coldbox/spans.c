/* SPDX-License-Identifier: MIT */
#include "coldbox/spans.h"

#include <errno.h>

enum {
    STOCKS = 16,
    STOCK_SHIFT = 32 - 4, /* of a mixed mark: the stock */
    PLACES = 32,          /* spans that a stock holds, most */
    LENGTHS = (HK_SPAN_MAX >> HK_SLICE_SHIFT) + 1,
    MORE_SHIFT = 2,  /* a span may be longer than asked for by a quarter */
    MARK_SHIFT = 12, /* marks of two threads are at least so far apart */
};

static const uint32_t mix = 0x9e3779b9u; /* odd; spreads what is left of a mark */

_Static_assert(STOCKS == 1 << (32 - STOCK_SHIFT), "a mixed mark is a stock");
_Static_assert(LENGTHS <= 64, "lengths are bits of a word");

struct stock {
    struct hk_lock lock;
    uint64_t lengths;              /* bit: that length's list is not empty; lock */
    uint32_t taken;                /* bit: that place holds a span; lock */
    uint32_t oldest;               /* the place whose span goes next; lock */
    bool used;                     /* since the last tick; lock */
    _Atomic(uint32_t) slices;      /* in all its spans; written under the lock */
    uint8_t first[LENGTHS];        /* the place of a length's span that came last; lock */
    uint8_t next[PLACES];          /* the place of the one before it, or PLACES; lock */
    struct hk_slices span[PLACES]; /* lock */
};

/* Spans that leave a stock, on their way to the superslabs. */
struct gone {
    struct hk_slices span[PLACES];
    uint32_t count;
};

#define STOCK                                                                                      \
    {                                                                                              \
        .lock = HK_LOCK(HK_RANK_SPANS)                                                             \
    }
#define STOCKS_4 STOCK, STOCK, STOCK, STOCK
static struct stock stocks[STOCKS] = {STOCKS_4, STOCKS_4, STOCKS_4, STOCKS_4};

/* A thread's errno is as good a mark of it as any. */
static struct stock *own_stock(void)
{
    uint32_t mark = (uint32_t)((uintptr_t)&errno >> MARK_SHIFT);
    return &stocks[mark * mix >> STOCK_SHIFT];
}

static uint32_t slices_in(const struct stock *stock)
{
    return atomic_load_explicit(&stock->slices, memory_order_relaxed);
}

size_t hk_spans_stocked(void)
{
    size_t slices = 0;
    for (size_t i = 0; i < STOCKS; i++) {
        slices += slices_in(&stocks[i]);
    }
    return slices;
}

/* -> whether the stock may take a span in as well: all stocks together hold half of what policy
 * allows; each has a sixteenth of that to itself. */
static bool has_room_locked(const struct stock *stock, uint32_t count)
{
    size_t allowed = atomic_load_explicit(&hk_slabs.purge_above, memory_order_relaxed);
    size_t most = allowed / 2 >> HK_SLICE_SHIFT;
    return ~stock->taken &&
           (slices_in(stock) + count <= most / STOCKS || hk_spans_stocked() + count <= most);
}

static void add_locked(struct stock *stock, struct hk_slices span)
{
    uint32_t place = (uint32_t)__builtin_ctz(~stock->taken);
    stock->taken |= 1u << place;
    stock->span[place] = span;
    stock->next[place] = stock->lengths >> span.count & 1 ? stock->first[span.count] : PLACES;
    stock->first[span.count] = (uint8_t)place;
    stock->lengths |= (uint64_t)1 << span.count;
    atomic_store_explicit(&stock->slices, slices_in(stock) + span.count, memory_order_relaxed);
}

/* Take the span at `place` out, which `link` names. */
static struct hk_slices remove_locked(struct stock *stock, uint32_t place, uint8_t *link)
{
    struct hk_slices span = stock->span[place];
    *link = stock->next[place];
    stock->taken &= ~(1u << place);
    if (stock->first[span.count] == PLACES) {
        stock->lengths &= ~((uint64_t)1 << span.count);
    }
    atomic_store_explicit(&stock->slices, slices_in(stock) - span.count, memory_order_relaxed);
    return span;
}

/* Take out the span of the next taken place in turn, which has been there for long, or about so. */
static void drop_locked(struct stock *stock, struct gone *gone)
{
    uint32_t from = stock->taken >> stock->oldest;
    uint32_t place = from ? stock->oldest + (uint32_t)__builtin_ctz(from)
                          : (uint32_t)__builtin_ctz(stock->taken);
    stock->oldest = (place + 1) % PLACES;
    uint8_t *link = &stock->first[stock->span[place].count];
    while (*link != place) {
        link = &stock->next[*link];
    }
    gone->span[gone->count++] = remove_locked(stock, place, link);
}

static void put_all(const struct gone *gone)
{
    for (uint32_t i = 0; i < gone->count; i++) {
        hk_slices_put(gone->span[i]);
    }
}

/* The same for spans that have lain in stock from tick to tick. */
static void put_all_aged(const struct gone *gone)
{
    hk_lock_take(&hk_slabs.lock);
    for (uint32_t i = 0; i < gone->count; i++) {
        struct hk_slices span = gone->span[i];
        hk_slices_give_locked(span);
        span.slab->aged |= hk_slice_mask(span.index, span.count);
    }
    hk_lock_give(&hk_slabs.lock);
}

bool hk_span_take(uint32_t count, struct hk_slices *out)
{
    struct stock *stock = own_stock();
    if (slices_in(stock) < count) {
        return false;
    }
    hk_lock_take(&stock->lock);
    stock->used = true;
    uint64_t fitting = stock->lengths & hk_slice_mask(count, (count >> MORE_SHIFT) + 1);
    if (fitting) {
        uint8_t *link = &stock->first[__builtin_ctzll(fitting)];
        *out = remove_locked(stock, *link, link);
    }
    hk_lock_give(&stock->lock);
    return fitting != 0;
}

void hk_span_put(struct hk_slices span)
{
    struct stock *stock = own_stock();
    struct gone gone;
    gone.count = 0;
    hk_lock_take(&stock->lock);
    stock->used = true;
    bool room = has_room_locked(stock, span.count);
    while (!room && stock->taken) {
        drop_locked(stock, &gone);
        room = has_room_locked(stock, span.count);
    }
    if (room) {
        add_locked(stock, span);
    }
    hk_lock_give(&stock->lock);
    put_all(&gone);
    if (!room) {
        hk_slices_put(span);
    }
}

/* Take all spans out of the stock; `unused`: only if nobody used it since the last tick. */
static void empty(struct stock *stock, bool unused, struct gone *gone)
{
    gone->count = 0;
    hk_lock_take(&stock->lock);
    while (stock->taken && !(unused && stock->used)) {
        drop_locked(stock, gone);
    }
    stock->used = false;
    hk_lock_give(&stock->lock);
}

void hk_spans_tick(void)
{
    for (size_t i = 0; i < STOCKS; i++) {
        if (slices_in(&stocks[i])) {
            struct gone gone;
            empty(&stocks[i], true, &gone);
            put_all_aged(&gone);
        }
    }
}

void hk_spans_clear(void)
{
    for (size_t i = 0; i < STOCKS; i++) {
        struct gone gone;
        empty(&stocks[i], false, &gone);
        put_all(&gone);
    }
}

static const char *check_span(const struct hk_slices *span)
{
    uint64_t mask = hk_slice_mask(span->index, span->count);
    if (hk_superslab_page(span->slab, span->index)->kind != HK_KIND_FREE) {
        return "a stocked span has a descriptor in use";
    }
    hk_lock_take(&hk_slabs.lock);
    bool listed = span->slab->free & mask;
    hk_lock_give(&hk_slabs.lock);
    return listed ? "a stocked span is free in its superslab" : NULL;
}

static const char *check_stock_locked(const struct stock *stock)
{
    uint32_t slices = 0;
    uint32_t seen = 0;
    for (uint32_t length = 0; length < LENGTHS; length++) {
        uint32_t place = stock->lengths >> length & 1 ? stock->first[length] : PLACES;
        for (; place < PLACES; place = stock->next[place]) {
            if (stock->span[place].count != length || ~stock->taken >> place & 1 ||
                seen >> place & 1) {
                return "a stock's list holds what does not belong there";
            }
            const char *broken = check_span(&stock->span[place]);
            if (broken) {
                return broken;
            }
            seen |= 1u << place;
            slices += length;
        }
    }
    return seen == stock->taken && slices == slices_in(stock)
               ? NULL
               : "a stock's spans do not sum to its count";
}

const char *hk_spans_check(void)
{
    const char *broken = NULL;
    for (size_t i = 0; i < STOCKS && !broken; i++) {
        hk_lock_take(&stocks[i].lock);
        broken = check_stock_locked(&stocks[i]);
        hk_lock_give(&stocks[i].lock);
    }
    return broken;
}

void hk_spans_keep(void)
{
    for (size_t i = 0; i < STOCKS; i++) {
        hk_lock_keep(&stocks[i].lock);
    }
}

void hk_spans_unkeep(void)
{
    for (size_t i = STOCKS; i-- > 0;) {
        hk_lock_unkeep(&stocks[i].lock);
    }
}
