/* SPDX-License-Identifier: MIT */
/* Hot box v2's refill: whose list the bin gets. Blocks that were freed come before memory that was
 * touched, and that before memory that nobody has used; then a page is leased. */
#include "hotbox_v2.h"

#include "coldbox/seat.h"
#include "common/bands.h"
#include "v2_node.h"

_Static_assert(sizeof(struct hk_v2_lane) <= HK_TINY_LANE, "a lane has the box's state");

enum {
    STEP = 4096,          /* bytes that the first step into a page touches */
    STEP_MAX = 16 * 1024, /* and the largest */
    STEP_BLOCKS = 32,     /* a step need not carve more */
};

void hk_hotbox_v2_init(struct hk_heap *heap)
{
    heap->keeps = true;
}

/* -> blocks that the next step carves: few where it may be the first to touch the memory, more the
 *    more of the page is in use. */
static size_t step_of(const struct hk_page *page, const struct hk_v2_node *node)
{
    size_t size = page->block_size;
    size_t most = STEP_BLOCKS * size > STEP ? STEP_BLOCKS * size : STEP;
    most = most > STEP_MAX ? STEP_MAX : most;
    size_t bytes = page->flags & HK_PAGE_ZERO ? node->carved * size : most;
    bytes = bytes < STEP ? STEP : bytes > most ? most : bytes;
    size_t left = hk_v2_capacity(page) - node->carved;
    return bytes / size < left ? bytes / size : left;
}

/* Link the next blocks of memory that was never handed out. -> the first. */
static void *carve(struct hk_heap *heap, struct hk_page *page)
{
    struct hk_v2_node *node = hk_v2_node(page);
    size_t size = page->block_size;
    size_t count = step_of(page, node);
    char *first = hk_page_start(page) + node->carved * size;
    char *block = first;
    for (size_t i = 1; i < count; i++, block += size) {
        *(void **)block = block + size;
    }
    *(void **)block = NULL;
    node->carved = (uint16_t)(node->carved + count);
    if (page->flags & HK_PAGE_ZERO) {
        heap->fresh_block = first;
    }
    hk_count_note(heap, HK_NOTE_CARVE);
    return first;
}

/* -> true: the page has memory that was never carved, or given back. */
static bool grows(struct hk_page *page)
{
    return page->flags & HK_V2_PARKED || hk_v2_node(page)->carved < hk_v2_capacity(page);
}

/* -> the page that can serve best, or NULL. */
static struct hk_page *choose(const struct hk_v2_lane *lane)
{
    if (lane->partial) {
        return lane->partial;
    }
    if (lane->kept || !lane->current || !grows(lane->current)) {
        return lane->spare;
    }
    return lane->current;
}

static struct hk_page *lease(struct hk_heap *heap, size_t bin_index)
{
    struct hk_lease request = {
        .heap = heap,
        .block_size = (uint32_t)hk_bin_block_size(bin_index),
        .bin_index = (uint8_t)bin_index,
        .kind = HK_HOTBOX_V2_KIND,
        .slices = 1,
        .grow = false,
    };
    struct hk_page *page = HK_COLD.lease(&request);
    if (!page && HK_COLD.adopt(heap) && choose(hk_v2_lane(heap, bin_index))) {
        return choose(hk_v2_lane(heap, bin_index));
    }
    if (!page) {
        request.grow = true;
        page = HK_COLD.lease(&request);
    }
    if (!page) {
        bool comes_again = heap->spare.ask == HK_ASK_PLEASE;
        return !comes_again && hk_v2_list_hidden(heap) ? choose(hk_v2_lane(heap, bin_index)) : NULL;
    }
    page->bin = hk_bin_at(heap, bin_index << HK_BIN_SHIFT);
    return page;
}

/* The page's list becomes the bin's. */
static void pick_up(struct hk_heap *heap, struct hk_page *page)
{
    struct hk_v2_lane *lane = hk_v2_lane(heap, page->bin_index);
    struct hk_v2_node *node = hk_v2_node(page);
    if (lane->current) {
        hk_v2_put_down(heap, lane->current);
    }
    if (page->flags & HK_PAGE_LISTED) {
        hk_v2_unlist(heap, page);
    }
    hk_v2_set_state(page, HK_V2_CURRENT);
    node->countdown = HK_V2_CURRENT_COUNT;
    lane->current = page;
    page->bin->head = node->list;
    node->list = NULL;
    node->where = &page->bin->head;
}

/* Put blocks into the empty bin. -> false: there is no page. */
static bool stock(struct hk_heap *heap, size_t bin_index, struct hk_bin *bin)
{
    struct hk_v2_lane *lane = hk_v2_lane(heap, bin_index);
    struct hk_page *page = choose(lane);
    page = page ? page : lease(heap, bin_index);
    if (!page) {
        return false;
    }
    if (page != lane->current) {
        pick_up(heap, page);
    }
    if (!bin->head) {
        bin->head = page->flags & HK_V2_PARKED ? hk_v2_unpark(page) : carve(heap, page);
    }
    return true;
}

void *hk_hotbox_v2_refill(struct hk_heap *heap, size_t offset)
{
    size_t bin_index = offset >> HK_BIN_SHIFT;
    struct hk_bin *bin = hk_bin_at(heap, offset);
    hk_count_event(heap, bin_index, HK_EVENT_REFILL);
    if (!hk_v2_lane(heap, bin_index)->partial &&
        atomic_load_explicit(&heap->queue, memory_order_relaxed)) {
        HK_COLD.drain(heap);
    }
    if (!bin->head && !stock(heap, bin_index, bin)) {
        return NULL;
    }
    void *block = bin->head;
    bin->head = *(void **)block;
    return block;
}
