/* SPDX-License-Identifier: MIT */
/* Free memory inside pages that stay. A free block that is linked needs its first word; one whose
 * memory goes back becomes a bit in the page's map instead: it is *parked*. */
#include "v2_node.h"

#include "coldbox/seat.h"

#include <string.h>

enum {
    WORTH = 4096, /* bytes: the smallest OS page there is */
    TAKE = 64,    /* parked blocks that come back at once */
};

_Static_assert(HK_SLICE / HK_ALIGN / 8 <= HK_SLICE_MAP, "every block has a bit");

size_t hk_v2_parked(struct hk_page *page)
{
    size_t bits = 0;
    for (size_t i = 0; i < HK_SLICE_MAP / sizeof(uint64_t); i++) {
        bits += (size_t)__builtin_popcountll(hk_page_map(page)[i]);
    }
    return bits;
}

void hk_v2_forget(struct hk_page *page)
{
    struct hk_v2_node *node = hk_v2_node(page);
    if (page->flags & HK_V2_PARKED) {
        memset(hk_page_map(page), 0, HK_SLICE_MAP);
        hk_v2_flag(page, HK_V2_PARKED, false);
    }
    node->list = NULL;
    node->carved = 0;
}

static bool is_marked(const struct hk_page *page, size_t index)
{
    return hk_page_map(page)[index / 64] >> index % 64 & 1;
}

static bool has_marks(const struct hk_page *page)
{
    uint64_t any = 0;
    for (size_t i = 0; i < HK_SLICE_MAP / sizeof(uint64_t); i++) {
        any |= hk_page_map(page)[i];
    }
    return any;
}

static void list_to_map(struct hk_page *page)
{
    struct hk_v2_node *node = hk_v2_node(page);
    const char *start = hk_page_start(page);
    void *block = node->list;
    node->list = NULL;
    while (block) {
        void *next = *(void **)block;
        size_t index = (size_t)((char *)block - start) / page->block_size;
        hk_page_map(page)[index / 64] |= (uint64_t)1 << index % 64;
        block = next;
    }
}

/* Give back the memory of a run of free blocks, or put them back on the list, the lowest first.
 * -> bytes. */
static size_t give_back(struct hk_page *page, size_t begin, size_t end)
{
    struct hk_v2_node *node = hk_v2_node(page);
    size_t size = page->block_size;
    size_t run = (end - begin) * size;
    size_t bytes = 0;
    if (run >= WORTH) {
        (void)HK_COLD.purge(page, begin * size, run, &bytes);
    }
    if (bytes) {
        return bytes;
    }
    for (size_t i = end < node->carved ? end : node->carved; i-- > begin;) {
        void **block = (void **)(hk_page_start(page) + i * size);
        *block = node->list;
        node->list = block;
        hk_page_map(page)[i / 64] &= ~((uint64_t)1 << i % 64);
    }
    return 0;
}

size_t hk_v2_purge(struct hk_page *page)
{
    struct hk_v2_node *node = hk_v2_node(page);
    if (hk_v2_state(page) == HK_V2_EMPTY) {
        hk_v2_forget(page);
    }
    /* memory above the carved blocks was touched if the page had blocks there before */
    size_t limit = page->flags & HK_PAGE_ZERO ? node->carved : hk_v2_capacity(page);
    if ((limit - hk_v2_out(page)) * page->block_size < WORTH) {
        return 0;
    }
    list_to_map(page);
    size_t bytes = 0;
    size_t end = limit;
    for (size_t i = limit + 1; i-- > 0;) {
        if (i && (i > node->carved || is_marked(page, i - 1))) {
            continue;
        }
        bytes += end > i ? give_back(page, i, end) : 0;
        end = i - 1;
    }
    hk_v2_flag(page, HK_V2_PARKED, has_marks(page));
    return bytes;
}

void *hk_v2_unpark(struct hk_page *page)
{
    void *first = NULL;
    void **tail = &first;
    size_t count = 0;
    for (size_t i = 0; i < HK_SLICE_MAP / sizeof(uint64_t) && count < TAKE; i++) {
        uint64_t *word = &hk_page_map(page)[i];
        for (; *word; *word &= *word - 1, count++) {
            size_t index = i * 64 + (size_t)__builtin_ctzll(*word);
            void **block = (void **)(hk_page_start(page) + index * page->block_size);
            *tail = block;
            tail = block;
        }
    }
    *tail = NULL;
    hk_v2_flag(page, HK_V2_PARKED, has_marks(page));
    return first;
}
