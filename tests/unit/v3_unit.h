/* SPDX-License-Identifier: MIT */
/* Hot box v3 from inside: its heap, and blocks taken from it and given back. Include it once in a
 * program. */
#ifndef HK_UNIT_V3_UNIT_H
#define HK_UNIT_V3_UNIT_H

#include "unit/box_heap.h"
#include "unit/unit.h"

#include "hotbox/v3/hotbox_v3.h"

static struct hk_heap *heap;

static inline void *take(size_t offset)
{
    void *block = hk_hotbox_v3.alloc(heap, offset);
    block = block ? block : hk_hotbox_v3.refill(heap, offset);
    assert_non_null(block);
    return block;
}

static inline void give(void *block)
{
    hk_hotbox_v3.free_local(heap, hk_page_of(block), block);
}

static inline struct hk_hot_stat counts(void)
{
    struct hk_hot_stat stat;
    hk_hotbox_v3.stat(heap, &stat);
    return stat;
}

static int open_heap(void **state)
{
    (void)state;
    heap = box_heap_open(&hk_hotbox_v3);
    return heap ? 0 : 1;
}

static int close_heap(void **state)
{
    (void)state;
    return box_heap_close(&hk_hotbox_v3, heap) ? 1 : 0;
}

#define V3_TEST(name) cmocka_unit_test_setup_teardown(name, open_heap, close_heap)

#endif
