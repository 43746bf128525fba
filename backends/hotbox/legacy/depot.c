/* SPDX-License-Identifier: MIT */
/* The depot's lists, and what comes into its pages. A page is on one list, that of its place,
 * except while one thread has it in hand. */
#include "depot.h"

#include "coldbox/seat.h"

#include "depot_state.h"

#include <string.h>

enum {
    WAKE_MOST = 8,           /* free blocks that make a full page one to take from */
    KEPT_OF_PAGES = 8,       /* for so many pages of a class one more is kept when empty */
    LIST_END = UINT8_MAX,    /* no block follows */
    STOCK_BYTES = 64 * 1024, /* of blocks that a class stocks, most */
};

_Static_assert((int)HK_DEPOT_BATCH < (int)LIST_END, "a place in a batch is a byte");
_Static_assert((int)HK_DEPOT_STOCK <= (int)HK_DEPOT_BATCH, "the stock is one batch");

struct hk_depot hk_depot = {
    .class_locks = {HK_LOCKS_64(HK_RANK_CLASS), HK_LOCK(HK_RANK_CLASS)},
    .page_locks = {HK_LOCKS_64(HK_RANK_PAGE)},
};

static struct hk_guard class_guard = {.locks = hk_depot.class_locks, .count = HK_TINY_BINS};
static struct hk_guard page_guard = {.locks = hk_depot.page_locks, .count = HK_DEPOT_PAGE_LOCKS};

_Static_assert(HK_TINY_BINS == 65 && HK_DEPOT_PAGE_LOCKS == 64, "the initialisers above");

void hk_depot_start(void)
{
    HK_COLD.guard(&class_guard);
    HK_COLD.guard(&page_guard);
}

/* Pages with room are on these two, and counted. */
static bool has_room(enum hk_depot_place place)
{
    return place == HK_DEPOT_OPEN || place == HK_DEPOT_KEPT;
}

static void unlink_page(struct hk_depot_class *class, struct hk_page *page)
{
    struct hk_depot_page *depot = hk_depot_page(page);
    struct hk_depot_list *list = &class->list[depot->place];
    *(depot->prev ? &hk_depot_page(depot->prev)->next : &list->first) = depot->next;
    *(depot->next ? &hk_depot_page(depot->next)->prev : &list->last) = depot->prev;
    list->count -= 1;
    depot->next = NULL;
    depot->prev = NULL;
}

static void link_page(struct hk_depot_list *list, struct hk_page *page, bool to_front)
{
    struct hk_depot_page *depot = hk_depot_page(page);
    depot->next = to_front ? list->first : NULL;
    depot->prev = to_front ? NULL : list->last;
    *(depot->prev ? &hk_depot_page(depot->prev)->next : &list->first) = page;
    *(depot->next ? &hk_depot_page(depot->next)->prev : &list->last) = page;
    list->count += 1;
}

void hk_depot_move_both(struct hk_depot_class *class, struct hk_page *page,
                        enum hk_depot_place place, bool to_front)
{
    struct hk_depot_page *depot = hk_depot_page(page);
    if (has_room(depot->place) && !has_room(place)) {
        hk_count_pop(NULL, page->bin_index);
    } else if (has_room(place) && !has_room(depot->place)) {
        hk_count_push(NULL, page->bin_index);
    }
    if (depot->place != HK_DEPOT_NOWHERE) {
        unlink_page(class, page);
    }
    depot->place = (uint8_t)place;
    if (place != HK_DEPOT_NOWHERE) {
        link_page(&class->list[place], page, to_front);
    }
}

/* -> free blocks that make a full page one to take from: at least 2, so that a block that goes to
 * and fro does not take the page along each time. */
static size_t wake_at(const struct hk_depot_page *depot)
{
    size_t wake = depot->capacity / 32u;
    return wake < WAKE_MOST ? wake : WAKE_MOST;
}

/* Forget every block of an empty page: it will be carved again, in address order. */
static void forget_blocks(struct hk_page *page)
{
    struct hk_depot_page *depot = hk_depot_page(page);
    memset(hk_page_map(page), 0, hk_map_words(depot->carved) * sizeof(uint64_t));
    depot->carved = 0;
    depot->clean = false;
    page->flags &= (uint8_t)~HK_PAGE_ZERO;
}

void hk_depot_settle_both(struct hk_depot_class *class, struct hk_page *page)
{
    struct hk_depot_page *depot = hk_depot_page(page);
    if (depot->out == 0) {
        forget_blocks(page);
        hk_depot_move_both(class, page, HK_DEPOT_KEPT, true);
    } else if (depot->place == HK_DEPOT_FULL && hk_depot_in(page) >= wake_at(depot)) {
        hk_depot_move_both(class, page, HK_DEPOT_OPEN, true);
    }
}

struct hk_page *hk_depot_drop_kept_locked(struct hk_depot_class *class, size_t most)
{
    struct hk_page *gone = NULL;
    struct hk_depot_list *kept = &class->list[HK_DEPOT_KEPT];
    while (kept->count > most) {
        struct hk_page *page = kept->last;
        struct hk_lock *lock = hk_depot_page_lock(page);
        hk_lock_take(lock);
        hk_depot_move_both(class, page, HK_DEPOT_NOWHERE, false);
        hk_lock_give(lock);
        hk_depot_page(page)->next = gone;
        gone = page;
    }
    return gone;
}

size_t hk_depot_retire_all(struct hk_heap *heap, struct hk_page *gone)
{
    size_t bytes = 0;
    while (gone) {
        struct hk_page *next = hk_depot_page(gone)->next;
        HK_COLD.retire(heap, gone);
        bytes += HK_SLICE;
        gone = next;
    }
    return bytes;
}

/* -> how many blocks may come into the page, whose lock is held, before its place changes. */
static size_t room_for(struct hk_page *page)
{
    const struct hk_depot_page *depot = hk_depot_page(page);
    size_t room = depot->out - 1u;
    if (depot->place == HK_DEPOT_FULL) {
        size_t asleep = wake_at(depot) - hk_depot_in(page) - 1;
        room = asleep < room ? asleep : room;
    }
    return room;
}

static void count_in(struct hk_page *page, size_t count)
{
    hk_depot_page(page)->out = (uint16_t)(hk_depot_page(page)->out - count);
    hk_depot_page(page)->clean = false;
}

/* Blocks of a batch by the lock of their page: lists through `next`, by place in the batch. */
struct sorted {
    uint64_t used; /* locks that have a list, a bit each */
    uint8_t first[HK_DEPOT_PAGE_LOCKS];
    uint8_t next[HK_DEPOT_BATCH];
    uint8_t late[HK_DEPOT_BATCH]; /* blocks that would change their pages' places */
    size_t late_count;
};

/* -> true: all blocks are of one page, the usual case where they were allocated in a row. */
static bool is_one_page(void *const *blocks, size_t count)
{
    uintptr_t differ = 0;
    for (size_t i = 1; i < count; i++) {
        differ |= (uintptr_t)blocks[i] ^ (uintptr_t)blocks[0];
    }
    return differ >> HK_SLICE_SHIFT == 0;
}

static void sort(void *const *blocks, size_t count, struct sorted *sorted)
{
    sorted->late_count = 0;
    if (is_one_page(blocks, count)) {
        size_t stripe = hk_depot_stripe(blocks[0]);
        for (size_t i = 0; i < count; i++) {
            sorted->next[i] = (uint8_t)(i - 1); /* the first one's is LIST_END */
        }
        sorted->first[stripe] = (uint8_t)(count - 1);
        sorted->used = (uint64_t)1 << stripe;
        return;
    }
    uint64_t used = 0;
    for (size_t i = 0; i < count; i++) {
        size_t stripe = hk_depot_stripe(blocks[i]);
        sorted->next[i] = used >> stripe & 1 ? sorted->first[stripe] : LIST_END;
        sorted->first[stripe] = (uint8_t)i;
        used |= (uint64_t)1 << stripe;
    }
    sorted->used = used;
}

/* Put blocks of one page, whose lock is held, as long as it stays in its place. -> the first block
 * of the list that is in another page, or LIST_END. */
static size_t put_run(void *const *blocks, struct sorted *sorted, size_t i)
{
    struct hk_page *page = hk_page_of(blocks[i]);
    uint64_t *map = hk_page_map(page);
    const uint32_t reciprocal = hk_depot_page(page)->reciprocal;
    const uintptr_t slice = (uintptr_t)blocks[i] >> HK_SLICE_SHIFT;
    size_t room = room_for(page);
    size_t left = room;
    do {
        if (HK_UNLIKELY(left == 0)) {
            sorted->late[sorted->late_count++] = (uint8_t)i;
        } else {
            /* a page is a slice: the low half of the address is the offset in it */
            size_t index = hk_map_index(reciprocal, (uint16_t)(uintptr_t)blocks[i]);
            HK_ASSERT(index < hk_depot_page(page)->carved && !hk_map_has(map, index));
            hk_map_set(map, index);
            left -= 1;
        }
        i = sorted->next[i];
    } while (i != LIST_END && (uintptr_t)blocks[i] >> HK_SLICE_SHIFT == slice);
    count_in(page, room - left);
    return i;
}

/* Put the blocks that are late, under the class's lock. -> bytes of pages that were retired. */
static size_t put_late(struct hk_heap *heap, void *const *blocks, const struct sorted *sorted)
{
    size_t bin = hk_page_of(blocks[sorted->late[0]])->bin_index;
    struct hk_depot_class *class = &hk_depot.classes[bin];
    hk_lock_take(&hk_depot.class_locks[bin]);
    for (size_t i = 0; i < sorted->late_count; i++) {
        void *block = blocks[sorted->late[i]];
        struct hk_page *page = hk_page_of(block);
        struct hk_lock *lock = hk_depot_lock_of(block);
        hk_lock_take(lock);
        hk_map_set(hk_page_map(page),
                   hk_map_index(hk_depot_page(page)->reciprocal, (uint16_t)(uintptr_t)block));
        count_in(page, 1);
        hk_depot_settle_both(class, page);
        hk_lock_give(lock);
    }
    size_t in_use = class->list[HK_DEPOT_OPEN].count + class->list[HK_DEPOT_FULL].count;
    size_t retention = hk_policy_retention(heap, bin);
    size_t most = retention ? retention + in_use / KEPT_OF_PAGES : 0;
    struct hk_page *gone = hk_depot_drop_kept_locked(class, most);
    hk_lock_give(&hk_depot.class_locks[bin]);
    return hk_depot_retire_all(heap, gone);
}

/* -> blocks that the stock of a class may hold. */
static size_t most_stocked(size_t bin)
{
    size_t most = STOCK_BYTES / hk_bin_block_size(bin);
    return most < HK_DEPOT_STOCK ? most : HK_DEPOT_STOCK;
}

size_t hk_depot_give(struct hk_heap *heap, size_t bin, void *const *blocks, size_t count)
{
    struct hk_depot_class *class = &hk_depot.classes[bin];
    size_t most = most_stocked(bin);
    hk_lock_take(&hk_depot.class_locks[bin]);
    class->user = heap;
    size_t room = class->stocked < most ? most - class->stocked : 0;
    size_t kept = count < room ? count : room;
    memcpy(class->stock + class->stocked, blocks, kept * sizeof *blocks);
    class->stocked += kept;
    hk_lock_give(&hk_depot.class_locks[bin]);
    return kept < count ? hk_depot_put(heap, blocks + kept, count - kept) : 0;
}

size_t hk_depot_clear_stock(struct hk_heap *heap, size_t bin)
{
    struct hk_depot_class *class = &hk_depot.classes[bin];
    void *blocks[HK_DEPOT_STOCK];
    hk_lock_take(&hk_depot.class_locks[bin]);
    size_t count = class->stocked;
    memcpy(blocks, class->stock, count * sizeof *blocks);
    class->stocked = 0;
    hk_lock_give(&hk_depot.class_locks[bin]);
    return count ? hk_depot_put(heap, blocks, count) : 0;
}

size_t hk_depot_put(struct hk_heap *heap, void *const *blocks, size_t count)
{
    struct sorted sorted;
    sort(blocks, count, &sorted);
    for (uint64_t rest = sorted.used; rest; rest &= rest - 1) {
        size_t stripe = (size_t)__builtin_ctzll(rest);
        size_t i = sorted.first[stripe];
        hk_lock_take(&hk_depot.page_locks[stripe]);
        while (i != LIST_END) {
            i = put_run(blocks, &sorted, i);
        }
        hk_lock_give(&hk_depot.page_locks[stripe]);
    }
    return sorted.late_count ? put_late(heap, blocks, &sorted) : 0;
}
