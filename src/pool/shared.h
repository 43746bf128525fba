/* SPDX-License-Identifier: MIT */
/* The members of struct hk_pool that the pools with shared pages have in common; beside them each
 * has only its fast path. */
#ifndef HK_POOL_SHARED_H
#define HK_POOL_SHARED_H

#include "pool/kept.h"
#include "pool/pool.h"

enum { HK_SHARED_HEAP_SIZE = (HK_BIN_COUNT - HK_TINY_BINS + 1) * sizeof(struct hk_kept) };

HK_HIDDEN void hk_shared_init(struct hk_heap *heap);
HK_HIDDEN bool hk_shared_resize(struct hk_heap *heap, struct hk_page *page, void *block,
                                size_t size);
HK_HIDDEN void hk_shared_splice(struct hk_heap *heap, struct hk_page *page, void *first, void *last,
                                size_t count);
HK_HIDDEN void hk_shared_attach(struct hk_heap *heap, struct hk_page *page);
HK_HIDDEN size_t hk_shared_collect(struct hk_heap *heap, enum hk_collect how);
HK_HIDDEN void hk_shared_abandon(struct hk_heap *heap);
HK_HIDDEN void hk_shared_stat(struct hk_heap *heap, struct hk_hot_stat *out);
HK_HIDDEN const char *hk_shared_check(struct hk_heap *heap);

#endif
