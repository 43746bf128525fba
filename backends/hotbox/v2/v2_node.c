/* SPDX-License-Identifier: MIT */
/* A page node's transitions: full, partial, fresh, empty, current, and the two doors that blocks
 * come home by. */
#include "v2_node.h"

#include "coldbox/seat.h"

#include <errno.h>

enum {
    WAKE_SHARE = 8, /* of a page's blocks are back before it is worth a refill */
    WAKE_MAX = 16,
    SAMPLE = 4, /* links of an empty page's list that tell in which order it was freed */
};

void hk_v2_set_out(struct hk_page *page, size_t out)
{
    struct hk_v2_node *node = hk_v2_node(page);
    size_t wake = hk_v2_capacity(page) / WAKE_SHARE;
    wake = wake > WAKE_MAX ? WAKE_MAX : wake;
    wake = hk_v2_state(page) == HK_V2_PARTIAL || wake > out ? out : wake;
    node->countdown = (int32_t)wake;
    node->floor = (uint16_t)(out - wake);
}

void hk_v2_recount(struct hk_page *page)
{
    struct hk_v2_node *node = hk_v2_node(page);
    size_t in = hk_v2_parked(page);
    for (void *block = node->list; block && in < node->carved; block = *(void **)block) {
        in += 1;
    }
    hk_v2_set_out(page, node->carved - in);
}

static struct hk_page **ring_of(struct hk_heap *heap, struct hk_page *page)
{
    struct hk_v2_lane *lane = hk_v2_lane(heap, page->bin_index);
    return hk_v2_state(page) == HK_V2_PARTIAL ? &lane->partial : &lane->spare;
}

/* Put the page on its state's ring: an empty one first, any other last. */
static void list(struct hk_heap *heap, struct hk_page *page, enum hk_v2_state state)
{
    struct hk_v2_node *node = hk_v2_node(page);
    hk_v2_set_state(page, state);
    struct hk_page **ring = ring_of(heap, page);
    struct hk_page *next = *ring ? *ring : page;
    struct hk_page *prev = *ring ? hk_v2_node(*ring)->prev : page;
    node->next = next;
    node->prev = prev;
    hk_v2_node(prev)->next = page;
    hk_v2_node(next)->prev = page;
    if (state == HK_V2_EMPTY || next == page) {
        *ring = page;
    }
    page->flags |= HK_PAGE_LISTED;
    hk_count_push(heap, page->bin_index);
}

void hk_v2_unlist(struct hk_heap *heap, struct hk_page *page)
{
    struct hk_v2_node *node = hk_v2_node(page);
    struct hk_page **ring = ring_of(heap, page);
    if (*ring == page) {
        *ring = node->next == page ? NULL : node->next;
    }
    hk_v2_node(node->next)->prev = node->prev;
    hk_v2_node(node->prev)->next = node->next;
    node->next = NULL;
    node->prev = NULL;
    hk_v2_lane(heap, page->bin_index)->kept -= hk_v2_state(page) == HK_V2_EMPTY;
    hk_v2_set_state(page, HK_V2_FULL);
    page->flags &= (uint8_t)~HK_PAGE_LISTED;
    hk_count_pop(heap, page->bin_index);
}

void hk_v2_retire(struct hk_heap *heap, struct hk_page *page)
{
    hk_v2_forget(page);
    HK_COLD.retire(heap, page);
}

/* -> true: the list leads from neighbour to neighbour where it was pushed last. Such a page is
 * worth more as it is than carved anew, one that was freed at random is not. */
static bool is_in_order(const struct hk_page *page, const struct hk_v2_node *node)
{
    const char *block = node->list;
    ptrdiff_t size = (ptrdiff_t)page->block_size;
    ptrdiff_t step = 0;
    for (int i = 0; i < SAMPLE; i++) {
        const char *next = block ? *(void *const *)block : NULL;
        ptrdiff_t now = next ? next - block : 0;
        if ((now != size && now != -size) || (step && now != step)) {
            return false;
        }
        step = now;
        block = next;
    }
    return true;
}

void hk_v2_keep(struct hk_heap *heap, struct hk_page *page)
{
    struct hk_v2_node *node = hk_v2_node(page);
    page->flags &= (uint8_t)~HK_PAGE_ZERO;
    if (page->flags & HK_V2_PARKED || !is_in_order(page, node)) {
        hk_v2_forget(page);
    }
    list(heap, page, HK_V2_EMPTY);
    hk_v2_lane(heap, page->bin_index)->kept += 1;
    hk_v2_set_out(page, 0);
}

void hk_v2_keep_or_retire(struct hk_heap *heap, struct hk_page *page)
{
    const struct hk_v2_lane *lane = hk_v2_lane(heap, page->bin_index);
    /* even where none is kept: retired, a class's only page with room would be leased again by the
     * next refill */
    bool needed = !lane->partial && !lane->kept;
    bool keeps = heap->keeps && hk_policy_retention(heap, page->bin_index);
    if (keeps && (lane->kept + 1 <= HK_MAX_PARTIAL || needed)) {
        hk_v2_keep(heap, page);
    } else {
        hk_v2_retire(heap, page);
    }
}

void hk_v2_place(struct hk_heap *heap, struct hk_page *page, size_t out)
{
    struct hk_v2_node *node = hk_v2_node(page);
    if (node->list) {
        list(heap, page, HK_V2_PARTIAL);
    } else if (page->flags & HK_V2_PARKED || node->carved < hk_v2_capacity(page)) {
        list(heap, page, HK_V2_FRESH);
    }
    hk_v2_set_out(page, out);
}

void hk_v2_put_down(struct hk_heap *heap, struct hk_page *page)
{
    struct hk_v2_node *node = hk_v2_node(page);
    size_t out = hk_v2_out(page);
    node->list = page->bin->head;
    node->where = &node->list;
    hk_v2_set_state(page, HK_V2_FULL);
    page->bin->head = NULL;
    hk_v2_lane(heap, page->bin_index)->current = NULL;
    for (void *block = node->list; block; block = *(void **)block) {
        out -= 1;
    }
    if (out == 0) {
        hk_v2_keep_or_retire(heap, page);
    } else {
        hk_v2_place(heap, page, out);
    }
}

void hk_v2_settle(struct hk_heap *heap, struct hk_page *page)
{
    struct hk_v2_node *node = hk_v2_node(page);
    bool current = hk_v2_lane(heap, page->bin_index)->current == page;
    if (current || hk_v2_state(page) == HK_V2_FULL || page->flags & HK_PAGE_LISTED) {
        return;
    }
    /* of the page that was current, the thread's bin took the free blocks with it */
    size_t out = hk_v2_out(page);
    node->where = &node->list;
    hk_v2_set_state(page, HK_V2_FULL);
    hk_v2_set_out(page, out);
}

/* `out` blocks of the page, which is not current, are still out after some came home. */
static void came_home(struct hk_heap *heap, struct hk_page *page, size_t out)
{
    if (out == 0) {
        if (page->flags & HK_PAGE_LISTED) {
            hk_v2_unlist(heap, page);
        }
        hk_v2_keep_or_retire(heap, page);
        return;
    }
    if (hk_v2_state(page) != HK_V2_PARTIAL && heap->keeps) {
        if (page->flags & HK_PAGE_LISTED) {
            hk_v2_unlist(heap, page);
        }
        list(heap, page, HK_V2_PARTIAL);
    }
    hk_v2_set_out(page, out);
}

void hk_hotbox_v2_event(struct hk_page *page)
{
    struct hk_heap *heap = hk_page_heap(page);
    struct hk_v2_node *node = hk_v2_node(page);
    int saved = errno; /* giving memory back may set it, and free must not */
    hk_heap_enter(heap);
    hk_count_event(heap, page->bin_index, HK_EVENT_SLOW_FREE);
    if (hk_v2_state(page) == HK_V2_CURRENT) {
        node->countdown = HK_V2_CURRENT_COUNT;
    } else {
        came_home(heap, page, node->floor);
    }
    hk_heap_leave(heap);
    errno = saved;
}

void hk_hotbox_v2_splice(struct hk_heap *heap, struct hk_page *page, void *first, void *last,
                         size_t count)
{
    hk_v2_settle(heap, page);
    struct hk_v2_node *node = hk_v2_node(page);
    *(void **)last = *node->where;
    *node->where = first;
    if (hk_v2_state(page) == HK_V2_CURRENT) {
        return;
    }
    HK_ASSERT(hk_v2_out(page) >= count);
    if (node->countdown > (int32_t)count) {
        node->countdown -= (int32_t)count;
    } else {
        came_home(heap, page, hk_v2_out(page) - count);
    }
}
