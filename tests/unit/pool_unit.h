/* SPDX-License-Identifier: MIT */
/* What the tests of the pools with shared pages have in common: heaps and pages of the fake cold
 * side. A test leaves no page behind, since what such pools know of pages outlasts it. */
#ifndef HK_UNIT_POOL_UNIT_H
#define HK_UNIT_POOL_UNIT_H

#include "unit/unit.h"

#include "coldbox/seat.h"
#include "fakes/cold_fake.h"
#include "pool/mid.h"

/* A test's set-up. */
static inline int fresh_cold(void **state)
{
    (void)state;
    hk_cold_fake_reset();
    return 0;
}

static inline struct hk_heap *new_heap(void)
{
    struct hk_heap *heap = HK_COLD.birth(0);
    assert_non_null(heap);
    return heap;
}

/* A shared page of blocks of `size` bytes, a class's; never NULL. */
static inline struct hk_page *new_page(struct hk_heap *heap, size_t size)
{
    const struct hk_lease request = {
        .heap = heap,
        .block_size = (uint32_t)size,
        .bin_index = (uint8_t)hk_bin_of_size(size),
        .kind = HK_KIND_POOL,
        .slices = (uint8_t)hk_page_slices(size),
        .grow = true,
        .shared = true,
    };
    struct hk_page *page = HK_COLD.lease(&request);
    assert_non_null(page);
    return page;
}

static inline size_t leased_now(void)
{
    struct hk_cold_fake_log log;
    hk_cold_fake_log(&log);
    return log.leased_now;
}

static inline void expect_in_order(void)
{
    const char *broken = hk_mid_check();
    broken = broken ? broken : HK_COLD.check();
    if (broken) {
        fail_msg("%s", broken);
    }
}

#endif
