/* SPDX-License-Identifier: MIT */
/* What the tests of the cold side's modules share: a start without boxes above, and leases. */
#ifndef HK_UNIT_COLD_UNIT_H
#define HK_UNIT_COLD_UNIT_H

#include "unit/unit.h"

#include "coldbox/cold.h"
#include "coldbox/superslab.h"
#include "fakes/os_fake.h"

#include <pthread.h>

static inline void no_splice(struct hk_heap *heap, struct hk_page *page, void *first, void *last,
                             size_t count)
{
    (void)heap;
    (void)page;
    (void)first;
    (void)last;
    (void)count;
}

static inline void no_attach(struct hk_heap *heap, struct hk_page *page)
{
    (void)heap;
    (void)page;
}

static inline size_t no_parts(struct hk_heap *heap)
{
    (void)heap;
    return 0;
}

static inline void no_shed(struct hk_heap *heap)
{
    (void)heap;
}

/* A group's set-up. */
static inline int start_cold(void **state)
{
    static const struct hk_hooks hooks = {no_splice, no_attach, no_parts, no_shed};
    (void)state;
    return hk_cold.init(&hooks);
}

/* A test's set-up: no refusals, the clock at its start. */
static inline int calm_os(void **state)
{
    (void)state;
    hk_os_fake_reset();
    return 0;
}

static inline struct hk_cold_stat cold_stat(void)
{
    struct hk_cold_stat stat;
    hk_cold.stat(&stat);
    return stat;
}

/* -> a page of `slices`, of a small class; NULL: out of memory, or a new superslab is not allowed.
 */
static inline struct hk_page *lease_slices(struct hk_heap *heap, uint8_t slices, bool grow)
{
    const struct hk_lease request = {
        .heap = heap,
        .block_size = 64,
        .bin_index = 4,
        .kind = HK_KIND_TINY,
        .slices = slices,
        .grow = grow,
    };
    return hk_cold.lease(&request);
}

static inline void *take_large(size_t size, size_t align, size_t reserve)
{
    bool zero;
    return hk_cold.large_alloc(size, align, reserve, &zero);
}

static inline void give_large(void *block)
{
    hk_cold.large_free(NULL, hk_page_of(block), block);
}

/* No superslab is left, and none has asked for huge pages. */
static inline void forget_all(void)
{
    hk_cold.trim(NULL, 0);
    struct hk_arena *arena = atomic_load(&hk_slabs.arenas);
    for (; arena; arena = arena->next) {
        for (size_t i = 0; i < HK_ARENA_UNITS; i += 64) {
            atomic_store(&arena->huge[i / 64], 0);
        }
    }
}

/* `count` threads run with the numbers from 1 on, to their ends. */
static inline void run_threads(uintptr_t count, void *(*run)(void *))
{
    pthread_t thread[16];
    assert_in_range(count, 1, sizeof thread / sizeof *thread);
    for (uintptr_t i = 0; i < count; i++) {
        assert_int_equal(pthread_create(&thread[i], NULL, run, (void *)(i + 1)), 0);
    }
    for (uintptr_t i = 0; i < count; i++) {
        pthread_join(thread[i], NULL);
    }
}

#endif
