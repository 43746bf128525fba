/* SPDX-License-Identifier: MIT */
/* What the tests of sparse pages share: a heap whose pages are filled and thinned out. */
#ifndef HK_UNIT_SPARSE_UNIT_H
#define HK_UNIT_SPARSE_UNIT_H

#include "unit/paged_unit.h"

#include <string.h>

enum {
    LEAST = 128, /* slices of sparse pages that keep their memory */
    TOTAL = 400, /* slices in use */
    HARDLY = 4,  /* a sparse page has so many times the blocks of one that is hardly used */
    SMALLEST = 512,
};

/* All cases go through pages of one slice, and of more. */
struct shape {
    size_t size;   /* bytes of a block, with which every table has a class */
    size_t slices; /* of a page */
    size_t every;  /* one block in so many makes a page sparse */
};

static const struct shape one_slice = {.size = SMALLEST, .slices = 1, .every = 16};
static const struct shape more_slices = {.size = 8192, .slices = 4, .every = 4};

static struct shape shape;
static size_t class;
static size_t page_blocks;
static size_t page_count;
static size_t count;
static size_t least; /* pages of LEAST slices */
static void *blocks[TOTAL * (HK_SLICE / SMALLEST)];

static inline int start(void **state, struct shape wanted)
{
    shape = wanted;
    class = hk_bin_of_size(shape.size);
    page_blocks = shape.slices * HK_SLICE / shape.size;
    page_count = TOTAL / shape.slices;
    count = page_count * page_blocks;
    least = LEAST / shape.slices;
    assert_int_equal(hk_bin_block_size(class), shape.size);
    assert_int_equal(hk_page_slices(shape.size), shape.slices);
    return start_paged(state);
}

static inline int start_one_slice(void **state)
{
    return start(state, one_slice);
}

static inline int start_more_slices(void **state)
{
    return start(state, more_slices);
}

static inline unsigned char content(size_t i)
{
    return (unsigned char)(i * 7 + 1);
}

static inline void fill(struct hk_heap *heap, size_t number)
{
    for (size_t i = 0; i < number; i++) {
        if (!blocks[i]) {
            (void)take_blocks(heap, class, &blocks[i], 1);
            memset(blocks[i], content(i), shape.size);
        }
    }
}

/* Give all but every `every`th of the blocks back to their pages, past the bin. */
static inline void thin_out(struct hk_heap *heap, size_t number, size_t every)
{
    for (size_t i = 0; i < number; i++) {
        if (i % every && blocks[i]) {
            give_to_page(heap, class, blocks[i]);
            blocks[i] = NULL;
        }
    }
    assert_null(hk_paged_check(heap, hk_kind_of_bin(class)));
}

/* Give the one block back that each page has left. */
static inline void empty_pages(struct hk_heap *heap)
{
    for (size_t i = 0; i < count; i += page_blocks) {
        give_to_page(heap, class, blocks[i]);
        blocks[i] = NULL;
    }
}

/* -> a heap that does not know what earlier tests taught it, long after they gave memory back. */
static inline struct hk_heap *born(void)
{
    struct hk_heap *heap = hk_cold.birth(0);
    hk_os_fake_set_now(3600000000000);
    heap->aged = hk_os_fake_now();
    heap->sparse = (struct hk_sparse){.sunk = heap->aged};
    heap->dear = false;
    heap->missed = 0;
    heap->purged = 0;
    return heap;
}

static inline uint64_t purges(void)
{
    return hk_os_fake_calls(HK_OS_PURGE);
}

/* The clock goes on by `ns`, and the heap is asked for what is idle, as often as it has boxes. ->
 * purges. */
static inline uint64_t rest(struct hk_heap *heap, uint64_t ns)
{
    uint64_t before = purges();
    hk_os_fake_set_now(hk_os_fake_now() + ns);
    heap->aged = hk_os_fake_now();
    (void)hk_paged_collect(heap, hk_kind_of_bin(class), HK_COLLECT_IDLE);
    (void)hk_paged_collect(heap, hk_kind_of_bin(class), HK_COLLECT_IDLE);
    return purges() - before;
}

static inline void survivors_are_as_they_were(void)
{
    for (size_t i = 0; i < count; i++) {
        const unsigned char *block = blocks[i];
        for (size_t at = 0; block && at < shape.size; at++) {
            assert_int_equal(block[at], content(i));
        }
    }
}

static inline void end(struct hk_heap *heap)
{
    for (size_t i = 0; i < count; i++) {
        if (blocks[i]) {
            hk_paged_spill(heap, hk_page_of(blocks[i]), blocks[i]);
            blocks[i] = NULL;
        }
    }
    assert_null(hk_paged_check(heap, hk_kind_of_bin(class)));
    hk_paged_abandon(heap, hk_kind_of_bin(class));
    assert_int_equal(heap->sparse.slices, 0);
    hk_cold.death(heap);
    assert_null(hk_cold.check());
}

/* -> the heap of whoever has its pages after the heap's thread has ended. */
static inline struct hk_heap *inherit(struct hk_heap *heap)
{
    hk_paged_abandon(heap, hk_kind_of_bin(class));
    hk_cold.death(heap);
    struct hk_heap *heir = hk_cold.birth(0);
    assert_null(hk_paged_check(heir, hk_kind_of_bin(class)));
    return heir;
}

#endif
