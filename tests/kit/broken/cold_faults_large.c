/* SPDX-License-Identifier: MIT */
/* Cold sides that break one clause about large blocks: thin wrappers over the fake. */
#include "kit/broken/cold_faults.h"

#include <string.h>

static void *shifted_large(size_t size, size_t align, size_t reserve, bool *zero)
{
    char *block = HONEST.large_alloc(size + 16, align, reserve, zero);
    return block ? block + 8 : NULL;
}

static void *owned_large(size_t size, size_t align, size_t reserve, bool *zero)
{
    void *block = HONEST.large_alloc(size, align, reserve, zero);
    atomic_store(&hk_page_of(block)->owner, (uintptr_t)HK_OWNER_NONE);
    return block;
}

static size_t modest_size(struct hk_page *page, void *block)
{
    return HONEST.large_size(page, block) / 2;
}

static void *recycled_large(size_t size, size_t align, size_t reserve, bool *zero)
{
    void *block = HONEST.large_alloc(size, align, reserve, zero);
    memset(block, 1, 1);
    return block;
}

static void no_large_free(struct hk_heap *heap, struct hk_page *page, void *block)
{
    (void)heap;
    (void)page;
    (void)block;
}

/* What a heap keeps, it keeps for ever. */
static bool hoarding_large_keep(struct hk_heap *heap, struct hk_page *page, void *block)
{
    (void)heap;
    (void)page;
    (void)block;
    return true;
}

static bool hoarding_large_back(struct hk_heap *heap, struct hk_page *page, const void *block)
{
    (void)heap;
    (void)page;
    (void)block;
    return true;
}

/* One block is kept, and stays what is kept until it is taken out. */
static bool keep_one(void **kept, const void *block)
{
    bool room = !*kept || *kept == block;
    *kept = room ? (void *)(uintptr_t)block : *kept;
    return room;
}

/* What is kept serves requests for more than `least` bytes, however long. */
static void *take_as_it_lies(void **kept, size_t size, size_t least)
{
    void *block = size <= least ? NULL : *kept;
    *kept = block ? NULL : *kept;
    return block;
}

/* What is kept stays so while it is out. */
static void *lend(void *kept, size_t size)
{
    return kept && HONEST.large_size(hk_page_of(kept), kept) >= size ? kept : NULL;
}

static void *kept_large;

static bool simple_large_keep(struct hk_heap *heap, struct hk_page *page, void *block)
{
    (void)heap;
    (void)page;
    return keep_one(&kept_large, block);
}

static void *shared_large_pop(struct hk_heap *heap, size_t size)
{
    (void)heap;
    return lend(kept_large, size);
}

static void *short_large_pop(struct hk_heap *heap, size_t size)
{
    (void)heap;
    return take_as_it_lies(&kept_large, size, HK_SLICE);
}

static bool hoarding_huge_keep(struct hk_page *page, const void *block)
{
    (void)page;
    (void)block;
    return true;
}

static bool hoarding_huge_back(struct hk_page *page, const void *block)
{
    (void)page;
    (void)block;
    return true;
}

static void *kept_huge;

static bool simple_huge_keep(struct hk_page *page, const void *block)
{
    (void)page;
    return keep_one(&kept_huge, block);
}

static void *shared_huge_pop(size_t size)
{
    return lend(kept_huge, size);
}

static void *short_huge_pop(size_t size)
{
    return take_as_it_lies(&kept_huge, size, HK_SUPERSLAB);
}

static void *scrubbing_resize(struct hk_page *page, void *block, size_t size)
{
    ((char *)block)[251 * 40] ^= 1;
    return HONEST.large_resize(page, block, size);
}

static void *bluffing_large(size_t size, size_t align, size_t reserve, bool *zero)
{
    static char nowhere[16];
    void *block = HONEST.large_alloc(size, align, reserve, zero);
    return block ? block : nowhere;
}

FAULT(misalign, large_alloc, shifted_large)
FAULT(own_large, large_alloc, owned_large)
FAULT(understate, large_size, modest_size)
FAULT(boast_large_zero, large_alloc, recycled_large)
FAULT(keep_large, large_free, no_large_free)
FAULT(hoard_large, large_keep, hoarding_large_keep)
FAULT(hoard_huge, huge_keep, hoarding_huge_keep)
FAULT(hoard_large_back, large_back, hoarding_large_back)
FAULT(hoard_huge_back, huge_back, hoarding_huge_back)
FAULT(scrub, large_resize, scrubbing_resize)
FAULT(bluff, large_alloc, bluffing_large)

/* Two members that belong together. */
#define KEPT_FAULT(name, kind, pop)                                                                \
    static void name(void *subject)                                                                \
    {                                                                                              \
        struct hk_cold *cold = subject;                                                            \
        cold->kind##_keep = simple_##kind##_keep;                                                  \
        cold->kind##_pop = pop;                                                                    \
    }

KEPT_FAULT(serve_large_as_it_lies, large, short_large_pop)
KEPT_FAULT(serve_large_twice, large, shared_large_pop)
KEPT_FAULT(serve_huge_as_it_lies, huge, short_huge_pop)
KEPT_FAULT(serve_huge_twice, huge, shared_huge_pop)

const struct kit_fault kit_large_faults[] = {
    {"large_block_misaligned", "large_block_is_aligned", misalign},
    {"large_block_without_owner", "large_block_belongs_to_no_thread", own_large},
    {"large_size_understated", "large_block_holds_its_size", understate},
    {"large_block_called_zero", "large_zero_tells_the_truth", boast_large_zero},
    {"large_block_not_freed", "freed_large_memory_is_used_again", keep_large},
    {"large_memory_stays_at_hand", "large_memory_at_hand_goes_back_unused", hoard_large},
    {"trim_leaves_large_memory", "trim_takes_large_memory_at_hand", hoard_large},
    {"large_memory_back_stays_at_hand", "large_memory_at_hand_goes_back_unused", hoard_large_back},
    {"nobodys_large_block_comes_back", "nobodys_large_block_does_not_come_back", hoard_large_back},
    {"nobodys_huge_block_comes_back", "nobodys_large_block_does_not_come_back", hoard_huge_back},
    {"trim_leaves_large_memory_back", "trim_takes_large_memory_at_hand", hoard_large_back},
    {"kept_block_too_short", "large_block_holds_its_size", serve_large_as_it_lies},
    {"kept_large_block_out_twice", "large_block_that_comes_again_is_alone", serve_large_twice},
    {"huge_memory_stays_at_hand", "large_memory_at_hand_goes_back_unused", hoard_huge},
    {"trim_leaves_huge_memory", "trim_takes_large_memory_at_hand", hoard_huge},
    {"huge_memory_back_stays_at_hand", "large_memory_at_hand_goes_back_unused", hoard_huge_back},
    {"trim_leaves_huge_memory_back", "trim_takes_large_memory_at_hand", hoard_huge_back},
    {"kept_huge_block_too_short", "large_block_holds_its_size", serve_huge_as_it_lies},
    {"kept_huge_block_out_twice", "large_block_that_comes_again_is_alone", serve_huge_twice},
    {"resize_scrubs", "large_resize_keeps_content", scrub},
    {"large_block_from_nowhere", "impossible_large_block_is_null", bluff},
};
const size_t kit_large_fault_count = sizeof kit_large_faults / sizeof *kit_large_faults;
