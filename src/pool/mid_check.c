/* SPDX-License-Identifier: MIT */
/* Counts and invariants of the shared pages. Every walk is bounded by the class's count of pages.
 */
#include "pool/mid.h"

static size_t bits_in(uint64_t map)
{
    return (size_t)__builtin_popcountll(map);
}

/* -> blocks that lie free in the class's pages; a page that is not listed has none. */
static size_t blocks_in_locked(const struct hk_mid_class *class)
{
    size_t blocks = 0;
    for (const struct hk_mid_desc *desc = class->first; desc; desc = desc->next) {
        blocks += bits_in(desc->free & hk_mid_bits(desc->carved));
    }
    return blocks;
}

void hk_mid_stat(struct hk_mid_stat *out)
{
    *out = (struct hk_mid_stat){0};
    for (size_t bin = HK_TINY_BINS; bin < HK_BIN_COUNT; bin++) {
        const struct hk_mid_class *class = hk_mid_class(bin);
        struct hk_lock *lock = hk_mid_lock(bin);
        size_t page_bytes = hk_page_slices(hk_bin_block_size(bin)) << HK_SLICE_SHIFT;
        hk_lock_take(lock);
        size_t in = blocks_in_locked(class);
        out->pages += class->pages;
        out->bytes += class->pages * page_bytes;
        out->blocks_in += in;
        out->blocks_out += class->carved - in;
        hk_lock_give(lock);
    }
}

static const char *check_desc_locked(const struct hk_mid_desc *desc, size_t bin)
{
    uint64_t all = hk_mid_bits(desc->capacity);
    if (atomic_load_explicit(&desc->bin, memory_order_relaxed) != bin ||
        !(desc->flags & HK_MID_LISTED)) {
        return "a page is on a list that is not its own";
    }
    if (!desc->free || desc->free & ~all) {
        return "a listed page has no room, or more than it can have";
    }
    if (desc->clean & ~desc->free) {
        return "a block is out and said to be given back";
    }
    if ((desc->free | hk_mid_bits(desc->carved)) != all) {
        return "a block that was never carved is out";
    }
    return NULL;
}

static const char *check_class_locked(size_t bin)
{
    const struct hk_mid_class *class = hk_mid_class(bin);
    const struct hk_mid_desc *prev = NULL;
    const char *broken = NULL;
    size_t listed = 0;
    size_t empty = 0;
    for (const struct hk_mid_desc *desc = class->first; desc && !broken; desc = desc->next) {
        if (++listed > class->pages || desc->prev != prev) {
            return "a class's list is longer than its pages, or its links do not match";
        }
        empty += desc->free == hk_mid_bits(desc->capacity);
        broken = check_desc_locked(desc, bin);
        prev = desc;
    }
    if (!broken && class->last != prev) {
        return "a class's last page is not the end of its list";
    }
    if (!broken && class->empty != empty) {
        return "a class's empty pages are not as many as its count";
    }
    return broken;
}

const char *hk_mid_check(void)
{
    size_t pages = 0;
    size_t entered;
    const char *broken = NULL;
    for (size_t bin = HK_TINY_BINS; bin < HK_BIN_COUNT && !broken; bin++) {
        struct hk_lock *lock = hk_mid_lock(bin);
        hk_lock_take(lock);
        broken = check_class_locked(bin);
        pages += hk_mid_class(bin)->pages;
        hk_lock_give(lock);
    }
    if (broken) {
        return broken;
    }
    broken = hk_mid_table_check(&entered);
    if (!broken && entered != pages) {
        broken = "the classes' pages are not those of the table";
    }
    return broken;
}

bool hk_mid_is_out(const void *block, size_t bin)
{
    struct hk_mid_desc *desc = hk_mid_find(hk_mid_start(hk_page_of(block), block));
    if (!desc || atomic_load_explicit(&desc->bin, memory_order_relaxed) != bin) {
        return false;
    }
    struct hk_lock *lock = hk_mid_lock(bin);
    hk_lock_take(lock);
    uint64_t bit = hk_mid_bit(desc, block);
    bool out = bit & hk_mid_bits(desc->carved) & ~desc->free;
    hk_lock_give(lock);
    return out;
}
