/* SPDX-License-Identifier: MIT */
/* The depot's lists, and what comes into its pages. A page is on one list, that of its place,
 * except while one thread has it in hand. */
#include "depot.h"

#include "coldbox/seat.h"

#include "depot_state.h"

#include <string.h>

enum {
    WAKE_MOST = 8,       /* free blocks that make a full page one to take from */
    KEPT_OF_PAGES = 8,   /* for so many pages of a class one more is kept when empty */
    LIST_END = UINT8_MAX /* no block follows */
};

_Static_assert((int)HK_DEPOT_BATCH < (int)LIST_END, "a place in a batch is a byte");

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

static void mark_free(struct hk_page *page, const void *block)
{
    struct hk_depot_page *depot = hk_depot_page(page);
    size_t index = hk_depot_index(page, block);
    HK_ASSERT(index < depot->carved && !hk_map_has(hk_page_map(page), index));
    hk_map_set(hk_page_map(page), index);
    depot->out = (uint16_t)(depot->out - 1);
    depot->clean = false;
}

/* Put a block into its page, whose lock is held, unless the page's place would change by it. ->
 * false: nothing was done. */
static bool put_quietly(struct hk_page *page, const void *block)
{
    struct hk_depot_page *depot = hk_depot_page(page);
    if (depot->out == 1 ||
        (depot->place == HK_DEPOT_FULL && hk_depot_in(page) + 1 >= wake_at(depot))) {
        return false;
    }
    mark_free(page, block);
    return true;
}

/* Blocks of a batch by the lock of their page: lists through `next`, by place in the batch. */
struct sorted {
    uint64_t used; /* locks that have a list, a bit each */
    uint8_t first[HK_DEPOT_PAGE_LOCKS];
    uint8_t next[HK_DEPOT_BATCH];
};

static void sort(void *const *blocks, size_t count, struct sorted *sorted)
{
    uint64_t used = 0;
    for (size_t i = 0; i < count; i++) {
        size_t stripe = hk_depot_stripe(hk_page_of(blocks[i]));
        sorted->next[i] = used >> stripe & 1 ? sorted->first[stripe] : LIST_END;
        sorted->first[stripe] = (uint8_t)i;
        used |= (uint64_t)1 << stripe;
    }
    sorted->used = used;
}

/* Put the blocks that change their pages' places, `late` of the batch. */
static size_t put_late(struct hk_heap *heap, void *const *blocks, const uint8_t *late, size_t count)
{
    size_t bin = hk_page_of(blocks[late[0]])->bin_index;
    struct hk_depot_class *class = &hk_depot.classes[bin];
    hk_lock_take(&hk_depot.class_locks[bin]);
    for (size_t i = 0; i < count; i++) {
        void *block = blocks[late[i]];
        struct hk_page *page = hk_page_of(block);
        struct hk_lock *lock = hk_depot_page_lock(page);
        hk_lock_take(lock);
        mark_free(page, block);
        hk_depot_settle_both(class, page);
        hk_lock_give(lock);
    }
    size_t in_use = class->list[HK_DEPOT_OPEN].count + class->list[HK_DEPOT_FULL].count;
    struct hk_page *gone = hk_depot_drop_kept_locked(class, 1 + in_use / KEPT_OF_PAGES);
    hk_lock_give(&hk_depot.class_locks[bin]);
    return hk_depot_retire_all(heap, gone);
}

size_t hk_depot_put(struct hk_heap *heap, void *const *blocks, size_t count)
{
    struct sorted sorted;
    uint8_t late[HK_DEPOT_BATCH];
    size_t late_count = 0;
    sort(blocks, count, &sorted);
    for (uint64_t rest = sorted.used; rest; rest &= rest - 1) {
        size_t stripe = (size_t)__builtin_ctzll(rest);
        hk_lock_take(&hk_depot.page_locks[stripe]);
        for (size_t i = sorted.first[stripe]; i != LIST_END; i = sorted.next[i]) {
            if (!put_quietly(hk_page_of(blocks[i]), blocks[i])) {
                late[late_count++] = (uint8_t)i;
            }
        }
        hk_lock_give(&hk_depot.page_locks[stripe]);
    }
    return late_count ? put_late(heap, blocks, late, late_count) : 0;
}
