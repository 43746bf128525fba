/* SPDX-License-Identifier: MIT */
/* Give back the memory of free blocks inside a page that is still in use. */
#include "hotbox/blockmap.h"

#include "coldbox/seat.h"

size_t hk_map_purge(struct hk_page *page, const uint64_t *map, size_t blocks, bool whole,
                    bool *refused)
{
    *refused = false;
    size_t size = page->block_size;
    size_t bytes = 0;
    if (hk_map_count(map, hk_map_words(blocks)) * size < HK_MAP_WORTH) {
        return 0;
    }
    size_t begin = 0;
    for (size_t i = 0; i <= blocks && (whole || !*refused); i++) {
        if (i < blocks && hk_map_has(map, i)) {
            continue;
        }
        size_t run = (i - begin) * size;
        if (run >= HK_MAP_WORTH) {
            *refused |= !HK_COLD.purge(page, begin * size, run, &bytes);
        }
        begin = i + 1;
    }
    return bytes;
}
