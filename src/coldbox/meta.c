/* SPDX-License-Identifier: MIT */
/* Chunks of metadata memory. A chunk is published by one compare-and-swap; whoever loses it gives
 * its mapping back. */
#include "coldbox/meta.h"

#include "common/atomic.h"

#include "hk_seat_os.h"

#include <stdint.h>
#include <string.h>

enum {
    FIRST_CHUNK = 48 * 1024, /* no memory of its own until it is touched */
    CHUNK = 128 * 1024,
};

struct chunk {
    _Atomic(size_t) used;
    size_t size;
    char *memory;
};

static _Alignas(HK_CACHE_LINE) char first_memory[FIRST_CHUNK];
static struct chunk first_chunk = {.size = FIRST_CHUNK, .memory = first_memory};

static struct {
    _Atomic(struct chunk *) chunk;
    _Atomic(size_t) bytes;
    _Atomic(void *) spare; /* one piece given back, and its size in its second word */
} meta = {.chunk = &first_chunk, .bytes = FIRST_CHUNK};

static void *from_chunk(struct chunk *chunk, size_t size)
{
    size_t used = atomic_load_explicit(&chunk->used, memory_order_relaxed);
    do {
        if (size > chunk->size - used) {
            return NULL;
        }
    } while (!hk_atomic_cas(&chunk->used, &used, used + size, memory_order_relaxed));
    return chunk->memory + used;
}

/* Map a chunk in place of `old`, unless another thread has done so. -> 0 or errno. */
static int add_chunk(struct chunk *old, size_t size)
{
    void *memory;
    size_t head = (sizeof(struct chunk) + HK_CACHE_LINE - 1) & ~(size_t)(HK_CACHE_LINE - 1);
    size_t page = HK_OS.facts()->page;
    size_t bytes = size + head > CHUNK ? (size + head + page - 1) & ~(page - 1) : CHUNK;
    int err = HK_OS.map(bytes, page, &memory);
    if (err) {
        return err;
    }
    struct chunk *chunk = memory;
    chunk->size = bytes - head;
    chunk->memory = (char *)memory + head;
    /* release: pairs with the acquire in hk_meta_alloc */
    if (hk_atomic_cas(&meta.chunk, &old, chunk, memory_order_release)) {
        hk_atomic_add(&meta.bytes, bytes);
    } else {
        HK_OS.unmap(memory, bytes);
    }
    return 0;
}

static void *take_spare(size_t size)
{
    if (!atomic_load_explicit(&meta.spare, memory_order_relaxed)) {
        return NULL;
    }
    void **piece = hk_atomic_swap(&meta.spare, NULL, memory_order_acquire);
    if (piece && (size_t)piece[1] == size) {
        memset(piece, 0, 2 * sizeof *piece);
        return piece;
    }
    if (piece) {
        hk_atomic_swap(&meta.spare, piece, memory_order_release);
    }
    return NULL;
}

void *hk_meta_alloc(size_t size)
{
    size = (size + HK_CACHE_LINE - 1) & ~(size_t)(HK_CACHE_LINE - 1);
    void *piece = take_spare(size);
    while (!piece) {
        struct chunk *chunk = atomic_load_explicit(&meta.chunk, memory_order_acquire);
        piece = from_chunk(chunk, size);
        if (!piece && add_chunk(chunk, size) != 0) {
            return NULL;
        }
    }
    return piece;
}

void hk_meta_free(void *piece, size_t size)
{
    size = (size + HK_CACHE_LINE - 1) & ~(size_t)(HK_CACHE_LINE - 1);
    memset(piece, 0, size);
    ((void **)piece)[1] = (void *)size;
    /* a piece that is already there is lost: a failed growth leaks one descriptor at most */
    hk_atomic_swap(&meta.spare, piece, memory_order_release);
}

size_t hk_meta_bytes(void)
{
    return atomic_load_explicit(&meta.bytes, memory_order_relaxed);
}
