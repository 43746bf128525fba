/* SPDX-License-Identifier: MIT */
/* Give back the memory of free blocks inside a page that is still in use. Only blocks that are bits
 * qualify: nothing is written in them. */
#include "hotbox/paged.h"

enum {
    SPARSE_LEAST = 128, /* pages that may be sparse: 8 MiB */
    SPARSE_SHIFT = 3,   /* in a large heap an eighth of its slices */
    AT_ONCE = 4,        /* pages that give memory back in one go */
};

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

static void put_last(struct hk_sparse *sparse, struct hk_page *page)
{
    struct hk_slot *slot = hk_page_slot(page);
    slot->sparse_next = NULL;
    slot->sparse_prev = sparse->last;
    *(sparse->last ? &hk_page_slot(sparse->last)->sparse_next : &sparse->first) = page;
    sparse->last = page;
    sparse->count += 1;
    page->flags |= HK_PAGED_SPARSE;
}

static void take_off(struct hk_sparse *sparse, struct hk_page *page)
{
    struct hk_slot *slot = hk_page_slot(page);
    struct hk_page *next = slot->sparse_next;
    struct hk_page *prev = slot->sparse_prev;
    *(prev ? &hk_page_slot(prev)->sparse_next : &sparse->first) = next;
    *(next ? &hk_page_slot(next)->sparse_prev : &sparse->last) = prev;
    sparse->count -= 1;
    page->flags &= (uint8_t)~HK_PAGED_SPARSE;
}

/* -> sparse pages that may keep their memory. */
static size_t sparse_most(const struct hk_heap *heap)
{
    size_t most = heap->slice_count >> SPARSE_SHIFT;
    return (most > SPARSE_LEAST ? most : SPARSE_LEAST) + heap->sparse.hold;
}

void hk_paged_thin(struct hk_heap *heap, struct hk_page *page)
{
    struct hk_sparse *sparse = &heap->sparse;
    put_last(sparse, page);
    for (int i = 0; i < AT_ONCE && sparse->count > sparse_most(heap); i++) {
        struct hk_page *oldest = sparse->first;
        take_off(sparse, oldest);
        oldest->flags |= HK_PAGED_PURGED;
        hk_paged_purge(oldest);
    }
}

void hk_paged_thick(struct hk_heap *heap, struct hk_page *page)
{
    if (page->flags & HK_PAGED_SPARSE) {
        take_off(&heap->sparse, page);
    } else if (page->flags & HK_PAGED_PURGED) {
        page->flags &= (uint8_t)~HK_PAGED_PURGED;
        /* a quarter more, so that a program that goes on like that stops paying for it */
        heap->sparse.hold += heap->sparse.hold % 4 ? 1 : 2;
    }
}
