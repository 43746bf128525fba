/* SPDX-License-Identifier: MIT */
/* The pool's interface (struct hk_pool): blocks above HK_TINY_MAX and up to HK_POOL_MAX. The
 * members and their contracts are the hot box's (hotbox/hotbox.h) except where written here. */
#ifndef HK_POOL_POOL_H
#define HK_POOL_POOL_H

#include "hotbox/hotbox.h"

struct hk_pool {
    const char *name;
    size_t heap_size;
    bool owns_pages;

    void (*init)(struct hk_heap *heap);

    /* The fast path. -> block of >= size bytes, HK_TINY_MAX < size <= HK_POOL_MAX, aligned to 16;
     *    NULL: nothing at hand, call refill with the same size. With pool_zero=full a block that
     *    was never handed out before reads as zero behind its first HK_SCRUB_HEADER bytes, as one
     *    does that was (common/scrub.h). owner. */
    void *(*alloc)(struct hk_heap *heap, size_t size);
    void *(*refill)(struct hk_heap *heap, size_t size);

    bool (*free_local)(struct hk_heap *heap, struct hk_page *page, void *block);
    void (*spill)(struct hk_heap *heap, struct hk_page *page, void *block);

    /* -> true: the block now serves `size` bytes where it is; false: nothing changed. The caller
     *    owns the block, whoever owns the page. any. */
    bool (*resize)(struct hk_heap *heap, struct hk_page *page, void *block, size_t size);

    void (*splice)(struct hk_heap *heap, struct hk_page *page, void *first, void *last,
                   size_t count);
    void (*attach)(struct hk_heap *heap, struct hk_page *page);
    size_t (*collect)(struct hk_heap *heap, enum hk_collect how);
    void (*abandon)(struct hk_heap *heap);
    void (*stat)(struct hk_heap *heap, struct hk_hot_stat *out);
    const char *(*check)(struct hk_heap *heap);
};

#endif
