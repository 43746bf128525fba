/* SPDX-License-Identifier: MIT */
/* The gate's slow paths: refill through the thread's heap, large blocks, and frees of blocks that
 * are not in a page of the caller's. errno is saved here around all that may set it, so that no box
 * needs to care. */
#include "gate/slow.h"

#include "common/scrub.h"
#include "gate/calls.h"
#include "gate/header.h"
#include "gate/pace.h"
#include "gate/route.h"
#include "gate/thread.h"

#include "hk_seat_decorator.h"

#include <errno.h>
#include <string.h>

size_t hk_gate_give_back(struct hk_heap *heap, size_t keep)
{
    size_t bytes = hk_route_collect(heap, HK_COLLECT_ALL);
    HK_COLD.flush(heap);
    return bytes + HK_COLD.trim(heap, keep);
}

void *hk_gate_no_memory(void)
{
    errno = ENOMEM;
    return NULL;
}

void *hk_gate_refuse(void *block)
{
    hk_plain_free(block);
    return hk_gate_no_memory();
}

/* A block (not NULL) on its way to the caller. */
static inline void *shown(void *block, size_t size)
{
    void *seen = HK_DECORATOR.allocated(block, size);
    return seen ? seen : hk_gate_refuse(block);
}

static void *handed_out(void *block, size_t size, int saved_errno)
{
    if (!block) {
        return hk_gate_no_memory();
    }
    errno = saved_errno;
    return shown(block, size);
}

/* Refill; before new memory is taken for it, what classes keep that nobody uses serves. */
static void *refill_sparingly(struct hk_heap *heap, size_t size)
{
    heap->spare.ask = HK_ASK_MAY;
    void *block = hk_route_refill(heap, size);
    if (HK_UNLIKELY(!block && heap->spare.ask == HK_ASK_PLEASE)) {
        heap->spare.ask = HK_ASK_GIVING;
        heap->spare.vain = hk_route_unused(heap, HK_COLLECT_SPARE) == 0;
        heap->spare.ask = HK_ASK_NOT;
        /* a box may have found blocks that came home, and a refill wants an empty bin */
        block = hk_route_alloc(hk_self(), size);
        block = block ? block : hk_route_refill(heap, size);
    }
    heap->spare.ask = HK_ASK_NOT;
    return block;
}

/* Refill and say what is known of the block's content. */
static void *refill(size_t size, bool *fresh)
{
    struct hk_heap *heap = hk_thread_enter();
    if (!heap) {
        return NULL;
    }
    heap->fresh_block = NULL;
    /* a heap that has just been made may come with blocks at hand, and a refill wants an empty bin
     */
    void *block = hk_route_alloc(hk_self(), size);
    block = block ? block : refill_sparingly(heap, size);
    if (HK_UNLIKELY(!block)) {
        /* other classes' free blocks may be what stood in the way of a limit */
        hk_gate_give_back(heap, 0);
        block = hk_route_refill(heap, size);
    }
    *fresh = block && heap->fresh_block == block;
    hk_count_alloc(hk_slow_calls(heap), hk_bin_of_size(size) << HK_BIN_SHIFT, block);
    hk_pace(heap);
    hk_thread_leave(heap);
    return block;
}

void *hk_gate_miss(size_t size)
{
    int saved = errno;
    bool fresh;
    return handed_out(hk_scrub_out(refill(size, &fresh), size), size, saved);
}

void *hk_gate_miss_zero(size_t size)
{
    int saved = errno;
    bool fresh;
    void *block = refill(size, &fresh);
    if (block) {
        /* a fresh block is zero but for the link in its first word */
        memset(block, 0, fresh && size > sizeof(void *) ? sizeof(void *) : hk_scrub_rest(size));
    }
    return handed_out(block, size, saved);
}

/* -> the large block (or NULL), counted. */
static inline void *noted_large(struct hk_heap *heap, void *block)
{
    if (HK_LIKELY(block)) {
        hk_count_note(heap, HK_NOTE_LARGE_ALLOC);
    }
    return block;
}

static void *large(size_t size, size_t align, size_t reserve, bool *zero)
{
    if (size > PTRDIFF_MAX || align > (size_t)PTRDIFF_MAX / 2) {
        return NULL;
    }
    struct hk_heap *heap = hk_thread_enter();
    if (!heap) {
        return NULL;
    }
    void *block = HK_COLD.large_alloc(size, align, reserve, zero);
    if (HK_UNLIKELY(!block)) {
        hk_gate_give_back(heap, 0);
        block = HK_COLD.large_alloc(size, align, 0, zero);
    }
    block = noted_large(heap, block);
    hk_pace(heap);
    hk_thread_leave(heap);
    return block;
}

static __attribute__((noinline)) void *new_large(size_t size, size_t align, size_t reserve)
{
    int saved = errno;
    bool zero;
    return handed_out(large(size, align, reserve, &zero), size, saved);
}

/* A block that all threads keep, or a new one. */
static __attribute__((noinline)) void *huge(size_t size)
{
    struct hk_heap *heap = hk_thread_heap();
    void *block = HK_LIKELY(heap) ? HK_COLD.huge_pop(size) : NULL;
    if (HK_UNLIKELY(!block)) {
        return new_large(size, HK_ALIGN, 0);
    }
    return hk_pace_large(heap, shown(noted_large(heap, block), size));
}

static inline void *kept_or_new(size_t size, size_t align, size_t reserve)
{
    if (HK_UNLIKELY(size > HK_SPAN_MAX)) {
        return reserve || align > HK_ALIGN ? new_large(size, align, reserve) : huge(size);
    }
    struct hk_heap *heap = hk_thread_heap();
    if (HK_UNLIKELY(!heap || reserve || align > HK_SLICE)) {
        return new_large(size, align, reserve);
    }
    void *block = HK_COLD.large_pop(heap, size);
    if (HK_UNLIKELY(!block)) {
        return new_large(size, align, reserve);
    }
    return hk_pace_large(heap, shown(noted_large(heap, block), size));
}

void *hk_gate_large(size_t size)
{
    return kept_or_new(size, HK_ALIGN, 0);
}

void *hk_gate_large_aligned(size_t size, size_t align, size_t reserve)
{
    return kept_or_new(size, align, reserve);
}

void *hk_gate_with_room(size_t size)
{
    struct hk_heap *heap = hk_thread_heap();
    if (!heap) {
        return NULL;
    }
    int saved = errno;
    bool zero;
    hk_heap_enter(heap);
    void *block = noted_large(heap, HK_COLD.large_alloc(size, HK_ALIGN, 2 * size, &zero));
    if (block) {
        hk_pace(heap);
    }
    hk_heap_leave(heap);
    errno = saved;
    return block ? HK_DECORATOR.allocated(block, size) : NULL;
}

void *hk_gate_large_zero(size_t size)
{
    int saved = errno;
    bool zero = false;
    struct hk_heap *heap = hk_thread_heap();
    void *block = heap ? HK_COLD.large_pop(heap, size) : NULL;
    block = block ? hk_pace_large(heap, noted_large(heap, block)) : large(size, HK_ALIGN, 0, &zero);
    if (block && !zero) {
        memset(block, 0, size);
    }
    return handed_out(block, size, saved);
}

/* The block belongs to another heap, or to this thread's that has just been made. */
static void free_remote(struct hk_page *page, void *block)
{
    struct hk_heap *heap = hk_thread_is_dead() ? NULL : hk_thread_enter();
    if (!heap) {
        hk_count_free(hk_slow_calls(NULL), page);
        HK_COLD.post(NULL, page, block);
        return;
    }
    hk_count_free(hk_slow_calls(heap), page);
    /* being born may have adopted the very heap that the block is from */
    if (hk_page_owner(page) == heap->token) {
        hk_route_give(heap, page, block);
    } else {
        HK_COLD.post(heap, page, block);
    }
    hk_thread_leave(heap);
}

void hk_gate_spill(struct hk_page *page, void *block)
{
    int saved = errno;
    /* zeros where a page's class would be are a class: see hk_route_is_shared_tiny */
    HK_REQUIRE(HK_COLD.owns(block), "free: not a block of this allocator");
    struct hk_heap *heap = hk_thread_is_dead() ? NULL : hk_thread_enter();
    hk_count_free(hk_slow_calls(heap), page);
    hk_route_spill(heap, page, block);
    if (heap) {
        hk_pace(heap);
        hk_thread_leave(heap);
    }
    errno = saved;
}

/* A span or huge block that the short way does not keep. */
static void free_large(struct hk_page *page, void *block)
{
    bool span = page->kind == HK_KIND_SPAN;
    HK_REQUIRE(span || page->kind == HK_KIND_HUGE, "free: block is not allocated (freed twice?)");
    struct hk_heap *heap = hk_thread_heap();
    HK_COLD.large_free(heap, page, block);
    hk_count_note(heap, HK_NOTE_LARGE_FREE);
    if (heap) {
        hk_heap_enter(heap);
        hk_pace(heap);
        hk_heap_leave(heap);
    }
}

/* Neither the heap's own, nor held back for its owner, nor kept. Not part of what follows: what it
 * needs to save would cost every block that goes to another thread. */
static __attribute__((noinline)) void free_unusual(void *block, struct hk_page *page)
{
    HK_REQUIRE(HK_COLD.owns(block), "free: not a block of this allocator");
    int saved = errno;
    HK_REQUIRE((uintptr_t)block % HK_ALIGN == 0, "free: not the start of a block");
    if (hk_kind_is_leased(page->kind)) {
        free_remote(page, block);
    } else {
        free_large(page, block);
    }
    errno = saved;
}

/* Let all threads keep a huge block that did not go out last. */
static __attribute__((noinline)) void keep_huge(struct hk_heap *heap, void *block,
                                                struct hk_page *page)
{
    if (HK_COLD.huge_keep(page, block)) {
        hk_count_note(heap, HK_NOTE_LARGE_FREE);
        (void)hk_pace_large(heap, NULL);
    } else {
        free_unusual(block, page);
    }
}

/* Let the thread's heap keep a span that did not go out last, or all threads a huge block. */
static __attribute__((noinline)) void keep_large(struct hk_heap *heap, void *block,
                                                 struct hk_page *page)
{
    if (HK_UNLIKELY(page->kind == HK_KIND_HUGE)) {
        if (HK_LIKELY(HK_COLD.huge_back(page, block))) {
            hk_count_note(heap, HK_NOTE_LARGE_FREE);
            (void)hk_pace_large(heap, NULL);
        } else {
            keep_huge(heap, block, page);
        }
    } else if (HK_LIKELY(HK_COLD.large_keep(heap, page, block))) {
        hk_count_note(heap, HK_NOTE_LARGE_FREE);
    } else {
        free_unusual(block, page);
    }
}

void hk_gate_free_slow(void *block, struct hk_page *page)
{
    uintptr_t owner = hk_page_owner(page);
    struct hk_heap *heap = hk_thread_heap();
    if (HK_UNLIKELY(!heap)) {
        free_unusual(block, page);
    } else if (owner > HK_OWNER_LAST && HK_COLD.keep(heap, hk_page_head(page), block)) {
        hk_count_free(hk_slow_calls(heap), page);
    } else if (owner == HK_OWNER_LARGE && HK_LIKELY(HK_COLD.large_back(heap, page, block))) {
        hk_count_note(heap, HK_NOTE_LARGE_FREE);
    } else if (owner == HK_OWNER_LARGE) {
        keep_large(heap, block, page);
    } else {
        free_unusual(block, page);
    }
}
