/* SPDX-License-Identifier: MIT */
/* What the tests of hot box legacy share: one heap on the fake cold side, and blocks. */
#ifndef HK_UNIT_LEGACY_UNIT_H
#define HK_UNIT_LEGACY_UNIT_H

#include "unit/box_heap.h"
#include "unit/unit.h"

#include "hotbox/legacy/depot_state.h"
#include "hotbox/legacy/hotbox_legacy.h"

enum { SMALL = 48, LARGE = 1024, MANY = 4096 };

static void *blocks[MANY];
static struct hk_heap *heap;

static inline struct hk_bin *bin_of(size_t offset)
{
    return hk_bin_at(heap, offset);
}

static inline void *take(size_t offset)
{
    void *block = hk_hotbox_legacy.alloc(heap, offset);
    block = block ? block : hk_hotbox_legacy.refill(heap, offset);
    assert_non_null(block);
    return block;
}

static inline void give(void *block)
{
    if (!hk_hotbox_legacy.free_local(heap, hk_page_of(block), block)) {
        hk_hotbox_legacy.spill(heap, hk_page_of(block), block);
    }
}

static inline void take_many(size_t offset, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        blocks[i] = take(offset);
    }
}

static inline void give_many(size_t first, size_t end)
{
    for (size_t i = first; i < end; i++) {
        give(blocks[i]);
    }
}

/* Straight into their pages, as a thread without a heap does. */
static inline void put_many(size_t first, size_t end, size_t step)
{
    for (size_t i = first; i < end; i += step) {
        hk_hotbox_legacy.spill(NULL, hk_page_of(blocks[i]), blocks[i]);
    }
}

static inline struct hk_depot_class *class_of(size_t offset)
{
    return &hk_depot.classes[offset >> HK_BIN_SHIFT];
}

static inline size_t count_of(size_t offset, enum hk_depot_place place)
{
    return class_of(offset)->list[place].count;
}

static inline struct hk_cold_fake_log cold_log(void)
{
    struct hk_cold_fake_log log;
    hk_cold_fake_log(&log);
    return log;
}

static inline int open_heap(void **state)
{
    (void)state;
    heap = box_heap_open(&hk_hotbox_legacy);
    return heap ? 0 : 1;
}

/* Every test has given its blocks back: nothing is left. */
static inline int close_heap(void **state)
{
    (void)state;
    return box_heap_close(&hk_hotbox_legacy, heap) || cold_log().leased_now ? 1 : 0;
}

#define LEGACY_TEST(name) cmocka_unit_test_setup_teardown(name, open_heap, close_heap)

#endif
