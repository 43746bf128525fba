/* SPDX-License-Identifier: MIT */
/* Memory of free blocks inside a page in use. A linked block can't be given back: its link would be
 * lost, or bring the memory back. So the page's free blocks become bits of its map first, and are
 * linked again when they are wanted, some words at a time and in address order. */
#include "v1_page.h"

enum {
    WORTH = 4096, /* bytes: the smallest OS page there is */
    TAKE = 64,    /* blocks linked at once, rounded up to whole words */
};

static void list_to_bits(struct hk_page *page)
{
    struct hk_v1 *own = hk_v1(page);
    uint64_t *map = hk_page_map(page);
    const char *start = hk_page_start(page);
    void *block = own->free;
    own->free = NULL;
    while (block) {
        void *next = *(void **)block;
        size_t index = (size_t)((char *)block - start) / page->block_size;
        map[index / 64] |= (uint64_t)1 << index % 64;
        own->parked += 1;
        block = next;
    }
}

size_t hk_v1_park(struct hk_page *page)
{
    const struct hk_v1 *own = hk_v1(page);
    const uint64_t *map = hk_page_map(page);
    size_t size = page->block_size;
    size_t bytes = 0;
    if ((own->carved - hk_v1_out(page)) * size < WORTH) {
        return 0;
    }
    list_to_bits(page);
    size_t begin = 0;
    for (size_t i = 0; i <= own->carved; i++) {
        if (i < own->carved && map[i / 64] >> i % 64 & 1) {
            continue;
        }
        size_t run = (i - begin) * size;
        if (run >= WORTH) {
            (void)HK_COLD.purge(page, begin * size, run, &bytes);
        }
        begin = i + 1;
    }
    return bytes;
}

void hk_v1_unpark(struct hk_page *page)
{
    struct hk_v1 *own = hk_v1(page);
    uint64_t *map = hk_page_map(page);
    char *base = hk_page_start(page);
    uint32_t taken = 0;
    void **tail = &own->free;
    for (size_t i = 0; taken < TAKE && taken < own->parked; i++) {
        for (; map[i]; map[i] &= map[i] - 1) {
            void **block = (void **)(base + (size_t)__builtin_ctzll(map[i]) * page->block_size);
            *tail = block;
            tail = block;
            taken += 1;
        }
        base += 64 * (size_t)page->block_size;
    }
    *tail = NULL;
    own->parked = (uint16_t)(own->parked - taken);
}
