/* SPDX-License-Identifier: MIT */
/* What the depot's own files share. Functions that end in _locked need the class's lock, those in
 * _both the page's as well. */
#ifndef HK_HOTBOX_LEGACY_DEPOT_STATE_H
#define HK_HOTBOX_LEGACY_DEPOT_STATE_H

#include "common/lock.h"
#include "hotbox/blockmap.h"

#include "depot.h"

enum {
    HK_DEPOT_PAGE_LOCKS = 64,
    HK_DEPOT_STOCK = 128, /* blocks, most */
};

struct hk_depot_list {
    struct hk_page *first;
    struct hk_page *last;
    size_t count;
};

/* One class: its pages by place (NOWHERE's list stays empty), and its stock: blocks that are out of
 * their pages, on their way from a thread that frees to one that allocates. */
struct hk_depot_class {
    _Alignas(HK_CACHE_LINE) struct hk_depot_list list[HK_DEPOT_PLACES];
    const struct hk_heap *user; /* the last that took from the depot, or gave to the stock */
    size_t stocked;
    void *stock[HK_DEPOT_STOCK];
};

extern HK_HIDDEN struct hk_depot {
    struct hk_depot_class classes[HK_TINY_BINS];
    struct hk_lock class_locks[HK_TINY_BINS];
    struct hk_lock page_locks[HK_DEPOT_PAGE_LOCKS];
} hk_depot;

/* -> number of the lock that guards the page of an address in it: neighbours have different ones.
 */
static inline size_t hk_depot_stripe(const void *inside)
{
    uintptr_t address = (uintptr_t)inside;
    return (address >> HK_SLICE_SHIFT ^ address >> HK_SUPERSLAB_SHIFT) % HK_DEPOT_PAGE_LOCKS;
}

static inline struct hk_lock *hk_depot_lock_of(const void *inside)
{
    return &hk_depot.page_locks[hk_depot_stripe(inside)];
}

static inline struct hk_lock *hk_depot_page_lock(const struct hk_page *page)
{
    return hk_depot_lock_of(hk_page_start(page));
}

/* -> the page's free blocks. */
static inline size_t hk_depot_in(struct hk_page *page)
{
    return (size_t)hk_depot_page(page)->carved - hk_depot_page(page)->out;
}

/* Move the page from its list to the front or the end of that of `place`. */
HK_HIDDEN void hk_depot_move_both(struct hk_depot_class *class, struct hk_page *page,
                                  enum hk_depot_place place, bool to_front);

/* Blocks have come into the page: put it where it belongs now. */
HK_HIDDEN void hk_depot_settle_both(struct hk_depot_class *class, struct hk_page *page);

/* Take pages off the list of kept ones until `most` are left. -> chain of them, by `next`, which
 * the caller has to retire. */
HK_HIDDEN struct hk_page *hk_depot_drop_kept_locked(struct hk_depot_class *class, size_t most);

/* Retire a chain of pages; no lock held. -> bytes. */
HK_HIDDEN size_t hk_depot_retire_all(struct hk_heap *heap, struct hk_page *gone);

#endif
