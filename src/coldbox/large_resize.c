/* SPDX-License-Identifier: MIT */
/* Large blocks that change their size: in place, or moved by their page tables. */
#include "coldbox/large.h"

#include "coldbox/cold.h"
#include "coldbox/purge.h"
#include "coldbox/superslab.h"

#include "hk_seat_os.h"

enum {
    GROWTH_PART = 16,     /* a block that grows gets so much of its size as well */
    PURGE_TAIL = 1 << 20, /* bytes of a shrunk block's tail that are worth a system call */
};

static bool resize_span(struct hk_page *page, size_t size)
{
    uint32_t need = hk_span_count(size);
    struct hk_slices have = hk_slices_at(page, hk_span_slices(page));
    if (need > have.count) {
        hk_lock_take(&hk_slabs.lock);
        bool extended = hk_slices_extend_locked(have, need - have.count);
        hk_lock_give(&hk_slabs.lock);
        if (!extended) {
            return false;
        }
    } else if (need < have.count) {
        hk_slices_put((struct hk_slices){have.slab, have.index + need, have.count - need});
    }
    hk_large_of(page)->usable = (size_t)need << HK_SLICE_SHIFT;
    return true;
}

/* Change the number of units under a block. -> false: the units that follow are not free. */
static bool fit_units_locked(struct hk_page *head, struct hk_large *large, uint32_t need)
{
    struct hk_units run = hk_units_find(head);
    run.count = large->units;
    if (need > run.count && !hk_units_extend_locked(run, need - run.count)) {
        return false;
    }
    if (need < run.count && large->moved) {
        return true; /* its units go back together, renewed */
    }
    if (need < run.count) {
        size_t kept = (size_t)need << HK_SUPERSLAB_SHIFT;
        size_t touched = large->offset + large->touched;
        run.index += need;
        run.count -= need;
        hk_units_give_locked(run, touched > kept ? touched - kept : 0);
        large->touched = touched > kept ? kept - large->offset : large->touched;
    }
    hk_slabs.huge_units = hk_slabs.huge_units - large->units + need;
    large->units = need;
    return true;
}

/* Grow or shrink a run where it is. -> false: nothing changed. A reserve is kept while the block
 * grows. */
static bool resize_units(struct hk_page *head, size_t usable)
{
    struct hk_large *large = hk_large_of(head);
    size_t units = hk_huge_units(large->offset, usable);
    if (units > HK_ARENA_UNITS) {
        return false;
    }
    uint32_t need = (uint32_t)units;
    bool shrinks = usable < large->usable;
    hk_lock_take(&hk_slabs.lock);
    bool fits = (need <= large->units && !shrinks) || fit_units_locked(head, large, need);
    if (fits) {
        hk_slabs.huge_bytes += usable - large->usable;
        hk_slabs_publish_locked();
    }
    hk_lock_give(&hk_slabs.lock);
    if (fits) {
        large->usable = usable;
        large->touched = usable > large->touched ? usable : large->touched;
    }
    return fits;
}

/* A block that has become much shorter gives the memory of its tail back: what is worth a system
 * call, or more than the block itself. */
static void purge_tail(struct hk_page *head)
{
    struct hk_large *large = hk_large_of(head);
    char *tail = hk_huge_base(head) + large->offset + large->usable;
    size_t bytes = large->touched > large->usable ? large->touched - large->usable : 0;
    if ((bytes >= PURGE_TAIL || bytes > large->usable) && HK_OS.purge(tail, bytes) == 0) {
        large->touched = large->usable;
    }
}

static bool resize_huge(struct hk_page *head, size_t usable)
{
    struct hk_large *large = hk_large_of(head);
    if (large->units) {
        if (!resize_units(head, usable)) {
            return false;
        }
    } else if (usable > large->usable) {
        return false;
    } else {
        hk_lock_take(&hk_slabs.lock);
        hk_slabs.huge_bytes -= large->usable - usable;
        hk_slabs_publish_locked();
        hk_lock_give(&hk_slabs.lock);
        large->usable = usable;
    }
    purge_tail(head);
    return true;
}

/* Move a huge block's pages to a larger run. -> the new block, or NULL: nothing changed. */
static void *move_huge(struct hk_page *head, char *block, size_t size)
{
    if (size <= HK_SPAN_MAX) {
        return NULL; /* a span cannot take a mapping */
    }
    struct hk_large old = *hk_large_of(head);
    bool zero;
    char *to = hk_cold_large_alloc(size, HK_ALIGN, 2 * size, &zero);
    if (!to) {
        return NULL;
    }
    size_t page = HK_OS.facts()->page;
    if (((uintptr_t)block | (uintptr_t)to) % page || HK_OS.move(block, old.usable, to) != 0) {
        hk_cold_large_free(NULL, hk_page_of(to), to);
        return NULL;
    }
    if (old.touched <= old.usable) {
        /* all that this block has touched is gone; what its units held before is their own account
         */
        hk_large_of(head)->touched = 0;
    }
    hk_large_of(hk_page_head(hk_page_of(to)))->moved = old.usable;
    hk_cold_large_free(NULL, hk_page_of(block), block);
    return to;
}

/* -> usable bytes of a huge block that becomes `size`: what grows goes on growing, mostly, so that
 * it gets a sixteenth more than it asked for, as far as its run goes. */
static size_t resized_usable(const struct hk_large *large, size_t size)
{
    size_t page = HK_OS.facts()->page;
    size_t usable = hk_round_up(size, page);
    size_t room = ((size_t)large->units << HK_SUPERSLAB_SHIFT) - large->offset;
    if (!large->units || usable <= large->usable || usable >= room) {
        return usable;
    }
    size_t more = hk_round_up(size + size / GROWTH_PART, page);
    return more < room ? more : room;
}

void *hk_cold_large_resize(struct hk_page *page, void *block, size_t size)
{
    struct hk_page *head = hk_large_head(page, block);
    if (head->kind == HK_KIND_SPAN) {
        return size <= HK_SPAN_MAX && resize_span(head, size) ? block : NULL;
    }
    if (size > (size_t)PTRDIFF_MAX / 4) {
        return NULL;
    }
    hk_standby_resized(head);
    if (resize_huge(head, resized_usable(hk_large_of(head), size))) {
        return block;
    }
    return move_huge(head, block, size);
}
