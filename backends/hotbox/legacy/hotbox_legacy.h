/* SPDX-License-Identifier: MIT */
/* Hot box legacy: a magazine of block addresses for each class and thread, over pages that belong
 * to all threads (depot.h). Any thread puts any block into its own magazine, and neither a free nor
 * a refill touches the block's memory. A bin is used as
 *
 *   head   the magazine's slots, in the heap's lane; the next block out is on top
 *   room   blocks in it
 *   limit  slots that may be used
 *
 * so that zero bins are an empty magazine that is full at the same time: the first allocation
 * refills, the first free spills. */
#ifndef HK_HOTBOX_LEGACY_H
#define HK_HOTBOX_LEGACY_H

#include "common/self.h"
#include "hotbox/hotbox.h"

#include "depot.h"

/* HK_KIND_BASE in a build that seats the box as its tiny base. */
#ifndef HK_HOTBOX_LEGACY_KIND
#define HK_HOTBOX_LEGACY_KIND HK_KIND_TINY
#endif

enum { HK_MAGAZINE_MOST = 128 }; /* slots of a magazine, most */

/* The box's lane of a class. */
struct hk_magazine {
    void *slots[HK_MAGAZINE_MOST];
    bool used; /* filled or emptied since HK_COLLECT_IDLE saw it last */
};

/* -> the block in slots[index], which is below the magazine's count. */
HK_INLINE void *hk_magazine_block(void *const *slots, size_t index)
{
    void *block = slots[index];
    if (!block) {
        /* said to the compiler, so that the gate does not ask again: free lets no NULL in */
        HK_ASSERT(block);
        __builtin_unreachable();
    }
    return block;
}

HK_INLINE void *hk_hotbox_legacy_alloc(struct hk_heap *heap, size_t offset)
{
    size_t count;
    void **slots;
#if HK_SEG_BINS
    (void)heap;
    uintptr_t tls = hk_tls_offset();
    /* 32 bits, which clear the upper half: the compiler need not */
    __asm__ volatile("movl %%fs:8(%1,%2), %k0" : "=r"(count) : "r"(tls), "r"(offset) : "memory");
    if (HK_UNLIKELY(__builtin_sub_overflow(count, 1, &count))) {
        return NULL;
    }
    __asm__ volatile("movl %k1, %%fs:8(%2,%3)\n\t"
                     "movq %%fs:(%2,%3), %0"
                     : "=r"(slots)
                     : "r"(count), "r"(tls), "r"(offset)
                     : "memory");
#else
    struct hk_bin *bin = hk_bin_at(heap, offset);
    count = (size_t)bin->room;
    if (HK_UNLIKELY(__builtin_sub_overflow(count, 1, &count))) {
        return NULL;
    }
    bin->room = (int32_t)count;
    slots = bin->head;
#endif
    return hk_magazine_block(slots, count);
}

HK_INLINE bool hk_hotbox_legacy_free(struct hk_heap *heap, struct hk_page *page, void *block)
{
    size_t offset = hk_depot_page(page)->offset;
#if HK_SEG_BINS
    (void)heap;
    uintptr_t tls = hk_tls_offset();
    size_t count;
    bool full;
    __asm__ volatile("movl %%fs:8(%2,%3), %k0\n\t"
                     "cmpl %%fs:12(%2,%3), %k0"
                     : "=&r"(count), "=@cce"(full)
                     : "r"(tls), "r"(offset)
                     : "memory");
    if (HK_UNLIKELY(full)) {
        return false;
    }
    void **slots;
    __asm__ volatile("movq %%fs:(%1,%2), %0" : "=r"(slots) : "r"(tls), "r"(offset) : "memory");
    slots[count] = block;
    __asm__ volatile("addl $1, %%fs:8(%0,%1)" : : "r"(tls), "r"(offset) : "memory", "cc");
#else
    struct hk_bin *bin = hk_bin_at(heap, offset);
    if (HK_UNLIKELY(bin->room == bin->limit)) {
        return false;
    }
    ((void **)bin->head)[bin->room] = block;
    bin->room += 1;
#endif
    return true;
}

HK_HIDDEN void hk_hotbox_legacy_init(struct hk_heap *heap);
HK_SLOW_FN void *hk_hotbox_legacy_refill(struct hk_heap *heap, size_t offset);
HK_SLOW_FN void hk_hotbox_legacy_spill(struct hk_heap *heap, struct hk_page *page, void *block);
HK_HIDDEN void hk_hotbox_legacy_splice(struct hk_heap *heap, struct hk_page *page, void *first,
                                       void *last, size_t count);
HK_HIDDEN void hk_hotbox_legacy_attach(struct hk_heap *heap, struct hk_page *page);
HK_HIDDEN size_t hk_hotbox_legacy_collect(struct hk_heap *heap, enum hk_collect how);
HK_HIDDEN void hk_hotbox_legacy_abandon(struct hk_heap *heap);
HK_HIDDEN void hk_hotbox_legacy_stat(struct hk_heap *heap, struct hk_hot_stat *out);
HK_HIDDEN const char *hk_hotbox_legacy_check(struct hk_heap *heap);

static const struct hk_hotbox hk_hotbox_legacy = {
    .name = "legacy",
    .heap_size = HK_TINY_BINS * sizeof(struct hk_magazine),
    .owns_pages = false,
    .init = hk_hotbox_legacy_init,
    .alloc = hk_hotbox_legacy_alloc,
    .refill = hk_hotbox_legacy_refill,
    .free_local = hk_hotbox_legacy_free,
    .spill = hk_hotbox_legacy_spill,
    .splice = hk_hotbox_legacy_splice,
    .attach = hk_hotbox_legacy_attach,
    .collect = hk_hotbox_legacy_collect,
    .abandon = hk_hotbox_legacy_abandon,
    .stat = hk_hotbox_legacy_stat,
    .check = hk_hotbox_legacy_check,
};

#endif
