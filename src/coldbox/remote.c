/* SPDX-License-Identifier: MIT */
/* The remote box: a small cache of other threads' blocks, chains posted by one compare-and-swap
 * each, taken whole by the holder. Whoever posts to a heap without a thread empties its queue, so
 * nothing waits for a thread that will never run. */
#include "coldbox/remote.h"

#include "coldbox/cold.h"

struct hk_hooks hk_cold_hooks;

/* A block's first two words while it travels. */
struct link {
    struct link *next; /* tail: the head */
    void *word;        /* tail: next chain; head: count */
};

static size_t chain_count(const struct link *tail)
{
    const struct link *head = tail->next;
    return head == tail ? 1 : (size_t)(uintptr_t)head->word;
}

static void push(struct hk_heap *heap, struct link *tail)
{
    void *first = atomic_load_explicit(&heap->queue, memory_order_relaxed);
    do {
        tail->word = first;
        /* seq_cst: ordered before the look at state in send(); pairs with hk_heap_release */
    } while (!atomic_compare_exchange_weak_explicit(&heap->queue, &first, tail,
                                                    memory_order_seq_cst, memory_order_relaxed));
}

/* Post a chain to the heap that its page belongs to now. */
static void send(struct link *tail)
{
    struct hk_heap *heap = hk_page_heap(hk_page_head(hk_page_of(tail)));
    HK_REQUIRE(heap, "free: block is not allocated (freed twice?)");
    push(heap, tail);
    if (HK_UNLIKELY(atomic_load_explicit(&heap->state, memory_order_seq_cst) == HK_HEAP_ORPHAN) &&
        hk_heap_hold(heap)) {
        hk_heap_release(heap);
    }
}

bool hk_heap_hold(struct hk_heap *heap)
{
    uint32_t orphan = HK_HEAP_ORPHAN;
    /* acquire: everything the last holder did to the heap's pages is seen */
    return atomic_compare_exchange_strong_explicit(&heap->state, &orphan, HK_HEAP_ADOPTING,
                                                   memory_order_seq_cst, memory_order_relaxed);
}

void hk_heap_release(struct hk_heap *heap)
{
    do {
        hk_cold_drain(heap);
        atomic_store_explicit(&heap->state, HK_HEAP_ORPHAN, memory_order_seq_cst);
        /* a chain pushed before that store had a poster who saw no orphan: it is ours */
    } while (atomic_load_explicit(&heap->queue, memory_order_seq_cst) && hk_heap_hold(heap));
}

size_t hk_cold_drain(struct hk_heap *heap)
{
    /* acquire: the links inside the chains; pairs with push */
    struct link *tail = atomic_exchange_explicit(&heap->queue, NULL, memory_order_seq_cst);
    size_t blocks = 0;
    while (tail) {
        struct link *next = tail->word;
        struct hk_page *page = hk_page_head(hk_page_of(tail));
        if (hk_page_heap(page) == heap) {
            size_t count = chain_count(tail);
            blocks += count;
            hk_cold_hooks.splice(heap, page, tail->next, tail, count);
        } else {
            send(tail); /* the page has moved since the chain was posted */
        }
        tail = next;
    }
    hk_count(&heap->count.remote_in, blocks);
    return blocks;
}

static void send_entry(struct hk_heap *heap, struct hk_remote_entry *entry)
{
    struct link *head = entry->head;
    struct link *tail = entry->tail;
    heap->remote_bytes -= (size_t)entry->count * entry->page->block_size;
    hk_count(&heap->count.remote_out, entry->count);
    tail->next = head;
    if (head != tail) {
        head->word = (void *)(uintptr_t)entry->count;
    }
    entry->page = NULL;
    entry->count = 0;
    send(tail);
}

void hk_cold_flush(struct hk_heap *heap)
{
    for (size_t i = 0; heap->remote_bytes && i < HK_REMOTE_ENTRIES; i++) {
        if (heap->remote[i].page) {
            send_entry(heap, &heap->remote[i]);
        }
    }
}

static struct hk_remote_entry *entry_of(struct hk_heap *heap, const struct hk_page *page)
{
    size_t superslab = (uintptr_t)page >> HK_SUPERSLAB_SHIFT;
    return &heap->remote[(hk_page_slice(page) + superslab * 7) % HK_REMOTE_ENTRIES];
}

void hk_cold_post(struct hk_heap *heap, struct hk_page *page, void *block)
{
    struct link *link = block;
    page = hk_page_head(page);
    if (!heap) {
        link->next = link;
        send(link);
        return;
    }
    struct hk_remote_entry *entry = entry_of(heap, page);
    if (entry->page != page) {
        if (entry->page) {
            send_entry(heap, entry);
        }
        entry->page = page;
        entry->head = NULL;
        entry->tail = link;
    }
    link->next = entry->head;
    entry->head = link;
    entry->count += 1;
    heap->remote_bytes += page->block_size;
    if (entry->count >= HK_REMOTE_BLOCKS ||
        (size_t)entry->count * page->block_size >= HK_REMOTE_BYTES) {
        send_entry(heap, entry);
    } else if (heap->remote_bytes >= HK_REMOTE_TOTAL) {
        hk_cold_flush(heap);
    }
}
