/* SPDX-License-Identifier: MIT */
/* Arenas of units: first fit, lowest address first, which keeps reuse in memory that is already
 * touched. Address space grows by half and is kept; its memory is not. */
#include "coldbox/arena.h"

#include "coldbox/meta.h"
#include "coldbox/purge.h"
#include "coldbox/registry.h"
#include "coldbox/standby.h"
#include "coldbox/superslab.h"
#include "coldbox/thp.h"

#include "hk_seat_os.h"

#include <errno.h>

/* -> number of free units from `index` on, at most `count`. */
static uint32_t run_length(const struct hk_arena *arena, uint32_t index, uint32_t count)
{
    uint32_t length = 0;
    while (length < count && index + length < arena->units && hk_bit(arena->free, index + length)) {
        length++;
    }
    return length;
}

static bool find_run(const struct hk_arena *arena, uint32_t count, size_t align, uint32_t *out)
{
    uint32_t index = 0;
    while (index + count <= arena->units) {
        if (!hk_bit(arena->free, index)) {
            uint64_t rest = arena->free[index / 64] >> index % 64;
            index = rest ? index + (uint32_t)__builtin_ctzll(rest) : (index / 64 + 1) * 64;
            continue;
        }
        uintptr_t second = (uintptr_t)arena->base + (((size_t)index + 1) << HK_SUPERSLAB_SHIFT);
        uint32_t length = run_length(arena, index, count);
        if (length == count && (align <= HK_SUPERSLAB || (second & (align - 1)) == 0)) {
            *out = index;
            return true;
        }
        index += length == count ? 1 : length + 1;
    }
    return false;
}

/* The units are in use from now on. -> true: none of them was touched. */
static bool use_units(struct hk_units units)
{
    bool zero = true;
    size_t wanted_again = 0;
    for (uint32_t i = units.index; i < units.index + units.count; i++) {
        struct hk_arena *arena = units.arena;
        zero = zero && arena->touched[i] == 0;
        wanted_again += hk_bit(arena->purged, i);
        hk_slabs.dirty_pages -= arena->touched[i];
        hk_bit_clear(arena->free, i);
        hk_bit_clear(arena->aged, i);
        hk_bit_clear(arena->purged, i);
    }
    hk_purge_regret_locked(wanted_again << HK_SUPERSLAB_SHIFT);
    hk_slabs_publish_locked();
    return zero;
}

bool hk_units_take_locked(uint32_t count, size_t align, struct hk_units *out, bool *zero)
{
    struct hk_arena *arena = atomic_load_explicit(&hk_slabs.arenas, memory_order_relaxed);
    for (; arena; arena = arena->next) {
        uint32_t index;
        if (count <= arena->units && find_run(arena, count, align, &index)) {
            *out = (struct hk_units){arena, index, count};
            *zero = use_units(*out);
            return true;
        }
    }
    return false;
}

bool hk_units_extend_locked(struct hk_units units, uint32_t count)
{
    hk_standby_settle_locked();
    uint32_t index = units.index + units.count;
    if (run_length(units.arena, index, count) < count) {
        return false;
    }
    use_units((struct hk_units){units.arena, index, count});
    return true;
}

void hk_units_give_locked(struct hk_units units, size_t touched)
{
    size_t pages = (touched + 4095) / 4096;
    hk_slabs.free_events += 1;
    for (uint32_t i = units.index; i < units.index + units.count; i++) {
        size_t here = pages < HK_UNIT_PAGES ? pages : HK_UNIT_PAGES;
        struct hk_arena *arena = units.arena;
        arena->touched[i] = arena->touched[i] > here ? arena->touched[i] : (uint16_t)here;
        arena->freed[i] = hk_slabs.free_events;
        hk_slabs.dirty_pages += arena->touched[i];
        hk_bit_set(arena->free, i);
        pages -= here;
    }
    hk_slabs_publish_locked();
}

void hk_units_clean_locked(struct hk_units units)
{
    for (uint32_t i = units.index; i < units.index + units.count; i++) {
        hk_slabs.dirty_pages -= units.arena->touched[i];
        units.arena->touched[i] = 0;
        hk_bit_set(units.arena->purged, i);
    }
    hk_slabs_publish_locked();
}

struct hk_units hk_units_find(const void *addr)
{
    struct hk_arena *arena = atomic_load_explicit(&hk_slabs.arenas, memory_order_acquire);
    for (; arena; arena = arena->next) {
        size_t offset = (size_t)((const char *)addr - arena->base);
        if (offset >> HK_SUPERSLAB_SHIFT < arena->units) {
            return (struct hk_units){arena, (uint32_t)(offset >> HK_SUPERSLAB_SHIFT), 1};
        }
    }
    return (struct hk_units){NULL, 0, 0};
}

static void publish_arena(struct hk_arena *arena)
{
    for (uint32_t i = 0; i < arena->units; i++) {
        hk_bit_set(arena->free, i);
    }
    hk_lock_take(&hk_slabs.lock);
    arena->next = atomic_load_explicit(&hk_slabs.arenas, memory_order_relaxed);
    hk_slabs.units += arena->units;
    /* release: whoever walks the arenas without the lock sees a whole one */
    hk_atomic_put(&hk_slabs.arenas, arena, memory_order_release);
    hk_lock_give(&hk_slabs.lock);
}

int hk_arena_grow(uint32_t count)
{
    hk_lock_take(&hk_slabs.lock);
    size_t before = hk_slabs.units;
    hk_lock_give(&hk_slabs.lock);
    size_t units = before / 2 < HK_ARENA_FIRST ? HK_ARENA_FIRST : before / 2;
    units = units > HK_ARENA_UNITS ? HK_ARENA_UNITS : units;
    units = units < count ? count : units;
    struct hk_arena *arena = count <= HK_ARENA_UNITS ? hk_meta_alloc(sizeof *arena) : NULL;
    if (!arena) {
        return ENOMEM;
    }
    void *base;
    int err = HK_OS.map(units << HK_SUPERSLAB_SHIFT, HK_SUPERSLAB, &base);
    if (err && units > count) {
        /* less than we would like is still enough for the caller */
        units = count;
        err = HK_OS.map(units << HK_SUPERSLAB_SHIFT, HK_SUPERSLAB, &base);
    }
    if (!err) {
        err = hk_registry_add(base, units);
        if (err) {
            HK_OS.unmap(base, units << HK_SUPERSLAB_SHIFT);
        }
    }
    if (err) {
        hk_meta_free(arena, sizeof *arena);
        return err;
    }
    arena->base = base;
    arena->units = (uint32_t)units;
    hk_thp_advise(base, units << HK_SUPERSLAB_SHIFT);
    publish_arena(arena);
    return 0;
}
