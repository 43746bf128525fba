/* SPDX-License-Identifier: MIT */
#include "coldbox/growth.h"

#include "coldbox/heaps.h"
#include "coldbox/thp.h"

enum {
    DENSE_FROM = 128,     /* pages of a heap: 8 MiB */
    DENSE_FROM_DEAR = 48, /* 3 MiB */
    FEW_HEAPS = 4,        /* with a thread */
    GROWTH_LEAST = 8, /* slices of new memory after which the boxes are asked for what is spare */
    GROWTH_SHIFT = 5, /* in a large heap a thirty-second of it */
    FILLED_FROM = 4,  /* pages of a class: one more is likely to be filled */
    SMALL_HEAP = 64,  /* slices, in which a page of several is worth asking for */
    SOON = 128,       /* leases within which a class that gave pages up misses them */
    PAUSE = 64,       /* leases for which classes that do are not asked again */
};

static bool are_few_heaps(void)
{
    size_t orphans = atomic_load_explicit(&hk_heaps.orphan_count, memory_order_relaxed);
    return atomic_load_explicit(&hk_heaps.count, memory_order_relaxed) <= orphans + FEW_HEAPS;
}

/* -> true: at least half of the heap's memory has been touched, about. Where a page's box does not
 * say how much of it was, all counts, or what an earlier box said of the slice. */
static bool is_filled(const struct hk_heap *heap)
{
    size_t touched = 0;
    for (const struct hk_page *page = heap->pages; page; page = hk_page_slot(page)->next) {
        const struct hk_slot *slot = hk_page_slot(page);
        size_t whole = (size_t)slot->slices << HK_SLICE_SHIFT;
        touched += slot->touched && slot->touched < whole ? slot->touched : whole;
    }
    return touched >= (heap->slice_count << HK_SLICE_SHIFT) / 2;
}

/* -> true: the heap, of that many pages, asks for huge pages sooner, since small ones are dear. Not
 * in each of many heaps, nor where each class has a page of its own of which it touches little. */
static bool asks_sooner(const struct hk_heap *heap, size_t pages)
{
    return pages >= DENSE_FROM_DEAR && are_few_heaps() && is_filled(heap);
}

enum hk_grow hk_growth(const struct hk_lease *request)
{
    if (!request->grow) {
        return HK_GROW_NOT;
    }
    size_t pages = atomic_load_explicit(&request->heap->page_count, memory_order_relaxed);
    bool several = request->slices > 1;
    bool dear = hk_thp_small_is_dear();
    bool dense = pages >= DENSE_FROM ? dear || !several
                                     : dear && !several && asks_sooner(request->heap, pages);
    return dense ? HK_GROW_DENSE : HK_GROW;
}

void hk_growth_note_lease(struct hk_spare *spare, size_t bin_index)
{
    uint32_t given_at = spare->given_at[bin_index];
    spare->leases += 1;
    spare->paused -= spare->paused > 0;
    if (given_at) {
        spare->regrets += spare->leases - given_at <= SOON;
        spare->given_at[bin_index] = 0;
    }
}

void hk_growth_note_given(struct hk_spare *spare, size_t bin_index)
{
    uint32_t given_at = spare->given_at[bin_index];
    spare->given += given_at == 0 || given_at < spare->judged;
    spare->given_at[bin_index] = spare->leases;
}

/* -> true: of the classes that gave pages up since that was judged last at least half missed them,
 * and a pause begins. */
static bool is_regretted(struct hk_spare *spare)
{
    bool regretted = spare->given && spare->regrets >= spare->given - spare->given / 2;
    spare->paused = regretted ? PAUSE : 0;
    spare->judged = spare->leases;
    spare->given = 0;
    spare->regrets = 0;
    return regretted;
}

/* -> true: the heap has taken so much new memory since the boxes were asked for what is spare. */
static bool has_grown(const struct hk_heap *heap)
{
    return heap->spare.fresh >= GROWTH_LEAST &&
           heap->spare.fresh >= heap->slice_count >> GROWTH_SHIFT;
}

/* -> true: the page will be filled, most likely, so that used memory for it is worth a look each
 * time. One of which little is used needs as much of another class's memory as of new memory, and
 * that class new memory in its place. */
static bool will_be_filled(const struct hk_lease *request)
{
    const struct hk_heap *heap = request->heap;
    return HK_FREE_POLICY == HK_FREE_BATCH && !request->shared &&
           (heap->class_pages[request->bin_index] >= FILLED_FROM ||
            (request->slices > 1 && heap->slice_count <= SMALL_HEAP));
}

bool hk_growth_may_ask(const struct hk_lease *request)
{
    const struct hk_heap *heap = request->heap;
    if (HK_FREE_POLICY == HK_FREE_KEEP || heap->spare.ask != HK_ASK_MAY || !heap->keeps) {
        return false;
    }
    if (has_grown(heap)) {
        return HK_FREE_POLICY == HK_FREE_BATCH || !heap->spare.paused;
    }
    return will_be_filled(request) && !heap->spare.vain && !heap->spare.paused;
}

bool hk_growth_ask(struct hk_heap *heap)
{
    bool may_regret = HK_FREE_POLICY == HK_FREE_EAGER || !has_grown(heap);
    if (may_regret && is_regretted(&heap->spare)) {
        return false;
    }
    heap->spare.ask = HK_ASK_PLEASE;
    heap->spare.fresh = 0;
    return true;
}

bool hk_growth_is_dear(void)
{
    return HK_FREE_POLICY == HK_FREE_BATCH && hk_thp_small_is_dear() && are_few_heaps();
}
