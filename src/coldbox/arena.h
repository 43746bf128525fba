/* SPDX-License-Identifier: MIT */
/* Arenas: runs of superslab-sized, superslab-aligned units, mapped once and kept. A unit is free, a
 * superslab, or part of a huge block. Free units remember how much of them was touched, so that
 * clean memory is known to be zero and dirty memory is found again. Everything here is under
 * slabs.lock but where it says so. */
#ifndef HK_COLDBOX_ARENA_H
#define HK_COLDBOX_ARENA_H

#include "common/sizes.h"

enum {
    HK_ARENA_UNITS = 256, /* most units of an arena: 1 GiB */
    HK_ARENA_FIRST = 8,   /* units of the first arena */
    HK_ARENA_WORDS = HK_ARENA_UNITS / 64,
    HK_UNIT_PAGES = HK_SUPERSLAB / 4096,
};

struct hk_arena {
    struct hk_arena *next; /* set once, before the arena is published */
    char *base;
    uint32_t units;
    uint64_t free[HK_ARENA_WORDS];          /* bit: nobody uses the unit */
    uint64_t slab[HK_ARENA_WORDS];          /* bit: the unit is a superslab */
    uint64_t aged[HK_ARENA_WORDS];          /* bit: was free and touched at the last tick */
    uint64_t purged[HK_ARENA_WORDS];        /* bit: given back since it was last used */
    _Atomic(uint64_t) huge[HK_ARENA_WORDS]; /* bit: asked for huge pages; written under the lock */
    uint32_t freed[HK_ARENA_UNITS];         /* when the unit became free, in events of the kind */
    uint16_t touched[HK_ARENA_UNITS]; /* 4 KiB pages from the unit's start that may hold data */
};

/* `count` units of `arena` from `index` on. */
struct hk_units {
    struct hk_arena *arena;
    uint32_t index;
    uint32_t count;
};

static inline bool hk_bit(const uint64_t *map, size_t index)
{
    return map[index / 64] >> index % 64 & 1;
}

static inline void hk_bit_set(uint64_t *map, size_t index)
{
    map[index / 64] |= (uint64_t)1 << index % 64;
}

static inline void hk_bit_clear(uint64_t *map, size_t index)
{
    map[index / 64] &= ~((uint64_t)1 << index % 64);
}

static inline char *hk_units_base(struct hk_units units)
{
    return units.arena->base + ((size_t)units.index << HK_SUPERSLAB_SHIFT);
}

/* Take `count` adjacent free units such that the second one starts at a multiple of `align` (a
 * power of two; HK_SUPERSLAB or less asks for nothing). *zero: none of them was touched. Whoever
 * asks has settled what waits (coldbox/standby.h), before counting what they are for. -> false: no
 * such run. */
HK_HIDDEN bool hk_units_take_locked(uint32_t count, size_t align, struct hk_units *out, bool *zero);

/* Take the `count` units that follow `units`, if they are free once what waits is settled. ->
 * false: nothing else changed. */
HK_HIDDEN bool hk_units_extend_locked(struct hk_units units, uint32_t count);

/* Give units back; the first `touched` bytes of the run may hold data. */
HK_HIDDEN void hk_units_give_locked(struct hk_units units, size_t touched);

/* Free units hold no data any more. */
HK_HIDDEN void hk_units_clean_locked(struct hk_units units);

/* -> the unit that `addr` lies in (count 1), or arena NULL. any, with or without the lock: arenas
 * stay, and `touched` of units in use is their holder's. */
HK_HIDDEN struct hk_units hk_units_find(const void *addr);

/* Map an arena of at least `count` units and publish it. -> 0 or errno. any; takes slabs.lock. */
HK_HIDDEN int hk_arena_grow(uint32_t count);

#endif
