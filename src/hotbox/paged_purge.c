/* SPDX-License-Identifier: MIT */
/* Give back the memory of free blocks inside a page that is still in use. Only blocks that are bits
 * qualify: nothing is written in them. */
#include "hotbox/paged.h"

#include "coldbox/seat.h"

enum {
    SPARSE_LEAST = 128, /* carved slices of pages that may be sparse: 8 MiB */
    SPARSE_SHIFT = 3,   /* in a large heap an eighth of its slices */
    MOSTLY_SHIFT = 2,   /* where memory is dear: all but a quarter of them */
    AT_ONCE = 8,        /* pages that give memory back in one go */
    STALE_AT_ONCE = 32, /* of those that have long been sparse */
    LEAVE_MOST = 1024,  /* when the thread ends */
    PAUSE_MAX = 255,
};

/* Memory that is wanted again within that time was given back too soon. */
static const int64_t SOON_NS = 4000000000;

static void returned_to_bits(struct hk_page *page)
{
    struct hk_paged *paged = hk_paged(page);
    char *start = hk_page_start(page);
    void *block = paged->returned;
    paged->returned = NULL;
    paged->returned_count = 0;
    while (block) {
        void *next = *(void **)block;
        size_t offset = (size_t)((char *)block - start);
        hk_map_set(hk_page_map(page), hk_paged_index(paged, offset));
        block = next;
    }
}

static void put_last(struct hk_heap *heap, struct hk_page *page)
{
    struct hk_sparse *sparse = &heap->sparse;
    struct hk_slot *slot = hk_page_slot(page);
    slot->sparse_since = sparse->looks;
    slot->sparse_next = NULL;
    slot->sparse_prev = sparse->last;
    *(sparse->last ? &hk_page_slot(sparse->last)->sparse_next : &sparse->first) = page;
    sparse->last = page;
    sparse->slices += hk_paged_carved_slices(page);
    page->flags |= HK_PAGED_SPARSE;
}

static void take_off(struct hk_sparse *sparse, struct hk_page *page)
{
    struct hk_slot *slot = hk_page_slot(page);
    struct hk_page *next = slot->sparse_next;
    struct hk_page *prev = slot->sparse_prev;
    *(prev ? &hk_page_slot(prev)->sparse_next : &sparse->first) = next;
    *(next ? &hk_page_slot(next)->sparse_prev : &sparse->last) = prev;
    sparse->slices -= hk_paged_carved_slices(page);
    page->flags &= (uint8_t)~HK_PAGED_SPARSE;
}

/* -> carved slices of sparse pages, which may keep their memory. */
static size_t usual_most(const struct hk_heap *heap)
{
    size_t most = heap->slice_count >> SPARSE_SHIFT;
    return (most > SPARSE_LEAST ? most : SPARSE_LEAST) + heap->sparse.hold;
}

/* -> those that may keep it now. Where it is dear that is most of the heap, since sizes that come
 * back find it there; but once sparse pages are that much they have been left behind, and go on
 * giving it back until many of them serve again. Nobody comes back to a heap that keeps nothing. */
static size_t sparse_most(struct hk_heap *heap)
{
    struct hk_sparse *sparse = &heap->sparse;
    size_t usual = usual_most(heap);
    size_t mostly = heap->slice_count - (heap->slice_count >> MOSTLY_SHIFT);
    bool may = heap->dear && heap->keeps && mostly > usual;
    sparse->draining = may && sparse->slices > (sparse->draining ? usual / 2 : mostly);
    return may && !sparse->draining ? mostly : usual;
}

/* The page has given back what it could. */
static void set_purged(struct hk_heap *heap, struct hk_page *page)
{
    if (page->flags & HK_PAGED_SPARSE) {
        take_off(&heap->sparse, page);
        page->flags |= HK_PAGED_PURGED;
    }
    if (page->flags & HK_PAGED_PURGED) {
        size_t out = hk_paged_out(page);
        page->flags |= out <= hk_paged_hardly_at(page) ? HK_PAGED_DONE : 0;
        hk_paged_set_out(page, out);
    }
}

/* Give back what can be of the page, or as long as the OS takes it. Where it takes nothing, the
 * page is as it was, and *refused is set. -> bytes. */
static size_t purge(struct hk_heap *heap, struct hk_page *page, bool whole, bool *refused)
{
    returned_to_bits(page);
    size_t bytes = hk_map_purge(page, hk_page_map(page), hk_paged(page)->carved, whole, refused);
    *refused &= !bytes;
    if (!*refused) {
        set_purged(heap, page);
    }
    return bytes;
}

size_t hk_paged_purge(struct hk_heap *heap, struct hk_page *page)
{
    bool refused;
    return purge(heap, page, true, &refused);
}

bool hk_paged_enlist(struct hk_heap *heap, struct hk_page *page, size_t out)
{
    bool thin = out <= hk_paged_thin_at(page);
    if (thin) {
        put_last(heap, page);
    }
    return thin;
}

/* The oldest page on the list gives memory back. Where the OS takes none, as of locked memory, all
 * stay where they are for a while, and longer each time. */
static void purge_oldest(struct hk_heap *heap)
{
    struct hk_sparse *sparse = &heap->sparse;
    struct hk_page *oldest = sparse->first;
    bool refused;
    if (purge(heap, oldest, false, &refused)) {
        sparse->pause = 0;
    } else if (refused) {
        take_off(sparse, oldest);
        put_last(heap, oldest); /* another one is next */
        sparse->pause = sparse->pause < PAUSE_MAX ? 2 * sparse->pause + 1 : sparse->pause;
        sparse->skip = sparse->pause;
    }
}

/* More sparse pages may keep their memory: a quarter more than what was missed, so that a program
 * that goes on like that stops paying for it; but no more than the heap has. */
static void learn(struct hk_heap *heap, uint32_t slices)
{
    uint32_t hold = heap->sparse.hold;
    uint32_t most = (uint32_t)heap->slice_count;
    uint32_t more = slices + (slices >= 4 ? slices / 4 : hold % 4 == 0);
    if (hold < most) {
        heap->sparse.hold = more < most - hold ? hold + more : most;
    }
}

static void learn_from_others(struct hk_heap *heap)
{
    if (atomic_load_explicit(&heap->missed, memory_order_relaxed)) {
        learn(heap, hk_atomic_swap(&heap->missed, 0, memory_order_relaxed));
    }
}

void hk_paged_thin(struct hk_heap *heap, struct hk_page *page, size_t out)
{
    struct hk_sparse *sparse = &heap->sparse;
    if (!hk_paged_enlist(heap, page, out)) {
        return;
    }
    if (sparse->skip) {
        sparse->skip -= 1;
        return;
    }
    if (sparse->slices > sparse_most(heap)) {
        learn_from_others(heap);
    }
    for (int i = 0; i < AT_ONCE && !sparse->skip && sparse->slices > sparse_most(heap); i++) {
        purge_oldest(heap);
    }
}

/* `slices` of memory that sparse pages of `giver` gave back are wanted again, in a page of
 * `heap`'s. If that is soon, whoever gave it learns from it. */
static void miss(struct hk_heap *heap, struct hk_heap *giver, uint32_t slices)
{
    uint64_t purged = atomic_load_explicit(&giver->purged, memory_order_relaxed);
    /* signed: the heap looks at the clock less often than memory goes back */
    if ((int64_t)(heap->aged - purged) >= SOON_NS) {
        return;
    }
    if (giver == heap) {
        learn(heap, slices);
    } else {
        hk_atomic_add(&giver->missed, slices);
    }
}

void hk_paged_delist(struct hk_heap *heap, struct hk_page *page)
{
    if (page->flags & HK_PAGED_SPARSE) {
        take_off(&heap->sparse, page);
    }
}

void hk_paged_thick(struct hk_heap *heap, struct hk_page *page)
{
    hk_paged_delist(heap, page);
    if (page->flags & HK_PAGED_PURGED) {
        struct hk_slot *slot = hk_page_slot(page);
        page->flags &= (uint8_t) ~(HK_PAGED_PURGED | HK_PAGED_DONE);
        miss(heap, slot->purger ? slot->purger : heap, slot->slices);
        slot->purger = NULL;
    }
}

void hk_paged_retire(struct hk_heap *heap, struct hk_page *page)
{
    /* whoever leases it next wants what was given back */
    uint32_t slices = hk_page_slot(page)->slices;
    for (uint32_t i = 0; i < slices; i++) {
        hk_page_slot(&page[i])->purger = page->flags & HK_PAGED_PURGED ? heap : NULL;
    }
    HK_COLD.retire(heap, page);
}

/* What the heap has learnt loses half of itself in SOON_NS. */
static void sink(struct hk_sparse *sparse, uint64_t now)
{
    const uint64_t soon = (uint64_t)SOON_NS;
    uint64_t elapsed = sparse->sunk ? now - sparse->sunk : 0;
    sparse->sunk = now;
    if (!elapsed || !sparse->hold) {
        return;
    }
    uint64_t times = elapsed / soon;
    sparse->hold >>= times < 31 ? times : 31;
    /* half of it in the whole time, near enough, and at least one */
    uint64_t part = sparse->hold * (elapsed % soon >> 20) / (2 * (soon >> 20));
    sparse->hold -= sparse->hold ? (uint32_t)(part ? part : 1) : 0;
}

/* -> true: there are more sparse pages than usual, and the OS has not just refused one. */
static bool is_over(const struct hk_heap *heap)
{
    return !heap->sparse.skip && heap->sparse.slices > usual_most(heap);
}

void hk_paged_leave(struct hk_heap *heap)
{
    learn_from_others(heap);
    for (int left = heap->dear ? LEAVE_MOST : 0; left && is_over(heap); left--) {
        purge_oldest(heap);
    }
}

/* -> true: the oldest page on the list has been there for as long as teaches something. */
static bool is_stale(const struct hk_sparse *sparse)
{
    const uint32_t looks = (uint32_t)(SOON_NS / 1000000 / HK_PURGE_DELAY_MS) + 1;
    struct hk_page *oldest = sparse->first;
    return oldest && sparse->looks - hk_page_slot(oldest)->sparse_since >= looks;
}

void hk_paged_rest(struct hk_heap *heap)
{
    struct hk_sparse *sparse = &heap->sparse;
    if (sparse->sunk == heap->aged) {
        return; /* asked by the other box */
    }
    sink(sparse, heap->aged);
    learn_from_others(heap);
    sparse->looks += 1;
    sparse->skip -= sparse->skip > 0;
    for (int left = STALE_AT_ONCE; left && is_over(heap) && is_stale(sparse); left--) {
        purge_oldest(heap);
    }
}
