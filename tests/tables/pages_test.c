/* SPDX-License-Identifier: MIT */
/* The pool over every class of a table: its pages are described, filled and given back whole. */
#include "unit/unit.h"

#include "coldbox/seat.h"
#include "common/self.h"

#include "expected_classes.h"
#include "hk_seat_pool.h"

#include <string.h>

#if HK_TLS_BINS
_Thread_local struct hk_tls hk_tls; /* the gate's, which is not linked */
#endif

enum { BLOCKS_MOST = 2 * HK_SLICE / HK_TINY_MAX }; /* of two pages */

static const size_t classes[] = {EXPECTED_CLASSES};

enum { CLASSES = sizeof classes / sizeof *classes };

static void splice(struct hk_heap *heap, struct hk_page *page, void *first, void *last,
                   size_t count)
{
    HK_POOL.splice(heap, page, first, last, count);
}

static void attach(struct hk_heap *heap, struct hk_page *page)
{
    HK_POOL.attach(heap, page);
}

static size_t purge_parts(struct hk_heap *heap)
{
    return HK_POOL.collect(heap, HK_COLLECT_PARTS);
}

static void shed(struct hk_heap *heap)
{
    HK_POOL.collect(heap, HK_COLLECT_QUIET);
}

static const struct hk_hooks hooks = {
    .splice = splice,
    .attach = attach,
    .purge_parts = purge_parts,
    .shed = shed,
};

/* A heap with the blocks of two pages of one class. */
struct crowd {
    struct hk_heap *heap;
    size_t size;
    size_t page_bytes;
    size_t count;
    char *block[BLOCKS_MOST];
};

static void fill(struct crowd *crowd, struct hk_heap *heap, size_t size)
{
    crowd->heap = heap;
    crowd->size = size;
    crowd->page_bytes = hk_page_slices(size) * HK_SLICE;
    crowd->count = 2 * (crowd->page_bytes / size);
    for (size_t i = 0; i < crowd->count; i++) {
        void *block = HK_POOL.alloc(heap, size);
        crowd->block[i] = block ? block : HK_POOL.refill(heap, size);
        assert_non_null(crowd->block[i]);
        memcpy(crowd->block[i], &i, sizeof i);
        memcpy(crowd->block[i] + size - sizeof i, &i, sizeof i);
    }
}

static void empty(struct crowd *crowd)
{
    for (size_t i = 0; i < crowd->count; i++) {
        struct hk_page *page = hk_page_of(crowd->block[i]);
        if (!HK_POOL.free_local(crowd->heap, page, crowd->block[i])) {
            HK_POOL.spill(crowd->heap, page, crowd->block[i]);
        }
    }
}

/* A pool may look for the thread's heap where the gate keeps it. */
static void bind(struct hk_heap *heap)
{
#if HK_TLS_BINS
    hk_tls.heap = heap;
#else
    (void)heap;
#endif
}

static struct hk_heap *open_heap(void)
{
    struct hk_heap *heap = HK_COLD.birth(HK_TLS_BINS ? hk_self_token(NULL) : 0);
    assert_non_null(heap);
    HK_POOL.init(heap);
    bind(heap);
    return heap;
}

static void close_heap(struct hk_heap *heap)
{
    assert_null(HK_POOL.check(heap));
    bind(NULL);
    HK_POOL.abandon(heap);
    HK_COLD.death(heap);
    assert_null(HK_COLD.check());
}

static void every_class_serves_its_size(void **state)
{
    (void)state;
    struct hk_heap *heap = open_heap();
    struct crowd crowd;

    for (size_t c = 0; c < CLASSES; c++) {
        fill(&crowd, heap, classes[c]);
        for (size_t i = 0; i < crowd.count; i++) {
            assert_int_equal(hk_page_of(crowd.block[i])->block_size, classes[c]);
        }
        empty(&crowd);
    }

    close_heap(heap);
}

static void blocks_lie_whole_in_their_page(void **state)
{
    (void)state;
    struct hk_heap *heap = open_heap();
    struct crowd crowd;

    for (size_t c = 0; c < CLASSES; c++) {
        fill(&crowd, heap, classes[c]);
        for (size_t i = 0; i < crowd.count; i++) {
            struct hk_page *head = hk_page_head(hk_page_of(crowd.block[i]));
            size_t offset = (size_t)(crowd.block[i] - hk_page_start(head));
            assert_int_equal(offset % classes[c], 0);
            assert_true(offset + classes[c] <= crowd.page_bytes);
            assert_int_equal(hk_page_slot(head)->slices * (size_t)HK_SLICE, crowd.page_bytes);
        }
        empty(&crowd);
    }

    close_heap(heap);
}

static void every_byte_of_a_block_leads_to_its_page(void **state)
{
    (void)state;
    struct hk_heap *heap = open_heap();
    struct crowd crowd;

    for (size_t c = 0; c < CLASSES; c++) {
        fill(&crowd, heap, classes[c]);
        for (size_t i = 0; i < crowd.count; i++) {
            struct hk_page *head = hk_page_head(hk_page_of(crowd.block[i]));
            for (size_t at = 1024; at < classes[c]; at += 1024) {
                assert_ptr_equal(hk_page_head(hk_page_of(crowd.block[i] + at)), head);
            }
        }
        empty(&crowd);
    }

    close_heap(heap);
}

static void full_pages_share_no_byte(void **state)
{
    (void)state;
    struct hk_heap *heap = open_heap();
    struct crowd crowd;

    for (size_t c = 0; c < CLASSES; c++) {
        fill(&crowd, heap, classes[c]);
        for (size_t i = 0; i < crowd.count; i++) {
            assert_memory_equal(crowd.block[i], &i, sizeof i);
            assert_memory_equal(crowd.block[i] + classes[c] - sizeof i, &i, sizeof i);
        }
        empty(&crowd);
    }

    close_heap(heap);
}

static size_t leased(void)
{
    struct hk_cold_stat stat;
    HK_COLD.stat(&stat);
    return stat.leased;
}

static void pages_of_every_class_go_back(void **state)
{
    (void)state;
    struct hk_heap *heap = open_heap();
    struct crowd crowd;

    for (size_t c = 0; c < CLASSES; c++) {
        fill(&crowd, heap, classes[c]);
        empty(&crowd);
    }
    HK_POOL.collect(heap, HK_COLLECT_ALL);
    HK_COLD.trim(heap, 0);

    assert_int_equal(leased(), 0);
    close_heap(heap);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_class_serves_its_size),
        cmocka_unit_test(blocks_lie_whole_in_their_page),
        cmocka_unit_test(every_byte_of_a_block_leads_to_its_page),
        cmocka_unit_test(full_pages_share_no_byte),
        cmocka_unit_test(pages_of_every_class_go_back),
    };
    if (HK_COLD.init(&hooks) != 0) {
        return 2;
    }
    return cmocka_run_group_tests_name("pages", tests, NULL, NULL);
}
