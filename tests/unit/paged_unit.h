/* SPDX-License-Identifier: MIT */
/* What the tests of the page protocol over the real cold side share. */
#ifndef HK_UNIT_PAGED_UNIT_H
#define HK_UNIT_PAGED_UNIT_H

#include "unit/cold_unit.h"

#include "common/bands.h"
#include "hotbox/paged.h"

/* A group's set-up. */
static inline int start_paged(void **state)
{
    static const struct hk_hooks hooks = {hk_paged_splice, hk_paged_attach, no_parts, no_shed};
    (void)state;
    return hk_cold.init(&hooks);
}

/* Take `count` blocks of a class, as refills hand them out. -> refills. */
static inline size_t take_blocks(struct hk_heap *heap, size_t class, void **blocks, size_t count)
{
    size_t refills = 0;
    for (size_t i = 0; i < count; i++) {
        blocks[i] = hk_pop(hk_bin_at(heap, class << HK_BIN_SHIFT));
        if (!blocks[i]) {
            blocks[i] = hk_paged_refill(heap, class << HK_BIN_SHIFT);
            refills += 1;
        }
        assert_non_null(blocks[i]);
    }
    return refills;
}

/* Give a block back to its page, past the bin. */
static inline void give_to_page(struct hk_heap *heap, size_t class, void *block)
{
    hk_bin_at(heap, class << HK_BIN_SHIFT)->room = 0;
    hk_paged_free(heap, hk_page_of(block), block);
}

/* The heap's thread ends. */
static inline void end_paged(struct hk_heap *heap, size_t class)
{
    hk_paged_abandon(heap, hk_kind_of_bin(class));
    hk_cold.death(heap);
}

#endif
