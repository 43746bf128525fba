/* SPDX-License-Identifier: MIT */
/* Hot box legacy's slow half: magazines are filled from the depot and emptied into it by halves,
 * the blocks that have lain there for longest first. */
#include "hotbox_legacy.h"

#include "coldbox/seat.h"
#include "common/bands.h"

#include <string.h>

enum {
    START_SLOTS = 64,        /* of a magazine that has not run over lately */
    START_BYTES = 32 * 1024, /* of blocks in it, most: no thread hoards megabytes */
    MOST_BYTES = 64 * 1024,  /* of blocks in one that has */
    TAKE_MOST = 64,          /* blocks that a refill takes */
};

_Static_assert(sizeof(struct hk_magazine) <= HK_TINY_LANE, "a magazine fits its lane");

static bool is_ours(size_t bin)
{
    return hk_kind_of_bin(bin) == HK_HOTBOX_LEGACY_KIND;
}

static size_t lesser(size_t a, size_t b)
{
    return a < b ? a : b;
}

static size_t start_slots(size_t bin)
{
    size_t slots = lesser(START_BYTES / hk_bin_block_size(bin), START_SLOTS);
    return lesser(slots, HK_MAGAZINE_MOST);
}

static size_t most_slots(size_t bin)
{
    return lesser(MOST_BYTES / hk_bin_block_size(bin), HK_MAGAZINE_MOST);
}

/* The class is in use; its magazine is opened if it never was. */
static void use_magazine(struct hk_heap *heap, size_t index, struct hk_bin *bin)
{
    struct hk_magazine *magazine = hk_lane(heap, index);
    magazine->used = true;
    if (!bin->limit) {
        bin->head = magazine->slots;
        bin->limit = (int32_t)start_slots(index);
    }
}

/* Put the magazine's blocks into their pages. -> bytes of pages that were retired. */
static size_t put_magazine(struct hk_heap *heap, struct hk_bin *bin)
{
    void **slots = bin->head;
    size_t count = (size_t)bin->room;
    size_t bytes = 0;
    for (size_t done = 0; done < count; done += HK_DEPOT_BATCH) {
        bytes += hk_depot_put(heap, slots + done, lesser(count - done, HK_DEPOT_BATCH));
    }
    bin->room = 0;
    return bytes;
}

/* The same with the stock's. */
static size_t put_all(struct hk_heap *heap, size_t index, struct hk_bin *bin)
{
    size_t bytes = put_magazine(heap, bin);
    return bytes + hk_depot_clear_stock(heap, index);
}

/* The magazine is full: frees outnumber allocations by more than it holds. It gets longer, at last
 * it is emptied by half; each refill makes it a little shorter. */
static void make_room(struct hk_heap *heap, size_t index, struct hk_bin *bin)
{
    size_t most = most_slots(index);
    size_t limit = (size_t)bin->limit;
    if (limit < most) {
        bin->limit = (int32_t)lesser(2 * limit, most);
        return;
    }
    void **slots = bin->head;
    size_t half = limit / 2;
    hk_depot_give(heap, index, slots, half);
    bin->room -= (int32_t)half;
    memmove(slots, slots + half, (size_t)bin->room * sizeof *slots);
}

static void shorten(size_t index, struct hk_bin *bin)
{
    size_t limit = (size_t)bin->limit - (size_t)bin->limit / 16;
    size_t least = start_slots(index);
    bin->limit = (int32_t)(limit < least ? least : limit);
}

void hk_hotbox_legacy_init(struct hk_heap *heap)
{
    (void)heap;
    hk_depot_start();
}

void *hk_hotbox_legacy_refill(struct hk_heap *heap, size_t offset)
{
    size_t index = offset >> HK_BIN_SHIFT;
    struct hk_bin *bin = hk_bin_at(heap, offset);
    hk_count_event(heap, index, HK_EVENT_REFILL);
    use_magazine(heap, index, bin);
    HK_ASSERT(bin->room == 0);
    shorten(index, bin);
    void **slots = bin->head;
    size_t want = lesser((size_t)bin->limit / 2, TAKE_MOST);
    size_t got = hk_depot_take(heap, index, slots + want, want);
    got = got ? got : hk_depot_take_new(heap, index, slots + want, want);
    if (!got) {
        return NULL;
    }
    memmove(slots, slots + want - got, got * sizeof *slots);
    bin->room = (int32_t)got - 1;
    return slots[got - 1];
}

void hk_hotbox_legacy_spill(struct hk_heap *heap, struct hk_page *page, void *block)
{
    size_t index = page->bin_index;
    hk_count_event(heap, index, HK_EVENT_SLOW_FREE);
    if (!heap) {
        hk_depot_put(NULL, &block, 1);
        return;
    }
    struct hk_bin *bin = hk_bin_at(heap, index << HK_BIN_SHIFT);
    use_magazine(heap, index, bin);
    if (bin->room == bin->limit) {
        make_room(heap, index, bin);
    }
    ((void **)bin->head)[bin->room++] = block;
}

void hk_hotbox_legacy_splice(struct hk_heap *heap, struct hk_page *page, void *first, void *last,
                             size_t count)
{
    (void)page;
    (void)last;
    void *blocks[HK_DEPOT_BATCH];
    void *block = first;
    while (count) {
        size_t batch = 0;
        while (batch < count && batch < HK_DEPOT_BATCH) {
            blocks[batch++] = block;
            block = *(void **)block;
        }
        hk_depot_put(heap, blocks, batch);
        count -= batch;
    }
}

void hk_hotbox_legacy_attach(struct hk_heap *heap, struct hk_page *page)
{
    (void)heap;
    hk_depot_join(page);
}

/* -> true: the magazine's blocks are of more than one page. */
static bool holds_pages(const struct hk_bin *bin)
{
    void *const *slots = bin->head;
    for (int32_t i = 1; i < bin->room; i++) {
        if (((uintptr_t)slots[i] ^ (uintptr_t)slots[0]) >> HK_SLICE_SHIFT) {
            return true;
        }
    }
    return false;
}

/* A class that has not been used since the last call gives its magazine back, and what is in the
 * depot for it. -> bytes of pages that were retired. */
static size_t age(struct hk_heap *heap, size_t index)
{
    struct hk_bin *bin = hk_bin_at(heap, index << HK_BIN_SHIFT);
    struct hk_magazine *magazine = hk_lane(heap, index);
    if (!bin->limit || magazine->used) {
        magazine->used = false;
        return 0;
    }
    size_t bytes = 0;
    size_t most_kept = bin->room > 0;
    if (holds_pages(bin)) {
        bytes = put_magazine(heap, bin);
        bin->limit = (int32_t)start_slots(index);
    }
    return bytes + hk_depot_age(heap, index, most_kept);
}

size_t hk_hotbox_legacy_collect(struct hk_heap *heap, enum hk_collect how)
{
    if (how == HK_COLLECT_SPARE) {
        return 0; /* a thread has one magazine of a class at hand, and pages are all threads' */
    }
    size_t bytes = 0;
    for (size_t i = 0; i < HK_TINY_BINS; i++) {
        if (!is_ours(i)) {
            continue;
        }
        if (how == HK_COLLECT_IDLE) {
            bytes += age(heap, i);
            continue;
        }
        struct hk_bin *bin = hk_bin_at(heap, i << HK_BIN_SHIFT);
        if (hk_gives_up(heap, i, how)) {
            bytes += put_all(heap, i, bin);
            bytes += hk_depot_retire_kept(heap, i);
        }
        if (how != HK_COLLECT_PARTS) {
            hk_depot_wake(i);
        }
        if (how == HK_COLLECT_ALL || how == HK_COLLECT_PARTS) {
            bytes += hk_depot_purge(i);
        }
    }
    return bytes;
}

void hk_hotbox_legacy_abandon(struct hk_heap *heap)
{
    heap->keeps = false;
    for (size_t i = 0; i < HK_TINY_BINS; i++) {
        if (!is_ours(i)) {
            continue;
        }
        struct hk_bin *bin = hk_bin_at(heap, i << HK_BIN_SHIFT);
        put_all(heap, i, bin);
        if (bin->limit) {
            memset(bin->head, 0, sizeof(struct hk_magazine));
            *bin = (struct hk_bin){NULL, 0, 0};
        }
        hk_depot_retire_kept(heap, i);
    }
}

void hk_hotbox_legacy_stat(struct hk_heap *heap, struct hk_hot_stat *out)
{
    *out = (struct hk_hot_stat){0};
    for (size_t i = 0; i < HK_TINY_BINS; i++) {
        if (is_ours(i)) {
            hk_depot_stat(i, out);
            out->binned += (size_t)hk_bin_at(heap, i << HK_BIN_SHIFT)->room;
        }
    }
}

static const char *check_magazine(struct hk_heap *heap, size_t index)
{
    const struct hk_bin *bin = hk_bin_at(heap, index << HK_BIN_SHIFT);
    void *const *slots = bin->head;
    if (bin->limit != 0 &&
        (slots != hk_lane(heap, index) || bin->limit > (int32_t)most_slots(index))) {
        return "a magazine is not in its lane";
    }
    if (bin->room < 0 || bin->room > bin->limit) {
        return "a magazine holds more blocks than it has slots";
    }
    const char *broken = NULL;
    for (int32_t i = 0; i < bin->room && !broken; i++) {
        broken = hk_depot_check_out(index, slots[i]);
        for (int32_t j = 0; j < i && !broken; j++) {
            broken = slots[j] == slots[i] ? "a block is in a magazine twice" : NULL;
        }
    }
    return broken;
}

const char *hk_hotbox_legacy_check(struct hk_heap *heap)
{
    const char *broken = NULL;
    for (size_t i = 0; i < HK_TINY_BINS && !broken; i++) {
        if (is_ours(i)) {
            broken = hk_depot_check(i);
            broken = broken ? broken : check_magazine(heap, i);
        }
    }
    return broken;
}
