/* SPDX-License-Identifier: MIT */
/* Hot box v1's working half: find the next current page, carve it, and the events of a page's life.
 * Everything runs as the heap's holder. */
#include "hotbox_v1.h"

#include <errno.h>
#include <string.h>

enum {
    CARVE_STEP = 4096, /* bytes of fresh memory touched by one extension */
    WAKE_MAX = 8,      /* free blocks before a full page is listed again */
    LOOKS = 4,         /* pages that a refill passes over in search of free blocks */
};

void hk_v1_set_out(struct hk_page *page, uint32_t out)
{
    struct hk_v1 *own = hk_v1(page);
    uint32_t wake = hk_v1_capacity(page) / 16;
    wake = wake > WAKE_MAX ? WAKE_MAX : wake < 1 ? 1 : wake;
    switch (own->state) {
    case HK_V1_CURRENT:
        own->countdown = (int32_t)out + 1;
        break;
    case HK_V1_FULL:
        own->countdown = (int32_t)(wake < out ? wake : out);
        break;
    default:
        own->countdown = (int32_t)out;
        break;
    }
    own->bias = (int32_t)out - own->countdown;
}

void hk_v1_set_state(struct hk_page *page, enum hk_v1_state state)
{
    uint32_t out = hk_v1_out(page);
    hk_v1(page)->state = (uint8_t)state;
    hk_v1_set_out(page, out);
    hk_v1_tell(page);
}

/* Last: the longer a page waits, the more of its blocks come back, and the fewer refills there are.
 */
static void list(struct hk_heap *heap, struct hk_page *page)
{
    struct hk_v1_lane *lane = hk_v1_lane(heap, page->bin_index);
    struct hk_v1 *own = hk_v1(page);
    own->prev = lane->last;
    own->next = NULL;
    *(lane->last ? &hk_v1(lane->last)->next : &lane->first) = page;
    lane->last = page;
    page->flags |= HK_PAGE_LISTED;
    hk_v1_set_state(page, HK_V1_PARTIAL);
    hk_count_push(heap, page->bin_index);
}

void hk_v1_place(struct hk_heap *heap, struct hk_page *page)
{
    if (hk_v1_out(page) < hk_v1_capacity(page)) {
        list(heap, page);
    } else {
        hk_v1_set_state(page, HK_V1_FULL);
    }
}

void hk_v1_unlist(struct hk_heap *heap, struct hk_page *page)
{
    struct hk_v1_lane *lane = hk_v1_lane(heap, page->bin_index);
    struct hk_v1 *own = hk_v1(page);
    *(own->prev ? &hk_v1(own->prev)->next : &lane->first) = own->next;
    *(own->next ? &hk_v1(own->next)->prev : &lane->last) = own->prev;
    own->next = NULL;
    own->prev = NULL;
    page->flags &= (uint8_t)~HK_PAGE_LISTED;
    hk_v1_set_state(page, HK_V1_LOOSE);
    hk_count_pop(heap, page->bin_index);
}

void hk_v1_retire(struct hk_heap *heap, struct hk_page *page)
{
    struct hk_v1 *own = hk_v1(page);
    if (own->parked) {
        memset(hk_page_map(page), 0, HK_SLICE_MAP);
    }
    /* nothing to tell: the cold side's count ends with the lease */
    HK_COLD.retire(heap, page);
}

/* The page holds no block: keep it if its class has nothing else at hand. */
static void emptied(struct hk_heap *heap, struct hk_page *page)
{
    const struct hk_v1_lane *lane = hk_v1_lane(heap, page->bin_index);
    struct hk_v1 *own = hk_v1(page);
    bool listed = page->flags & HK_PAGE_LISTED;
    bool alone = listed ? lane->first == page && lane->last == page : !lane->first;
    if (listed) {
        hk_v1_unlist(heap, page);
    }
    struct hk_page *current = heap->keeps ? page->bin->head : NULL;
    bool keeps = heap->keeps && hk_policy_retention(heap, page->bin_index);
    if (!keeps || !alone || (current && hk_v1_out(current) == 0)) {
        hk_v1_retire(heap, page);
        return;
    }
    /* carved again, its blocks lie in address order */
    if (own->parked) {
        memset(hk_page_map(page), 0, HK_SLICE_MAP);
        own->parked = 0;
    }
    own->free = NULL;
    own->carved = 0;
    page->flags &= (uint8_t)~HK_PAGE_ZERO;
    list(heap, page);
}

/* Blocks have come back into the page: do what is due. */
static void settle(struct hk_heap *heap, struct hk_page *page)
{
    hk_v1_tell(page);
    if (heap->keeps && hk_v1(page)->state == HK_V1_CURRENT) {
        return;
    }
    if (hk_v1_out(page) == 0) {
        emptied(heap, page);
    } else if (heap->keeps && !(page->flags & HK_PAGE_LISTED)) {
        list(heap, page);
    }
}

void hk_v1_event(struct hk_page *page)
{
    struct hk_heap *heap = hk_page_heap(page);
    int saved = errno; /* giving memory back may set it, and free must not */
    hk_heap_enter(heap);
    hk_count_event(heap, page->bin_index, HK_EVENT_SLOW_FREE);
    settle(heap, page);
    hk_heap_leave(heap);
    errno = saved;
}

void hk_v1_came_back(struct hk_heap *heap, struct hk_page *page, uint32_t count)
{
    HK_ASSERT(hk_v1_out(page) >= count);
    hk_v1_set_out(page, hk_v1_out(page) - count);
    hk_v1_report(page, -(int)count);
    settle(heap, page);
}

/* Carve the next blocks of memory that was never handed out; the page has no free block. */
static void carve(struct hk_heap *heap, struct hk_page *page)
{
    struct hk_v1 *own = hk_v1(page);
    size_t size = page->block_size;
    uint32_t left = hk_v1_capacity(page) - own->carved;
    uint32_t count = (uint32_t)(CARVE_STEP / size);
    count = count < left ? count : left;
    char *block = hk_page_start(page) + own->carved * size;
    own->free = block;
    for (uint32_t i = 1; i < count; i++, block += size) {
        *(void **)block = block + size;
    }
    *(void **)block = NULL;
    own->carved = (uint16_t)(own->carved + count);
    if (page->flags & HK_PAGE_ZERO) {
        heap->fresh_block = own->free;
    }
    hk_count_note(heap, HK_NOTE_CARVE);
}

static struct hk_page *lease(struct hk_heap *heap, size_t bin_index)
{
    struct hk_lease request = {
        .heap = heap,
        .block_size = (uint32_t)hk_bin_block_size(bin_index),
        .bin_index = (uint8_t)bin_index,
        .kind = HK_HOTBOX_V1_KIND,
        .slices = 1,
        .grow = false,
    };
    struct hk_page *page = HK_COLD.lease(&request);
    if (!page && HK_COLD.adopt(heap) && hk_v1_lane(heap, bin_index)->first) {
        return hk_v1_lane(heap, bin_index)->first;
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

/* -> a listed page with free blocks, or NULL. Those passed over have memory that was never touched,
 * and go to the end. */
static struct hk_page *find_blocks(struct hk_heap *heap, const struct hk_v1_lane *lane)
{
    for (int looks = 0; looks < LOOKS && lane->first; looks++) {
        struct hk_page *page = lane->first;
        if (hk_v1_has_blocks(page)) {
            return page;
        }
        hk_v1_unlist(heap, page);
        list(heap, page);
    }
    return NULL;
}

/* -> a page of the class with something to give, preferably blocks. */
static struct hk_page *find_page(struct hk_heap *heap, size_t bin_index, struct hk_page *current)
{
    const struct hk_v1_lane *lane = hk_v1_lane(heap, bin_index);
    struct hk_page *page = hk_v1_has_blocks(current) ? current : find_blocks(heap, lane);
    if (!page && atomic_load_explicit(&heap->queue, memory_order_relaxed)) {
        HK_COLD.drain(heap);
        page = hk_v1_has_blocks(current) ? current : find_blocks(heap, lane);
    }
    if (page) {
        return page;
    }
    if (current && hk_v1(current)->carved < hk_v1_capacity(current)) {
        return current;
    }
    return lane->first ? lane->first : lease(heap, bin_index);
}

/* The class's current page is exhausted, and `page` takes its place. */
static void replace(struct hk_heap *heap, struct hk_bin *bin, struct hk_page *page)
{
    struct hk_page *current = bin->head;
    hk_v1_unlist(heap, page);
    if (current) {
        hk_v1_place(heap, current);
    }
    hk_v1_set_state(page, HK_V1_CURRENT);
    bin->head = page;
}

void *hk_hotbox_v1_refill(struct hk_heap *heap, size_t offset)
{
    struct hk_bin *bin = hk_bin_at(heap, offset);
    hk_count_event(heap, offset >> HK_BIN_SHIFT, HK_EVENT_REFILL);
    struct hk_page *page = find_page(heap, offset >> HK_BIN_SHIFT, bin->head);
    if (!page) {
        return NULL;
    }
    if (page != bin->head) {
        replace(heap, bin, page);
    }
    if (!hk_v1(page)->free && hk_v1(page)->parked) {
        hk_v1_unpark(page);
    } else if (!hk_v1(page)->free) {
        carve(heap, page);
    }
    return hk_hotbox_v1_alloc(heap, offset);
}
