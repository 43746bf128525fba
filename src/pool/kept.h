/* SPDX-License-Identifier: MIT */
/* What a thread keeps at hand of each class of shared pages: a ring of pointers, whose blocks stay
 * untouched, and where a thread wants more than the ring holds, a LIFO linked by the blocks' first
 * words. A class may keep `limit` blocks; the limit grows by the class's misses. What the limits of
 * a thread are worth is bounded, and so is what those of all threads are; where there is no more, a
 * class grows at another one's expense. So a few threads keep as much as makes them fast, and many
 * threads a handful of blocks each. All zero is valid: it keeps nothing and takes nothing. */
#ifndef HK_POOL_KEPT_H
#define HK_POOL_KEPT_H

#include "common/self.h"
#include "pool/mid_desc.h"

enum {
    HK_KEPT_RING = 6,
    HK_KEPT_MOST = 16,                  /* blocks of a class */
    HK_KEPT_CLASS = 1024 * 1024,        /* bytes of a class, if that is more than one block */
    HK_KEPT_FLOOR = 256 * 1024,         /* bytes that every thread may keep */
    HK_KEPT_THREAD = 8 * 1024 * 1024,   /* bytes that a thread may keep at most */
    HK_KEPT_PROCESS = 16 * 1024 * 1024, /* that all threads together may keep beyond that floor */
};

/* A class's lane. owner */
struct hk_kept {
    void *ring[HK_KEPT_RING];
    void *lifo;
    uint8_t count; /* in the ring */
    uint8_t cap;   /* that the ring may hold */
    uint8_t room;  /* more that the LIFO takes */
    uint8_t
        limit; /* cap and what the LIFO may hold; it may hold some only if the cap is the ring */
    uint8_t misses; /* since the limit grew */
};

/* The pool's lane beside its classes. owner */
struct hk_kept_all {
    struct hk_mid_desc *last; /* of the page of the last free, or NULL; for mid_desc=cached */
    uint32_t granted;         /* bytes that the limits are worth */
    uint32_t next;            /* class that gives way next */
};

_Static_assert(sizeof(struct hk_kept) <= 64, "a lane of 64 bytes");
_Static_assert(sizeof(struct hk_kept_all) <= 16, "the smallest lane");

HK_INLINE struct hk_kept *hk_kept(struct hk_heap *heap, size_t bin)
{
    return (struct hk_kept *)heap->lanes.pool[bin - HK_TINY_BINS];
}

HK_INLINE struct hk_kept_all *hk_kept_all(struct hk_heap *heap)
{
    return (struct hk_kept_all *)hk_lane(heap, HK_BIN_COUNT);
}

/* -> a block at hand, or NULL. owner. */
HK_INLINE void *hk_kept_pop(struct hk_kept *kept)
{
    size_t count = kept->count;
    if (HK_LIKELY(count)) {
        kept->count = (uint8_t)(count - 1);
        return kept->ring[count - 1];
    }
    void *block = kept->lifo;
    if (block) {
        kept->lifo = *(void **)block;
        kept->room += 1;
    }
    return block;
}

/* -> false: nothing was done, the class keeps as much as it may. owner. */
HK_INLINE bool hk_kept_push(struct hk_kept *kept, void *block)
{
    size_t count = kept->count;
    if (HK_LIKELY(count < kept->cap)) {
        kept->ring[count] = block;
        kept->count = (uint8_t)(count + 1);
        return true;
    }
    if (kept->room) {
        *(void **)block = kept->lifo;
        kept->lifo = block;
        kept->room -= 1;
        return true;
    }
    return false;
}

/* -> the lane of the class of a descriptor that was found by a block. */
HK_INLINE struct hk_kept *hk_kept_of(struct hk_heap *heap, const struct hk_mid_desc *desc)
{
    return (struct hk_kept *)((char *)heap + desc->lane);
}

/* -> the page's descriptor, if it is known without a search: it is that of the last free, or stands
 *    where its address is hashed to; else NULL. owner. */
HK_INLINE struct hk_mid_desc *hk_kept_known(struct hk_heap *heap, uintptr_t start)
{
    if (HK_MID_DESC == HK_MID_DESC_CACHED) {
        struct hk_mid_desc *last = hk_kept_all(heap)->last;
        if (HK_LIKELY(hk_mid_is(last, start))) {
            return last;
        }
    }
    struct hk_mid_table *table = atomic_load_explicit(&hk_mid_table, memory_order_acquire);
    struct hk_mid_desc *desc =
        atomic_load_explicit(hk_mid_home(table, start), memory_order_acquire);
    return HK_LIKELY(hk_mid_is(desc, start)) ? desc : NULL;
}

static inline uint32_t hk_kept_in_lifo(const struct hk_kept *kept)
{
    return kept->limit - kept->cap - kept->room;
}

/* Keep a block of the descriptor's page, and remember the page. -> false: nothing was done, there
 * is no descriptor, or no room. owner. */
HK_INLINE bool hk_kept_take(struct hk_heap *heap, struct hk_mid_desc *desc, void *block)
{
    if (HK_UNLIKELY(!desc) || HK_UNLIKELY(!hk_kept_push(hk_kept_of(heap, desc), block))) {
        return false;
    }
    if (HK_MID_DESC == HK_MID_DESC_CACHED) {
        /* only now: a heap that took the block is not the empty one of a thread without a heap */
        hk_kept_all(heap)->last = desc;
    }
    return true;
}

/* hk_pool.free_local, out of line: find the page, keep the block if its class may. `heap` is the
 * heap object, not NULL. */
HK_HIDDEN bool hk_kept_free(struct hk_heap *heap, struct hk_page *page, void *block);

/* hk_pool.refill and spill. */
HK_SLOW_FN void *hk_kept_refill(struct hk_heap *heap, size_t size);
HK_SLOW_FN void hk_kept_spill(struct hk_heap *heap, struct hk_page *page, void *block);

/* Put back what is at hand of a class; its limit stays. owner. */
HK_HIDDEN void hk_kept_empty(struct hk_heap *heap, size_t bin);

/* Put everything back, of every class; the lanes are all zero afterwards. owner. */
HK_HIDDEN void hk_kept_flush(struct hk_heap *heap);

/* A forked child counts anew what its threads may keep. any. */
HK_HIDDEN void hk_kept_guard(void);

/* Shared by the module's own files, all for the owner. */

/* The class had nothing at hand, or no room: its limit may grow. */
HK_HIDDEN void hk_kept_miss(struct hk_heap *heap, size_t bin);

/* Put `count` of the blocks at hand back, those in the ring last. */
HK_HIDDEN void hk_kept_put_back(struct hk_heap *heap, struct hk_kept *kept, uint32_t count);

/* The heap's limits are zero from now on. */
HK_HIDDEN void hk_kept_give_up(struct hk_heap *heap);

/* -> blocks at hand, in all classes. owner. */
HK_HIDDEN size_t hk_kept_count(struct hk_heap *heap);

/* -> NULL, or the first broken invariant. owner. */
HK_HIDDEN const char *hk_kept_check(struct hk_heap *heap);

#endif
