/* SPDX-License-Identifier: MIT */
/* Birth, death and adoption. A thread's token is its thread pointer, which a new thread may inherit
 * from one that ended without running its destructors: birth finds the heap that still carries the
 * token and goes on with it, which is right because only one live thread can have that token. */
#include "coldbox/heaps.h"

#include "coldbox/cold.h"
#include "coldbox/meta.h"
#include "coldbox/remote.h"
#include "coldbox/spans.h"
#include "coldbox/warm.h"

struct hk_heaps hk_heaps = {.lock = {.rank = HK_RANK_HEAPS}};

static struct hk_heap **bucket_of(uintptr_t token)
{
    /* thread pointers lie at the ends of stacks, whose sizes are powers of two and a page */
    return &hk_heaps.live[(token >> 12 ^ token >> 20) % HK_LIVE_BUCKETS];
}

void hk_live_add_locked(struct hk_heap *heap)
{
    struct hk_heap **bucket = bucket_of(heap->token);
    heap->next_live = *bucket;
    *bucket = heap;
}

void hk_live_remove_locked(struct hk_heap *heap)
{
    struct hk_heap **link = bucket_of(heap->token);
    while (*link && *link != heap) {
        link = &(*link)->next_live;
    }
    HK_ASSERT(*link == heap);
    *link = heap->next_live;
}

void hk_orphan_add_locked(struct hk_heap *heap)
{
    heap->next_orphan = hk_heaps.orphans;
    hk_heaps.orphans = heap;
    hk_atomic_add(&hk_heaps.orphan_count, 1);
}

void hk_orphan_add(struct hk_heap *heap)
{
    hk_lock_take(&hk_heaps.lock);
    hk_orphan_add_locked(heap);
    hk_lock_give(&hk_heaps.lock);
}

/* Hold an orphan and take it off the list. `with_pages`: only one that has pages. -> NULL: none. */
static struct hk_heap *take_orphan_locked(bool with_pages)
{
    for (struct hk_heap **link = &hk_heaps.orphans; *link; link = &(*link)->next_orphan) {
        struct hk_heap *heap = *link;
        size_t pages = atomic_load_explicit(&heap->page_count, memory_order_relaxed);
        if ((pages || !with_pages) && hk_heap_hold(heap)) {
            *link = heap->next_orphan;
            heap->next_orphan = NULL;
            hk_atomic_sub(&hk_heaps.orphan_count, 1);
            return heap;
        }
    }
    return NULL;
}

/* -> a LIVE heap whose thread is gone: it carries the token of the thread that asks. */
static struct hk_heap *find_left_behind_locked(uintptr_t token)
{
    struct hk_heap *heap = *bucket_of(token);
    while (heap && (atomic_load_explicit(&heap->state, memory_order_relaxed) != HK_HEAP_LIVE ||
                    heap->token != token)) {
        heap = heap->next_live;
    }
    return heap;
}

static void publish_heap_locked(struct hk_heap *heap)
{
    heap->next = atomic_load_explicit(&hk_heaps.all, memory_order_relaxed);
    /* release: whoever walks the list without the lock sees a whole heap */
    hk_atomic_put(&hk_heaps.all, heap, memory_order_release);
    hk_atomic_add(&hk_heaps.count, 1);
}

/* Hand a page of the heap to its box. */
static void attach(struct hk_heap *heap, struct hk_page *page)
{
    hk_page_set_owner(page, heap->token);
    /* a thread that fork left behind may have been about to report */
    atomic_store_explicit(&hk_page_slot(page)->live, 0, memory_order_relaxed);
    hk_cold_hooks.attach(heap, page);
}

/* The list will be made anew; what it has taught stays. */
static void forget_sparse(struct hk_sparse *sparse)
{
    sparse->first = NULL;
    sparse->last = NULL;
    sparse->slices = 0;
    sparse->draining = false;
}

/* Pages change heaps: what they have taught comes with them. */
static void learn_from(struct hk_heap *heap, struct hk_heap *other)
{
    uint32_t hold = other->sparse.hold;
    uint64_t purged = atomic_load_explicit(&other->purged, memory_order_relaxed);
    heap->sparse.hold = heap->sparse.hold > hold ? heap->sparse.hold : hold;
    if (purged > atomic_load_explicit(&heap->purged, memory_order_relaxed)) {
        atomic_store_explicit(&heap->purged, purged, memory_order_relaxed);
    }
}

/* The held heap becomes the calling thread's. */
static void enliven(struct hk_heap *heap)
{
    /* drained before it keeps anything: else a page would be listed twice, here and by attach */
    hk_cold_drain(heap);
    forget_sparse(&heap->sparse);
    heap->spare = (struct hk_spare){0};
    heap->dear = false;
    for (struct hk_page *page = heap->pages; page; page = hk_page_slot(page)->next) {
        attach(heap, page);
    }
    heap->keeps = true;
}

struct hk_heap *hk_cold_birth(uintptr_t token)
{
    hk_lock_take(&hk_heaps.lock);
    struct hk_heap *heap = token ? find_left_behind_locked(token) : NULL;
    bool held = false;
    if (!heap) {
        heap = take_orphan_locked(false);
        held = heap != NULL;
    }
    if (held) {
        heap->token = token ? token : (uintptr_t)heap;
        hk_live_add_locked(heap);
    }
    hk_lock_give(&hk_heaps.lock);
    if (held) {
        enliven(heap);
        hk_atomic_put(&heap->state, HK_HEAP_LIVE, memory_order_seq_cst);
    }
    if (heap) {
        heap->pace = (struct hk_pace){.left = 1};
        return heap;
    }
    heap = hk_meta_alloc(sizeof *heap);
    if (heap) {
        heap->token = token ? token : (uintptr_t)heap;
        heap->keeps = true;
        heap->pace = (struct hk_pace){.left = 1};
        hk_lock_take(&hk_heaps.lock);
        publish_heap_locked(heap);
        hk_live_add_locked(heap);
        hk_lock_give(&hk_heaps.lock);
    }
    return heap;
}

void hk_cold_death(struct hk_heap *heap)
{
    /* held, so that a child forked from here on does not trust the lists; then nobody's slow path
     */
    hk_atomic_put(&heap->state, HK_HEAP_ADOPTING, memory_order_seq_cst);
    heap->busy = 0;
    hk_learn_leave(heap);
    hk_cold_flush(heap);
    heap->remote_more = heap->remote_more < HK_REMOTE_LEARNT ? heap->remote_more : HK_REMOTE_LEARNT;
    hk_warm_shrink(heap, 0);
    hk_spans_clear(heap);
    for (struct hk_page *page = heap->pages; page; page = hk_page_slot(page)->next) {
        hk_page_set_owner(page, HK_OWNER_ORPHAN);
    }
    hk_lock_take(&hk_heaps.lock);
    hk_live_remove_locked(heap);
    hk_lock_give(&hk_heaps.lock);
    hk_heap_release(heap);
    hk_orphan_add(heap);
}

bool hk_cold_adopt(struct hk_heap *heap)
{
    if (heap->spare.ask == HK_ASK_PLEASE ||
        !atomic_load_explicit(&hk_heaps.orphan_count, memory_order_relaxed)) {
        return false;
    }
    hk_lock_take(&hk_heaps.lock);
    struct hk_heap *orphan = take_orphan_locked(true);
    hk_lock_give(&hk_heaps.lock);
    if (!orphan) {
        return false;
    }
    hk_cold_drain(orphan);
    hk_cold_flush(orphan);
    hk_warm_shrink(orphan, 0);
    learn_from(heap, orphan);
    orphan->sparse = (struct hk_sparse){0};
    size_t pages = 0;
    while (orphan->pages) {
        struct hk_page *page = orphan->pages;
        hk_pages_move(orphan, heap, page);
        attach(heap, page);
        pages++;
    }
    hk_atomic_add(&hk_heaps.adoptions, pages);
    hk_heap_release(orphan);
    hk_orphan_add(orphan);
    return pages > 0;
}
