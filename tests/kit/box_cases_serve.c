/* SPDX-License-Identifier: MIT */
/* Kit cases of a box's blocks: what a block handed out is, and that memory is used again. */
#include "kit/box_kit.h"

#include "common/scrub.h"
#include "unit/random.h"

#include <stdlib.h>
#include <string.h>

#if KIT_FAKE_COLD
#include "fakes/cold_fake.h"
#endif

static void blocks_are_aligned(const void *subject)
{
    const struct kit_box *box = subject;
    struct hk_heap *heap = kit_open(box);
    void *blocks[KIT_BLOCKS];

    for (size_t r = 0; r < kit_request_count; r++) {
        kit_take_all(box, heap, kit_request(r), blocks);
        for (size_t i = 0; i < KIT_BLOCKS; i++) {
            assert_int_equal((uintptr_t)blocks[i] % 16, 0);
        }
        kit_give_all(box, heap, blocks);
    }

    kit_close(box, heap);
}

static int by_address(const void *a, const void *b)
{
    uintptr_t left = *(const uintptr_t *)a;
    uintptr_t right = *(const uintptr_t *)b;
    return left < right ? -1 : left > right;
}

static void no_block_is_out_twice(const void *subject)
{
    const struct kit_box *box = subject;
    struct hk_heap *heap = kit_open(box);
    void *blocks[KIT_BLOCKS];
    void *sorted[KIT_BLOCKS];

    for (size_t r = 0; r < kit_request_count; r++) {
        kit_take_all(box, heap, kit_request(r), blocks);
        memcpy(sorted, blocks, sizeof sorted);
        qsort(sorted, KIT_BLOCKS, sizeof *sorted, by_address);
        for (size_t i = 1; i < KIT_BLOCKS; i++) {
            assert_ptr_not_equal(sorted[i], sorted[i - 1]);
        }
        kit_give_all(box, heap, blocks);
    }

    kit_close(box, heap);
}

static void blocks_do_not_overlap(const void *subject)
{
    const struct kit_box *box = subject;
    struct hk_heap *heap = kit_open(box);
    void *blocks[KIT_BLOCKS];
    void *sorted[KIT_BLOCKS];

    for (size_t r = 0; r < kit_request_count; r++) {
        kit_take_all(box, heap, kit_request(r), blocks);
        memcpy(sorted, blocks, sizeof sorted);
        qsort(sorted, KIT_BLOCKS, sizeof *sorted, by_address);
        for (size_t i = 1; i < KIT_BLOCKS; i++) {
            uintptr_t gap = (uintptr_t)sorted[i] - (uintptr_t)sorted[i - 1];
            assert_true(gap >= kit_request_size(kit_request(r)));
        }
        kit_give_all(box, heap, blocks);
    }

    kit_close(box, heap);
}

static void blocks_keep_what_is_written(const void *subject)
{
    const struct kit_box *box = subject;
    struct hk_heap *heap = kit_open(box);
    void *blocks[KIT_BLOCKS];

    for (size_t r = 0; r < kit_request_count; r++) {
        size_t size = kit_request_size(kit_request(r));
        kit_take_all(box, heap, kit_request(r), blocks);
        for (size_t i = 0; i < KIT_BLOCKS; i++) {
            kit_fill(blocks[i], size, i);
        }
        for (size_t i = 0; i < KIT_BLOCKS; i++) {
            assert_true(kit_holds(blocks[i], size, i));
            kit_give(box, heap, blocks[i]);
        }
    }

    kit_close(box, heap);
}

static void blocks_are_the_owners(const void *subject)
{
    const struct kit_box *box = subject;
    struct hk_heap *heap = kit_open(box);
    void *blocks[KIT_BLOCKS];

    for (size_t r = 0; r < kit_request_count; r++) {
        kit_take_all(box, heap, kit_request(r), blocks);
        for (size_t i = 0; i < KIT_BLOCKS; i++) {
            struct hk_page *page = hk_page_of(blocks[i]);
            assert_int_equal(hk_page_owner(page), kit_owner(box, heap));
            assert_int_equal(page->kind, box->kind);
            assert_true(page->block_size >= kit_request_size(kit_request(r)));
        }
        kit_give_all(box, heap, blocks);
    }

    kit_close(box, heap);
}

static void refill_leaves_more_at_hand(const void *subject)
{
    enum { SMALL = 1200 }; /* an extension that serves one larger block is legal */
    const struct kit_box *box = subject;
    struct hk_heap *heap = kit_open(box);

    for (size_t r = 0; r < kit_request_count && kit_request(r) <= SMALL; r++) {
        void *first = box->alloc(heap, kit_request(r));
        bool at_hand = first != NULL;
        first = at_hand ? first : box->refill(heap, kit_request(r));
        void *second = box->alloc(heap, kit_request(r));
        assert_non_null(first);
        assert_true(second || at_hand);
        kit_give(box, heap, first);
        if (second) {
            kit_give(box, heap, second);
        }
    }

    kit_close(box, heap);
}

/* Freed in an order of its own, so that lists and maps see more than a stack. */
static void give_mixed(const struct kit_box *box, struct hk_heap *heap, void *blocks[KIT_BLOCKS])
{
    for (size_t i = 0; i < KIT_BLOCKS; i++) {
        kit_give(box, heap, blocks[i * 29 % KIT_BLOCKS]);
    }
}

/* KIT_BLOCKS blocks are always out; one after the other is replaced. */
static void working_set_causes_no_lease(const void *subject)
{
    enum { ROUNDS = 30 };
    const struct kit_box *box = subject;
    struct hk_heap *heap = kit_open(box);
    void *blocks[KIT_BLOCKS];

    for (size_t r = 0; r < kit_request_count; r++) {
        uint64_t leases = 0;
        kit_take_all(box, heap, kit_request(r), blocks);
        for (int round = 0; round < ROUNDS; round++) {
            for (size_t i = 0; i < KIT_BLOCKS; i++) {
                size_t slot = i * 29 % KIT_BLOCKS;
                kit_give(box, heap, blocks[slot]);
                blocks[slot] = kit_take(box, heap, kit_request(r));
                assert_non_null(blocks[slot]);
            }
            leases = round == 0 ? kit_leases() : leases;
            assert_int_equal(kit_leases(), leases);
        }
        give_mixed(box, heap, blocks);
    }

    kit_close(box, heap);
}

/* The same over all classes at once and for long, one random block after the other. */
static void steady_state_never_leases(const void *subject)
{
    /* tiny classes have more than a page each */
    enum { SET = KIT_POOL ? 400 : 6500, WARM_UP = 20 * SET, PAIRS = 500 * 1000 };
    const struct kit_box *box = subject;
    struct hk_heap *heap = kit_open(box);
    struct random random = random_from(1);
    static void *blocks[SET];
    uint64_t leases = 0;
    for (size_t i = 0; i < SET; i++) {
        blocks[i] = kit_take(box, heap, kit_request(i % kit_request_count));
        assert_non_null(blocks[i]);
    }

    for (size_t i = 0; i < WARM_UP + PAIRS; i++) {
        size_t slot = random_below(&random, SET);
        leases = i == WARM_UP ? kit_leases() : leases;
        kit_give(box, heap, blocks[slot]);
        blocks[slot] = kit_take(box, heap, kit_request(slot % kit_request_count));
        assert_non_null(blocks[slot]);
    }

    assert_int_equal(kit_leases(), leases);
    for (size_t i = 0; i < SET; i++) {
        kit_give(box, heap, blocks[i]);
    }
    kit_close(box, heap);
}

static void fresh_block_reads_as_zero(const void *subject)
{
    const struct kit_box *box = subject;
    struct hk_heap *heap = kit_open(box);
    void *blocks[KIT_BLOCKS];

    for (int round = 0; round < 3; round++) {
        for (size_t r = 0; r < kit_request_count; r += 7) {
            size_t size = kit_request_size(kit_request(r));
            for (size_t i = 0; i < KIT_BLOCKS; i++) {
                heap->fresh_block = NULL;
                blocks[i] = kit_take(box, heap, kit_request(r));
                bool fresh = heap->fresh_block == blocks[i];
                unsigned char *bytes = blocks[i];
                for (size_t b = sizeof(void *); fresh && b < size; b++) {
                    assert_int_equal(bytes[b], 0); /* but for the link in the first word */
                }
                memset(blocks[i], 0xff, size);
            }
            kit_give_all(box, heap, blocks);
        }
    }

    kit_close(box, heap);
}

#if KIT_POOL
/* The kit stands in for the gate, which scrubs what comes back. */
static void block_never_used_before_is_zero(const void *subject)
{
    const struct kit_box *box = subject;
    struct hk_heap *heap = kit_open(box);
    void *blocks[KIT_BLOCKS];

    for (int round = 0; round < 3; round++) {
        for (size_t r = 0; r < kit_request_count; r += 7) {
            size_t size = kit_request_size(kit_request(r));
            kit_take_all(box, heap, kit_request(r), blocks);
            for (size_t i = 0; i < KIT_BLOCKS; i++) {
                const unsigned char *bytes = blocks[i];
                for (size_t b = HK_SCRUB_HEADER; b < size; b++) {
                    assert_int_equal(bytes[b], 0);
                }
                memset(blocks[i], 0xff, size);
            }
            for (size_t i = 0; i < KIT_BLOCKS; i++) {
                memset(blocks[i], 0, size);
                kit_give(box, heap, blocks[i]);
            }
        }
        box->collect(heap, HK_COLLECT_ALL); /* the memory is soiled, and leased again */
    }

    kit_close(box, heap);
}
#endif

static void common_part_is_untouched(const void *subject)
{
    const struct kit_box *box = subject;
    struct hk_heap *heap = kit_open(box);
    void *blocks[KIT_BLOCKS];

    for (size_t r = 0; r < kit_request_count; r += 3) {
        kit_take_all(box, heap, kit_request(r), blocks);
        struct hk_page before = *hk_page_head(hk_page_of(blocks[0]));
        for (int round = 0; round < 3; round++) {
            give_mixed(box, heap, blocks);
            kit_take_all(box, heap, kit_request(r), blocks);
        }
        struct hk_page *page = hk_page_of(blocks[0]);
        assert_int_equal(page->block_size, before.block_size);
        assert_int_equal(page->bin_index, before.bin_index);
        assert_int_equal(page->kind, before.kind);
        assert_true(page->bin == before.bin);
        assert_int_equal(hk_page_owner(page), kit_owner(box, heap));
        kit_give_all(box, heap, blocks);
    }

    kit_close(box, heap);
}

#if KIT_FAKE_COLD
static void out_of_memory_is_null(const void *subject)
{
    const struct kit_box *box = subject;
    struct hk_heap *heap = kit_open(box);

    hk_cold_fake_budget(0);

    for (size_t r = 0; r < kit_request_count; r++) {
        assert_null(kit_take(box, heap, kit_request(r)));
    }
    kit_close(box, heap);
}

static void refused_lease_is_no_lasting_harm(const void *subject)
{
    const struct kit_box *box = subject;
    struct hk_heap *heap = kit_open(box);
    size_t size = kit_request_size(kit_request(1));
    void *kept = kit_take(box, heap, kit_request(1));
    kit_fill(kept, size, 1);

    for (size_t r = 2; r < kit_request_count; r += 5) {
        hk_cold_fake_fail_at(1);
        void *refused = kit_take(box, heap, kit_request(r));
        hk_cold_fake_fail_at(0);
        void *granted = kit_take(box, heap, kit_request(r));
        assert_null(refused);
        assert_non_null(granted);
        assert_null(box->check(heap));
        kit_give(box, heap, granted);
    }

    assert_true(kit_holds(kept, size, 1));
    kit_give(box, heap, kept);
    kit_close(box, heap);
}
#endif

const struct kit_case kit_serve_cases[] = {
    {"blocks_are_aligned", blocks_are_aligned, 0},
    {"no_block_is_out_twice", no_block_is_out_twice, 0},
    {"blocks_do_not_overlap", blocks_do_not_overlap, 0},
    {"blocks_keep_what_is_written", blocks_keep_what_is_written, 0},
    {"blocks_are_the_owners", blocks_are_the_owners, 0},
    {"refill_leaves_more_at_hand", refill_leaves_more_at_hand, 0},
    {"working_set_causes_no_lease", working_set_causes_no_lease, 0},
    {"steady_state_never_leases", steady_state_never_leases, 0},
    {"fresh_block_reads_as_zero", fresh_block_reads_as_zero, 0},
#if KIT_POOL
    {"block_never_used_before_is_zero", block_never_used_before_is_zero, KIT_SCRUBS},
#endif
    {"common_part_is_untouched", common_part_is_untouched, 0},
#if KIT_FAKE_COLD
    {"out_of_memory_is_null", out_of_memory_is_null, 0},
    {"refused_lease_is_no_lasting_harm", refused_lease_is_no_lasting_harm, 0},
#endif
};
const size_t kit_serve_case_count = sizeof kit_serve_cases / sizeof *kit_serve_cases;
