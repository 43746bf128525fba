/* SPDX-License-Identifier: MIT */
/* A bounded lock-free ring of blocks from one producer thread to one consumer thread.
 *
 * Entries popped .. pushed - 1 belong to the consumer, all others to the producer. Each side keeps
 * a copy of the other's counter, so that the shared lines move only when the copy runs out.
 */
#ifndef HK_BENCH_RING_H
#define HK_BENCH_RING_H

#include <sched.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>

enum {
    HK_BENCH_RING_SIZE = 4096,
    HK_BENCH_SPIN_COUNT = 100,
};

struct hk_bench_ring {
    _Alignas(64) _Atomic uint64_t pushed; /* producer */
    uint64_t popped_seen;                 /* producer */
    _Alignas(64) _Atomic uint64_t popped; /* consumer */
    uint64_t pushed_seen;                 /* consumer */
    _Alignas(64) void *block[HK_BENCH_RING_SIZE];
};

_Static_assert((HK_BENCH_RING_SIZE & (HK_BENCH_RING_SIZE - 1)) == 0, "the index is a mask");

/* Wait a little for the other side: it may need this very core to make progress. */
static inline void hk_bench_ring_wait(unsigned *spin_count)
{
    *spin_count += 1;
    if (*spin_count % HK_BENCH_SPIN_COUNT == 0) {
        sched_yield();
    }
}

/* Append `count` <= HK_BENCH_RING_SIZE blocks in one step; waits for room. producer. */
static inline void hk_bench_ring_push(struct hk_bench_ring *ring, void *const *block, size_t count)
{
    uint64_t pushed = atomic_load_explicit(&ring->pushed, memory_order_relaxed);
    unsigned spin_count = 0;

    while (pushed + count - ring->popped_seen > HK_BENCH_RING_SIZE) {
        /* acquire: pairs with the release in hk_bench_ring_take */
        ring->popped_seen = atomic_load_explicit(&ring->popped, memory_order_acquire);
        hk_bench_ring_wait(&spin_count);
    }
    for (size_t i = 0; i < count; i++) {
        ring->block[(pushed + i) % HK_BENCH_RING_SIZE] = block[i];
    }
    /* release: pairs with the acquire in hk_bench_ring_take */
    atomic_store_explicit(&ring->pushed, pushed + count, memory_order_release);
}

/* Take up to `limit` blocks. -> how many there were, 0 if none. consumer. */
static inline size_t hk_bench_ring_take(struct hk_bench_ring *ring, void **block, size_t limit)
{
    uint64_t popped = atomic_load_explicit(&ring->popped, memory_order_relaxed);

    if (ring->pushed_seen == popped) {
        /* acquire: pairs with the release in hk_bench_ring_push */
        ring->pushed_seen = atomic_load_explicit(&ring->pushed, memory_order_acquire);
    }
    size_t count = (size_t)(ring->pushed_seen - popped);
    if (count > limit) {
        count = limit;
    }
    for (size_t i = 0; i < count; i++) {
        block[i] = ring->block[(popped + i) % HK_BENCH_RING_SIZE];
    }
    /* release: pairs with the acquire in hk_bench_ring_push */
    atomic_store_explicit(&ring->popped, popped + count, memory_order_release);
    return count;
}

#endif
