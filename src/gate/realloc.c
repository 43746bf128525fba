/* SPDX-License-Identifier: MIT */
/* realloc and what asks a block for its size. A block stays where it is while it is used at least
 * half; large ones grow in place or move by their page tables; growth by small steps gets slack. */
#include "common/scrub.h"
#include "gate/export.h"
#include "gate/gate.h"
#include "gate/header.h"
#include "gate/route.h"
#include "gate/slow.h"
#include "gate/thread.h"

#include <errno.h>
#include <string.h>

enum {
    SLACK_FROM = 2048,        /* bytes: smaller blocks are cheap to copy */
    RESERVE_FROM = 32 * 1024, /* what grows by steps beyond this gets address space to grow into */
    SHRINK_SHIFT = 3, /* a large block stays as it is while it loses no more than an eighth */
};

static bool is_large(const struct hk_page *page)
{
    return page->kind == HK_KIND_SPAN || page->kind == HK_KIND_HUGE;
}

static struct hk_page *page_in_use(void *block)
{
    struct hk_page *page = hk_page_of(block);
    HK_REQUIRE(hk_kind_is_leased(page->kind) || is_large(page), "realloc: block is not allocated");
    return page;
}

static size_t usable_size(struct hk_page *page, void *block)
{
    return is_large(page) ? HK_COLD.large_size(page, block) : page->block_size;
}

size_t hk_bare_usable_size(void *block)
{
    return usable_size(page_in_use(block), block);
}

size_t hk_malloc_usable_size(void *block)
{
    if (!block) {
        return 0;
    }
    return HK_HEADER ? hk_headed_usable_size(block) : hk_bare_usable_size(block);
}

/* -> a new block for one that grows by small steps, or NULL; errno is as it was. Where blocks of
 * the pool are handed out zero, it is one of them. */
static void *room_for_steps(size_t size)
{
    bool large = size > RESERVE_FROM && HK_POOL_ZERO == HK_POOL_ZERO_OFF;
    void *block = large ? hk_gate_with_room(size) : NULL;
    if (!block) {
        int saved = errno;
        block = hk_plain_malloc(size + size / 4);
        errno = saved;
    }
    return block;
}

/* -> a new block for a growing or shrinking one. */
static void *new_block(size_t old, size_t size)
{
    if (size > old && size > HK_POOL_MAX) {
        return hk_gate_large_aligned(size, HK_ALIGN, size < PTRDIFF_MAX / 4 ? 2 * size : 0);
    }
    bool by_steps = size > old && size > SLACK_FROM && size < old + old / 2;
    void *block = by_steps ? room_for_steps(size) : NULL;
    return block ? block : hk_plain_malloc(size);
}

static void *move(void *block, size_t old, size_t size)
{
    int saved = errno;
    void *to = new_block(old, size);
    if (!to) {
        if (size <= old) {
            /* it fits where it is: a shrink never fails */
            errno = saved;
            return block;
        }
        return NULL;
    }
    memcpy(to, block, size < old ? size : old);
    hk_moved_free(block);
    return to;
}

/* -> the block, in place or moved by its page tables, or NULL: it has to be copied. */
static void *resize_large(struct hk_page *page, void *block, size_t old, size_t size)
{
    if (size <= old && old - size <= old >> SHRINK_SHIFT) {
        return block;
    }
    /* the pool serves it better; what a span loses goes back, but a huge block keeps its unit */
    size_t most = page->kind == HK_KIND_SPAN ? old / 2 : old;
    if (size <= HK_POOL_MAX && size <= most) {
        return NULL;
    }
    int saved = errno;
    struct hk_heap *heap = hk_thread_enter();
    void *resized = heap ? HK_COLD.large_resize(page, block, size) : NULL;
    if (heap) {
        hk_thread_leave(heap);
    }
    errno = saved;
    return resized;
}

void *hk_bare_realloc(void *block, size_t size)
{
    if (!block) {
        return hk_plain_malloc(size);
    }
    if (size == 0) {
        hk_plain_free(block);
        return NULL;
    }
    if (size > PTRDIFF_MAX) {
        return hk_gate_no_memory();
    }
    struct hk_page *page = page_in_use(block);
    size_t old = usable_size(page, block);
    if (is_large(page)) {
        void *resized = resize_large(page, block, old, size);
        return resized ? resized : move(block, old, size);
    }
    bool stays = page->kind == HK_KIND_POOL ? HK_POOL.resize(hk_self(), page, block, size)
                                            : size <= old && size >= old / 2;
    return stays ? block : move(block, old, size);
}

void *hk_realloc(void *block, size_t size)
{
    return HK_HEADER ? hk_headed_realloc(block, size) : hk_bare_realloc(block, size);
}

void *hk_reallocarray(void *block, size_t count, size_t size)
{
    size_t total;
    if (__builtin_mul_overflow(count, size, &total)) {
        return hk_gate_no_memory();
    }
    return hk_realloc(block, total);
}

int hk_malloc_trim(size_t keep)
{
    int saved = errno;
    size_t bytes = 0;
    struct hk_heap *heap = hk_thread_enter();
    if (heap) {
        bytes = hk_gate_give_back(heap, keep);
        hk_thread_leave(heap);
    }
    errno = saved;
    return bytes > 0;
}

HK_EXPORT(hk_realloc, realloc);
HK_EXPORT(hk_reallocarray, reallocarray);
HK_EXPORT(hk_malloc_usable_size, malloc_usable_size);
HK_EXPORT(hk_malloc_trim, malloc_trim);
