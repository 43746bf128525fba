/* SPDX-License-Identifier: MIT */
/* What goes out of the depot's pages: blocks by their bits, then blocks that were never carved,
 * then new pages. */
#include "depot.h"

#include "coldbox/seat.h"
#include "common/bands.h"

#include "depot_state.h"

#include <string.h>

/* Take free blocks by their bits, lowest address first. -> how many. */
static size_t take_bits(struct hk_page *page, void **end, size_t want)
{
    size_t words = hk_map_words(hk_depot_page(page)->carved);
    uint64_t *map = hk_page_map(page);
    char *base = hk_page_start(page);
    size_t got = 0;
    for (size_t i = 0; i < words && got < want; i++, base += 64 * (size_t)page->block_size) {
        uint64_t bits = map[i];
        while (bits && got < want) {
            *--end = base + (size_t)__builtin_ctzll(bits) * page->block_size;
            bits &= bits - 1;
            got += 1;
        }
        map[i] = bits;
    }
    return got;
}

/* Take blocks that were never handed out. -> how many. */
static size_t carve(struct hk_page *page, void **end, size_t want)
{
    struct hk_depot_page *depot = hk_depot_page(page);
    size_t left = (size_t)depot->capacity - depot->carved;
    size_t count = want < left ? want : left;
    char *block = hk_page_start(page) + (size_t)depot->carved * page->block_size;
    for (size_t i = 0; i < count; i++, block += page->block_size) {
        *--end = block;
    }
    depot->carved = (uint16_t)(depot->carved + count);
    return count;
}

/* Take blocks of a page whose lock is held, or that nobody else knows. `first`: the first of them
 * is the heap's next one out. -> how many. */
static size_t take(struct hk_heap *heap, struct hk_page *page, void **end, size_t want, bool first)
{
    struct hk_depot_page *depot = hk_depot_page(page);
    if (depot->claimed) {
        return 0;
    }
    size_t got = take_bits(page, end, want);
    if (got == 0) {
        got = carve(page, end, want);
        if (first && page->flags & HK_PAGE_ZERO) {
            heap->fresh_block = end[-1];
        }
        hk_count_note(heap, HK_NOTE_CARVE);
    }
    depot->out = (uint16_t)(depot->out + got);
    return got;
}

/* Blocks have been taken: a page with no more goes away, one that can only be carved to the end,
 * since reuse comes before first touch. */
static void settle_taken_both(struct hk_depot_class *class, struct hk_page *page)
{
    struct hk_depot_page *depot = hk_depot_page(page);
    if (depot->out == depot->capacity) {
        hk_depot_move_both(class, page, HK_DEPOT_FULL, true);
    } else if (depot->place == HK_DEPOT_KEPT || (depot->out == depot->carved && depot->next)) {
        hk_depot_move_both(class, page, HK_DEPOT_OPEN, false);
    }
}

static size_t take_page_locked(struct hk_heap *heap, size_t bin, struct hk_page *page, void **end,
                               size_t want, bool first)
{
    struct hk_lock *lock = hk_depot_page_lock(page);
    hk_lock_take(lock);
    size_t got = take(heap, page, end, want, first);
    if (got) {
        settle_taken_both(&hk_depot.classes[bin], page);
    }
    hk_lock_give(lock);
    return got;
}

static size_t take_stock_locked(struct hk_depot_class *class, void **end, size_t want)
{
    size_t got = want < class->stocked ? want : class->stocked;
    class->stocked -= got;
    memcpy(end - got, class->stock + class->stocked, got * sizeof *end);
    return got;
}

size_t hk_depot_take(struct hk_heap *heap, size_t bin, void **end, size_t want)
{
    struct hk_depot_list *list = hk_depot.classes[bin].list;
    hk_lock_take(&hk_depot.class_locks[bin]);
    hk_depot.classes[bin].user = heap;
    size_t got = take_stock_locked(&hk_depot.classes[bin], end, want);
    struct hk_page *page = list[HK_DEPOT_OPEN].first;
    while (page && got < want) {
        struct hk_page *next = hk_depot_page(page)->next;
        got += take_page_locked(heap, bin, page, end - got, want - got, got == 0);
        page = next;
    }
    if (got < want && list[HK_DEPOT_KEPT].first) {
        page = list[HK_DEPOT_KEPT].first;
        got += take_page_locked(heap, bin, page, end - got, want - got, got == 0);
    }
    hk_lock_give(&hk_depot.class_locks[bin]);
    return got;
}

/* A page that has just been leased: nobody else knows it. */
static void prepare(struct hk_page *page)
{
    struct hk_depot_page *depot = hk_depot_page(page);
    depot->offset = (uint32_t)page->bin_index << HK_BIN_SHIFT;
    depot->reciprocal = hk_map_reciprocal(page->block_size);
    depot->capacity = (uint16_t)hk_map_index(depot->reciprocal, HK_SLICE);
}

/* -> where a page that is on no list belongs. */
static enum hk_depot_place place_of(const struct hk_depot_page *depot)
{
    if (depot->out == 0) {
        return HK_DEPOT_KEPT;
    }
    return depot->out < depot->capacity ? HK_DEPOT_OPEN : HK_DEPOT_FULL;
}

void hk_depot_join(struct hk_page *page)
{
    size_t bin = page->bin_index;
    struct hk_lock *lock = hk_depot_page_lock(page);
    if (!hk_depot_page(page)->capacity) {
        prepare(page);
    }
    hk_lock_take(&hk_depot.class_locks[bin]);
    hk_lock_take(lock);
    hk_depot_move_both(&hk_depot.classes[bin], page, place_of(hk_depot_page(page)), false);
    hk_lock_give(lock);
    hk_lock_give(&hk_depot.class_locks[bin]);
}

size_t hk_depot_take_new(struct hk_heap *heap, size_t bin, void **end, size_t want)
{
    size_t block_size = hk_bin_block_size(bin);
    const struct hk_lease request = {
        .heap = heap,
        .block_size = (uint32_t)block_size,
        .bin_index = (uint8_t)bin,
        .kind = (uint8_t)hk_kind_of_bin(bin),
        .slices = (uint8_t)hk_page_slices(block_size),
        .grow = true,
        .shared = true,
    };
    struct hk_page *page = HK_COLD.lease(&request);
    if (!page) {
        return 0;
    }
    prepare(page);
    size_t got = take(heap, page, end, want, true);
    hk_depot_join(page);
    return got;
}
