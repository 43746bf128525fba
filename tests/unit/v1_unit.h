/* SPDX-License-Identifier: MIT */
/* What the tests of hot box v1 share: the box over the real cold side, in the pointer form. */
#ifndef HK_UNIT_V1_UNIT_H
#define HK_UNIT_V1_UNIT_H

#include "unit/unit.h"

#include "hotbox/v1/hotbox_v1.h"

enum {
    V1_SIZE = 1024, /* bytes of the tests' blocks, and the offset of their bin */
    V1_CAPACITY = 64,
};

static inline void v1_shed(struct hk_heap *heap)
{
    hk_hotbox_v1_collect(heap, HK_COLLECT_QUIET);
}

static inline size_t v1_parts(struct hk_heap *heap)
{
    return hk_hotbox_v1.collect(heap, HK_COLLECT_PARTS);
}

/* A group's set-up. */
static inline int v1_start(void **state)
{
    static const struct hk_hooks hooks = {hk_hotbox_v1_splice, hk_hotbox_v1_attach, v1_parts,
                                          v1_shed};
    (void)state;
    return HK_COLD.init(&hooks);
}

static inline struct hk_heap *v1_open(uintptr_t token)
{
    struct hk_heap *heap = HK_COLD.birth(token);
    assert_non_null(heap);
    hk_hotbox_v1.init(heap);
    return heap;
}

static inline void v1_close(struct hk_heap *heap)
{
    assert_null(hk_hotbox_v1.check(heap));
    hk_hotbox_v1.abandon(heap);
    HK_COLD.death(heap);
}

static inline void *v1_take(struct hk_heap *heap, size_t size)
{
    void *block = hk_hotbox_v1.alloc(heap, size);
    block = block ? block : hk_hotbox_v1.refill(heap, size);
    assert_non_null(block);
    return block;
}

static inline void v1_give(struct hk_heap *heap, void *block)
{
    assert_true(hk_hotbox_v1.free_local(heap, hk_page_of(block), block));
}

/* Take `count` blocks of V1_SIZE bytes. */
static inline void v1_take_all(struct hk_heap *heap, void **blocks, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        blocks[i] = v1_take(heap, V1_SIZE);
    }
}

static inline void v1_give_all(struct hk_heap *heap, void **blocks, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        v1_give(heap, blocks[i]);
    }
}

static inline struct hk_cold_stat v1_cold_stat(void)
{
    struct hk_cold_stat stat;
    HK_COLD.stat(&stat);
    return stat;
}

static inline struct hk_hot_stat v1_stat(struct hk_heap *heap)
{
    struct hk_hot_stat stat;
    hk_hotbox_v1.stat(heap, &stat);
    return stat;
}

/* -> what the cold side was told of the page. */
static inline uint32_t v1_live(const struct hk_page *page)
{
    return atomic_load(&hk_page_slot(page)->live);
}

#endif
