/* SPDX-License-Identifier: MIT */
/* Large blocks. Up to HK_SPAN_MAX: a span of slices in a superslab. Above: a run of units whose
 * header is one page, at the place of its colour, and whose block starts a page later, or where the
 * alignment asks for it; above half an arena: a mapping of the same form of its own. */
#include "coldbox/large.h"

#include "coldbox/cold.h"
#include "coldbox/purge.h"
#include "coldbox/registry.h"
#include "coldbox/spans.h"
#include "coldbox/standby.h"
#include "coldbox/superslab.h"
#include "coldbox/thp.h"

#include "hk_seat_os.h"

enum {
    UNITS_MAX = HK_ARENA_UNITS / 2, /* a larger block is a mapping of its own */
    RESERVED_PART = 4, /* of the units in arenas, that blocks may have which the pool could serve */
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

static uint32_t offset_in(const void *base, size_t align)
{
    return align > HK_SUPERSLAB ? HK_SUPERSLAB : hk_huge_offset(base, align, HK_OS.facts()->page);
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
    large.offset = offset_in(run, align);
    hk_lock_take(&hk_slabs.lock);
    hk_slabs.huge_bytes += large.usable;
    hk_slabs_publish_locked();
    hk_lock_give(&hk_slabs.lock);
    return open_huge(run, large);
}

/* Take a run of units for a block of `usable` bytes. -> false: there is none. */
static bool take_run_locked(uint32_t count, size_t align, size_t usable, struct hk_units *out,
                            bool *zero)
{
    hk_standby_settle_locked();
    hk_slabs.huge_units += count; /* before the units are taken, which publishes the account */
    hk_slabs.huge_bytes += usable;
    if (hk_units_take_locked(count, align, out, zero)) {
        return true;
    }
    hk_slabs.huge_units -= count;
    hk_slabs.huge_bytes -= usable;
    return false;
}

/* Take a run of units, mapping an arena if need be. -> false: out of memory. */
static bool get_run(uint32_t count, size_t align, size_t usable, struct hk_units *out, bool *zero)
{
    uint32_t more = align > HK_SUPERSLAB ? (uint32_t)(align >> HK_SUPERSLAB_SHIFT) : 0;
    for (;;) {
        hk_lock_take(&hk_slabs.lock);
        bool found = take_run_locked(count, align, usable, out, zero);
        hk_lock_give(&hk_slabs.lock);
        if (found || hk_arena_grow(count + more) != 0) {
            return found;
        }
    }
}

/* Begin a block in a run of units. */
static void *open_run(struct hk_units run, struct hk_large large, size_t align)
{
    large.units = run.count;
    large.offset = offset_in(hk_units_base(run), align);
    return open_huge(hk_units_base(run), large);
}

static void *alloc_huge(size_t size, size_t align, size_t reserve, bool *zero)
{
    size_t page = HK_OS.facts()->page;
    size_t offset = align > HK_SUPERSLAB ? HK_SUPERSLAB : hk_huge_offset_most(align, page);
    if (size > (size_t)PTRDIFF_MAX - 2 * align - 2 * HK_SUPERSLAB) {
        return NULL;
    }
    struct hk_large large = {.usable = hk_round_up(size, page), .offset = (uint32_t)offset};
    large.touched = large.usable;
    size_t units = hk_huge_units(offset, large.usable);
    if (units > UNITS_MAX || align >> HK_SUPERSLAB_SHIFT > UNITS_MAX) {
        *zero = true;
        return alloc_mapping(large, align);
    }
    void *waited = reserve || align > page ? NULL : hk_standby_take(large.usable);
    if (waited) {
        *zero = false;
        return waited;
    }
    size_t wanted = hk_huge_units(offset, reserve);
    struct hk_units run;
    bool found = wanted > units && wanted <= UNITS_MAX &&
                 get_run((uint32_t)wanted, align, large.usable, &run, zero);
    if (!found && !get_run((uint32_t)units, align, large.usable, &run, zero)) {
        return NULL;
    }
    return open_run(run, large, align);
}

/* A block that the pool could serve as well begins in a unit of its own, to grow there. -> NULL:
 * that would take much of the address space, or more of it than there is. */
static void *alloc_to_grow(size_t size, bool *zero)
{
    struct hk_large large = {.usable = hk_round_up(size, HK_OS.facts()->page)};
    large.touched = large.usable;
    struct hk_units run;
    hk_lock_take(&hk_slabs.lock);
    hk_standby_settle_locked();
    bool found = hk_slabs.huge_units < hk_slabs.units / RESERVED_PART &&
                 take_run_locked(1, HK_SUPERSLAB, large.usable, &run, zero);
    hk_lock_give(&hk_slabs.lock);
    if (!found) {
        return NULL;
    }
    hk_thp_forgo(run);
    return open_run(run, large, HK_ALIGN);
}

void *hk_cold_large_alloc(size_t size, size_t align, size_t reserve, bool *zero)
{
    if (reserve && size <= HK_POOL_MAX) {
        /* where every block would be of huge pages, a short one has no business in a unit */
        bool small_pages = HK_THP == HK_THP_AUTO || HK_THP == HK_THP_NEVER;
        return small_pages ? alloc_to_grow(size, zero) : NULL;
    }
    bool fits_span = size <= HK_SPAN_MAX && align <= HK_SPAN_MAX;
    void *block = !fits_span || reserve ? alloc_huge(size, align, reserve, zero) : NULL;
    return block || !fits_span ? block : alloc_span(size, align, zero);
}

/* Undo what move() did to the mapping under a run, giving its memory back. */
static void renew_run(struct hk_page *head, struct hk_large *large)
{
    char *block = hk_huge_base(head) + large->offset;
    size_t bytes = large->touched > large->moved ? large->touched : large->moved;
    if (HK_OS.renew(block, bytes) == 0) {
        hk_thp_advise(block, bytes);
        large->touched = 0;
    }
}

void hk_huge_give_locked(const void *addr, const struct hk_large *large)
{
    struct hk_units run = hk_units_find(addr);
    run.count = large->units;
    hk_slabs.huge_units -= large->units;
    hk_slabs.huge_bytes -= large->usable;
    hk_units_give_locked(run, large->offset + large->touched);
}

static void free_units(struct hk_page *head, struct hk_large large)
{
    if (large.moved) {
        renew_run(head, &large);
    }
    hk_lock_take(&hk_slabs.lock);
    hk_huge_give_locked(head, &large);
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
    char *base = hk_huge_base(head);
    hk_registry_remove(base, units);
    if (HK_OS.unmap(base, large.map_bytes) != 0) {
        /* the range stays mapped and empty, and stays ours */
        (void)hk_registry_add(base, units);
    }
}

void hk_cold_large_free(struct hk_heap *heap, struct hk_page *page, void *block)
{
    struct hk_page *head = hk_large_head(page, block);
    bool span = head->kind == HK_KIND_SPAN;
    if (span ? heap && hk_spans_keep(heap, head) : hk_standby_keep(page, block)) {
        return;
    }
    struct hk_large large = *hk_large_of(head);
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
    return hk_large_of(hk_large_head(page, block))->usable;
}
