/* SPDX-License-Identifier: MIT */
/* Superslabs: units cut into slices. Slice 0 holds the superslab's own data; a slice is leased,
 * warm in some heap, or free; a free slice is clean or dirty. Superslabs are listed by the length
 * of their longest free run, so a request finds the tightest fit at once, and long runs are left
 * alone. Tiers: with no slice in use a superslab is FREE, and is purged whole; with few it is
 * DRAINING, otherwise HOT; that is counted and shown, and a hot one may be left whole. Slices that
 * are being purged are taken out of `free` meanwhile, which is the release guard: no superslab
 * leaves while one is looked at. Everything is under slabs.lock. */
#ifndef HK_COLDBOX_SUPERSLAB_H
#define HK_COLDBOX_SUPERSLAB_H

#include "coldbox/arena.h"
#include "coldbox/coldbox.h"
#include "common/lock.h"

struct hk_superslab {
    struct hk_superslab_head head;
    struct hk_superslab *next; /* on the list of its run length */
    struct hk_superslab *prev;
    uint64_t free;    /* bit: slice is free; never bit 0 */
    uint64_t dirty;   /* bit: free and may hold data */
    uint64_t aged;    /* bit: was free and dirty at the last tick */
    uint64_t purged;  /* bit: given back since it was last used */
    uint32_t longest; /* free run, in slices; 0: on no list */
    uint32_t used;    /* slices that are not free */
    uint32_t tier;    /* enum hk_tier */
    uint32_t quiet;   /* ticks since a slice of it was taken or given */
    uint32_t whole;   /* slices that stay dirty, all of `dirty` or none: coldbox/whole.h */
    struct hk_units unit;
};

_Static_assert(sizeof(struct hk_superslab) <= HK_MAPS_OFFSET + HK_SLICE_MAP,
               "the block maps lie behind: slice 0 has no blocks, so its map is free for this");
_Static_assert(HK_MAPS_OFFSET + HK_SLICES * HK_SLICE_MAP <= HK_SLICE, "slice 0 holds it all");

static const uint64_t hk_all_slices = ~(uint64_t)1;

struct hk_slabs {
    struct hk_lock lock;
    _Atomic(struct hk_arena *) arenas;       /* newest first; pushed under lock, read by any */
    struct hk_superslab *runs[HK_SLICES];    /* by longest free run; [0] stays empty */
    uint64_t run_lengths;                    /* bit: that list is not empty */
    size_t units;                            /* in all arenas */
    size_t tiers[HK_TIERS];                  /* superslabs in each tier */
    uint64_t tier_moves[HK_TIERS][HK_TIERS]; /* from, to: in all, unless stats=off */
    size_t superslabs;                       /* units that are superslabs */
    uint64_t opened;                         /* units that became superslabs, in all */
    /* of huge blocks, that which waits included (coldbox/standby.h) */
    size_t huge_units;           /* units under them, reserves included */
    size_t huge_bytes;           /* usable bytes, own mappings included */
    size_t leased;               /* slices leased or warm */
    size_t dirty_slices;         /* free and dirty */
    size_t whole_slices;         /* of them, in superslabs that are left whole */
    uint32_t free_events;        /* the clock of arena->freed */
    size_t dirty_pages;          /* 4 KiB pages touched in free units */
    _Atomic(size_t) dirty_bytes; /* that may go back; read without the lock */
    _Atomic(size_t) whole_bytes; /* dirty, and may not; read without the lock */
    _Atomic(size_t) purge_above; /* dirty bytes that policy allows; read without the lock */
    size_t peak;                 /* recent peak of bytes in use */
    size_t hold;                 /* dirty bytes kept because purged ones were wanted again */
};

extern HK_HIDDEN struct hk_slabs hk_slabs;

/* `count` slices of `slab` from `index` on. */
struct hk_slices {
    struct hk_superslab *slab;
    uint32_t index;
    uint32_t count;
};

/* -> `count` slices from that of `page` on. */
static inline struct hk_slices hk_slices_at(const struct hk_page *page, uint32_t count)
{
    struct hk_superslab *slab = (struct hk_superslab *)hk_page_superslab(page);
    return (struct hk_slices){slab, (uint32_t)hk_page_slice(page), count};
}

static inline uint64_t hk_slice_mask(uint32_t index, uint32_t count)
{
    uint64_t ones = count >= 64 ? ~(uint64_t)0 : ((uint64_t)1 << count) - 1;
    return ones << index;
}

/* Take `count` adjacent slices whose first is a multiple of `align` slices; `used`: all of them
 * dirty. *zero: none is dirty. -> false: no superslab that was looked at has such a run. */
HK_HIDDEN bool hk_slices_take_locked(uint32_t count, uint32_t align, bool used,
                                     struct hk_slices *out, bool *zero);

/* Take the `count` slices that follow, if they are free. -> false: nothing changed. */
HK_HIDDEN bool hk_slices_extend_locked(struct hk_slices slices, uint32_t count);

HK_HIDDEN void hk_slices_give_locked(struct hk_slices slices);

/* Make the unit (just taken, its header part zero) a superslab; `clean`: the rest is zero too. */
HK_HIDDEN void hk_superslab_open_locked(struct hk_units unit, bool clean);

/* Slices leave or come back for a purge: claimed ones are not free meanwhile. */
HK_HIDDEN void hk_slices_claim_locked(struct hk_superslab *slab, uint64_t mask);
HK_HIDDEN void hk_slices_purged_locked(struct hk_superslab *slab, uint64_t mask, bool clean);

/* A FREE superslab whose memory has been given back whole: its unit is free again. */
HK_HIDDEN void hk_superslab_close_locked(struct hk_superslab *slab);

/* Recompute what is read without the lock, after any change of counts. */
HK_HIDDEN void hk_slabs_publish_locked(void);

enum hk_grow {
    HK_GROW_USED,  /* only what was used before and not given back since */
    HK_GROW_NOT,   /* only what is there */
    HK_GROW,       /* a new superslab, if need be */
    HK_GROW_DENSE, /* the same, and it will be touched all over: huge pages are welcome */
};

/* Whence slices came. */
enum hk_got {
    HK_GOT_NOTHING = 0, /* none there, or out of memory */
    HK_GOT_FREE,
    HK_GOT_NEW, /* a superslab was made for them */
};

/* Take slices. any. */
HK_HIDDEN enum hk_got hk_slices_get(uint32_t count, uint32_t align, enum hk_grow grow,
                                    struct hk_slices *out, bool *zero);

/* Single slices, and which of them read as zero. */
struct hk_handful {
    uint32_t count;
    struct hk_slices slice[1 + HK_WARM_MAX];
    bool zero[1 + HK_WARM_MAX];
};

/* Take a slice as above, and in the same hold of the lock up to `more` others that are free: what
 * there is comes back in *out. any. */
HK_HIDDEN enum hk_got hk_slices_get_handful(uint32_t more, enum hk_grow grow,
                                            struct hk_handful *out);
HK_HIDDEN void hk_slices_put(struct hk_slices slices);

/* -> length of the longest run of bits in `map`. */
HK_HIDDEN uint32_t hk_longest_run(uint64_t map);

/* The first superslab of the shortest runs, and the one after `slab`, in ascending order of runs.
 */
HK_HIDDEN struct hk_superslab *hk_slab_first_locked(uint32_t least);
HK_HIDDEN struct hk_superslab *hk_slab_next_locked(const struct hk_superslab *slab);

#endif
