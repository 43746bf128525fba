/* SPDX-License-Identifier: MIT */
/* The depot's invariants, walked for tests and debug builds. Every walk is bounded, so that a
 * corrupt list is reported and not followed for ever. */
#include "depot.h"

#include "common/bands.h"

#include "depot_state.h"

static const char *check_descriptor(struct hk_page *page, size_t bin)
{
    const struct hk_depot_page *depot = hk_depot_page(page);
    if (page->bin_index != bin || page->block_size != hk_bin_block_size(bin) ||
        page->kind != hk_kind_of_bin(bin)) {
        return "a page is on a list of another class";
    }
    if (hk_page_owner(page) != HK_OWNER_SHARED || hk_page_heap(page)) {
        return "a page that all threads share has an owner";
    }
    if (depot->offset != bin << HK_BIN_SHIFT) {
        return "a page does not point to its class's bin";
    }
    if (depot->capacity != HK_SLICE / page->block_size) {
        return "a page's capacity is not what its blocks make it";
    }
    return NULL;
}

static const char *check_counts(struct hk_page *page)
{
    const struct hk_depot_page *depot = hk_depot_page(page);
    const uint64_t *map = hk_page_map(page);
    size_t words = HK_SLICE_MAP / sizeof *map;
    if (depot->carved > depot->capacity || depot->out > depot->carved) {
        return "a page's counts exceed its capacity";
    }
    if (depot->out + hk_map_count(map, words) != depot->carved) {
        return "blocks out and free do not sum to the carved ones";
    }
    size_t last = depot->carved / 64u;
    if (last < words && map[last] >> depot->carved % 64 != 0) {
        return "a block that was never carved is marked free";
    }
    return NULL;
}

static const char *check_place(struct hk_page *page)
{
    const struct hk_depot_page *depot = hk_depot_page(page);
    switch (depot->place) {
    case HK_DEPOT_OPEN:
        return depot->out && (depot->out < depot->capacity || depot->claimed)
                   ? NULL
                   : "a page without room, or without a block out, is listed as open";
    case HK_DEPOT_FULL:
        return depot->out && depot->carved == depot->capacity
                   ? NULL
                   : "a page with much room, or without a block out, is listed as full";
    default:
        return depot->out + depot->carved == 0 ? NULL : "a page with blocks out is kept as empty";
    }
}

static const char *check_page(struct hk_page *page, size_t bin)
{
    struct hk_lock *lock = hk_depot_page_lock(page);
    hk_lock_take(lock);
    const char *broken = check_descriptor(page, bin);
    broken = broken ? broken : check_counts(page);
    broken = broken ? broken : check_place(page);
    hk_lock_give(lock);
    return broken;
}

static const char *check_list(const struct hk_depot_list *list, size_t bin, int place)
{
    size_t count = 0;
    const struct hk_page *prev = NULL;
    for (struct hk_page *page = list->first; page; page = hk_depot_page(page)->next) {
        if (++count > list->count) {
            return "a list has more pages than it counts";
        }
        if (hk_depot_page(page)->place != place || hk_depot_page(page)->prev != prev) {
            return "a list's links do not match";
        }
        const char *broken = check_page(page, bin);
        if (broken) {
            return broken;
        }
        prev = page;
    }
    return count == list->count && list->last == prev ? NULL : "a list ends before its last page";
}

/* What is wrong with a block that is believed to be out of its page. */
static const char *check_out(size_t bin, const void *block)
{
    struct hk_page *page = hk_page_of(block);
    struct hk_lock *lock = hk_depot_page_lock(page);
    const char *broken = NULL;
    hk_lock_take(lock);
    size_t offset = (size_t)((const char *)block - hk_page_start(page));
    if (page->bin_index != bin || hk_page_owner(page) != HK_OWNER_SHARED ||
        offset % hk_bin_block_size(bin) != 0 ||
        offset / hk_bin_block_size(bin) >= hk_depot_page(page)->carved) {
        broken = "what is believed to be a block is none of its class";
    } else if (hk_map_has(hk_page_map(page), offset / hk_bin_block_size(bin))) {
        broken = "a block is at hand and free in its page";
    }
    hk_lock_give(lock);
    return broken;
}

static bool is_among(void *const *blocks, size_t count, const void *block)
{
    for (size_t i = 0; i < count; i++) {
        if (blocks[i] == block) {
            return true;
        }
    }
    return false;
}

static const char *check_stock(const struct hk_depot_class *class, size_t bin)
{
    if (class->stocked > HK_DEPOT_STOCK) {
        return "the stock holds more blocks than it has room for";
    }
    for (size_t i = 0; i < class->stocked; i++) {
        const char *broken = check_out(bin, class->stock[i]);
        if (broken) {
            return broken;
        }
        if (is_among(class->stock, i, class->stock[i])) {
            return "a block is in the stock twice";
        }
    }
    return NULL;
}

const char *hk_depot_check(size_t bin)
{
    hk_lock_take(&hk_depot.class_locks[bin]);
    const char *broken = check_stock(&hk_depot.classes[bin], bin);
    for (int place = 0; place < HK_DEPOT_PLACES && !broken; place++) {
        broken = check_list(&hk_depot.classes[bin].list[place], bin, place);
    }
    hk_lock_give(&hk_depot.class_locks[bin]);
    return broken;
}

const char *hk_depot_check_out(size_t bin, const void *block)
{
    const struct hk_depot_class *class = &hk_depot.classes[bin];
    const char *broken = check_out(bin, block);
    hk_lock_take(&hk_depot.class_locks[bin]);
    if (!broken && is_among(class->stock, class->stocked, block)) {
        broken = "a block is in a magazine and in the stock";
    }
    hk_lock_give(&hk_depot.class_locks[bin]);
    return broken;
}
