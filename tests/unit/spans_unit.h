/* SPDX-License-Identifier: MIT */
/* What the tests of free spans at a heap's hand share. */
#ifndef HK_UNIT_SPANS_UNIT_H
#define HK_UNIT_SPANS_UNIT_H

#include "unit/cold_unit.h"

#include "coldbox/purge.h"
#include "coldbox/spans.h"

static struct hk_heap *own;

static inline size_t slices(size_t count)
{
    return count << HK_SLICE_SHIFT;
}

static inline void *take_by(struct hk_heap *heap, size_t count)
{
    void *kept = hk_cold.large_pop(heap, slices(count));
    return kept ? kept : take_large(slices(count), 16, 0);
}

static inline void give_by(struct hk_heap *heap, void *block)
{
    struct hk_page *page = hk_page_of(block);
    if (!hk_cold.large_back(heap, page, block) && !hk_cold.large_keep(heap, page, block)) {
        hk_cold.large_free(heap, page, block);
    }
}

static inline void *take(size_t count)
{
    return take_by(own, count);
}

static inline void give(void *block)
{
    give_by(own, block);
}

static inline void assert_right(void)
{
    assert_null(hk_spans_check(&own->spans));
    assert_null(hk_cold.check());
    assert_true(hk_spans_kept() <= hk_spans_claimed());
}

static inline int start(void **state)
{
    return start_cold(state) || !(own = hk_cold.birth(4096));
}

/* A test's set-up: nothing is kept. */
static inline int nothing_kept(void **state)
{
    calm_os(state);
    hk_cold.trim(own, 0);
    return hk_spans_claimed() ? 1 : 0;
}

#endif
