/* SPDX-License-Identifier: MIT */
/* The pools with shared pages, but for their fast paths. */
#include "pool/shared.h"

#include "pool/mid.h"

void hk_shared_init(struct hk_heap *heap)
{
    heap->keeps = true;
    hk_mid_start_up();
    hk_kept_guard();
}

bool hk_shared_resize(struct hk_heap *heap, struct hk_page *page, void *block, size_t size)
{
    (void)heap;
    (void)block;
    /* at least half stays in use, else the block is worth moving */
    return size <= page->block_size && size > page->block_size / 2;
}

void hk_shared_splice(struct hk_heap *heap, struct hk_page *page, void *first, void *last,
                      size_t count)
{
    void *blocks[HK_MID_PUT];
    (void)page;
    (void)last;
    while (count) {
        size_t some = count < HK_MID_PUT ? count : HK_MID_PUT;
        for (size_t i = 0; i < some; i++) {
            blocks[i] = first;
            first = *(void **)first;
        }
        hk_mid_put(heap, blocks, some);
        count -= some;
    }
}

void hk_shared_attach(struct hk_heap *heap, struct hk_page *page)
{
    (void)heap;
    HK_REQUIRE(hk_mid_serve(page), "attach: no memory for a page's descriptor");
}

static void give_up_quiet(struct hk_heap *heap)
{
    for (size_t bin = HK_TINY_BINS; bin < HK_BIN_COUNT; bin++) {
        if (hk_gives_up(heap, bin, HK_COLLECT_QUIET)) {
            hk_kept_empty(heap, bin);
            hk_mid_retire_empty_of(heap, bin);
        }
    }
}

/* -> bytes that were retired; less than that, if other threads lease meanwhile. */
static size_t give_up(struct hk_heap *heap, enum hk_collect how)
{
    struct hk_mid_stat before;
    struct hk_mid_stat after;
    hk_mid_stat(&before);
    if (how == HK_COLLECT_ALL) {
        hk_kept_flush(heap);
        hk_mid_retire_empty(heap);
    } else {
        give_up_quiet(heap);
    }
    hk_mid_stat(&after);
    return before.bytes > after.bytes ? before.bytes - after.bytes : 0;
}

size_t hk_shared_collect(struct hk_heap *heap, enum hk_collect how)
{
    size_t bytes = 0;
    if (how == HK_COLLECT_ALL || how == HK_COLLECT_QUIET) {
        bytes = give_up(heap, how);
    }
    bool parts = how == HK_COLLECT_ALL || how == HK_COLLECT_PARTS;
    return parts ? bytes + hk_mid_purge(heap) : bytes;
}

void hk_shared_abandon(struct hk_heap *heap)
{
    heap->keeps = false;
    hk_kept_flush(heap);
    hk_mid_retire_empty(heap);
}

void hk_shared_stat(struct hk_heap *heap, struct hk_hot_stat *out)
{
    struct hk_mid_stat all;
    hk_mid_stat(&all);
    *out = (struct hk_hot_stat){
        .pages = all.pages,
        .bytes = all.bytes,
        .blocks_out = all.blocks_out,
        .blocks_in = all.blocks_in,
        .binned = hk_kept_count(heap),
    };
}

const char *hk_shared_check(struct hk_heap *heap)
{
    const char *broken = hk_mid_check();
    return broken ? broken : hk_kept_check(heap);
}
