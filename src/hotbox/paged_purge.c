/* SPDX-License-Identifier: MIT */
/* Give back the memory of free blocks inside a page that is still in use. Only blocks that are bits
 * qualify: nothing is written in them. */
#include "hotbox/paged.h"

#include "coldbox/seat.h"

enum { WORTH = 4096 }; /* bytes: the smallest OS page there is */

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
        hk_paged_set(hk_page_map(page), hk_paged_index(paged, offset));
        block = next;
    }
}

static bool is_free(const struct hk_page *page, size_t index)
{
    return hk_page_map(page)[index / 64] >> index % 64 & 1;
}

size_t hk_paged_purge(struct hk_page *page)
{
    returned_to_bits(page);
    size_t carved = hk_paged(page)->carved;
    size_t size = page->block_size;
    size_t bytes = 0;
    if ((carved - hk_paged_out(page)) * size < WORTH) {
        return 0;
    }
    size_t begin = 0;
    for (size_t i = 0; i <= carved; i++) {
        if (i < carved && is_free(page, i)) {
            continue;
        }
        if ((i - begin) * size >= WORTH) {
            bytes += HK_COLD.purge(page, begin * size, (i - begin) * size);
        }
        begin = i + 1;
    }
    return bytes;
}
