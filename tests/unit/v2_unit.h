/* SPDX-License-Identifier: MIT */
/* What the tests of hot box v2 share: the box over a cold side, in the pointer form. */
#ifndef HK_UNIT_V2_UNIT_H
#define HK_UNIT_V2_UNIT_H

#include "unit/unit.h"

#include "coldbox/seat.h"
#include "hotbox/v2/v2_node.h"

#if KIT_FAKE_COLD
#include "fakes/cold_fake.h"
#endif

enum {
    V2_SIZE = 1024, /* bytes of the tests' blocks, and the offset of their bin */
    V2_CAPACITY = 64,
    V2_WAKE = 8, /* blocks that come back before a full page is worth a refill */
};

static inline void v2_shed(struct hk_heap *heap)
{
    hk_hotbox_v2_collect(heap, HK_COLLECT_QUIET);
}

static inline size_t v2_parts(struct hk_heap *heap)
{
    return hk_hotbox_v2.collect(heap, HK_COLLECT_PARTS);
}

/* A group's set-up. */
static inline int v2_start(void **state)
{
    static const struct hk_hooks hooks = {hk_hotbox_v2_splice, hk_hotbox_v2_attach, v2_parts,
                                          v2_shed};
    (void)state;
    return HK_COLD.init(&hooks);
}

#if KIT_FAKE_COLD
/* A test's set-up: no heap, no page, no event so far. */
static inline int v2_fresh(void **state)
{
    (void)state;
    hk_cold_fake_reset();
    return 0;
}

/* A test's end: the box has kept its promises to the cold side. */
static inline int v2_kept(void **state)
{
    (void)state;
    const char *violation = hk_cold_fake_violation();
    if (violation) {
        print_error("%s\n", violation);
    }
    return violation != NULL;
}

#define v2_test(name) cmocka_unit_test_setup_teardown(name, v2_fresh, v2_kept)
#endif

static inline struct hk_heap *v2_open(void)
{
    struct hk_heap *heap = HK_COLD.birth(0);
    assert_non_null(heap);
    hk_hotbox_v2.init(heap);
    return heap;
}

static inline void v2_close(struct hk_heap *heap)
{
    assert_null(hk_hotbox_v2.check(heap));
    hk_hotbox_v2.abandon(heap);
    HK_COLD.death(heap);
}

static inline void *v2_take(struct hk_heap *heap, size_t size)
{
    void *block = hk_hotbox_v2.alloc(heap, size);
    block = block ? block : hk_hotbox_v2.refill(heap, size);
    assert_non_null(block);
    return block;
}

static inline void v2_give(struct hk_heap *heap, void *block)
{
    assert_true(hk_hotbox_v2.free_local(heap, hk_page_of(block), block));
}

/* Take `count` blocks of V2_SIZE bytes. */
static inline void v2_take_all(struct hk_heap *heap, void **blocks, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        blocks[i] = v2_take(heap, V2_SIZE);
    }
}

static inline void v2_give_all(struct hk_heap *heap, void **blocks, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        v2_give(heap, blocks[i]);
    }
}

static inline struct hk_hot_stat v2_stat(struct hk_heap *heap)
{
    struct hk_hot_stat stat;
    hk_hotbox_v2.stat(heap, &stat);
    return stat;
}

/* -> leases granted so far. */
static inline uint64_t v2_leases(void)
{
    struct hk_cold_stat stat;
    HK_COLD.stat(&stat);
    return stat.leases;
}

#endif
