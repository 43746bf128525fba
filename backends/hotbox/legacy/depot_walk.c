/* SPDX-License-Identifier: MIT */
/* The depot over all pages of a class: empty pages retired, free parts given back, counts and
 * checks. */
#include "depot.h"

#include "coldbox/seat.h"

#include "depot_state.h"

#include <string.h>

enum { MAP_WORDS = HK_SLICE_MAP / sizeof(uint64_t) };

static size_t retire_kept(struct hk_heap *heap, size_t bin, size_t most)
{
    hk_lock_take(&hk_depot.class_locks[bin]);
    struct hk_page *gone = hk_depot_drop_kept_locked(&hk_depot.classes[bin], most);
    hk_lock_give(&hk_depot.class_locks[bin]);
    return hk_depot_retire_all(heap, gone);
}

size_t hk_depot_retire_kept(struct hk_heap *heap, size_t bin)
{
    return retire_kept(heap, bin, 0);
}

size_t hk_depot_age(struct hk_heap *heap, size_t bin, size_t most_kept)
{
    hk_lock_take(&hk_depot.class_locks[bin]);
    bool last = hk_depot.classes[bin].user == heap;
    hk_lock_give(&hk_depot.class_locks[bin]);
    if (!last) {
        return 0;
    }
    size_t bytes = hk_depot_clear_stock(heap, bin);
    return bytes + retire_kept(heap, bin, most_kept);
}

void hk_depot_wake(size_t bin)
{
    struct hk_depot_class *class = &hk_depot.classes[bin];
    hk_lock_take(&hk_depot.class_locks[bin]);
    struct hk_page *page = class->list[HK_DEPOT_FULL].first;
    while (page) {
        struct hk_page *next = hk_depot_page(page)->next;
        struct hk_lock *lock = hk_depot_page_lock(page);
        hk_lock_take(lock);
        if (hk_depot_in(page)) {
            hk_depot_move_both(class, page, HK_DEPOT_OPEN, true);
        }
        hk_lock_give(lock);
        page = next;
    }
    hk_lock_give(&hk_depot.class_locks[bin]);
}

/* Take all free blocks of a page that has enough of them: nobody else can then. They count as out,
 * so that the page stays, and where it is. -> true: `map` has their bits. */
static bool claim_locked(struct hk_page *page, uint64_t map[MAP_WORDS])
{
    struct hk_depot_page *depot = hk_depot_page(page);
    struct hk_lock *lock = hk_depot_page_lock(page);
    hk_lock_take(lock);
    bool worth =
        !depot->claimed && !depot->clean && hk_depot_in(page) * page->block_size >= HK_MAP_WORTH;
    if (worth) {
        memcpy(map, hk_page_map(page), MAP_WORDS * sizeof *map);
        memset(hk_page_map(page), 0, MAP_WORDS * sizeof *map);
        depot->out = depot->carved;
        depot->claimed = true;
        depot->clean = true;
    }
    hk_lock_give(lock);
    return worth;
}

/* Put them back. `refused`: not all of their memory has gone. */
static void unclaim_locked(struct hk_depot_class *class, struct hk_page *page,
                           const uint64_t map[MAP_WORDS], bool refused)
{
    struct hk_depot_page *depot = hk_depot_page(page);
    struct hk_lock *lock = hk_depot_page_lock(page);
    hk_lock_take(lock);
    for (size_t i = 0; i < MAP_WORDS; i++) {
        hk_page_map(page)[i] |= map[i];
    }
    depot->out = (uint16_t)(depot->out - hk_map_count(map, MAP_WORDS));
    depot->claimed = false;
    depot->clean = depot->clean && !refused;
    hk_depot_settle_both(class, page);
    hk_lock_give(lock);
}

size_t hk_depot_purge(size_t bin)
{
    struct hk_depot_class *class = &hk_depot.classes[bin];
    struct hk_lock *lock = &hk_depot.class_locks[bin];
    uint64_t map[MAP_WORDS];
    size_t bytes = 0;
    hk_lock_take(lock);
    size_t todo = class->list[HK_DEPOT_OPEN].count;
    struct hk_page *page = class->list[HK_DEPOT_OPEN].first;
    for (; page && todo; todo--) {
        bool claimed = claim_locked(page, map);
        bool refused;
        if (claimed) {
            /* no system call under a lock; `carved` stays while the page is claimed */
            hk_lock_give(lock);
            bytes += hk_map_purge(page, map, hk_depot_page(page)->carved, true, &refused);
            hk_lock_take(lock);
        }
        struct hk_page *next = hk_depot_page(page)->next;
        if (claimed) {
            unclaim_locked(class, page, map, refused);
        }
        page = next;
    }
    hk_lock_give(lock);
    return bytes;
}

static void add_page(struct hk_page *page, struct hk_hot_stat *sum)
{
    struct hk_lock *lock = hk_depot_page_lock(page);
    hk_lock_take(lock);
    sum->pages += 1;
    sum->bytes += HK_SLICE;
    sum->blocks_out += hk_depot_page(page)->out;
    sum->blocks_in += hk_depot_in(page);
    hk_lock_give(lock);
}

void hk_depot_stat(size_t bin, struct hk_hot_stat *sum)
{
    hk_lock_take(&hk_depot.class_locks[bin]);
    sum->binned += hk_depot.classes[bin].stocked;
    for (int place = 0; place < HK_DEPOT_PLACES; place++) {
        struct hk_page *page = hk_depot.classes[bin].list[place].first;
        for (; page; page = hk_depot_page(page)->next) {
            add_page(page, sum);
        }
    }
    hk_lock_give(&hk_depot.class_locks[bin]);
}
