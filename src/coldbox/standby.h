/* SPDX-License-Identifier: MIT */
/* One freed huge block. Its run waits in a word, so that a program that takes and frees blocks of
 * one size above HK_SPAN_MAX takes no lock. It waits where policy allows its memory to stay dirty
 * anyway, and for a block of exactly its size, which was asked for twice running: where sizes vary,
 * nothing waits. Requests that nothing waits for (with a reserve, aligned to more than an OS page,
 * or of more than half an arena) are not counted. To the arenas its units are in use; whoever takes
 * units, reports them or gives memory back settles it first, under slabs.lock, which makes them
 * free. */
#ifndef HK_COLDBOX_STANDBY_H
#define HK_COLDBOX_STANDBY_H

#include "coldbox/large.h"
#include "coldbox/purge.h"
#include "coldbox/registry.h"
#include "coldbox/superslab.h"

struct hk_standby {
    _Alignas(HK_CACHE_LINE) _Atomic(uintptr_t) word; /* see below; 0: nothing waits */
    /* usable bytes of the last request that something might wait for, | HK_STANDBY_AGAIN */
    _Atomic(size_t) asked;
    /* what was the word of the block that went out last, until that is freed or resized; 0 */
    _Atomic(uintptr_t) out;
};

extern HK_HIDDEN struct hk_standby hk_standby;

enum { HK_STANDBY_AGAIN = 1 }; /* the request before it was for as many */

/* The word: the run's address, and in the bits that it leaves free the block's usable bytes and how
 * much more of the run's last unit may hold data. */
enum {
    HK_STANDBY_GRAIN = 12, /* log2 of what usable bytes are counted in: no OS page has less */
    HK_STANDBY_REST = 18,  /* the first bit of the rest, and log2 of what it is counted in */
    HK_STANDBY_REST_MOST = (1 << (HK_SUPERSLAB_SHIFT - HK_STANDBY_REST)) - 1,
};

HK_INLINE size_t hk_standby_usable(uintptr_t word)
{
    return (word & ((1 << HK_STANDBY_REST) - 1)) << HK_STANDBY_GRAIN;
}

/* -> first byte of the run. */
HK_INLINE char *hk_standby_base(uintptr_t word)
{
    const char *base = (const char *)(word & ~(uintptr_t)(HK_SUPERSLAB - 1));
    return (char *)base;
}

/* -> bytes of the run that may hold data, its header with them, to within a step of the rest. */
HK_INLINE size_t hk_standby_dirty(uintptr_t word)
{
    size_t rest = (word & (HK_SUPERSLAB - 1)) >> HK_STANDBY_REST << HK_STANDBY_REST;
    return hk_standby_usable(word) + rest + HK_SLICE;
}

/* -> the same of what waits; 0: nothing does. any; may be stale. */
static inline size_t hk_standby_bytes(void)
{
    uintptr_t word = atomic_load_explicit(&hk_standby.word, memory_order_relaxed);
    return word ? hk_standby_dirty(word) : 0;
}

/* -> true: the last two requests were for `usable` bytes, so that such a block may wait. any. */
HK_INLINE bool hk_standby_is_asked(size_t usable)
{
    return atomic_load_explicit(&hk_standby.asked, memory_order_relaxed) ==
           (usable | HK_STANDBY_AGAIN);
}

/* -> a block of `usable` bytes that is asked for, which begins where huge blocks do, not zero; or
 * NULL: none waits. any. */
HK_INLINE void *hk_standby_find(size_t usable)
{
    uintptr_t word = atomic_load_explicit(&hk_standby.word, memory_order_relaxed);
    if (hk_standby_usable(word) != usable ||
        !hk_short_cas(&hk_standby.word, &word, 0, memory_order_acquire)) {
        return NULL;
    }
    atomic_store_explicit(&hk_standby.out, word, memory_order_relaxed);
    char *base = hk_standby_base(word);
    struct hk_page *head = hk_superslab_page(base, 0);
    struct hk_large *large = hk_large_of(head);
    large->word = word;
    hk_huge_mark(head + (large->offset >> HK_SLICE_SHIFT), HK_KIND_HUGE);
    HK_ASSUME(base);
    return base + large->offset;
}

/* A huge block, of which `page` is a descriptor, is freed or resized. -> true: it went out last,
 * and has not been resized since; *word is what its word was. any. */
HK_INLINE bool hk_standby_forget_out(const struct hk_page *page, uintptr_t *word)
{
    *word = atomic_load_explicit(&hk_standby.out, memory_order_relaxed);
    if (HK_UNLIKELY((*word ^ (uintptr_t)page) >> HK_SUPERSLAB_SHIFT)) {
        return false;
    }
    atomic_store_explicit(&hk_standby.out, 0, memory_order_relaxed);
    return true;
}

/* The block, of which `head` has the data, is no more what it was when it last waited. */
static inline void hk_standby_resized(struct hk_page *head)
{
    uintptr_t word;
    struct hk_large *large = hk_large_of(head);
    (void)hk_standby_forget_out(head, &word);
    large->word = large->units ? 0 : large->map_bytes;
}

/* The run waits, of which `page` is a descriptor. -> true: it does, nothing else. any. */
HK_INLINE bool hk_standby_wait(struct hk_page *page, uintptr_t word)
{
    uintptr_t waiting = 0;
    hk_huge_mark(page, HK_KIND_FREE);
    /* release: whoever takes it sees its descriptors */
    if (HK_LIKELY(hk_short_cas(&hk_standby.word, &waiting, word, memory_order_release))) {
        return true;
    }
    /* another thread freed it too, or another block came first */
    HK_REQUIRE(hk_standby_base(waiting) != hk_standby_base(word),
               "free: block is not allocated (freed twice?)");
    hk_huge_mark(page, HK_KIND_HUGE);
    return false;
}

/* The same, if it may. */
HK_INLINE bool hk_standby_try(struct hk_page *page, uintptr_t word)
{
    return HK_LIKELY(hk_standby_is_asked(hk_standby_usable(word)) &&
                     !atomic_load_explicit(&hk_standby.word, memory_order_relaxed) &&
                     hk_purge_allows(hk_standby_dirty(word)) && hk_standby_wait(page, word));
}

/* The same for a run that has not waited before, or of which that is not known. */
HK_HIDDEN bool hk_standby_put(struct hk_page *page);

/* Free a huge block, of which `page` is the descriptor of its slice. -> true: its run waits; false:
 * it is as it was. any; no lock held. */
HK_INLINE bool hk_standby_keep(struct hk_page *page, const void *block)
{
    uintptr_t word;
    (void)hk_standby_forget_out(page, &word);
    const struct hk_large *large = hk_large_of(hk_large_head(page, block));
    word = large->units ? large->word : 0;
    return HK_LIKELY(word) ? hk_standby_try(page, word) : hk_standby_put(page);
}

/* A request for a block of `usable` bytes (of whole OS pages). -> as above. any. */
HK_INLINE void *hk_standby_take(size_t usable)
{
    size_t asked = atomic_load_explicit(&hk_standby.asked, memory_order_relaxed);
    if (asked == (usable | HK_STANDBY_AGAIN)) {
        return hk_standby_find(usable);
    }
    atomic_store_explicit(&hk_standby.asked, usable | (asked == usable), memory_order_relaxed);
    return NULL;
}

/* The gate's short ways. pop does not ask for the OS page's size: where it is more than 4096, some
 * sizes go the long way. */
HK_INLINE void *hk_cold_huge_pop(size_t size)
{
    size_t asked = atomic_load_explicit(&hk_standby.asked, memory_order_relaxed);
    size_t usable = asked & ~(size_t)HK_STANDBY_AGAIN;
    bool is_asked = asked & HK_STANDBY_AGAIN && usable - size < (size_t)1 << HK_STANDBY_GRAIN;
    return is_asked ? hk_standby_find(usable) : NULL;
}

HK_INLINE bool hk_cold_huge_back(struct hk_page *page, const void *block)
{
    uintptr_t word;
    if (!hk_standby_forget_out(page, &word) || page->back) {
        return false;
    }
    const char *start = hk_standby_base(word) + hk_large_of(page)->offset;
    return HK_LIKELY(block == start) && hk_standby_try(page, word);
}

HK_INLINE bool hk_cold_huge_keep(struct hk_page *page, const void *block)
{
    HK_REQUIRE(hk_registry_owns(block), "free: not a block of this allocator");
    return hk_standby_keep(page, block);
}

/* -> NULL, or what is broken. any; slabs.lock held. */
HK_HIDDEN const char *hk_standby_check_locked(void);

/* Make the units of what waits free. any; slabs.lock held. */
HK_HIDDEN void hk_standby_give_locked(void);

static inline void hk_standby_settle_locked(void)
{
    if (hk_standby_bytes()) {
        hk_standby_give_locked();
    }
}

/* any; no lock held. */
static inline void hk_standby_settle(void)
{
    if (hk_standby_bytes()) {
        hk_lock_take(&hk_slabs.lock);
        hk_standby_settle_locked();
        hk_lock_give(&hk_slabs.lock);
    }
}

#endif
