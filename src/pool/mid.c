/* SPDX-License-Identifier: MIT */
/* The working half of the shared pages: draw and put under the class's lock, lease and retire
 * outside it. A page is listed exactly while it has room. */
#include "pool/mid.h"

#include "coldbox/seat.h"
#include "common/policy.h"
#include "common/scrub.h"

#include <string.h>

static struct hk_lock locks[HK_MID_CLASSES];
static struct hk_mid_class classes[HK_MID_CLASSES];
static struct hk_guard guard = {.locks = locks, .count = HK_MID_CLASSES};

/* Only while the ranks are written. */
static struct {
    struct hk_lock lock;
    _Atomic(bool) done;
} start = {.lock = {.rank = HK_RANK_PAGE}};

void hk_mid_start_up(void)
{
    /* acquire: the ranks; pairs with the release below */
    if (atomic_load_explicit(&start.done, memory_order_acquire)) {
        return;
    }
    hk_lock_take(&start.lock);
    if (!atomic_load_explicit(&start.done, memory_order_relaxed)) {
        for (size_t i = 0; i < HK_MID_CLASSES; i++) {
            locks[i].rank = HK_RANK_CLASS;
        }
        atomic_store_explicit(&start.done, true, memory_order_release);
    }
    hk_lock_give(&start.lock);
    HK_COLD.guard(&guard);
    hk_mid_guard();
}

struct hk_lock *hk_mid_lock(size_t bin)
{
    return &locks[bin - HK_TINY_BINS];
}

struct hk_mid_class *hk_mid_class(size_t bin)
{
    return &classes[bin - HK_TINY_BINS];
}

static size_t bin_of(struct hk_mid_desc *desc)
{
    return atomic_load_explicit(&desc->bin, memory_order_relaxed);
}

static void list_first(struct hk_mid_class *class, struct hk_mid_desc *desc)
{
    desc->prev = NULL;
    desc->next = class->first;
    *(class->first ? &class->first->prev : &class->last) = desc;
    class->first = desc;
    desc->flags |= HK_MID_LISTED;
}

static void list_last(struct hk_mid_class *class, struct hk_mid_desc *desc)
{
    desc->next = NULL;
    desc->prev = class->last;
    *(class->last ? &class->last->next : &class->first) = desc;
    class->last = desc;
    desc->flags |= HK_MID_LISTED;
}

static void unlist(struct hk_mid_class *class, struct hk_mid_desc *desc)
{
    *(desc->prev ? &desc->prev->next : &class->first) = desc->next;
    *(desc->next ? &desc->next->prev : &class->last) = desc->prev;
    desc->next = NULL;
    desc->prev = NULL;
    desc->flags &= (uint8_t)~HK_MID_LISTED;
}

static bool is_empty(const struct hk_mid_desc *desc)
{
    return desc->free == hk_mid_bits(desc->capacity);
}

/* What a draw has found out, for the work after the lock. */
struct drawn {
    struct hk_mid_desc *desc;
    size_t count;
    uint64_t untouched; /* bits of blocks that were never handed out before */
    bool zero;          /* they read as zero */
};

/* Take the lowest `want` blocks of a listed page. */
static struct drawn take_locked(struct hk_mid_class *class, struct hk_mid_desc *desc, void **blocks,
                                size_t want)
{
    char *memory = (char *)atomic_load_explicit(&desc->start, memory_order_relaxed);
    struct drawn drawn = {.desc = desc, .zero = desc->flags & HK_MID_ZERO};
    uint64_t before = desc->free;
    uint64_t bits = before;
    class->empty -= is_empty(desc);
    size_t top = 0;
    while (bits && drawn.count < want) {
        top = (size_t)__builtin_ctzll(bits);
        blocks[drawn.count++] = memory + top * desc->block_size;
        bits &= bits - 1;
    }
    uint64_t carved = hk_mid_bits(desc->carved);
    desc->free = bits;
    desc->clean &= bits;
    drawn.untouched = before & ~bits & ~carved;
    if (top >= desc->carved) {
        class->carved += top + 1 - desc->carved;
        desc->carved = (uint8_t)(top + 1);
    }
    if (!bits) {
        unlist(class, desc);
        hk_count_pop(NULL, bin_of(desc));
    } else if (before & carved && !(bits & carved) && desc->next) {
        unlist(class, desc);
        list_last(class, desc);
    }
    return drawn;
}

/* Say what is known of blocks that nobody had before, and make it so where the option asks. */
static void settle(struct hk_heap *heap, const struct drawn *drawn, void **blocks)
{
    if (drawn->untouched) {
        hk_count_note(heap, HK_NOTE_CARVE);
    }
    if (drawn->zero && drawn->untouched & hk_mid_bit(drawn->desc, blocks[0])) {
        heap->fresh_block = blocks[0];
    }
    for (size_t i = 0; HK_POOL_ZERO == HK_POOL_ZERO_FULL && !drawn->zero && i < drawn->count; i++) {
        if (drawn->untouched & hk_mid_bit(drawn->desc, blocks[i])) {
            memset(blocks[i], 0, drawn->desc->block_size);
        }
    }
}

static struct hk_page *lease(struct hk_heap *heap, size_t bin)
{
    size_t block_size = hk_bin_block_size(bin);
    struct hk_lease request = {
        .heap = heap,
        .block_size = (uint32_t)block_size,
        .bin_index = (uint8_t)bin,
        .kind = HK_KIND_POOL,
        .slices = (uint8_t)hk_page_slices(block_size),
        .grow = false,
        .shared = true,
    };
    struct hk_page *page = HK_COLD.lease(&request);
    if (!page && HK_COLD.adopt(heap)) {
        page = HK_COLD.lease(&request);
    }
    if (!page) {
        request.grow = true;
        page = HK_COLD.lease(&request);
    }
    return page;
}

bool hk_mid_serve(struct hk_page *page)
{
    page = hk_page_head(page);
    struct hk_mid_desc *desc = hk_mid_find((uintptr_t)hk_page_start(page));
    bool known = desc != NULL;
    desc = known ? desc : hk_mid_adopt(page);
    if (!desc) {
        return false;
    }
    struct hk_lock *lock = hk_mid_lock(page->bin_index);
    struct hk_mid_class *class = hk_mid_class(page->bin_index);
    hk_lock_take(lock);
    class->pages += !known;
    class->empty += !known;
    if (desc->free && !(desc->flags & HK_MID_LISTED)) {
        list_last(class, desc);
        hk_count_push(NULL, page->bin_index);
    }
    hk_lock_give(lock);
    return true;
}

size_t hk_mid_draw(struct hk_heap *heap, size_t bin, void **blocks, size_t want)
{
    struct hk_lock *lock = hk_mid_lock(bin);
    struct hk_mid_class *class = hk_mid_class(bin);
    for (;;) {
        hk_lock_take(lock);
        struct hk_mid_desc *desc = class->first;
        struct drawn drawn = {.desc = NULL};
        if (desc) {
            drawn = take_locked(class, desc, blocks, want);
            atomic_store_explicit(&desc->mine, heap, memory_order_relaxed);
        }
        hk_lock_give(lock);
        if (desc) {
            /* the page stays while its blocks are ours */
            settle(heap, &drawn, blocks);
            return drawn.count;
        }
        struct hk_page *page = lease(heap, bin);
        if (!page) {
            return 0;
        }
        if (!hk_mid_serve(page)) {
            HK_COLD.retire(heap, page);
            return 0;
        }
    }
}

void hk_mid_claim_locked(struct hk_mid_desc *desc, uint64_t bits)
{
    struct hk_mid_class *class = hk_mid_class(bin_of(desc));
    class->empty -= bits && is_empty(desc);
    desc->free &= ~bits;
    if (!desc->free) {
        unlist(class, desc);
        hk_count_pop(NULL, bin_of(desc));
    }
}

bool hk_mid_put_locked(struct hk_mid_desc *desc, uint64_t bits)
{
    struct hk_mid_class *class = hk_mid_class(bin_of(desc));
    HK_REQUIRE((desc->free & bits) == 0, "free: block is not allocated (freed twice?)");
    bool in_front = desc->free & hk_mid_bits(desc->carved);
    desc->free |= bits;
    bool empty = is_empty(desc);
    if (in_front && !empty) {
        return false;
    }
    if (desc->flags & HK_MID_LISTED) {
        unlist(class, desc);
    } else {
        hk_count_push(NULL, bin_of(desc));
    }
    if (!empty) {
        list_first(class, desc);
        return false;
    }
    /* no heap's: the page belongs to all */
    if (class->empty >= hk_policy_retention(NULL, bin_of(desc))) {
        hk_count_pop(NULL, bin_of(desc));
        class->pages -= 1;
        class->carved -= desc->carved;
        return true;
    }
    class->empty += 1;
    list_last(class, desc);
    return false;
}

size_t hk_mid_retire(struct hk_heap *heap, struct hk_mid_desc *desc)
{
    struct hk_page *page = hk_mid_page(desc);
    size_t bytes = (size_t)hk_page_slot(page)->slices << HK_SLICE_SHIFT;
    hk_mid_forget(desc);
    HK_COLD.retire(heap, page);
    return bytes;
}

static struct hk_mid_desc *desc_of(const void *block)
{
    struct hk_mid_desc *desc = hk_mid_find(hk_mid_start(hk_page_of(block), block));
    HK_REQUIRE(desc, "free: block is not allocated (freed twice?)");
    return desc;
}

/* -> bits of those of the blocks that are in the first one's page; they are taken off the list. */
static uint64_t page_bits(struct hk_mid_desc **descs, void **blocks, size_t count)
{
    struct hk_mid_desc *desc = descs[0];
    uint64_t bits = 0;
    for (size_t i = 0; i < count; i++) {
        if (descs[i] == desc) {
            uint64_t bit = hk_mid_bit(desc, blocks[i]);
            HK_REQUIRE((bits & bit) == 0, "free: block is not allocated (freed twice?)");
            bits |= bit;
            descs[i] = NULL;
        }
    }
    return bits;
}

/* hk_mid_put for so many blocks that their descriptors fit on the stack. */
static void put_some(struct hk_heap *heap, void **blocks, size_t count)
{
    struct hk_mid_desc *descs[HK_MID_PUT];
    struct hk_mid_desc *empty[HK_MID_PUT];
    size_t empty_count = 0;
    for (size_t i = 0; i < count; i++) {
        descs[i] = desc_of(blocks[i]);
    }
    struct hk_lock *lock = hk_mid_lock(bin_of(descs[0]));
    hk_lock_take(lock);
    for (size_t i = 0; i < count; i++) {
        struct hk_mid_desc *desc = descs[i];
        if (desc && hk_mid_put_locked(desc, page_bits(descs + i, blocks + i, count - i))) {
            empty[empty_count++] = desc;
        }
    }
    hk_lock_give(lock);
    for (size_t i = 0; i < empty_count; i++) {
        hk_mid_retire(heap, empty[i]);
    }
}

void hk_mid_put(struct hk_heap *heap, void **blocks, size_t count)
{
    while (count) {
        size_t some = count < HK_MID_PUT ? count : HK_MID_PUT;
        put_some(heap, blocks, some);
        blocks += some;
        count -= some;
    }
}

/* Take an empty page off its class. -> NULL: it has none. */
static struct hk_mid_desc *take_empty(size_t bin)
{
    struct hk_mid_class *class = hk_mid_class(bin);
    struct hk_lock *lock = hk_mid_lock(bin);
    hk_lock_take(lock);
    struct hk_mid_desc *desc = class->empty ? class->last : NULL;
    while (desc && !is_empty(desc)) {
        desc = desc->prev;
    }
    if (desc) {
        unlist(class, desc);
        hk_count_pop(NULL, bin);
        class->empty -= 1;
        class->pages -= 1;
        class->carved -= desc->carved;
    }
    hk_lock_give(lock);
    return desc;
}

size_t hk_mid_retire_empty_of(struct hk_heap *heap, size_t bin)
{
    size_t bytes = 0;
    for (struct hk_mid_desc *desc = take_empty(bin); desc; desc = take_empty(bin)) {
        bytes += hk_mid_retire(heap, desc);
    }
    return bytes;
}

size_t hk_mid_retire_empty(struct hk_heap *heap)
{
    size_t bytes = 0;
    for (size_t bin = HK_TINY_BINS; bin < HK_BIN_COUNT; bin++) {
        bytes += hk_mid_retire_empty_of(heap, bin);
    }
    return bytes;
}
