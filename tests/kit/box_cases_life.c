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

/* -> bytes of the pages that the box has leased, by the heap's list where there is one. */
static size_t page_bytes(const struct kit_box *box, struct hk_heap *heap)
{
    struct hk_hot_stat stat;
    box->stat(heap, &stat);
    size_t bytes = box->owns_pages ? 0 : stat.bytes;
    for (struct hk_page *page = heap->pages; page; page = hk_page_slot(page)->next) {
        bytes += (size_t)hk_page_slot(page)->slices * HK_SLICE;
    }
    return bytes;
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
    size_t before = page_bytes(box, heap);

    size_t retired = box->collect(heap, HK_COLLECT_ALL);

    assert_int_equal(page_bytes(box, heap), 0);
    assert_int_equal(retired, before);
    kit_close(box, heap);
}

/* -> a policy that calls the classes from `first` to before `end` quiet. */
static const struct hk_policy *quiet_policy(size_t first, size_t end)
{
    static struct hk_policy policy;
    for (size_t i = 0; i < HK_BIN_COUNT; i++) {
        policy.of[i] = hk_profile_of(HK_PROFILE_LEGACY, i);
        policy.of[i].quiet = i >= first && i < end;
        policy.of[i].retention = !policy.of[i].quiet;
    }
    return &policy;
}

static void collect_quiet_leaves_other_classes(const void *subject)
{
    const struct kit_box *box = subject;
    struct hk_heap *heap = kit_open(box);
    struct hk_hot_stat before;
    struct hk_hot_stat after;
    use_and_empty(box, heap);
    box->stat(heap, &before);

    heap->policy = quiet_policy(0, 0);
    size_t bytes = box->collect(heap, HK_COLLECT_QUIET);
    heap->policy = NULL;

    box->stat(heap, &after);
    assert_int_equal(bytes, 0);
    assert_int_equal(after.pages, before.pages);
    assert_int_equal(after.binned, before.binned);
    kit_close(box, heap);
}

/* -> what the box still has when policy calls these classes quiet. */
static struct hk_hot_stat quieted(const struct kit_box *box, struct hk_heap *heap, size_t first,
                                  size_t end)
{
    struct hk_hot_stat stat;
    heap->policy = quiet_policy(first, end);
    box->collect(heap, HK_COLLECT_QUIET);
    box->stat(heap, &stat);
    heap->policy = NULL;
    return stat;
}

/* Where policy is fixed at build time no class is ever quiet. */
static void collect_quiet_gives_up_quiet_classes(const void *subject)
{
    const bool learns = HK_POLICY == HK_POLICY_LEARN;
    const struct kit_box *box = subject;
    struct hk_heap *heap = kit_open(box);
    size_t bin = hk_bin_of_size(kit_request_size(kit_request(4)));
    use_and_empty(box, heap);

    struct hk_hot_stat before = quieted(box, heap, 0, 0);
    struct hk_hot_stat one = quieted(box, heap, bin, bin + 1);
    struct hk_hot_stat all = quieted(box, heap, 0, HK_BIN_COUNT);

    assert_int_equal(one.pages < before.pages, learns);
    assert_true(one.binned <= before.binned && one.pages > 0);
    assert_int_equal(all.binned == 0 && all.pages == 0, learns);
    assert_null(box->check(heap));
    kit_close(box, heap);
}

static void collect_keeps_live_blocks(const void *subject)
{
    kit_live_blocks_outlast(subject, HK_COLLECT_ALL, 1, quiet_policy(0, HK_BIN_COUNT));
    kit_live_blocks_outlast(subject, HK_COLLECT_QUIET, 1, quiet_policy(0, HK_BIN_COUNT));
}

static void collect_parts_keeps_live_blocks(const void *subject)
{
    kit_live_blocks_outlast(subject, HK_COLLECT_PARTS, 1, quiet_policy(0, HK_BIN_COUNT));
}

static void abandon_retires_empty_pages(const void *subject)
{
    const struct kit_box *box = subject;
    struct hk_heap *heap = kit_open(box);
    use_and_empty(box, heap);

    box->abandon(heap);

    assert_null(heap->pages);
    assert_int_equal(page_bytes(box, heap), 0);
    HK_COLD.death(heap);
}

static void abandon_leaves_the_boxes_state_zero(const void *subject)
{
    static const unsigned char no_lane[HK_TINY_LANE > HK_POOL_LANE ? HK_TINY_LANE : HK_POOL_LANE];
    static const struct hk_bin no_bin;
    const struct kit_box *box = subject;
    struct hk_heap *heap = kit_open(box);
    void *kept = kit_take(box, heap, kit_request(3));
    use_and_empty(box, heap);

    box->abandon(heap);

    for (size_t i = 0; i < HK_BIN_COUNT; i++) {
        struct hk_bin *bin = hk_bin_at(heap, i << HK_BIN_SHIFT);
        size_t lane_size = i < HK_TINY_BINS ? HK_TINY_LANE : HK_POOL_LANE;
        assert_memory_equal(hk_lane(heap, i), no_lane, lane_size);
        assert_memory_equal(bin, &no_bin, sizeof no_bin);
    }
    assert_memory_equal(hk_lane(heap, HK_BIN_COUNT), no_lane, HK_POOL_LANE);
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
    assert_true(heap->pages == (box->owns_pages ? head : NULL));
    assert_int_equal(head->kind, box->kind);
    assert_false(box->owns_pages && head->flags & HK_PAGE_LISTED);
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
        assert_true(stat.pages > 0);
        assert_int_equal(stat.bytes, page_bytes(box, heap));
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
    atomic_store(&head->owner, kit_owner(box, heap));

    assert_non_null(broken);
    kit_give(box, heap, block);
    kit_close(box, heap);
}

static void check_ends_on_a_cycle(const void *subject)
{
    const struct kit_box *box = subject;
    struct hk_heap *heap = kit_open(box);
    void *blocks[2][KIT_BLOCKS]; /* so many that a block given back is linked */
    kit_take_all(box, heap, kit_request(2), blocks[0]);
    kit_take_all(box, heap, kit_request(2), blocks[1]);
    void **freed = blocks[1][0];
    kit_give(box, heap, freed);

    void *next = *freed;
    *freed = freed; /* as a write after free might */
    const char *broken = box->check(heap);
    *freed = next;

    assert_non_null(broken);
    blocks[1][0] = kit_take(box, heap, kit_request(2));
    kit_give_all(box, heap, blocks[0]);
    kit_give_all(box, heap, blocks[1]);
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
        struct hk_heap *its_heap = hk_page_heap(hk_page_head(hk_page_of(blocks[i])));
        assert_true(its_heap == (box->owns_pages ? heap[i % 3] : NULL));
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
    {"new_heap_leases_nothing", new_heap_leases_nothing, 0},
    {"collect_all_retires_empty_pages", collect_all_retires_empty_pages, 0},
    {"collect_counts_what_it_retires", collect_counts_what_it_retires, 0},
    {"collect_quiet_leaves_other_classes", collect_quiet_leaves_other_classes, 0},
    {"collect_quiet_gives_up_quiet_classes", collect_quiet_gives_up_quiet_classes, 0},
    {"collect_keeps_live_blocks", collect_keeps_live_blocks, 0},
    {"collect_parts_keeps_live_blocks", collect_parts_keeps_live_blocks, 0},
    {"abandon_retires_empty_pages", abandon_retires_empty_pages, 0},
    {"abandon_leaves_the_boxes_state_zero", abandon_leaves_the_boxes_state_zero, 0},
    {"abandoned_pages_stay_leased", abandoned_pages_stay_leased, 0},
    {"abandoned_heap_starts_anew", abandoned_heap_starts_anew, 0},
    {"stat_counts_blocks", stat_counts_blocks, 0},
    {"check_accepts_a_healthy_heap", check_accepts_a_healthy_heap, 0},
    {"check_names_a_broken_page", check_names_a_broken_page, 0},
    {"check_ends_on_a_cycle", check_ends_on_a_cycle, KIT_OWNS},
#if !HK_TLS_BINS
    {"heaps_of_one_thread_are_separate", heaps_of_one_thread_are_separate, 0},
#endif
};
const size_t kit_life_case_count = sizeof kit_life_cases / sizeof *kit_life_cases;
