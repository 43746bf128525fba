/* SPDX-License-Identifier: MIT */
/* How much a class may keep: limits, what a thread's limits are worth together, and what those of
 * all threads are. A thread may always have HK_KEPT_FLOOR bytes; what it has beyond that is taken
 * from HK_KEPT_PROCESS, which all threads share. */
#include "coldbox/seat.h"
#include "common/atomic.h"
#include "pool/kept.h"
#include "pool/mid.h"

enum {
    START_BYTES = 8 * 1024, /* of a class that has just been met */
    START_MOST = 4,         /* blocks of it */
    PATIENCE = 4,           /* misses before a limit grows */
    ENVY = 16,              /* misses before it grows at another class's expense */
};

static _Atomic(size_t) taken; /* of HK_KEPT_PROCESS */

static uint32_t bounded(size_t bytes, size_t size, uint32_t most)
{
    size_t blocks = bytes / size;
    return blocks > most ? most : blocks ? (uint32_t)blocks : 1;
}

/* -> the limit that a class with `limit` asks for next. */
static uint32_t next_limit(uint32_t limit, size_t size)
{
    uint32_t most = bounded(HK_KEPT_CLASS, size, HK_KEPT_MOST);
    uint32_t next = limit ? limit + (limit + 1) / 2 : bounded(START_BYTES, size, START_MOST);
    return next < most ? next : most;
}

/* Change a class's limit; what ring and LIFO hold is within what they may hold afterwards. */
static void set_limit(struct hk_kept *kept, uint32_t limit)
{
    uint32_t lifo = hk_kept_in_lifo(kept);
    kept->cap = (uint8_t)(limit < HK_KEPT_RING ? limit : HK_KEPT_RING);
    kept->limit = (uint8_t)limit;
    kept->room = (uint8_t)(limit - kept->cap - lifo);
}

static size_t above_floor(size_t granted)
{
    return granted > HK_KEPT_FLOOR ? granted - HK_KEPT_FLOOR : 0;
}

/* The thread's limits are worth `granted` bytes from now on. -> false: nothing was done, it would
 * be too much. */
static bool set_granted(struct hk_kept_all *all, size_t granted)
{
    size_t had = above_floor(all->granted);
    size_t wants = above_floor(granted);
    size_t before = atomic_load_explicit(&taken, memory_order_relaxed);
    do {
        if (granted > all->granted &&
            (granted > HK_KEPT_THREAD || (wants && before - had + wants > HK_KEPT_PROCESS))) {
            return false;
        }
    } while (wants != had &&
             !hk_atomic_cas(&taken, &before, before - had + wants, memory_order_relaxed));
    all->granted = (uint32_t)granted;
    return true;
}

/* What the threads had that are gone is free again. */
static void recount(struct hk_heap *self)
{
    size_t granted = self ? above_floor(hk_kept_all(self)->granted) : 0;
    atomic_store_explicit(&taken, granted, memory_order_relaxed);
}

void hk_kept_guard(void)
{
    static struct hk_guard guard = {.child = recount};
    HK_COLD.guard(&guard);
}

void hk_kept_give_up(struct hk_heap *heap)
{
    (void)set_granted(hk_kept_all(heap), 0);
}

/* Take one block's worth from the next class that has some. -> false: only `bin` has. */
static bool take_from_another(struct hk_heap *heap, size_t bin)
{
    struct hk_kept_all *all = hk_kept_all(heap);
    for (size_t i = 0; i < HK_MID_CLASSES; i++) {
        size_t other = HK_TINY_BINS + all->next;
        struct hk_kept *kept = hk_kept(heap, other);
        all->next = (all->next + 1) % HK_MID_CLASSES;
        if (other != bin && kept->limit) {
            if (kept->limit > HK_KEPT_RING ? kept->room == 0 : kept->count == kept->cap) {
                hk_kept_put_back(heap, kept, 1);
            }
            set_limit(kept, kept->limit - 1u);
            return set_granted(all, all->granted - hk_bin_block_size(other));
        }
    }
    return false;
}

void hk_kept_miss(struct hk_heap *heap, size_t bin)
{
    struct hk_kept_all *all = hk_kept_all(heap);
    struct hk_kept *kept = hk_kept(heap, bin);
    kept->misses += kept->misses < ENVY;
    if (kept->limit && kept->misses < PATIENCE) {
        return;
    }
    size_t size = hk_bin_block_size(bin);
    uint32_t limit = next_limit(kept->limit, size);
    size_t more = (limit - kept->limit) * size;
    if (!more) {
        return;
    }
    while (!set_granted(all, all->granted + more)) {
        if (kept->misses < ENVY || !take_from_another(heap, bin)) {
            return;
        }
    }
    set_limit(kept, limit);
    kept->misses = 0;
}
