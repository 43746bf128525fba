/* SPDX-License-Identifier: MIT */
/* Pages of which hardly a block is in use give their free memory back while the program frees, once
 * there are many; a program that wants it again soon is left alone. */
#include "unit/sparse_unit.h"

#include "coldbox/remote.h"

static void many_sparse_pages_give_memory_back(void **state)
{
    (void)state;
    struct hk_heap *heap = born();
    fill(heap, count);
    uint64_t before = purges();
    thin_out(heap, count, page_blocks);
    survivors_are_as_they_were();
    if (HK_FREE_POLICY == HK_FREE_KEEP) {
        assert_int_equal(purges(), before);
    } else {
        assert_true(heap->sparse.slices <= LEAST);
        assert_true(purges() - before >= page_count - least);
    }
    fill(heap, count);
    survivors_are_as_they_were();
    end(heap);
}

static void few_sparse_pages_keep_it(void **state)
{
    (void)state;
    struct hk_heap *heap = born();
    fill(heap, least * page_blocks);
    uint64_t before = purges();
    thin_out(heap, least * page_blocks, page_blocks);
    assert_int_equal(purges(), before);
    assert_int_equal(heap->sparse.slices, HK_FREE_POLICY == HK_FREE_KEEP ? 0 : LEAST);
    end(heap);
}

/* Twice as many blocks are too many: neither are the pages sparse, nor would much go back. */
static void pages_in_use_are_left_alone(void **state)
{
    (void)state;
    struct hk_heap *heap = born();
    fill(heap, count);
    uint64_t before = purges();
    thin_out(heap, count, shape.every / 2);
    assert_int_equal(purges(), before);
    assert_int_equal(heap->sparse.slices, 0);
    end(heap);
}

/* Pages that have given back what they could when they became sparse have more to give when hardly
 * a block is out. */
static void hardly_used_pages_give_the_rest(void **state)
{
    (void)state;
    struct hk_heap *heap = born();
    fill(heap, count);
    thin_out(heap, count, shape.every);
    uint64_t before = purges();
    thin_out(heap, count, HARDLY * shape.every);
    uint64_t again = purges() - before;
    thin_out(heap, count, page_blocks);
    assert_int_equal(purges() - before, again);
    if (HK_FREE_POLICY != HK_FREE_KEEP) {
        assert_true(again >= page_count - least);
        assert_int_equal(heap->sparse.slices, LEAST);
    }
    survivors_are_as_they_were();
    end(heap);
}

/* -> purges of the last of some rounds, `pause` ns apart; *first: of the first one. */
static uint64_t last_of_rounds(uint64_t pause, uint64_t *first)
{
    struct hk_heap *heap = born();
    uint64_t last = 0;
    for (size_t round = 0; round < 8; round++) {
        hk_os_fake_set_now(hk_os_fake_now() + pause);
        heap->aged = hk_os_fake_now();
        (void)hk_paged_collect(heap, hk_kind_of_bin(class), HK_COLLECT_IDLE);
        fill(heap, count);
        uint64_t before = purges();
        thin_out(heap, count, page_blocks);
        last = purges() - before;
        *first = round ? *first : last;
    }
    end(heap);
    return last;
}

static void memory_that_is_soon_wanted_again_is_kept(void **state)
{
    (void)state;
    uint64_t first;
    uint64_t last = last_of_rounds(100000000, &first);
    assert_true(HK_FREE_POLICY == HK_FREE_KEEP || first > 0);
    assert_int_equal(last, 0);
}

/* The next thread of the heap knows what the last one has learnt. */
static void lesson_outlives_the_thread(void **state)
{
    (void)state;
    struct hk_heap *heap = born();
    for (size_t round = 0; round < 8; round++) {
        fill(heap, count);
        thin_out(heap, count, page_blocks);
    }
    struct hk_heap *heir = inherit(heap);
    fill(heir, count);
    uint64_t before = purges();
    thin_out(heir, count, page_blocks);
    assert_int_equal(purges(), before);
    end(heir);
}

/* Pages that end have been wanted by nobody; only when they are leased again their memory has. */
static void empty_pages_teach_nothing(void **state)
{
    (void)state;
    struct hk_heap *heap = born();
    fill(heap, count);
    thin_out(heap, count, page_blocks);
    empty_pages(heap);
    assert_int_equal(heap->sparse.slices, 0);
    assert_int_equal(heap->sparse.hold, 0);
    fill(heap, count);
    assert_true(HK_FREE_POLICY != HK_FREE_BATCH || heap->sparse.hold > 0);
    end(heap);
}

/* Blocks of all pages come and go. -> purges. */
static uint64_t take_turn(struct hk_heap *heap)
{
    fill(heap, count);
    uint64_t before = purges();
    thin_out(heap, count, page_blocks);
    empty_pages(heap);
    return purges() - before;
}

/* Memory that one heap gives back is wanted by another one, in pages that are its own then. */
static void heaps_learn_what_others_miss(void **state)
{
    (void)state;
    struct hk_heap *one = born();
    struct hk_heap *other = born();
    uint64_t first = take_turn(one);
    uint64_t last = first;
    for (size_t round = 0; round < 16; round++) {
        last = take_turn(other) + take_turn(one);
    }
    if (HK_FREE_POLICY == HK_FREE_BATCH) {
        assert_true(first >= page_count - least);
        assert_true(last < first / 8);
        assert_in_range(one->sparse.hold, 1, TOTAL + shape.slices);
        assert_in_range(other->sparse.hold, 1, TOTAL + shape.slices);
    }
    end(one);
    end(other);
}

static void memory_that_is_wanted_much_later_is_not(void **state)
{
    (void)state;
    uint64_t first;
    uint64_t last = last_of_rounds(60000000000, &first);
    assert_int_equal(last, first);
}

/* A page of which a corner was used has nothing to give. */
static void pages_that_were_hardly_carved_are_left_alone(void **state)
{
    (void)state;
    struct hk_heap *heap = born();
    size_t number = HK_SLICE / 4 / shape.size;
    fill(heap, number);
    thin_out(heap, number, number);
    assert_int_equal(heap->sparse.slices, 0);
    end(heap);
}

static void trim_takes_all_and_remembers_it(void **state)
{
    (void)state;
    struct hk_heap *heap = born();
    fill(heap, least * page_blocks);
    thin_out(heap, least * page_blocks, page_blocks);
    uint64_t before = purges();
    (void)hk_paged_collect(heap, hk_kind_of_bin(class), HK_COLLECT_ALL);
    assert_true(purges() - before >= least);
    assert_int_equal(heap->sparse.slices, 0);
    assert_null(hk_paged_check(heap, hk_kind_of_bin(class)));
    fill(heap, least * page_blocks);
    survivors_are_as_they_were();
    end(heap);
}

static void refused_purge_loses_nothing(void **state)
{
    (void)state;
    struct hk_heap *heap = born();
    fill(heap, count);
    hk_os_fake_fail(HK_OS_PURGE, 1, true);
    uint64_t before = purges();
    thin_out(heap, count, page_blocks);
    assert_true(purges() - before < page_count / 8); /* asking for each would not help */
    assert_int_equal(heap->sparse.slices, HK_FREE_POLICY == HK_FREE_KEEP ? 0 : TOTAL);
    (void)calm_os(NULL);
    survivors_are_as_they_were();
    fill(heap, count);
    survivors_are_as_they_were();
    before = purges();
    thin_out(heap, count, page_blocks);
    assert_true(HK_FREE_POLICY == HK_FREE_KEEP || purges() - before >= page_count - least);
    end(heap);
}

static void adopted_pages_change_lists(void **state)
{
    (void)state;
    struct hk_heap *heap = born();
    fill(heap, count);
    heap->sparse.hold = TOTAL;
    thin_out(heap, count, page_blocks);
    heap->sparse.hold = 0;
    uint64_t before = purges();
    struct hk_heap *heir = inherit(heap);
    assert_int_equal(heir->sparse.slices, HK_FREE_POLICY == HK_FREE_KEEP ? 0 : TOTAL);
    assert_int_equal(purges(), before); /* its thread may want them now */
    assert_int_equal(rest(heir, 100000000), 0);
    fill(heir, count);
    survivors_are_as_they_were();
    thin_out(heir, count, page_blocks);
    survivors_are_as_they_were();
    end(heir);
}

/* Blocks that come home to a heap whose thread has ended make its pages sparse too. */
static void pages_thin_out_without_their_thread(void **state)
{
    (void)state;
    struct hk_heap *heap = born();
    fill(heap, count);
    heap->dear = true; /* nobody would have it again */
    hk_paged_abandon(heap, hk_kind_of_bin(class));
    hk_cold.death(heap);
    assert_true(hk_heap_hold(heap));
    uint64_t before = purges();
    for (size_t i = 0; i < count; i++) {
        if (i % page_blocks) {
            struct hk_page *head = hk_page_head(hk_page_of(blocks[i]));
            hk_paged_splice(heap, head, blocks[i], blocks[i], 1);
            blocks[i] = NULL;
        }
        assert_true(HK_FREE_POLICY == HK_FREE_KEEP || i != count / 2 || purges() > before);
    }
    assert_true(HK_FREE_POLICY == HK_FREE_KEEP || purges() - before >= page_count - least);
    survivors_are_as_they_were();
    hk_heap_release(heap);
    struct hk_heap *heir = hk_cold.birth(0);
    assert_ptr_equal(heir, heap);
    assert_null(hk_paged_check(heir, hk_kind_of_bin(class)));
    fill(heir, count);
    survivors_are_as_they_were();
    end(heir);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(many_sparse_pages_give_memory_back, calm_os),
        cmocka_unit_test_setup(few_sparse_pages_keep_it, calm_os),
        cmocka_unit_test_setup(pages_in_use_are_left_alone, calm_os),
        cmocka_unit_test_setup(hardly_used_pages_give_the_rest, calm_os),
        cmocka_unit_test_setup(memory_that_is_soon_wanted_again_is_kept, calm_os),
        cmocka_unit_test_setup(memory_that_is_wanted_much_later_is_not, calm_os),
        cmocka_unit_test_setup(heaps_learn_what_others_miss, calm_os),
        cmocka_unit_test_setup(lesson_outlives_the_thread, calm_os),
        cmocka_unit_test_setup(empty_pages_teach_nothing, calm_os),
        cmocka_unit_test_setup(pages_that_were_hardly_carved_are_left_alone, calm_os),
        cmocka_unit_test_setup(trim_takes_all_and_remembers_it, calm_os),
        cmocka_unit_test_setup(refused_purge_loses_nothing, calm_os),
        cmocka_unit_test_setup(adopted_pages_change_lists, calm_os),
        cmocka_unit_test_setup(pages_thin_out_without_their_thread, calm_os),
    };
    int failed = cmocka_run_group_tests_name("one slice", tests, start_one_slice, NULL);
    return failed + cmocka_run_group_tests_name("more slices", tests, start_more_slices, NULL);
}
