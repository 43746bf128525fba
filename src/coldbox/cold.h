/* SPDX-License-Identifier: MIT */
/* The cold side's one implementation: its functions, by module, and the ops struct over them. */
#ifndef HK_COLDBOX_COLD_H
#define HK_COLDBOX_COLD_H

#include "coldbox/coldbox.h"
#include "coldbox/learn.h"
#include "coldbox/meta.h"
#include "coldbox/registry.h"
#include "coldbox/spans_fast.h"
#include "coldbox/standby.h"

/* coldbox.c */
HK_HIDDEN int hk_cold_init(const struct hk_hooks *hooks);

/* superslab.c, warm.c */
HK_HIDDEN struct hk_page *hk_cold_lease(const struct hk_lease *request);
HK_HIDDEN void hk_cold_retire(struct hk_heap *heap, struct hk_page *page);

/* Part of its caller's fast path. One writer, so a plain addition; atomic only so that readers
 * never see it torn. */
HK_INLINE void hk_cold_adjust(struct hk_page *page, int delta)
{
    _Atomic(uint32_t) *live = &hk_page_slot(page)->live;
#if defined(__x86_64__) && !defined(HK_PORTABLE)
    /* gcc makes three instructions of the twin */
    __asm__("addl %1, %0" : "+m"(*live) : "ri"(delta) : "cc");
#else
    uint32_t sum = atomic_load_explicit(live, memory_order_relaxed) + (uint32_t)delta;
    atomic_store_explicit(live, sum, memory_order_relaxed);
#endif
}

/* remote.c */

/* -> the entry for a page (a head). No two pages of the same 32 MiB of addresses share one. */
static inline struct hk_remote_entry *hk_remote_entry_of(struct hk_heap *heap,
                                                         const struct hk_page *page)
{
    size_t superslab = (uintptr_t)page >> HK_SUPERSLAB_SHIFT;
    return &heap->remote[(superslab * HK_SLICES + hk_page_slice(page)) % HK_REMOTE_ENTRIES];
}

/* -> bytes that the heap may hold back now. */
static inline size_t hk_remote_limit(const struct hk_heap *heap)
{
    return HK_REMOTE_LEAST + heap->remote_more;
}

/* Not marked as a slow path: a forked child forgets what other threads' heaps hold back. */
static inline bool hk_cold_keep(struct hk_heap *heap, struct hk_page *page, void *block)
{
    struct hk_remote_entry *entry = hk_remote_entry_of(heap, page);
    size_t held = heap->remote_bytes + page->block_size;
    if (entry->page != page || entry->room == 0 || held > hk_remote_limit(heap)) {
        return false;
    }
    *(void **)block = entry->head;
    entry->head = block;
    entry->room -= 1;
    heap->remote_bytes = held;
    return true;
}

HK_HIDDEN void hk_cold_post(struct hk_heap *heap, struct hk_page *page, void *block);
HK_HIDDEN void hk_cold_flush(struct hk_heap *heap);
HK_HIDDEN size_t hk_cold_drain(struct hk_heap *heap);

/* heaps.c */
HK_HIDDEN struct hk_heap *hk_cold_birth(uintptr_t token);
HK_HIDDEN void hk_cold_death(struct hk_heap *heap);
HK_HIDDEN bool hk_cold_adopt(struct hk_heap *heap);

/* purge.c */
HK_HIDDEN bool hk_cold_purge(struct hk_page *page, size_t offset, size_t size, size_t *bytes);
HK_HIDDEN void hk_cold_tick(uint64_t now);
HK_HIDDEN size_t hk_cold_trim(struct hk_heap *heap, size_t keep);

/* large.c */
HK_HIDDEN void *hk_cold_large_alloc(size_t size, size_t align, size_t reserve, bool *zero);
HK_HIDDEN void hk_cold_large_free(struct hk_heap *heap, struct hk_page *page, void *block);
HK_HIDDEN size_t hk_cold_large_size(struct hk_page *page, void *block);
HK_HIDDEN void *hk_cold_large_resize(struct hk_page *page, void *block, size_t size);

/* account.c, check.c */
HK_HIDDEN void hk_cold_stat(struct hk_cold_stat *out);
HK_HIDDEN const char *hk_cold_check(void);

/* fork.c */
HK_HIDDEN void hk_cold_guard(struct hk_guard *guard);
HK_HIDDEN void hk_cold_prefork(void);
HK_HIDDEN void hk_cold_parent(void);
HK_HIDDEN void hk_cold_child(struct hk_heap *self);

static const struct hk_cold hk_cold = {
    .name = "cold",
    .init = hk_cold_init,
    .lease = hk_cold_lease,
    .retire = hk_cold_retire,
    .guard = hk_cold_guard,
    .meta = hk_meta_alloc,
    .purge = hk_cold_purge,
    .adjust = hk_cold_adjust,
    .keep = hk_cold_keep,
    .post = hk_cold_post,
    .flush = hk_cold_flush,
    .drain = hk_cold_drain,
    .birth = hk_cold_birth,
    .death = hk_cold_death,
    .adopt = hk_cold_adopt,
    .tick = hk_cold_tick,
    .learn = hk_cold_learn,
    .trim = hk_cold_trim,
    .large_alloc = hk_cold_large_alloc,
    .large_free = hk_cold_large_free,
    .large_pop = hk_cold_large_pop,
    .large_keep = hk_cold_large_keep,
    .large_back = hk_cold_large_back,
    .huge_pop = hk_cold_huge_pop,
    .huge_keep = hk_cold_huge_keep,
    .huge_back = hk_cold_huge_back,
    .large_size = hk_cold_large_size,
    .large_resize = hk_cold_large_resize,
    .owns = hk_registry_owns,
    .stat = hk_cold_stat,
    .check = hk_cold_check,
    .prefork = hk_cold_prefork,
    .parent = hk_cold_parent,
    .child = hk_cold_child,
};

#endif
