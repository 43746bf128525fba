/* SPDX-License-Identifier: MIT */
/* What the gate's fast paths fall into. All keep the rule of errno; all are for any thread. */
#ifndef HK_GATE_SLOW_H
#define HK_GATE_SLOW_H

#include "common/page.h"

/* No block was at hand for size <= HK_POOL_MAX. -> a block (of zeros), or NULL and ENOMEM. */
HK_SLOW_FN void *hk_gate_miss(size_t size);
HK_SLOW_FN void *hk_gate_miss_zero(size_t size);

/* size > HK_POOL_MAX. */
HK_SLOW_FN void *hk_gate_large(size_t size);
HK_SLOW_FN void *hk_gate_large_zero(size_t size);

/* A large block with an alignment, and address space kept for its growth (0: none). */
HK_SLOW_FN void *hk_gate_large_aligned(size_t size, size_t align, size_t reserve);

/* A large block of `size` <= HK_POOL_MAX, with address space to grow into. -> NULL: there is none
 * to spare; errno is as it was. */
HK_SLOW_FN void *hk_gate_with_room(size_t size);

/* The block is in no page of the caller's. The block comes first, as in free: its register is the
 * same, which saves every free a move. */
HK_SLOW_FN void hk_gate_free_slow(void *block, struct hk_page *page);

/* The box of the block's shared page has no room for it at hand. */
HK_SLOW_FN void hk_gate_spill(struct hk_page *page, void *block);

/* Give back what the heap's boxes and the cold side can spare. -> bytes. owner, entered. */
HK_SLOW_FN size_t hk_gate_give_back(struct hk_heap *heap, size_t keep);

/* -> NULL, with errno ENOMEM. */
HK_COLD_FN void *hk_gate_no_memory(void);

/* The decorator wants this block not to be handed out. -> NULL, ENOMEM. */
HK_COLD_FN void *hk_gate_refuse(void *block);

#endif
