/* SPDX-License-Identifier: MIT */
/* The slow half of what a thread keeps: refill and spill. What was freed last stays where it can
 * be; what goes back goes under one hold of the class's lock. */
#include "pool/kept.h"

#include "pool/mid.h"

#include <string.h>

_Static_assert((int)HK_KEPT_MOST < (int)HK_MID_PUT, "all that a class keeps goes back at once");

static uint32_t at_hand(const struct hk_kept *kept)
{
    return kept->count + hk_kept_in_lifo(kept);
}

/* Take `count` of the blocks at hand: the LIFO's, then the ring's oldest. */
static void take_reserve(struct hk_kept *kept, void **blocks, uint32_t count)
{
    uint32_t taken = 0;
    while (taken < count && kept->lifo) {
        blocks[taken++] = kept->lifo;
        kept->lifo = *(void **)kept->lifo;
        kept->room += 1;
    }
    uint32_t ringed = count - taken;
    memcpy(blocks + taken, kept->ring, ringed * sizeof *blocks);
    kept->count = (uint8_t)(kept->count - ringed);
    memmove(kept->ring, kept->ring + ringed, kept->count * sizeof *blocks);
    memset(kept->ring + kept->count, 0, ringed * sizeof *blocks);
}

void hk_kept_put_back(struct hk_heap *heap, struct hk_kept *kept, uint32_t count)
{
    void *blocks[HK_KEPT_MOST];
    take_reserve(kept, blocks, count);
    hk_mid_put(heap, blocks, count);
}

void *hk_kept_refill(struct hk_heap *heap, size_t size)
{
    void *blocks[HK_KEPT_RING + 1];
    size_t bin = hk_pool_bin(size);
    struct hk_kept *kept = hk_kept(heap, bin);
    hk_count_event(heap, bin, HK_EVENT_REFILL);
    hk_kept_miss(heap, bin);
    size_t more = kept->limit / 2u;
    size_t space = kept->cap - kept->count;
    more = more < space ? more : space;
    size_t count = hk_mid_draw(heap, bin, blocks, 1 + more);
    /* the lowest address is handed out next */
    for (size_t i = count; i-- > 1;) {
        kept->ring[kept->count++] = blocks[i];
    }
    return count ? blocks[0] : NULL;
}

bool hk_kept_free(struct hk_heap *heap, struct hk_page *page, void *block)
{
    uintptr_t start = hk_mid_start(page, block);
    struct hk_mid_desc *desc = hk_kept_known(heap, start);
    return hk_kept_take(heap, HK_LIKELY(desc) ? desc : hk_mid_find(start), block);
}

void hk_kept_spill(struct hk_heap *heap, struct hk_page *page, void *block)
{
    struct hk_mid_desc *desc = hk_mid_find(hk_mid_start(page, block));
    HK_REQUIRE(desc, "free: block is not allocated (freed twice?)");
    if (!heap) {
        hk_mid_put(NULL, &block, 1);
        return;
    }
    size_t bin = atomic_load_explicit(&desc->bin, memory_order_relaxed);
    struct hk_kept *kept = hk_kept(heap, bin);
    hk_count_event(heap, bin, HK_EVENT_SLOW_FREE);
    hk_kept_miss(heap, bin);
    if (hk_kept_push(kept, block)) {
        return;
    }
    if (kept->limit == 0) {
        hk_mid_put(heap, &block, 1);
        return;
    }
    hk_kept_put_back(heap, kept, (at_hand(kept) + 1) / 2);
    (void)hk_kept_push(kept, block);
}

void hk_kept_empty(struct hk_heap *heap, size_t bin)
{
    struct hk_kept *kept = hk_kept(heap, bin);
    hk_kept_put_back(heap, kept, at_hand(kept));
}

void hk_kept_flush(struct hk_heap *heap)
{
    for (size_t bin = HK_TINY_BINS; bin < HK_BIN_COUNT; bin++) {
        struct hk_kept *kept = hk_kept(heap, bin);
        hk_kept_put_back(heap, kept, at_hand(kept));
        memset(kept, 0, sizeof *kept);
    }
    hk_kept_give_up(heap);
    memset(hk_kept_all(heap), 0, sizeof(struct hk_kept_all));
}

size_t hk_kept_count(struct hk_heap *heap)
{
    size_t count = 0;
    for (size_t bin = HK_TINY_BINS; bin < HK_BIN_COUNT; bin++) {
        count += at_hand(hk_kept(heap, bin));
    }
    return count;
}

static const char *check_class(struct hk_kept *kept, size_t bin)
{
    if (kept->cap > HK_KEPT_RING || kept->count > kept->cap || kept->limit > HK_KEPT_MOST ||
        kept->limit < kept->cap + kept->room) {
        return "a class keeps more than it may";
    }
    for (size_t i = 0; i < kept->count; i++) {
        if (!hk_mid_is_out(kept->ring[i], bin)) {
            return "a ring holds what is no block of its class, or one that is in its page";
        }
    }
    size_t linked = 0;
    for (void *block = kept->lifo; block; block = *(void **)block) {
        if (++linked > hk_kept_in_lifo(kept) || !hk_mid_is_out(block, bin)) {
            return "a LIFO is cyclic, or holds what is no block of its class";
        }
    }
    return linked == hk_kept_in_lifo(kept) ? NULL : "a LIFO is not as long as its count";
}

const char *hk_kept_check(struct hk_heap *heap)
{
    size_t granted = 0;
    const char *broken = NULL;
    for (size_t bin = HK_TINY_BINS; bin < HK_BIN_COUNT && !broken; bin++) {
        struct hk_kept *kept = hk_kept(heap, bin);
        granted += kept->limit * hk_bin_block_size(bin);
        broken = check_class(kept, bin);
    }
    if (!broken && (granted != hk_kept_all(heap)->granted || granted > HK_KEPT_THREAD)) {
        broken = "a thread's limits do not sum to what it was granted, or are worth too much";
    }
    return broken;
}
