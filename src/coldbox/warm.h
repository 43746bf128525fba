/* SPDX-License-Identifier: MIT */
/* The warm pool: empty one-slice pages that a heap keeps for any class, so that most leases and
 * retires take no lock. What it may keep follows what the heap uses: an idle heap keeps next to
 * nothing. holder. */
#ifndef HK_COLDBOX_WARM_H
#define HK_COLDBOX_WARM_H

#include "common/heap.h"

/* -> a kept page, or NULL. Its common part is that of a free page, but for HK_PAGE_ZERO. */
HK_HIDDEN struct hk_page *hk_warm_take(struct hk_heap *heap);

/* Keep a free page that was of class `bin_index`. -> false: the heap keeps enough for that one. */
HK_HIDDEN bool hk_warm_keep(struct hk_heap *heap, size_t bin_index, struct hk_page *page);

/* -> true: the heap keeps more pages than it uses, and than policy lets it keep anyway. */
HK_HIDDEN bool hk_warm_excess(const struct hk_heap *heap);

/* Give up all but `keep` pages. */
HK_HIDDEN void hk_warm_shrink(struct hk_heap *heap, uint32_t keep);

/* The page (a head) leaves one heap's list for another's: both are held by the caller. */
HK_HIDDEN void hk_pages_move(struct hk_heap *from, struct hk_heap *to, struct hk_page *page);

/* Write the owner of every slice of the page (a head). holder. */
HK_HIDDEN void hk_page_set_owner(struct hk_page *page, uintptr_t owner);

#endif
