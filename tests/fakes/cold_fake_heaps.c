/* SPDX-License-Identifier: MIT */
/* The fake cold side's heaps and letters. A letter names its page and block; whose it is, is looked
 * up when it is opened, so pages may move meanwhile. */
#include "fakes/cold_fake_state.h"

#include <sys/mman.h>

void fake_reset_heaps(void)
{
    for (size_t i = 0; i < fake_cold.heap_count; i++) {
        munmap(fake_cold.heap[i], sizeof(struct hk_heap));
        fake_cold.heap[i] = NULL;
    }
    fake_cold.heap_count = 0;
    for (size_t i = 0; i < FAKE_LETTERS; i++) {
        fake_cold.letter[i] = (struct fake_letter){0};
    }
}

void fake_link_locked(struct hk_heap *heap, struct hk_page *page)
{
    struct hk_slot *slot = hk_page_slot(page);
    slot->prev = NULL;
    slot->next = heap->pages;
    if (heap->pages) {
        hk_page_slot(heap->pages)->prev = page;
    }
    heap->pages = page;
    heap->page_count += 1;
    heap->class_pages[page->bin_index] += 1;
    heap->slice_count += slot->slices;
}

void fake_unlink_locked(struct hk_heap *heap, struct hk_page *page)
{
    struct hk_slot *slot = hk_page_slot(page);
    *(slot->prev ? &hk_page_slot(slot->prev)->next : &heap->pages) = slot->next;
    if (slot->next) {
        hk_page_slot(slot->next)->prev = slot->prev;
    }
    slot->next = NULL;
    slot->prev = NULL;
    heap->page_count -= 1;
    heap->class_pages[page->bin_index] -= 1;
    heap->slice_count -= slot->slices;
}

static void set_owner(struct hk_page *page, struct hk_heap *heap, uintptr_t owner)
{
    for (uint32_t i = 0; i < hk_page_slot(page)->slices; i++) {
        atomic_store(&hk_page_slot(&page[i])->heap, heap);
        atomic_store(&page[i].owner, owner);
    }
}

static void flush_locked(const struct hk_heap *heap)
{
    for (size_t i = 0; i < FAKE_LETTERS; i++) {
        if (fake_cold.letter[i].holder == heap) {
            fake_cold.letter[i].holder = NULL;
        }
    }
}

void hk_cold_fake_flush(struct hk_heap *heap)
{
    fake_lock();
    flush_locked(heap);
    fake_unlock();
}

/* The fake keeps nothing back: every block is posted. */
bool hk_cold_fake_keep(struct hk_heap *heap, struct hk_page *page, void *block)
{
    (void)heap;
    (void)page;
    (void)block;
    return false;
}

void hk_cold_fake_post(struct hk_heap *heap, struct hk_page *page, void *block)
{
    struct hk_page *head = hk_page_head(page);
    fake_lock();
    fake_cold.log.posts += 1;
    struct fake_letter *empty = NULL;
    size_t held = 0;
    for (size_t i = 0; i < FAKE_LETTERS; i++) {
        struct fake_letter *letter = &fake_cold.letter[i];
        fake_expect_locked(!letter->page || letter->block != block, "a block is posted twice");
        held += heap && letter->page && letter->holder == heap;
        empty = letter->page ? empty : letter;
    }
    HK_REQUIRE(empty != NULL, "fake cold side: more letters than it can hold");
    *empty = (struct fake_letter){.page = head, .block = block, .holder = heap};
    if (held + 1 >= FAKE_HELD) {
        flush_locked(heap);
    }
    fake_unlock();
}

/* Link every sent block of one page of the heap. -> their count; *page is the page. */
static size_t open_letters_locked(const struct hk_heap *heap, struct hk_page **page, void **first,
                                  void **last)
{
    size_t count = 0;
    *page = NULL;
    for (size_t i = 0; i < FAKE_LETTERS; i++) {
        struct fake_letter *letter = &fake_cold.letter[i];
        if (!letter->page || letter->holder || hk_page_heap(letter->page) != heap ||
            (*page && letter->page != *page)) {
            continue;
        }
        *page = letter->page;
        *(void **)letter->block = count ? *first : NULL;
        *last = count ? *last : letter->block;
        *first = letter->block;
        letter->page = NULL;
        count += 1;
    }
    fake_cold.log.spliced += count;
    return count;
}

size_t hk_cold_fake_drain(struct hk_heap *heap)
{
    size_t blocks = 0;
    for (;;) {
        struct hk_page *page;
        void *first = NULL;
        void *last = NULL;
        fake_lock();
        size_t count = open_letters_locked(heap, &page, &first, &last);
        fake_unlock();
        if (!count) {
            return blocks;
        }
        blocks += count;
        fake_cold.hooks->splice(heap, page, first, last, count);
    }
}

/* Move every page of a dead heap to `heap` (which may be the same object). */
static void take_over(struct hk_heap *heap, struct hk_heap *dead)
{
    struct hk_page *page = dead->pages;
    while (page) {
        struct hk_page *next = hk_page_slot(page)->next;
        fake_lock();
        fake_unlink_locked(dead, page);
        fake_link_locked(heap, page);
        page->flags &= (uint8_t)~HK_PAGE_LISTED;
        set_owner(page, heap, heap->token);
        atomic_store(&hk_page_slot(page)->live, 0);
        fake_cold.log.attached += 1;
        fake_cold.log.adoptions += heap != dead;
        fake_unlock();
        fake_cold.hooks->attach(heap, page);
        page = next;
    }
}

static struct hk_heap *take_orphan_locked(bool with_pages)
{
    for (size_t i = 0; i < fake_cold.heap_count; i++) {
        struct hk_heap *heap = fake_cold.heap[i];
        if (atomic_load(&heap->state) == HK_HEAP_ORPHAN && (heap->pages || !with_pages)) {
            atomic_store(&heap->state, HK_HEAP_ADOPTING);
            return heap;
        }
    }
    return NULL;
}

static struct hk_heap *new_heap_locked(void)
{
    if (fake_cold.heap_count == FAKE_HEAPS) {
        return NULL;
    }
    struct hk_heap *heap =
        mmap(NULL, sizeof *heap, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (heap == MAP_FAILED) {
        return NULL;
    }
    fake_cold.heap[fake_cold.heap_count++] = heap;
    return heap;
}

struct hk_heap *hk_cold_fake_birth(uintptr_t token)
{
    fake_lock();
    struct hk_heap *heap = take_orphan_locked(false);
    if (!heap) {
        heap = new_heap_locked();
    }
    fake_unlock();
    if (!heap) {
        return NULL;
    }
    heap->token = token ? token : (uintptr_t)heap;
    heap->keeps = true;
    atomic_store(&heap->state, HK_HEAP_LIVE);
    take_over(heap, heap);
    return heap;
}

void hk_cold_fake_death(struct hk_heap *heap)
{
    fake_lock();
    flush_locked(heap);
    for (struct hk_page *page = heap->pages; page; page = hk_page_slot(page)->next) {
        fake_expect_locked(!(page->flags & HK_PAGE_LISTED), "a dead heap's page is still listed");
        set_owner(page, heap, HK_OWNER_ORPHAN);
    }
    heap->token = HK_OWNER_ORPHAN;
    heap->busy = 0;
    atomic_store(&heap->state, HK_HEAP_ORPHAN);
    fake_unlock();
}

bool hk_cold_fake_adopt(struct hk_heap *heap)
{
    fake_lock();
    struct hk_heap *dead = take_orphan_locked(true);
    fake_unlock();
    if (!dead) {
        return false;
    }
    take_over(heap, dead);
    atomic_store(&dead->state, HK_HEAP_ORPHAN);
    return true;
}
