/* SPDX-License-Identifier: MIT */
/* The page protocol's working half: refill a bin from the shelf, extend or lease a page, and the
 * events of a page's life. Everything runs as the heap's holder. A page is on its heap's shelf
 * exactly while it has something to give. */
#include "hotbox/paged.h"

#include "coldbox/seat.h"
#include "common/bands.h"
#include "common/scrub.h"

#include <errno.h>
#include <string.h>

enum {
    CARVE_STEP = 4096,       /* bytes of fresh memory touched by one extension */
    TAKE = 64,               /* blocks a refill takes from a map, rounded up to whole words */
    SHRINK = TAKE / 4,       /* blocks that its limit loses at most by a refill up to 128 KiB */
    BIN_BYTES = 2 << 20,     /* of blocks in a bin, most; of which */
    SMALL_SHIFT = 2,         /* 512 KiB where blocks have up to 32 KiB; */
    SOON_SHIFT = 4,          /* 128 KiB, which it may come to at once; */
    START_SHIFT = 6,         /* 32 KiB before it has learnt anything */
    WAKE_MAX = 8,            /* page-path frees before a full page is listed again */
    ROOM_FLOOR = -(1 << 30), /* debt that a bin may run up without a refill */
};

/* A run of blocks linked by their first word. */
struct chain {
    void *first;
    size_t count;
};

size_t hk_paged_capacity(struct hk_page *page)
{
    size_t bytes = (size_t)hk_page_slot(page)->slices << HK_SLICE_SHIFT;
    return hk_paged_index(hk_paged(page), bytes);
}

size_t hk_paged_out(struct hk_page *page)
{
    struct hk_paged *paged = hk_paged(page);
    return (size_t)(page->flags & HK_PAGE_MULTI ? paged->bias : paged->bias + paged->countdown);
}

/* Record the count of blocks out, and when the next event is due. */
void hk_paged_set_out(struct hk_page *page, size_t out)
{
    struct hk_paged *paged = hk_paged(page);
    if (page->flags & HK_PAGE_MULTI) {
        paged->bias = (int32_t)out;
        return;
    }
    if (page->flags & HK_PAGE_LISTED) {
        size_t stop = hk_paged_thin_at(page);
        stop = out > stop ? stop : 0;
        paged->countdown = (int32_t)(out - stop);
        paged->bias = (int32_t)stop;
        return;
    }
    int32_t wake = paged->carved / 32;
    wake = wake < 1 ? 1 : wake > WAKE_MAX ? WAKE_MAX : wake;
    wake = (size_t)wake > out ? (int32_t)out : wake;
    paged->countdown = wake;
    paged->bias = (int32_t)out - wake;
}

void hk_paged_list(struct hk_heap *heap, struct hk_page *page)
{
    struct hk_shelf *shelf = hk_shelf(heap, page->bin_index);
    size_t out = hk_paged_out(page);
    struct hk_paged *paged = hk_paged(page);
    paged->prev = NULL;
    paged->next = shelf->first;
    if (shelf->first) {
        hk_paged(shelf->first)->prev = page;
    } else {
        shelf->last = page;
    }
    shelf->first = page;
    page->flags |= HK_PAGE_LISTED;
    hk_count_push(heap, page->bin_index);
    hk_paged_set_out(page, out);
}

static void list_last(struct hk_heap *heap, struct hk_page *page)
{
    struct hk_shelf *shelf = hk_shelf(heap, page->bin_index);
    size_t out = hk_paged_out(page);
    struct hk_paged *paged = hk_paged(page);
    paged->next = NULL;
    paged->prev = shelf->last;
    if (shelf->last) {
        hk_paged(shelf->last)->next = page;
    } else {
        shelf->first = page;
    }
    shelf->last = page;
    page->flags |= HK_PAGE_LISTED;
    hk_count_push(heap, page->bin_index);
    hk_paged_set_out(page, out);
}

void hk_paged_unlist(struct hk_heap *heap, struct hk_page *page)
{
    struct hk_shelf *shelf = hk_shelf(heap, page->bin_index);
    size_t out = hk_paged_out(page);
    struct hk_paged *paged = hk_paged(page);
    *(paged->prev ? &hk_paged(paged->prev)->next : &shelf->first) = paged->next;
    *(paged->next ? &hk_paged(paged->next)->prev : &shelf->last) = paged->prev;
    paged->next = NULL;
    paged->prev = NULL;
    page->flags &= (uint8_t)~HK_PAGE_LISTED;
    hk_count_pop(heap, page->bin_index);
    hk_paged_set_out(page, out);
}

/* The page's blocks have reached so far. */
static void note_touched(struct hk_page *page)
{
    struct hk_slot *slot = hk_page_slot(page);
    uint32_t touched = hk_paged(page)->carved * page->block_size;
    if (touched > slot->touched) {
        slot->touched = touched; /* other threads read the line */
    }
}

/* Forget every block of an empty page: it will be carved again, in address order. */
static void forget_blocks(struct hk_page *page)
{
    struct hk_paged *paged = hk_paged(page);
    memset(hk_page_map(page), 0, hk_map_words(paged->carved) * sizeof(uint64_t));
    paged->carved = 0;
    paged->returned = NULL;
    paged->returned_count = 0;
    page->flags &= (uint8_t)~HK_PAGE_ZERO;
    hk_paged_set_out(page, 0);
}

/* -> true: fewer other pages of the class have room than empty ones may stay with it. */
static inline bool may_stay(struct hk_heap *heap, const struct hk_page *page)
{
    const struct hk_shelf *shelf = hk_shelf(heap, page->bin_index);
    size_t most = heap->keeps ? hk_policy_retention(heap, page->bin_index) : 0;
    if (most <= 1) {
        return most && (!shelf->first || (shelf->first == page && shelf->last == page));
    }
    for (struct hk_page *other = shelf->first; other && most; other = hk_paged(other)->next) {
        most -= other != page;
    }
    return most > 0;
}

void hk_paged_empty(struct hk_heap *heap, struct hk_page *page)
{
    bool purged = page->flags & HK_PAGED_PURGED;
    hk_paged_delist(heap, page);
    forget_blocks(page);
    if (purged) {
        hk_page_slot(page)->touched = 1; /* as good as nothing, and not unknown */
    }
    bool stays = may_stay(heap, page);
    if (page->flags & HK_PAGE_LISTED) {
        if (stays && !hk_paged(page)->next) {
            return;
        }
        hk_paged_unlist(heap, page);
    }
    if (stays) {
        list_last(heap, page); /* behind those that have blocks */
    } else {
        hk_paged_retire(heap, page);
    }
}

void hk_paged_in(struct hk_heap *heap, struct hk_page *page, size_t count)
{
    size_t out = hk_paged_out(page);
    HK_ASSERT(out >= count);
    out -= count;
    hk_paged_set_out(page, out);
    if (out == 0) {
        hk_paged_empty(heap, page);
        return;
    }
    if (!(page->flags & HK_PAGE_LISTED) && heap->keeps) {
        hk_paged_list(heap, page);
    }
    hk_paged_thin(heap, page, out);
}

void hk_paged_spill(struct hk_heap *heap, struct hk_page *page, void *block)
{
    struct hk_page *head = hk_page_head(page);
    (void)hk_paged_mark(head, block);
    hk_paged_in(heap, head, 1);
}

void hk_paged_event(struct hk_page *page, void *block)
{
    struct hk_heap *heap = hk_page_heap(hk_page_head(page));
    int saved = errno; /* giving memory back may set it, and free must not */
    hk_heap_enter(heap);
    hk_count_event(heap, page->bin_index, HK_EVENT_SLOW_FREE);
    if (page->bin->room < ROOM_FLOOR) {
        page->bin->room = ROOM_FLOOR;
    }
    /* take the fast path's count back: the block is counted below, on the head */
    hk_paged(page)->countdown = 1;
    hk_paged_spill(heap, page, block);
    hk_heap_leave(heap);
    errno = saved;
}

void hk_paged_splice(struct hk_heap *heap, struct hk_page *page, void *first, void *last,
                     size_t count)
{
    struct hk_paged *paged = hk_paged(page);
    *(void **)last = paged->returned;
    paged->returned = first;
    paged->returned_count = (uint16_t)(paged->returned_count + count);
    hk_paged_in(heap, page, count);
}

/* Link `count` blocks that lie one behind the other. -> the last one, whose link is not written. */
static void **link_run(char *block, size_t size, size_t count)
{
    for (size_t i = 1; i < count; i++, block += size) {
        *(void **)block = block + size;
    }
    return (void **)block;
}

/* Link the free blocks of one map word, until `want` are taken. */
static void take_word(struct hk_page *page, uint64_t *word, char *base, size_t want,
                      struct chain *chain, void ***tail)
{
    if (*word == ~(uint64_t)0 && want - chain->count >= 64) {
        **tail = base;
        *tail = link_run(base, page->block_size, 64);
        chain->count += 64;
        *word = 0;
        return;
    }
    uint64_t bits = *word;
    while (bits && chain->count < want) {
        char *block = base + (size_t)__builtin_ctzll(bits) * page->block_size;
        **tail = block;
        *tail = (void **)block;
        chain->count += 1;
        bits &= bits - 1;
    }
    *word = bits;
}

static struct chain take_bits(struct hk_page *page, size_t want)
{
    struct chain chain = {NULL, 0};
    void **tail = &chain.first;
    uint64_t *map = hk_page_map(page);
    char *base = hk_page_start(page);
    size_t words = hk_map_words(hk_paged(page)->carved);
    bool whole = want >= TAKE; /* then no word is left half taken */
    for (size_t i = 0; i < words && chain.count < want; i++) {
        take_word(page, &map[i], base, whole ? (size_t)-1 : want, &chain, &tail);
        base += 64 * (size_t)page->block_size;
    }
    *tail = NULL;
    return chain;
}

static struct chain take_returned(struct hk_page *page)
{
    struct hk_paged *paged = hk_paged(page);
    struct chain chain = {paged->returned, paged->returned_count};
    paged->returned = NULL;
    paged->returned_count = 0;
    return chain;
}

/* -> blocks that one extension carves: at least 1; up to `want` where that touches nothing anew. */
static size_t carve_count(struct hk_page *page, size_t want)
{
    size_t size = page->block_size;
    size_t count = size < CARVE_STEP ? CARVE_STEP / size : 1;
    size_t touched = hk_page_slot(page)->touched;
    size_t carved = hk_paged(page)->carved * size;
    size_t again = touched > carved ? (touched - carved) / size : 0;
    again = again < want ? again : want;
    return again > count ? again : count;
}

/* Carve the next blocks of memory that was never handed out. */
static struct chain carve(struct hk_heap *heap, struct hk_page *page, size_t capacity, size_t want)
{
    struct hk_paged *paged = hk_paged(page);
    size_t size = page->block_size;
    size_t count = carve_count(page, want);
    if (count > capacity - paged->carved) {
        count = capacity - paged->carved;
    }
    char *block = hk_page_start(page) + paged->carved * size;
    struct chain chain = {block, count};
    if (HK_POOL_ZERO == HK_POOL_ZERO_FULL && page->kind == HK_KIND_POOL &&
        !(page->flags & HK_PAGE_ZERO)) {
        memset(block, 0, count * size);
    }
    *link_run(block, size, count) = NULL;
    paged->carved = (uint16_t)(paged->carved + count);
    note_touched(page);
    if (page->flags & HK_PAGE_ZERO) {
        heap->fresh_block = chain.first;
    }
    hk_count_note(heap, HK_NOTE_CARVE);
    return chain;
}

/* -> true: the page can serve without memory that was never touched. */
static bool has_blocks(struct hk_page *page)
{
    return page && (hk_paged(page)->returned || hk_paged_out(page) < hk_paged(page)->carved);
}

/* -> true: the page, which is its shelf's first and only has room that was never carved, is worth
 * putting behind the others. Where both ends have no blocks either, nearly always nothing between
 * them has. */
static bool others_have_blocks(struct hk_heap *heap, struct hk_page *page)
{
    return has_blocks(hk_paged(page)->next) || has_blocks(hk_shelf(heap, page->bin_index)->last);
}

/* Take blocks from a listed page, which leaves the shelf, or goes to its end, when it has no more.
 */
static struct chain take(struct hk_heap *heap, struct hk_page *page, size_t want)
{
    struct hk_paged *paged = hk_paged(page);
    size_t out = hk_paged_out(page);
    size_t capacity = hk_paged_capacity(page);
    struct chain chain;
    hk_paged_thick(heap, page);
    if (paged->returned) {
        chain = take_returned(page);
    } else if (out < paged->carved) {
        chain = take_bits(page, want);
    } else {
        chain = carve(heap, page, capacity, want);
    }
    out += chain.count;
    hk_paged_set_out(page, out);
    if (out == capacity) {
        hk_paged_unlist(heap, page);
    } else if (out == paged->carved && paged->next && others_have_blocks(heap, page)) {
        hk_paged_unlist(heap, page);
        list_last(heap, page);
    }
    hk_paged_thin(heap, page, out);
    return chain;
}

/* Prepare a page that has just been leased, in every slice. */
static void open_page(struct hk_heap *heap, struct hk_page *page)
{
    size_t slices = hk_page_slot(page)->slices;
    struct hk_bin *bin = hk_bin_at(heap, (size_t)page->bin_index << HK_BIN_SHIFT);
    size_t missed = 0;
    struct hk_heap *purger = NULL;
    for (size_t i = 0; i < slices; i++) {
        page[i].bin = bin;
        hk_paged(&page[i])->countdown = slices > 1;
        struct hk_slot *slot = hk_page_slot(&page[i]);
        missed += slot->purger != NULL;
        purger = slot->purger ? slot->purger : purger;
        slot->purger = NULL;
    }
    hk_paged(page)->reciprocal = hk_map_reciprocal(page->block_size);
    if (2 * missed > slices && !(page->flags & HK_PAGE_ZERO)) {
        page->flags |= HK_PAGED_PURGED; /* it serves at once, and that is noticed */
        hk_page_slot(page)->purger = purger;
    }
    list_last(heap, page);
}

static struct hk_page *lease(struct hk_heap *heap, size_t bin_index)
{
    size_t block_size = hk_bin_block_size(bin_index);
    struct hk_lease request = {
        .heap = heap,
        .block_size = (uint32_t)block_size,
        .bin_index = (uint8_t)bin_index,
        .kind = (uint8_t)hk_kind_of_bin(bin_index),
        .slices = (uint8_t)hk_page_slices(block_size),
        .grow = false,
    };
    struct hk_page *page = HK_COLD.lease(&request);
    if (!page && HK_COLD.adopt(heap) && hk_shelf(heap, bin_index)->first) {
        return hk_shelf(heap, bin_index)->first;
    }
    if (!page) {
        request.grow = true;
        page = HK_COLD.lease(&request);
    }
    if (page) {
        open_page(heap, page);
    }
    return page;
}

static struct hk_page *find_page(struct hk_heap *heap, size_t bin_index)
{
    struct hk_shelf *shelf = hk_shelf(heap, bin_index);
    if (!has_blocks(shelf->first) && atomic_load_explicit(&heap->queue, memory_order_relaxed)) {
        HK_COLD.drain(heap);
    }
    return shelf->first ? shelf->first : lease(heap, bin_index);
}

/* Grow by the frees that went past the bin, up to `soon`, or twofold: a bin that would have held
 * them all saves their way through the page the next time. */
static int32_t grown(int32_t limit, int32_t room, int32_t soon)
{
    int32_t past = room < limit - soon ? soon : limit - room;
    int32_t enough = limit + past < soon ? limit + past : soon;
    return enough > 2 * limit ? enough : 2 * limit;
}

/* Shrink by a sixteenth, slowly below `soon`: a batch that fits the bin takes many refills while
 * the bin learns, and one that does not takes so many that the bin is small when it is freed. Its
 * blocks then go to their pages, which hand them out in the order of addresses. */
static int32_t shrunk(int32_t limit, int32_t soon)
{
    int32_t part = limit / 16;
    return limit - (part > SHRINK && limit <= soon ? SHRINK : part);
}

/* The bin is empty, so room differs from limit exactly if frees went past it since the last refill,
 * by their number. */
static void adapt_limit(struct hk_bin *bin, size_t block_size)
{
    bool small = block_size <= 32 * 1024;
    int32_t blocks = (int32_t)(BIN_BYTES / (uint32_t)block_size); /* one division for all bounds */
    int32_t most = small ? blocks >> SMALL_SHIFT : blocks;
    most = most > 2048 ? 2048 : most;
    most = small && most < 16 ? 16 : most < 4 ? 4 : most;
    int32_t least = blocks >> START_SHIFT;
    least = least > 64 ? 64 : least < 4 ? 4 : least;
    int32_t soon = blocks >> SOON_SHIFT;
    int32_t limit = bin->limit < 0 ? -bin->limit : bin->limit;
    if (limit == 0) {
        limit = least;
    } else if (bin->room < limit) {
        limit = grown(limit, bin->room, soon);
    } else {
        limit = shrunk(limit, soon);
    }
    bin->limit = limit > most ? most : limit < least ? least : limit;
}

void *hk_paged_refill(struct hk_heap *heap, size_t offset)
{
    size_t bin_index = offset >> HK_BIN_SHIFT;
    struct hk_bin *bin = hk_bin_at(heap, offset);
    hk_count_event(heap, bin_index, HK_EVENT_REFILL);
    struct hk_page *page = find_page(heap, bin_index);
    if (!page) {
        return NULL;
    }
    adapt_limit(bin, page->block_size);
    size_t want = bin->limit < TAKE ? (size_t)bin->limit : TAKE;
    struct chain chain = take(heap, page, want);
    bin->head = *(void **)chain.first;
    bin->room = bin->limit - (int32_t)chain.count + 1;
    return chain.first;
}
