/* SPDX-License-Identifier: MIT */
/* Give back the memory of free blocks inside a page that is still in use. Only blocks that are bits
 * qualify: nothing is written in them. */
#include "hotbox/paged.h"

static void returned_to_bits(struct hk_page *page)
{
    struct hk_paged *paged = hk_paged(page);
    char *start = hk_page_start(page);
    void *block = paged->returned;
    paged->returned = NULL;
    paged->returned_count = 0;
    while (block) {
        void *next = *(void **)block;
        size_t offset = (size_t)((char *)block - start);
        hk_map_set(hk_page_map(page), hk_paged_index(paged, offset));
        block = next;
    }
}

size_t hk_paged_purge(struct hk_page *page)
{
    returned_to_bits(page);
    return hk_map_purge(page, hk_page_map(page), hk_paged(page)->carved);
}
