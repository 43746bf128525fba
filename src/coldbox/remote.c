/* SPDX-License-Identifier: MIT */
/* The remote box: a small cache of other threads' blocks, chains posted by one compare-and-swap
 * each, taken whole by the holder. Whoever posts to a heap without a thread empties its queue, so
 * nothing waits for a thread that will never run. */
#include "coldbox/remote.h"

#include "coldbox/cold.h"
#include "common/mark.h"

struct hk_hooks hk_cold_hooks;

/* In the queue, chains are linked by their blocks' first words alone. */
enum { FLAT = HK_FREE_WORDS < 2 };

/* A block's first two words while it travels. */
struct link {
    struct link *next; /* tail: the head; in a flat queue, the next chain's */
    void *word;        /* tail: next chain; head: count; not there in a flat queue */
};

static size_t chain_count(const struct link *tail)
{
    const struct link *head = tail->next;
    return head == tail ? 1 : (size_t)(uintptr_t)head->word;
}

/* Take the first chain off a list of them. -> its tail. */
static struct link *take_chain(struct link **list, size_t *count)
{
    struct link *tail = *list;
    if (!FLAT) {
        *list = tail->word;
        *count = chain_count(tail);
        return tail;
    }
    struct link *head = tail;
    const struct hk_page *page = hk_page_head(hk_page_of(head));
    *count = 1;
    while (tail->next && hk_page_head(hk_page_of(tail->next)) == page) {
        tail = tail->next;
        *count += 1;
    }
    *list = tail->next;
    tail->next = head;
    return tail;
}

static void push(struct hk_heap *heap, struct link *tail)
{
    struct link *head = tail->next;
    void *first = atomic_load_explicit(&heap->queue, memory_order_relaxed);
    do {
        if (FLAT) {
            tail->next = first;
        } else {
            tail->word = first;
        }
        /* seq_cst: ordered before the look at state in send(); pairs with hk_heap_release */
    } while (!hk_atomic_cas(&heap->queue, &first, FLAT ? head : tail, memory_order_seq_cst));
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
    return hk_atomic_cas(&heap->state, &orphan, HK_HEAP_ADOPTING, memory_order_seq_cst);
}

void hk_heap_release(struct hk_heap *heap)
{
    do {
        hk_cold_drain(heap);
        hk_atomic_put(&heap->state, HK_HEAP_ORPHAN, memory_order_seq_cst);
        /* a chain pushed before that store had a poster who saw no orphan: it is ours */
    } while (atomic_load_explicit(&heap->queue, memory_order_seq_cst) && hk_heap_hold(heap));
}

size_t hk_cold_drain(struct hk_heap *heap)
{
    /* acquire: the links inside the chains; pairs with push */
    struct link *list = hk_atomic_swap(&heap->queue, NULL, memory_order_seq_cst);
    size_t blocks = 0;
    while (list) {
        size_t count;
        struct link *tail = take_chain(&list, &count);
        struct hk_page *page = hk_page_head(hk_page_of(tail));
        if (hk_page_heap(page) == heap) {
            blocks += count;
            hk_count_events(heap, page->bin_index, HK_EVENT_REMOTE_IN, count);
            hk_cold_hooks.splice(heap, page, tail->next, tail, count);
        } else {
            send(tail); /* the page has moved since the chain was posted */
        }
    }
    return blocks;
}

static void set_open(struct hk_heap *heap, const struct hk_remote_entry *entry, bool open)
{
    size_t place = (size_t)(entry - heap->remote);
    uint64_t bit = 1ull << place % 64;
    uint64_t *word = &heap->remote_open[place / 64];
    *word = open ? *word | bit : *word & ~bit;
}

static void send_entry(struct hk_heap *heap, struct hk_remote_entry *entry)
{
    struct link *head = entry->head;
    struct link *tail = entry->tail;
    uint32_t count = entry->size - entry->room;
    set_open(heap, entry, false);
    size_t bytes = (size_t)count * entry->page->block_size;
    heap->remote_bytes -= bytes;
    if (heap->remote_more + (bytes >> HK_REMOTE_SHIFT) <= HK_REMOTE_TOTAL - HK_REMOTE_LEAST) {
        heap->remote_more += bytes >> HK_REMOTE_SHIFT;
    }
    hk_count_events(heap, entry->page->bin_index, HK_EVENT_REMOTE_OUT, count);
    tail->next = head;
    if (!FLAT && head != tail) {
        head->word = (void *)(uintptr_t)count;
    }
    entry->page = NULL;
    entry->room = 0;
    send(tail);
}

/* -> an entry that holds blocks, or NULL. */
static struct hk_remote_entry *an_open_entry(struct hk_heap *heap)
{
    for (size_t i = 0; i < HK_REMOTE_ENTRIES / 64; i++) {
        if (heap->remote_open[i]) {
            return &heap->remote[64 * i + (size_t)__builtin_ctzll(heap->remote_open[i])];
        }
    }
    return NULL;
}

void hk_cold_flush(struct hk_heap *heap)
{
    struct hk_remote_entry *entry;
    while ((entry = an_open_entry(heap))) {
        send_entry(heap, entry);
    }
}

void hk_remote_forget(struct hk_heap *heap)
{
    struct hk_remote_entry *entry;
    while ((entry = an_open_entry(heap))) {
        entry->page = NULL;
        entry->room = 0;
        set_open(heap, entry, false);
    }
    heap->remote_bytes = 0;
}

/* -> blocks of `size` <= HK_REMOTE_BYTES / 2 bytes that may be held back for one page. */
static uint32_t entry_size(uint32_t size)
{
    uint32_t blocks = HK_REMOTE_BYTES / size;
    return blocks > HK_REMOTE_BLOCKS ? HK_REMOTE_BLOCKS : blocks;
}

static void open_entry(struct hk_heap *heap, struct hk_remote_entry *entry, struct hk_page *page,
                       struct link *link)
{
    link->next = NULL;
    entry->page = page;
    entry->head = link;
    entry->tail = link;
    entry->size = entry_size(page->block_size);
    entry->room = entry->size - 1;
    set_open(heap, entry, true);
    heap->remote_bytes += page->block_size;
}

static void send_alone(struct hk_heap *heap, const struct hk_page *page, struct link *link)
{
    hk_count_event(heap, page->bin_index, HK_EVENT_REMOTE_OUT);
    link->next = link;
    send(link);
}

void hk_cold_post(struct hk_heap *heap, struct hk_page *page, void *block)
{
    struct link *link = block;
    page = hk_page_head(page);
    if (!heap || page->block_size > HK_REMOTE_BYTES / 2) {
        send_alone(heap, page, link);
        return;
    }
    if (hk_cold_keep(heap, page, block)) {
        return;
    }
    struct hk_remote_entry *entry = hk_remote_entry_of(heap, page);
    if (heap->remote_bytes + page->block_size > hk_remote_limit(heap)) {
        hk_cold_flush(heap);
    } else if (entry->page) {
        send_entry(heap, entry);
    }
    open_entry(heap, entry, page, link);
}
