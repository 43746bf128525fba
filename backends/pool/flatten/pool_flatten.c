/* SPDX-License-Identifier: MIT */
/* Pool flatten's fallback. */
#include "pool_flatten.h"

bool hk_pool_flatten_fall_back(struct hk_heap *heap, struct hk_page *page, void *block)
{
    if (!heap || heap->token == 0) {
        return false; /* the thread has none, or the empty one */
    }
    uintptr_t start = hk_mid_start(page, block);
    struct hk_mid_desc *desc = hk_kept_known(heap, start);
    if (!desc) {
        hk_count_note(heap, HK_NOTE_FLAT_UNKNOWN);
        desc = hk_mid_find(start);
    } else if (atomic_load_explicit(&desc->mine, memory_order_relaxed) != heap) {
        hk_count_note(heap, HK_NOTE_FLAT_NOT_MINE);
    } else {
        hk_count_note(heap, HK_NOTE_FLAT_OTHER);
        return false;
    }
    return hk_kept_take(heap, desc, block);
}
