/* SPDX-License-Identifier: MIT */
/* The table's slow half. One lock for writers; memory is asked for outside it. A piece of memory
 * that turns out not to be needed as a table becomes descriptors, so nothing is lost in a race. */
#include "pool/mid_desc.h"

#include "coldbox/seat.h"

#include <string.h>

enum {
    FIRST_PLACES = 64,
    BATCH = 16, /* descriptors made at a time */
};

static struct {
    struct hk_mid_table head;
    hk_mid_slot slot[FIRST_PLACES + HK_MID_WINDOW];
} first_table = {.head = {.shift = 64 - 6, .places = FIRST_PLACES}};

_Static_assert(FIRST_PLACES == 1 << 6, "the first table's shift");
_Static_assert(sizeof(struct hk_mid_table) == HK_CACHE_LINE, "the slots follow the head");

_Atomic(struct hk_mid_table *) hk_mid_table = &first_table.head;

static struct {
    struct hk_lock lock;
    struct hk_mid_desc *spare; /* descriptors without a page; lock */
    size_t pages;              /* that are entered; lock */
    size_t wanted;             /* places that the next table has; lock */
} mid = {.lock = {.rank = HK_RANK_PAGE}, .wanted = 2 * FIRST_PLACES};

static struct hk_guard guard = {.locks = &mid.lock, .count = 1};

void hk_mid_guard(void)
{
    HK_COLD.guard(&guard);
}

static struct hk_mid_table *table_locked(void)
{
    return atomic_load_explicit(&hk_mid_table, memory_order_relaxed);
}

/* -> the free place of the window that the page belongs in, or NULL: none is free. */
static hk_mid_slot *find_place_locked(struct hk_mid_table *table, uintptr_t start)
{
    hk_mid_slot *slot = hk_mid_home(table, start);
    for (size_t i = 0; i < HK_MID_WINDOW; i++) {
        if (!atomic_load_explicit(&slot[i], memory_order_relaxed)) {
            return &slot[i];
        }
    }
    return NULL;
}

static size_t slot_count(const struct hk_mid_table *table)
{
    return table->places + HK_MID_WINDOW;
}

/* Enter every page of the present table in `to`. -> false: a window was full. */
static bool copy_locked(struct hk_mid_table *to)
{
    struct hk_mid_table *from = table_locked();
    for (size_t i = 0; i < slot_count(from); i++) {
        struct hk_mid_desc *desc =
            atomic_load_explicit(&hk_mid_slots(from)[i], memory_order_relaxed);
        if (desc) {
            uintptr_t start = atomic_load_explicit(&desc->start, memory_order_relaxed);
            hk_mid_slot *place = find_place_locked(to, start);
            if (!place) {
                return false;
            }
            atomic_store_explicit(place, desc, memory_order_relaxed);
        }
    }
    return true;
}

static size_t table_bytes(size_t places)
{
    return hk_round_up(sizeof(struct hk_mid_table) + (places + HK_MID_WINDOW) * sizeof(hk_mid_slot),
                       HK_CACHE_LINE);
}

static void make_descs_locked(void *memory, size_t bytes)
{
    struct hk_mid_desc *desc = memory;
    for (size_t i = 0; i < bytes / sizeof *desc; i++) {
        desc[i].next = mid.spare;
        mid.spare = &desc[i];
    }
}

/* Use a zero piece of memory: as the next table, if it still fits, else for descriptors. */
static void use_locked(void *memory, size_t bytes)
{
    struct hk_mid_table *table = memory;
    if (bytes != table_bytes(mid.wanted)) {
        make_descs_locked(memory, bytes);
        return;
    }
    table->places = (uint32_t)mid.wanted;
    table->shift = (uint32_t)__builtin_clzll(mid.wanted) + 1;
    mid.wanted *= 2;
    if (copy_locked(table)) {
        /* release: a reader sees every entry; pairs with hk_mid_find */
        atomic_store_explicit(&hk_mid_table, table, memory_order_release);
    } else {
        memset(memory, 0, bytes);
        make_descs_locked(memory, bytes);
    }
}

/* -> bytes of memory that entering the page takes first; 0: none. */
static size_t missing_locked(uintptr_t start)
{
    struct hk_mid_table *table = table_locked();
    if (2 * mid.pages >= table->places || !find_place_locked(table, start)) {
        return table_bytes(mid.wanted);
    }
    return mid.spare ? 0 : BATCH * sizeof(struct hk_mid_desc);
}

static void describe(struct hk_mid_desc *desc, const struct hk_page *page)
{
    size_t bytes = (size_t)hk_page_slot(page)->slices << HK_SLICE_SHIFT;
    size_t capacity = bytes / page->block_size;
    HK_ASSERT(capacity >= 1 && capacity <= 64);
    desc->free = hk_mid_bits(capacity);
    desc->clean = 0;
    desc->next = NULL;
    desc->prev = NULL;
    desc->block_size = page->block_size;
    desc->reciprocal = (uint32_t)(((uint64_t)1 << 32) / page->block_size + 1);
    desc->lane =
        (uint32_t)(offsetof(struct hk_heap, lanes.pool) +
                   (page->bin_index - HK_TINY_BINS) * sizeof(((struct hk_heap *)0)->lanes.pool[0]));
    desc->capacity = (uint8_t)capacity;
    desc->carved = 0;
    desc->flags = page->flags & HK_PAGE_ZERO ? HK_MID_ZERO : 0;
    atomic_store_explicit(&desc->bin, page->bin_index, memory_order_relaxed);
    atomic_store_explicit(&desc->mine, NULL, memory_order_relaxed);
}

struct hk_mid_desc *hk_mid_adopt(struct hk_page *page)
{
    uintptr_t start = (uintptr_t)hk_page_start(page);
    hk_lock_take(&mid.lock);
    for (size_t bytes = missing_locked(start); bytes; bytes = missing_locked(start)) {
        hk_lock_give(&mid.lock);
        void *memory = HK_COLD.meta(bytes);
        if (!memory) {
            return NULL;
        }
        hk_lock_take(&mid.lock);
        use_locked(memory, bytes);
    }
    struct hk_mid_desc *desc = mid.spare;
    mid.spare = desc->next;
    mid.pages += 1;
    describe(desc, page);
    atomic_store_explicit(&desc->start, start, memory_order_release);
    /* release: pairs with hk_mid_find */
    atomic_store_explicit(find_place_locked(table_locked(), start), desc, memory_order_release);
    hk_lock_give(&mid.lock);
    return desc;
}

static hk_mid_slot *slot_of_locked(const struct hk_mid_desc *desc, uintptr_t start)
{
    hk_mid_slot *slot = hk_mid_home(table_locked(), start);
    for (size_t i = 0; i < HK_MID_WINDOW; i++) {
        if (atomic_load_explicit(&slot[i], memory_order_relaxed) == desc) {
            return &slot[i];
        }
    }
    return NULL;
}

void hk_mid_forget(struct hk_mid_desc *desc)
{
    hk_lock_take(&mid.lock);
    uintptr_t start = atomic_load_explicit(&desc->start, memory_order_relaxed);
    hk_mid_slot *slot = slot_of_locked(desc, start);
    HK_ASSERT(slot != NULL);
    atomic_store_explicit(slot, NULL, memory_order_relaxed);
    /* whoever is given a block of this memory later sees it: a cached descriptor then misses */
    atomic_store_explicit(&desc->start, 0, memory_order_relaxed);
    desc->next = mid.spare;
    mid.spare = desc;
    mid.pages -= 1;
    hk_lock_give(&mid.lock);
}

bool hk_mid_is_listed_locked(const struct hk_mid_desc *desc, size_t bin)
{
    /* a descriptor changes its page under this lock; while the class is right, the flags are the
       caller's to read */
    hk_lock_take(&mid.lock);
    bool listed = atomic_load_explicit(&desc->bin, memory_order_relaxed) == bin &&
                  desc->flags & HK_MID_LISTED;
    hk_lock_give(&mid.lock);
    return listed;
}

struct hk_mid_desc *hk_mid_next(struct hk_mid_walk *walk)
{
    if (!walk->table) {
        walk->table = atomic_load_explicit(&hk_mid_table, memory_order_acquire);
    }
    while (walk->place < slot_count(walk->table)) {
        hk_mid_slot *slot = &hk_mid_slots(walk->table)[walk->place++];
        struct hk_mid_desc *desc = atomic_load_explicit(slot, memory_order_acquire);
        if (desc) {
            return desc;
        }
    }
    return NULL;
}

static const char *check_entry(struct hk_mid_desc *desc)
{
    uintptr_t start = atomic_load_explicit(&desc->start, memory_order_relaxed);
    if (!start || hk_mid_find(start) != desc) {
        return "an entered page is not found by its address";
    }
    struct hk_page *page = hk_mid_page(desc);
    if (hk_page_owner(page) != HK_OWNER_SHARED || page->back != 0 ||
        (uintptr_t)hk_page_start(page) != start) {
        return "an entered page is not the head of a shared page";
    }
    uint8_t bin = atomic_load_explicit(&desc->bin, memory_order_relaxed);
    if (page->kind != HK_KIND_POOL || page->bin_index != bin ||
        page->block_size != desc->block_size || desc->block_size != hk_bin_block_size(bin)) {
        return "a descriptor does not agree with its page";
    }
    return NULL;
}

const char *hk_mid_table_check(size_t *pages)
{
    const char *broken = NULL;
    struct hk_mid_walk walk = {NULL, 0};
    size_t entered = 0;
    hk_lock_take(&mid.lock);
    for (struct hk_mid_desc *desc = hk_mid_next(&walk); desc && !broken;
         desc = hk_mid_next(&walk)) {
        broken = check_entry(desc);
        entered += 1;
    }
    if (!broken && entered != mid.pages) {
        broken = "the table's pages are not as many as its count";
    }
    hk_lock_give(&mid.lock);
    *pages = entered;
    return broken;
}
