/* SPDX-License-Identifier: MIT */
/* Empty pages stay with their class as the heap's policy says: the page protocol over the real cold
 * side, with policies that the test gives to the heap. */
#include "unit/cold_unit.h"

#include "common/bands.h"
#include "hotbox/paged.h"

enum {
    CLASS = 64, /* blocks of 1024 bytes: 64 in a page, carved by 4 */
    PAGE_BLOCKS = 64,
    PAGES = 12,
    BLOCKS = PAGES * PAGE_BLOCKS,
};

static void *block[BLOCKS]; /* NULL: not out */

static int start(void **state)
{
    static const struct hk_hooks hooks = {hk_paged_splice, hk_paged_attach, no_parts, no_shed};
    (void)state;
    return hk_cold.init(&hooks);
}

static void keep(struct hk_heap *heap, uint8_t retention)
{
    static struct hk_policy policy;
    for (size_t i = 0; i < HK_BIN_COUNT; i++) {
        policy.of[i] = hk_profile_of(HK_PROFILE_LEGACY, i);
        policy.of[i].retention = retention;
    }
    heap->policy = &policy;
}

/* Take every block of `pages` pages; nothing is left in the bin. */
static struct hk_heap *heap_with_full_pages(size_t pages)
{
    struct hk_heap *heap = hk_cold.birth(0);
    for (size_t i = 0; i < pages * PAGE_BLOCKS; i++) {
        block[i] = hk_bin_pop(heap, CLASS << HK_BIN_SHIFT);
        block[i] = block[i] ? block[i] : hk_paged_refill(heap, CLASS << HK_BIN_SHIFT);
    }
    assert_int_equal(heap->page_count, pages);
    return heap;
}

/* Give blocks back to their pages, past the bin. */
static void give_back(struct hk_heap *heap, size_t first, size_t count)
{
    for (size_t i = first; i < first + count; i++) {
        if (block[i]) {
            hk_paged_spill(heap, hk_page_of(block[i]), block[i]);
            block[i] = NULL;
        }
    }
}

static void end(struct hk_heap *heap)
{
    assert_null(hk_paged_check(heap, hk_kind_of_bin(CLASS)));
    give_back(heap, 0, BLOCKS);
    heap->policy = NULL;
    hk_paged_abandon(heap, hk_kind_of_bin(CLASS));
    hk_cold.death(heap);
    assert_int_equal(cold_stat().leased, 0);
}

static void as_many_empty_pages_stay_as_policy_says(void **state)
{
    (void)state;
    for (uint8_t retention = 0; retention <= PAGES + 1; retention++) {
        struct hk_heap *heap = heap_with_full_pages(PAGES);
        keep(heap, retention);

        give_back(heap, 0, BLOCKS);

        assert_int_equal(heap->page_count, retention < PAGES ? retention : PAGES);
        end(heap);
    }
}

static void pages_with_room_count_against_it(void **state)
{
    (void)state;
    for (uint8_t retention = 1; retention <= 3; retention++) {
        struct hk_heap *heap = heap_with_full_pages(3);
        keep(heap, retention);
        give_back(heap, 0, PAGE_BLOCKS / 2);
        give_back(heap, PAGE_BLOCKS, PAGE_BLOCKS / 2);

        give_back(heap, 2 * PAGE_BLOCKS, PAGE_BLOCKS);

        assert_int_equal(heap->page_count, retention > 2 ? 3 : 2);
        end(heap);
    }
}

static void pages_with_blocks_serve_before_empty_ones(void **state)
{
    (void)state;
    struct hk_heap *heap = heap_with_full_pages(2);
    struct hk_page *used = hk_page_of(block[0]);
    keep(heap, 2);
    give_back(heap, 0, 3);
    give_back(heap, PAGE_BLOCKS, PAGE_BLOCKS);
    assert_int_equal(heap->page_count, 2);

    void *next = hk_paged_refill(heap, CLASS << HK_BIN_SHIFT);

    assert_ptr_equal(hk_page_of(next), used);
    block[0] = next;
    end(heap);
}

static void kept_pages_serve_again(void **state)
{
    (void)state;
    struct hk_heap *heap = heap_with_full_pages(PAGES);
    keep(heap, PAGES);
    give_back(heap, 0, BLOCKS);

    for (size_t i = 0; i < BLOCKS; i++) {
        block[i] = hk_bin_pop(heap, CLASS << HK_BIN_SHIFT);
        block[i] = block[i] ? block[i] : hk_paged_refill(heap, CLASS << HK_BIN_SHIFT);
    }

    assert_int_equal(heap->page_count, PAGES);
    end(heap);
}

static void quiet_class_gives_up_bin_and_pages(void **state)
{
    (void)state;
    struct hk_heap *heap = heap_with_full_pages(2);
    for (size_t i = 0; i < 2 * PAGE_BLOCKS; i++) {
        hk_paged_free(heap, hk_page_of(block[i]), block[i]);
        block[i] = NULL;
    }
    keep(heap, 1);
    assert_non_null(hk_bin_at(heap, CLASS << HK_BIN_SHIFT)->head);
    ((struct hk_policy *)heap->policy)->of[CLASS].quiet = true;
    ((struct hk_policy *)heap->policy)->of[CLASS].retention = 0;

    size_t bytes = hk_paged_collect(heap, hk_kind_of_bin(CLASS), HK_COLLECT_QUIET);

    assert_null(hk_bin_at(heap, CLASS << HK_BIN_SHIFT)->head);
    assert_int_equal(heap->page_count, 0);
    assert_int_equal(bytes % HK_SLICE, 0);
    assert_true(bytes > 0);
    end(heap);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(as_many_empty_pages_stay_as_policy_says),
        cmocka_unit_test(pages_with_room_count_against_it),
        cmocka_unit_test(pages_with_blocks_serve_before_empty_ones),
        cmocka_unit_test(kept_pages_serve_again),
        cmocka_unit_test(quiet_class_gives_up_bin_and_pages),
    };
    return cmocka_run_group_tests_name("retention", tests, start, NULL);
}
