/* SPDX-License-Identifier: MIT */
/* Kit cases of whole heaps: start, collect, abandon, counts and checks. */
#include "kit/box_kit.h"

#include <string.h>

static void new_heap_leases_nothing(const void *subject)
{
    const struct kit_box *box = subject;
    uint64_t leases = kit_leases();

    struct hk_heap *heap = kit_open(box);
    struct hk_hot_stat stat;
    box->stat(heap, &stat);

    assert_int_equal(kit_leases(), leases);
    assert_int_equal(stat.pages, 0);
    assert_int_equal(stat.blocks_out, 0);
    kit_close(box, heap);
}

/* Leave pages of several classes, all empty, and the bins full. */
static void use_and_empty(const struct kit_box *box, struct hk_heap *heap)
{
    void *blocks[KIT_BLOCKS];
    for (size_t r = 0; r < kit_request_count; r += 4) {
        kit_take_all(box, heap, kit_request(r), blocks);
        kit_give_all(box, heap, blocks);
    }
}

static void collect_all_retires_empty_pages(const void *subject)
{
    const struct kit_box *box = subject;
    struct hk_heap *heap = kit_open(box);
    struct hk_hot_stat stat;
    use_and_empty(box, heap);

    box->collect(heap, HK_COLLECT_ALL);

    box->stat(heap, &stat);
    assert_int_equal(stat.pages, 0);
    assert_int_equal(stat.binned, 0);
    assert_null(box->check(heap));
    kit_close(box, heap);
}

static void collect_counts_what_it_retires(const void *subject)
{
    const struct kit_box *box = subject;
    struct hk_heap *heap = kit_open(box);
    use_and_empty(box, heap);
    size_t before = 0;
    for (struct hk_page *page = heap->pages; page; page = hk_page_slot(page)->next) {
        before += (size_t)hk_page_slot(page)->slices * HK_SLICE;
    }

    size_t retired = box->collect(heap, HK_COLLECT_ALL);

    assert_null(heap->pages);
    assert_int_equal(retired, before);
    kit_close(box, heap);
}

/* Of KIT_BLOCKS blocks of each class every 8th stays; the rest is free when collect runs. */
static void live_blocks_outlast(const struct kit_box *box, enum hk_collect how)
{
    struct hk_heap *heap = kit_open(box);
    void *blocks[KIT_BLOCKS];

    for (size_t r = 0; r < kit_request_count; r += 4) {
        size_t size = kit_request_size(kit_request(r));
        kit_take_all(box, heap, kit_request(r), blocks);
        for (size_t i = 0; i < KIT_BLOCKS; i++) {
            kit_fill(blocks[i], size, i);
            if (i % 8) {
                kit_give(box, heap, blocks[i]);
            }
        }
        box->collect(heap, how);
        assert_null(box->check(heap));
        for (size_t i = 0; i < KIT_BLOCKS; i += 8) {
            assert_true(kit_holds(blocks[i], size, i));
            kit_give(box, heap, blocks[i]);
        }
    }

    kit_close(box, heap);
}

static void collect_keeps_live_blocks(const void *subject)
{
    live_blocks_outlast(subject, HK_COLLECT_ALL);
}

static void collect_parts_keeps_live_blocks(const void *subject)
{
    live_blocks_outlast(subject, HK_COLLECT_PARTS);
}

static void abandon_retires_empty_pages(const void *subject)
{
    const struct kit_box *box = subject;
    struct hk_heap *heap = kit_open(box);
    use_and_empty(box, heap);

    box->abandon(heap);

    assert_null(heap->pages);
    HK_COLD.death(heap);
}

static void abandon_leaves_the_boxes_state_zero(const void *subject)
{
    static const struct hk_shelf no_shelf;
    static const struct hk_bin no_bin;
    const struct kit_box *box = subject;
    struct hk_heap *heap = kit_open(box);
    void *kept = kit_take(box, heap, kit_request(3));
    use_and_empty(box, heap);

    box->abandon(heap);

    for (size_t i = 0; i < HK_BIN_COUNT; i++) {
        struct hk_bin *bin = hk_bin_at(heap, i << HK_BIN_SHIFT);
        assert_memory_equal(&heap->shelf[i], &no_shelf, sizeof no_shelf);
        assert_memory_equal(bin, &no_bin, sizeof no_bin);
    }
    assert_non_null(kept);
    HK_COLD.death(heap);
    heap = kit_open_heir(box);
    kit_give(box, heap, kept);
    kit_close(box, heap);
}

static void abandoned_pages_stay_leased(const void *subject)
{
    const struct kit_box *box = subject;
    struct hk_heap *heap = kit_open(box);
    size_t size = kit_request_size(kit_request(3));
    void *kept = kit_take(box, heap, kit_request(3));
    kit_fill(kept, size, 5);

    box->abandon(heap);

    struct hk_page *head = hk_page_head(hk_page_of(kept));
    assert_true(heap->pages == head);
    assert_false(head->flags & HK_PAGE_LISTED);
    assert_true(kit_holds(kept, size, 5));
    HK_COLD.death(heap);
    heap = kit_open_heir(box);
    kit_give(box, heap, kept);
    kit_close(box, heap);
}

static void abandoned_heap_starts_anew(const void *subject)
{
    const struct kit_box *box = subject;
    size_t leased = kit_leased();
    void *blocks[KIT_BLOCKS];

    for (int life = 0; life < 5; life++) {
        struct hk_heap *heap = kit_open(box);
        for (size_t r = 0; r < kit_request_count; r += 11) {
            kit_take_all(box, heap, kit_request(r), blocks);
            kit_give_all(box, heap, blocks);
        }
        assert_null(box->check(heap));
        kit_close(box, heap);
        assert_int_equal(kit_leased(), leased);
    }
}

static void stat_counts_blocks(const void *subject)
{
    const struct kit_box *box = subject;
    struct hk_heap *heap = kit_open(box);
    void *blocks[KIT_BLOCKS];
    struct hk_hot_stat stat;

    for (size_t r = 0; r < kit_request_count; r += 5) {
        kit_take_all(box, heap, kit_request(r), blocks);
        box->stat(heap, &stat);
        assert_int_equal(stat.blocks_out - stat.binned, KIT_BLOCKS);
        assert_true(stat.pages > 0 && stat.pages <= heap->page_count);
        kit_give_all(box, heap, blocks);
        box->stat(heap, &stat);
        assert_int_equal(stat.blocks_out, stat.binned);
    }

    kit_close(box, heap);
}

static void check_accepts_a_healthy_heap(const void *subject)
{
    const struct kit_box *box = subject;
    struct hk_heap *heap = kit_open(box);
    void *blocks[KIT_BLOCKS];

    assert_null(box->check(heap));
    for (size_t r = 0; r < kit_request_count; r += 4) {
        kit_take_all(box, heap, kit_request(r), blocks);
        assert_null(box->check(heap));
        kit_give_all(box, heap, blocks);
        assert_null(box->check(heap));
    }

    kit_close(box, heap);
}

static void check_names_a_broken_page(const void *subject)
{
    const struct kit_box *box = subject;
    struct hk_heap *heap = kit_open(box);
    void *block = kit_take(box, heap, kit_request(2));
    struct hk_page *head = hk_page_head(hk_page_of(block));

    atomic_store(&head->owner, (uintptr_t)HK_OWNER_ORPHAN);
    const char *broken = box->check(heap);
    atomic_store(&head->owner, heap->token);

    assert_non_null(broken);
    kit_give(box, heap, block);
    kit_close(box, heap);
}

static void check_ends_on_a_cycle(const void *subject)
{
    const struct kit_box *box = subject;
    struct hk_heap *heap = kit_open(box);
    void *block = kit_take(box, heap, kit_request(2));
    void **binned = hk_page_of(block)->bin->head;
    assert_non_null(binned);

    void *next = *binned;
    *binned = binned; /* as a write after free might */
    const char *broken = box->check(heap);
    *binned = next;

    assert_non_null(broken);
    kit_give(box, heap, block);
    kit_close(box, heap);
}

#if !HK_TLS_BINS
static void heaps_of_one_thread_are_separate(const void *subject)
{
    const struct kit_box *box = subject;
    struct hk_heap *heap[3] = {kit_open(box), kit_open(box), kit_open(box)};
    void *blocks[3 * KIT_BLOCKS];

    for (size_t i = 0; i < 3 * KIT_BLOCKS; i++) {
        blocks[i] = kit_take(box, heap[i % 3], kit_request(4));
        assert_non_null(blocks[i]);
        assert_true(hk_page_heap(hk_page_head(hk_page_of(blocks[i]))) == heap[i % 3]);
    }

    for (size_t i = 0; i < 3 * KIT_BLOCKS; i++) {
        kit_give(box, heap[i % 3], blocks[i]);
    }
    for (size_t i = 0; i < 3; i++) {
        assert_null(box->check(heap[i]));
        kit_close(box, heap[i]);
    }
}
#endif

const struct kit_case kit_life_cases[] = {
    {"new_heap_leases_nothing", new_heap_leases_nothing},
    {"collect_all_retires_empty_pages", collect_all_retires_empty_pages},
    {"collect_counts_what_it_retires", collect_counts_what_it_retires},
    {"collect_keeps_live_blocks", collect_keeps_live_blocks},
    {"collect_parts_keeps_live_blocks", collect_parts_keeps_live_blocks},
    {"abandon_retires_empty_pages", abandon_retires_empty_pages},
    {"abandon_leaves_the_boxes_state_zero", abandon_leaves_the_boxes_state_zero},
    {"abandoned_pages_stay_leased", abandoned_pages_stay_leased},
    {"abandoned_heap_starts_anew", abandoned_heap_starts_anew},
    {"stat_counts_blocks", stat_counts_blocks},
    {"check_accepts_a_healthy_heap", check_accepts_a_healthy_heap},
    {"check_names_a_broken_page", check_names_a_broken_page},
    {"check_ends_on_a_cycle", check_ends_on_a_cycle},
#if !HK_TLS_BINS
    {"heaps_of_one_thread_are_separate", heaps_of_one_thread_are_separate},
#endif
};
const size_t kit_life_case_count = sizeof kit_life_cases / sizeof *kit_life_cases;
