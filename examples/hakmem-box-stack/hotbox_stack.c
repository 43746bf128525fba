/* SPDX-License-Identifier: MIT */
/* The stack box's slow half. A free block is on its class's stack, or on the list of its page: it
 * gets onto that list when the stack is emptied, and off it with the whole list at a refill. A page
 * is on its class's list exactly while it has something to give: listed blocks, or memory that was
 * never carved. */
#include "hotbox_stack.h"

#include "coldbox/seat.h"
#include "common/bands.h"

enum { CARVE_STEP = 4096 }; /* bytes of memory touched for the first time by one refill */

/* The private part of a page's descriptor. */
struct stack_page {
    void *freed;          /* linked by their first word */
    struct hk_page *next; /* on the class's list */
    uint32_t freed_count;
    uint32_t carved; /* blocks that exist, in address order */
};

_Static_assert(sizeof(struct stack_page) <= HK_PAGE_PRIVATE, "fits the private part");

/* The lane: pages of one class that have something to give. */
struct stack_lane {
    struct hk_page *first;
};

static struct stack_page *stack_page(struct hk_page *page)
{
    return (struct stack_page *)page->private_part;
}

static struct stack_lane *lane_of(struct hk_heap *heap, const struct hk_page *page)
{
    return hk_lane(heap, page->bin_index);
}

static size_t capacity(const struct hk_page *page)
{
    return HK_SLICE / page->block_size;
}

static bool has_something(struct hk_page *page)
{
    return stack_page(page)->freed || stack_page(page)->carved < capacity(page);
}

static void list(struct hk_heap *heap, struct hk_page *page)
{
    struct stack_lane *lane = lane_of(heap, page);
    stack_page(page)->next = lane->first;
    lane->first = page;
    page->flags |= HK_PAGE_LISTED;
    hk_count_push(heap, page->bin_index);
}

/* The first page of a list has nothing left. */
static void unlist_first(struct hk_heap *heap, struct stack_lane *lane)
{
    struct hk_page *page = lane->first;
    lane->first = stack_page(page)->next;
    page->flags &= (uint8_t)~HK_PAGE_LISTED;
    hk_count_pop(heap, page->bin_index);
}

void hk_hotbox_stack_init(struct hk_heap *heap)
{
    heap->keeps = true;
}

static struct hk_page *lease(struct hk_heap *heap, size_t bin_index)
{
    struct hk_lease request = {
        .heap = heap,
        .block_size = (uint32_t)hk_bin_block_size(bin_index),
        .bin_index = (uint8_t)bin_index,
        .kind = HK_HOTBOX_STACK_KIND,
        .slices = 1,
        .grow = false,
    };
    struct stack_lane *lane = hk_lane(heap, bin_index);
    struct hk_page *page = HK_COLD.lease(&request);
    if (!page && HK_COLD.adopt(heap) && lane->first) {
        return lane->first;
    }
    if (!page) {
        request.grow = true;
        page = HK_COLD.lease(&request);
    }
    if (page) {
        page->bin = hk_bin_at(heap, bin_index << HK_BIN_SHIFT);
        list(heap, page);
    }
    return page;
}

/* Link the next blocks of memory that was never handed out. -> the first; the last's link is NULL.
 */
static void *carve(struct hk_heap *heap, struct hk_page *page)
{
    size_t size = page->block_size;
    size_t count = CARVE_STEP / size;
    size_t left = capacity(page) - stack_page(page)->carved;
    count = count < left ? count : left;
    char *first = hk_page_start(page) + stack_page(page)->carved * size;
    char *block = first;
    for (size_t i = 1; i < count; i++, block += size) {
        *(void **)block = block + size;
    }
    *(void **)block = NULL;
    stack_page(page)->carved += (uint32_t)count;
    if (page->flags & HK_PAGE_ZERO) {
        heap->fresh_block = first;
    }
    return first;
}

static void *take_freed(struct hk_page *page)
{
    void *first = stack_page(page)->freed;
    stack_page(page)->freed = NULL;
    stack_page(page)->freed_count = 0;
    return first;
}

void *hk_hotbox_stack_refill(struct hk_heap *heap, size_t offset)
{
    struct hk_bin *bin = hk_bin_at(heap, offset);
    struct stack_lane *lane = hk_lane(heap, offset >> HK_BIN_SHIFT);
    hk_count_event(heap, offset >> HK_BIN_SHIFT, HK_EVENT_REFILL);
    if (atomic_load_explicit(&heap->queue, memory_order_relaxed)) {
        HK_COLD.drain(heap);
        void *home = hk_pop(bin);
        if (home) {
            return home;
        }
    }
    struct hk_page *page = lane->first ? lane->first : lease(heap, offset >> HK_BIN_SHIFT);
    if (!page) {
        return NULL;
    }
    bin->head = stack_page(page)->freed ? take_freed(page) : carve(heap, page);
    if (!has_something(page)) {
        unlist_first(heap, lane);
    }
    return hk_pop(bin);
}

void hk_hotbox_stack_spill(struct hk_heap *heap, struct hk_page *page, void *block)
{
    hk_hotbox_stack_free(heap, page, block);
}

/* While the heap is held for a dead thread, blocks that come home go to their page. */
void hk_hotbox_stack_splice(struct hk_heap *heap, struct hk_page *page, void *first, void *last,
                            size_t count)
{
    if (heap->keeps) {
        *(void **)last = page->bin->head;
        page->bin->head = first;
        return;
    }
    *(void **)last = stack_page(page)->freed;
    stack_page(page)->freed = first;
    stack_page(page)->freed_count += (uint32_t)count;
    if (stack_page(page)->freed_count == stack_page(page)->carved) {
        HK_COLD.retire(heap, page);
    }
}

void hk_hotbox_stack_attach(struct hk_heap *heap, struct hk_page *page)
{
    page->bin = hk_bin_at(heap, (size_t)page->bin_index << HK_BIN_SHIFT);
    if (has_something(page)) {
        list(heap, page);
    }
}

/* Put every block of a stack on its page's list. */
static void empty_stack(struct hk_bin *bin)
{
    void *block = bin->head;
    *bin = (struct hk_bin){0};
    while (block) {
        void *next = *(void **)block;
        struct stack_page *page = stack_page(hk_page_of(block));
        *(void **)block = page->freed;
        page->freed = block;
        page->freed_count += 1;
        block = next;
    }
}

static void empty_stacks(struct hk_heap *heap)
{
    for (size_t i = 0; i < HK_TINY_BINS; i++) {
        if (hk_kind_of_bin(i) == HK_HOTBOX_STACK_KIND) {
            empty_stack(hk_bin_at(heap, i << HK_BIN_SHIFT));
            *(struct stack_lane *)hk_lane(heap, i) = (struct stack_lane){0};
        }
    }
}

/* The stacks and lists are empty: retire what is empty, and list what has something, if the heap
 * goes on. -> bytes of the pages that are gone. */
static size_t retire_empty(struct hk_heap *heap, bool goes_on)
{
    size_t bytes = 0;
    struct hk_page *page = heap->pages;
    while (page) {
        struct hk_page *next = hk_page_slot(page)->next;
        if (page->kind == HK_HOTBOX_STACK_KIND) {
            if (page->flags & HK_PAGE_LISTED) {
                page->flags &= (uint8_t)~HK_PAGE_LISTED;
                hk_count_pop(heap, page->bin_index);
            }
            if (stack_page(page)->freed_count == stack_page(page)->carved) {
                HK_COLD.retire(heap, page);
                bytes += HK_SLICE;
            } else if (goes_on && has_something(page)) {
                list(heap, page);
            }
        }
        page = next;
    }
    return bytes;
}

size_t hk_hotbox_stack_collect(struct hk_heap *heap, enum hk_collect how)
{
    HK_COLD.drain(heap);
    if (how != HK_COLLECT_ALL) {
        return 0; /* free blocks hold links: nothing of a page in use can be given back */
    }
    empty_stacks(heap);
    return retire_empty(heap, true);
}

void hk_hotbox_stack_abandon(struct hk_heap *heap)
{
    heap->keeps = false;
    empty_stacks(heap);
    retire_empty(heap, false);
}

void hk_hotbox_stack_stat(struct hk_heap *heap, struct hk_hot_stat *out)
{
    *out = (struct hk_hot_stat){0};
    for (struct hk_page *page = heap->pages; page; page = hk_page_slot(page)->next) {
        if (page->kind == HK_HOTBOX_STACK_KIND) {
            out->pages += 1;
            out->bytes += HK_SLICE;
            out->blocks_in += stack_page(page)->freed_count;
            out->blocks_out += stack_page(page)->carved - stack_page(page)->freed_count;
        }
    }
    for (size_t i = 0; i < HK_TINY_BINS; i++) {
        void *block = hk_kind_of_bin(i) == HK_HOTBOX_STACK_KIND
                          ? hk_bin_at(heap, i << HK_BIN_SHIFT)->head
                          : NULL;
        for (; block; block = *(void **)block) {
            out->binned += 1;
        }
    }
}

/* -> NULL, or what is wrong with a list of at most `most` blocks of the class. */
static const char *check_list(struct hk_heap *heap, void *block, size_t bin_index, size_t most)
{
    for (; block; block = *(void **)block) {
        struct hk_page *page = hk_page_of(block);
        size_t offset = (size_t)((char *)block - hk_page_start(page));
        if (most-- == 0) {
            return "a list is longer than its class has blocks";
        }
        if (page->bin_index != bin_index || hk_page_owner(page) != heap->token ||
            offset % page->block_size || offset / page->block_size >= stack_page(page)->carved) {
            return "a list holds what is not a block of its class and heap";
        }
    }
    return NULL;
}

static const char *check_page(struct hk_heap *heap, struct hk_page *page)
{
    if (hk_page_owner(page) != heap->token || hk_page_heap(page) != heap) {
        return "a page on the heap's list has another owner";
    }
    if (stack_page(page)->carved > capacity(page) ||
        stack_page(page)->freed_count > stack_page(page)->carved) {
        return "a page's counts exceed its capacity";
    }
    if (!(page->flags & HK_PAGE_LISTED) == has_something(page)) {
        return "a page is listed and has nothing to give, or the other way round";
    }
    return check_list(heap, stack_page(page)->freed, page->bin_index,
                      stack_page(page)->freed_count);
}

const char *hk_hotbox_stack_check(struct hk_heap *heap)
{
    size_t blocks[HK_TINY_BINS] = {0}; /* that exist in each class and are on no page's list */
    size_t seen = 0;
    for (struct hk_page *page = heap->pages; page; page = hk_page_slot(page)->next) {
        if (++seen > heap->page_count) {
            return "the heap's list of pages is longer than its count";
        }
        if (page->kind != HK_HOTBOX_STACK_KIND) {
            continue;
        }
        const char *broken = check_page(heap, page);
        if (broken) {
            return broken;
        }
        blocks[page->bin_index] += stack_page(page)->carved - stack_page(page)->freed_count;
    }
    for (size_t i = 0; i < HK_TINY_BINS; i++) {
        if (hk_kind_of_bin(i) == HK_HOTBOX_STACK_KIND) {
            void *stack = hk_bin_at(heap, i << HK_BIN_SHIFT)->head;
            const char *broken = check_list(heap, stack, i, blocks[i]);
            if (broken) {
                return broken;
            }
        }
    }
    return NULL;
}
