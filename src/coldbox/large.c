/* SPDX-License-Identifier: MIT */
/* Large blocks. Up to HK_SPAN_MAX: a span of slices in a superslab. Above: a run of units whose
 * header is one page, at the place of its colour, and whose block starts a page later, or where the
 * alignment asks for it; above half an arena: a mapping of the same form of its own. */
#include "coldbox/large.h"

#include "coldbox/cold.h"
#include "coldbox/purge.h"
#include "coldbox/registry.h"
#include "coldbox/superslab.h"
#include "coldbox/thp.h"

#include "hk_seat_os.h"

enum {
    UNITS_MAX = HK_ARENA_UNITS / 2, /* a larger block is a mapping of its own */
    OFFSET_MAX = HK_MAPS_OFFSET,    /* bytes in front of a block that is not aligned to more */
    GROWTH_PART = 16,
    RESERVED_UNITS = 64,
    PURGE_TAIL = 1 << 20, /* bytes of a shrunk block's tail that are worth a system call */
};

static void describe(struct hk_page *page, enum hk_kind kind, uint8_t back)
{
    page->bin = NULL;
    page->block_size = 0;
    page->bin_index = HK_BIN_NONE;
    page->flags = 0;
    page->back = back;
    hk_large_mark(page, kind);
}

static void *alloc_span(size_t size, size_t align, bool *zero)
{
    struct hk_slices slices;
    uint32_t count = hk_span_count(size);
    uint32_t align_slices = align > HK_SLICE ? (uint32_t)(align >> HK_SLICE_SHIFT) : 1;
    if (!hk_slices_get(count, align_slices, HK_GROW, &slices, zero)) {
        return NULL;
    }
    struct hk_page *page = hk_superslab_page(slices.slab, slices.index);
    describe(page, HK_KIND_SPAN, 0);
    *hk_large_of(page) = (struct hk_large){.usable = (size_t)slices.count << HK_SLICE_SHIFT};
    return hk_page_start(page);
}

/* -> where a block begins in a run that starts at `base`: behind the header, and aligned. */
static uint32_t huge_offset(const void *base, size_t align)
{
    size_t page = HK_OS.facts()->page;
    uintptr_t header = (uintptr_t)hk_superslab_page(base, 0) - (uintptr_t)base;
    return align > HK_SUPERSLAB
               ? HK_SUPERSLAB
               : (uint32_t)hk_round_up(header + HK_DESCRIPTORS, align > page ? align : page);
}

/* -> first byte of the run under a huge block. */
static char *huge_base(const struct hk_page *head)
{
    return (char *)hk_page_superslab(head);
}

/* Write the header of a run that starts at `base`. -> the block. */
static void *open_huge(char *base, struct hk_large large)
{
    uint8_t index = (uint8_t)((large.offset % HK_SUPERSLAB) >> HK_SLICE_SHIFT);
    struct hk_page *page = hk_page_of(base + large.offset) - index;
    describe(page, HK_KIND_HUGE, 0);
    *hk_large_of(page) = large;
    if (index) {
        describe(page + index, HK_KIND_HUGE, index);
    }
    hk_lock_take(&hk_slabs.lock);
    hk_slabs.huge_units += large.units;
    hk_slabs.huge_bytes += large.usable;
    hk_slabs_publish_locked();
    hk_lock_give(&hk_slabs.lock);
    return base + large.offset;
}

/* A mapping whose base is a superslab's and whose block, at base + offset, is aligned. */
static void *alloc_mapping(struct hk_large large, size_t align)
{
    size_t map_align = align > HK_SUPERSLAB ? align : HK_SUPERSLAB;
    size_t before = map_align - HK_SUPERSLAB; /* address space given back below the header */
    size_t bytes = large.offset + large.usable;
    before = align > HK_SUPERSLAB ? before : 0;
    void *base;
    if (HK_OS.map(before + bytes, map_align, &base) != 0) {
        return NULL;
    }
    char *run = (char *)base + before;
    if (before) {
        HK_OS.unmap(base, before);
    }
    if (hk_registry_add(run, (bytes + HK_SUPERSLAB - 1) >> HK_SUPERSLAB_SHIFT) != 0) {
        HK_OS.unmap(run, bytes);
        return NULL;
    }
    if (HK_THP != HK_THP_AUTO) {
        hk_thp_advise(run, bytes);
    }
    large.map_bytes = bytes;
    large.offset = huge_offset(run, align);
    return open_huge(run, large);
}

/* Take a run of units, mapping an arena if need be. -> false: out of memory. */
static bool get_units(uint32_t count, size_t align, struct hk_units *out, bool *zero)
{
    uint32_t more = align > HK_SUPERSLAB ? (uint32_t)(align >> HK_SUPERSLAB_SHIFT) : 0;
    for (;;) {
        hk_lock_take(&hk_slabs.lock);
        bool found = hk_units_take_locked(count, align, out, zero);
        hk_lock_give(&hk_slabs.lock);
        if (found || hk_arena_grow(count + more) != 0) {
            return found;
        }
    }
}

static void *alloc_huge(size_t size, size_t align, size_t reserve, bool *zero)
{
    size_t page = HK_OS.facts()->page;
    size_t offset =
        align > HK_SUPERSLAB ? HK_SUPERSLAB : hk_round_up(OFFSET_MAX, align > page ? align : page);
    if (size > (size_t)PTRDIFF_MAX - 2 * align - 2 * HK_SUPERSLAB) {
        return NULL;
    }
    struct hk_large large = {.usable = hk_round_up(size, page), .offset = (uint32_t)offset};
    large.touched = large.usable;
    size_t units = (offset + large.usable + HK_SUPERSLAB - 1) >> HK_SUPERSLAB_SHIFT;
    if (units > UNITS_MAX || align >> HK_SUPERSLAB_SHIFT > UNITS_MAX) {
        *zero = true;
        return alloc_mapping(large, align);
    }
    size_t wanted = (offset + reserve + HK_SUPERSLAB - 1) >> HK_SUPERSLAB_SHIFT;
    struct hk_units run;
    bool found =
        wanted > units && wanted <= UNITS_MAX && get_units((uint32_t)wanted, align, &run, zero);
    if (!found && !get_units((uint32_t)units, align, &run, zero)) {
        return NULL;
    }
    large.units = run.count;
    large.offset = huge_offset(hk_units_base(run), align);
    return open_huge(hk_units_base(run), large);
}

/* -> true: a block that a span would do for may have units to grow into: else many of them, all of
 * them small, would take more address space than everything else. */
static bool may_reserve(void)
{
    hk_lock_take(&hk_slabs.lock);
    size_t units = hk_slabs.huge_units;
    bool may = units < RESERVED_UNITS || units < hk_slabs.superslabs;
    hk_lock_give(&hk_slabs.lock);
    return may;
}

void *hk_cold_large_alloc(size_t size, size_t align, size_t reserve, bool *zero)
{
    bool fits_span = size <= HK_SPAN_MAX && align <= HK_SPAN_MAX;
    bool huge = !fits_span || (reserve && may_reserve());
    void *block = huge ? alloc_huge(size, align, reserve, zero) : NULL;
    return block || !fits_span ? block : alloc_span(size, align, zero);
}

/* -> the descriptor that holds the block's data; stops where `block` is not a large block's start.
 */
static struct hk_page *head_of(struct hk_page *page, const void *block)
{
    struct hk_page *head = hk_page_head(page);
    const char *start = page->kind == HK_KIND_SPAN ? hk_page_start(head)
                                                   : huge_base(head) + hk_large_of(head)->offset;
    HK_REQUIRE(block == start, "free: not the start of a block");
    return head;
}

/* Undo what move() did to the mapping under a run, giving its memory back. */
static void renew_run(struct hk_page *head, struct hk_large *large)
{
    char *block = huge_base(head) + large->offset;
    size_t bytes = large->touched > large->moved ? large->touched : large->moved;
    if (HK_OS.renew(block, bytes) == 0) {
        hk_thp_advise(block, bytes);
        large->touched = 0;
    }
}

static void free_units(struct hk_page *head, struct hk_large large)
{
    if (large.moved) {
        renew_run(head, &large);
    }
    hk_lock_take(&hk_slabs.lock);
    struct hk_units run = hk_units_find_locked(head);
    run.count = large.units;
    hk_slabs.huge_units -= large.units;
    hk_slabs.huge_bytes -= large.usable;
    hk_units_give_locked(run, large.offset + large.touched);
    hk_lock_give(&hk_slabs.lock);
    hk_purge_excess();
}

static void free_mapping(struct hk_page *head, struct hk_large large)
{
    hk_lock_take(&hk_slabs.lock);
    hk_slabs.huge_bytes -= large.usable;
    hk_slabs_publish_locked();
    hk_lock_give(&hk_slabs.lock);
    size_t units = (large.map_bytes + HK_SUPERSLAB - 1) >> HK_SUPERSLAB_SHIFT;
    char *base = huge_base(head);
    hk_registry_remove(base, units);
    if (HK_OS.unmap(base, large.map_bytes) != 0) {
        /* the range stays mapped and empty, and stays ours */
        (void)hk_registry_add(base, units);
    }
}

void hk_cold_large_free(struct hk_page *page, void *block)
{
    struct hk_page *head = head_of(page, block);
    struct hk_large large = *hk_large_of(head);
    bool span = head->kind == HK_KIND_SPAN;
    describe(page, HK_KIND_FREE, 0);
    describe(head, HK_KIND_FREE, 0);
    if (span) {
        hk_slices_put(hk_slices_at(head, hk_span_slices(head)));
    } else if (large.units) {
        free_units(head, large);
    } else {
        free_mapping(head, large);
    }
}

size_t hk_cold_large_size(struct hk_page *page, void *block)
{
    return hk_large_of(head_of(page, block))->usable;
}

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
    struct hk_units run = hk_units_find_locked(head);
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
    uint32_t need = (uint32_t)((large->offset + usable + HK_SUPERSLAB - 1) >> HK_SUPERSLAB_SHIFT);
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

/* A block that has become much shorter gives the memory of its tail back. */
static void purge_tail(struct hk_page *head)
{
    struct hk_large *large = hk_large_of(head);
    char *tail = huge_base(head) + large->offset + large->usable;
    if (large->touched >= large->usable + PURGE_TAIL &&
        HK_OS.purge(tail, large->touched - large->usable) == 0) {
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
    struct hk_large old = *hk_large_of(head);
    bool zero;
    char *to = hk_cold_large_alloc(size, HK_ALIGN, 2 * size, &zero);
    if (!to) {
        return NULL;
    }
    size_t page = HK_OS.facts()->page;
    if (((uintptr_t)block | (uintptr_t)to) % page || HK_OS.move(block, old.usable, to) != 0) {
        hk_cold_large_free(hk_page_of(to), to);
        return NULL;
    }
    if (old.touched <= old.usable) {
        /* all that this block has touched is gone; what its units held before is their own account
         */
        hk_large_of(head)->touched = 0;
    }
    hk_large_of(hk_page_head(hk_page_of(to)))->moved = old.usable;
    hk_cold_large_free(hk_page_of(block), block);
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
    struct hk_page *head = head_of(page, block);
    if (head->kind == HK_KIND_SPAN) {
        return size <= HK_SPAN_MAX && resize_span(head, size) ? block : NULL;
    }
    if (size > (size_t)PTRDIFF_MAX / 4) {
        return NULL;
    }
    if (resize_huge(head, resized_usable(hk_large_of(head), size))) {
        return block;
    }
    return move_huge(head, block, size);
}
