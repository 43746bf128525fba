/* SPDX-License-Identifier: MIT */
/* Where memory that goes back is dear to have again, sparse pages keep it until they are most of
 * the heap; then, and when they have been sparse for long, it goes back all the same. */
#include "unit/sparse_unit.h"

enum {
    AT_ONCE = 32, /* pages that go at one look */
    DELAY = HK_PURGE_DELAY_MS * 1000000,
    LOOKS = 4000 / HK_PURGE_DELAY_MS, /* after which pages have been sparse for long */
};

/* The heap is asked until just before sparse pages have been so for long. */
static void rest_long(struct hk_heap *heap)
{
    for (int look = 0; look < LOOKS; look++) {
        assert_int_equal(rest(heap, DELAY), 0);
    }
}

static void dear_memory_stays_until_most_is_sparse(void **state)
{
    (void)state;
    struct hk_heap *heap = born();
    fill(heap, count);
    heap->dear = true;
    uint64_t before = purges();
    thin_out(heap, count / 4 * 3, page_blocks);
    assert_int_equal(purges(), before);
    assert_int_equal(heap->sparse.slices, HK_FREE_POLICY == HK_FREE_KEEP ? 0 : TOTAL / 4 * 3);
    thin_out(heap, count, page_blocks);
    assert_true(heap->sparse.slices <= LEAST);
    assert_true(HK_FREE_POLICY == HK_FREE_KEEP || purges() - before >= page_count - least);
    survivors_are_as_they_were();
    end(heap);
}

/* -> pages of the heap that are sparse, three quarters of all, where memory is dear. */
static size_t leave_sparse(struct hk_heap *heap)
{
    fill(heap, count);
    heap->dear = true;
    thin_out(heap, count / 4 * 3, page_blocks);
    return HK_FREE_POLICY == HK_FREE_KEEP ? 0 : page_count / 4 * 3;
}

/* Pages that serve again begin anew. */
static void it_stays_again_once_pages_serve(void **state)
{
    (void)state;
    struct hk_heap *heap = born();
    (void)leave_sparse(heap);
    thin_out(heap, count, page_blocks);
    fill(heap, count);
    heap->sparse.hold = 0;
    uint64_t before = purges();
    size_t pages = leave_sparse(heap);
    assert_int_equal(purges(), before);
    assert_int_equal(heap->sparse.slices, pages * shape.slices);
    end(heap);
}

/* Even so it goes back in the end, in parts, while the program does something else. */
static void what_stays_sparse_goes_back_by_the_clock(void **state)
{
    (void)state;
    struct hk_heap *heap = born();
    size_t pages = leave_sparse(heap);
    rest_long(heap);
    while (pages > least) {
        size_t part = pages - least < AT_ONCE ? pages - least : AT_ONCE;
        assert_true(rest(heap, DELAY) >= part);
        pages -= part;
        assert_int_equal(heap->sparse.slices, pages * shape.slices);
    }
    assert_int_equal(rest(heap, DELAY), 0);
    survivors_are_as_they_were();
    end(heap);
}

/* As locked memory: a refusal ends the look, and later ones are tried more and more seldom. */
static void clock_respects_a_refusal(void **state)
{
    (void)state;
    struct hk_heap *heap = born();
    size_t pages = leave_sparse(heap);
    rest_long(heap);
    hk_os_fake_fail(HK_OS_PURGE, 1, true);
    for (int look = 0; look < LOOKS; look++) {
        assert_in_range(rest(heap, DELAY), 0, 1);
    }
    assert_int_equal(heap->sparse.slices, pages * shape.slices);
    (void)calm_os(NULL);
    size_t last = pages;
    for (int look = 0; look < 4 * LOOKS; look++) {
        (void)rest(heap, DELAY);
        last = heap->sparse.slices / shape.slices;
    }
    assert_int_equal(last, pages < least ? pages : least);
    end(heap);
}

/* Where nobody will come back, nothing waits for it. */
static void ended_thread_leaves_no_more_than_usual(void **state)
{
    (void)state;
    struct hk_heap *heap = born();
    size_t pages = leave_sparse(heap);
    struct hk_heap *heir = inherit(heap);
    assert_int_equal(heir->sparse.slices, (pages < least ? pages : least) * shape.slices);
    survivors_are_as_they_were();
    end(heir);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(dear_memory_stays_until_most_is_sparse, calm_os),
        cmocka_unit_test_setup(it_stays_again_once_pages_serve, calm_os),
        cmocka_unit_test_setup(what_stays_sparse_goes_back_by_the_clock, calm_os),
        cmocka_unit_test_setup(clock_respects_a_refusal, calm_os),
        cmocka_unit_test_setup(ended_thread_leaves_no_more_than_usual, calm_os),
    };
    if (HK_PURGE_DELAY_MS > 1000) {
        return 77; /* too few looks in what is long */
    }
    int failed = cmocka_run_group_tests_name("one slice", tests, start_one_slice, NULL);
    return failed + cmocka_run_group_tests_name("more slices", tests, start_more_slices, NULL);
}
