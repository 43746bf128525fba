/* SPDX-License-Identifier: MIT */
/* The large block that went out last comes back: when it does so by the shortest way, and what
 * stands when it does not. */
#include "unit/spans_unit.h"
#include "unit/standby_unit.h"

#include <string.h>

static bool back(void *block)
{
    return hk_cold.large_back(own, hk_page_of(block), block);
}

/* A span of six slices that went out last. */
static void *six_out(void)
{
    give(take(6));
    void *block = hk_cold.large_pop(own, slices(6));
    assert_non_null(block);
    assert_right();
    return block;
}

static void span_goes_out_and_comes_back(void **state)
{
    (void)state;
    void *block = six_out();
    for (int i = 0; i < 3; i++) {
        assert_int_equal(hk_spans_kept(), 0);
        assert_true(back(block));
        assert_right();
        assert_int_equal(hk_spans_kept(), 6);
        assert_int_equal(hk_page_of(block)->kind, HK_KIND_FREE);
        assert_ptr_equal(hk_cold.large_pop(own, slices(6)), block);
        assert_int_equal(hk_page_of(block)->kind, HK_KIND_SPAN);
        assert_int_equal(hk_page_owner(hk_page_of(block)), HK_OWNER_LARGE);
        assert_right();
    }
    give(block);
}

static void freed_span_does_not_come_back_again(void **state)
{
    (void)state;
    void *block = six_out();
    assert_true(back(block));
    assert_false(back(block));
    assert_int_equal(hk_spans_kept(), 6);
    assert_right();
}

/* Others of its length, and what lies within it. */
static void no_other_block_comes_back(void **state)
{
    (void)state;
    void *other = take(6);
    char *block = six_out();
    assert_false(back(other));
    assert_false(back(block + 16));
    assert_false(back(block + HK_SLICE));
    assert_int_equal(hk_page_of(other)->kind, HK_KIND_SPAN);
    assert_int_equal(hk_page_of(block)->kind, HK_KIND_SPAN);
    assert_right();
    assert_true(back(block));
    give(other);
}

/* The place waits for its span alone: whatever else goes out or is kept ends that. */
static void place_waits_until_the_next_turn(void **state)
{
    (void)state;
    void *other = take(6);
    void *block = six_out();
    give(other);
    assert_right();
    assert_false(back(block));
    give(block);
    assert_int_equal(hk_spans_kept(), 12);
    block = hk_cold.large_pop(own, slices(6));
    assert_null(hk_cold.large_pop(own, slices(20)));
    assert_right();
    assert_false(back(block));
    give(block);
    assert_int_equal(hk_spans_kept(), 12);
}

/* A block that is kept while the place waits takes it, a shorter one as well. */
static void another_block_takes_the_place(void **state)
{
    (void)state;
    for (uint32_t count = 4; count <= 6; count += 2) {
        void *other = take(count);
        void *block = six_out();
        uint32_t taken = own->spans.taken;
        assert_true(hk_cold.large_keep(own, hk_page_of(other), other));
        assert_right();
        assert_int_equal(own->spans.taken, taken);
        assert_int_equal(hk_spans_kept(), count);
        assert_false(back(block));
        assert_ptr_equal(hk_cold.large_pop(own, slices(count)), other);
        assert_right();
        assert_true(back(other));
        give(block);
        assert_int_equal(hk_spans_kept(), count + 6);
        assert_right();
        hk_cold.trim(own, 0);
    }
}

/* A longer one, too, if the heap has claimed as much and policy allows it; or it is left as it was.
 */
static void longer_block_takes_the_place_as_policy_allows(void **state)
{
    (void)state;
    for (int allowed = 0; allowed < 2; allowed++) {
        give(take(8));
        void *other = hk_cold.large_pop(own, slices(8));
        void *block = six_out();
        atomic_store(&hk_slabs.purge_above, 2 * slices(8) + 2 * HK_SLICE * (size_t)allowed - 1);
        assert_int_equal(hk_cold.large_keep(own, hk_page_of(other), other), allowed);
        assert_right();
        assert_int_equal(hk_page_of(other)->kind, allowed ? HK_KIND_FREE : HK_KIND_SPAN);
        assert_int_equal(hk_spans_kept(), allowed ? 8 : 0);
        give(block);
        hk_cold.trim(own, 0);
        if (!allowed) {
            give(other);
        }
        nothing_kept(state);
    }
}

static void resized_span_goes_the_long_way(void **state)
{
    (void)state;
    for (size_t count = 4; count <= 8; count += 4) {
        void *block = six_out();
        void *resized = hk_cold.large_resize(hk_page_of(block), block, slices(count));
        if (resized) {
            assert_ptr_equal(resized, block);
            assert_false(back(block));
            assert_int_equal(hk_cold.large_size(hk_page_of(block), block), slices(count));
        }
        give(block);
        assert_int_equal(hk_spans_kept(), resized ? count : 6);
        assert_right();
        hk_cold.trim(own, 0);
    }
}

/* What is taken back while it is out is the claim. */
static void trimmed_heap_claims_anew(void **state)
{
    (void)state;
    void *block = six_out();
    hk_spans_clear_all();
    assert_int_equal(hk_spans_claimed(), 0);
    assert_false(back(block));
    assert_int_equal(hk_page_of(block)->kind, HK_KIND_SPAN);
    give(block);
    assert_int_equal(hk_spans_kept(), 6);
    assert_int_equal(hk_spans_claimed(), 6);
    assert_right();
}

/* The holder has not seen yet that its span was taken back, and gets it anew. */
static void span_that_was_taken_back_comes_again(void **state)
{
    (void)state;
    void *block = six_out();
    assert_true(back(block));
    hk_spans_clear_all();
    assert_ptr_equal(take_large(slices(6), 16, 0), block);
    assert_false(back(block));
    give(block);
    assert_right();
    assert_int_equal(hk_spans_kept(), 6);
    hk_spans_clear_all();
    assert_null(hk_cold.large_pop(own, slices(6)));
    assert_right();
}

static void span_heeds_a_policy_that_sinks(void **state)
{
    (void)state;
    void *block = six_out();
    atomic_store(&hk_slabs.purge_above, 2 * slices(6) - 1);
    assert_false(back(block));
    atomic_store(&hk_slabs.purge_above, 2 * slices(6) + 2 * HK_SLICE - 1);
    assert_true(back(block));
    assert_right();
}

/* A page is wanted while the heap has a place, and nothing in it. */
static void empty_place_yields_nothing(void **state)
{
    (void)state;
    void *block = six_out();
    hk_spans_yield(own);
    assert_right();
    assert_int_equal(own->spans.taken, 0);
    give(block);
    assert_right();
}

/* A thread that frees a span the long way, with a place that is filled, and one that waits. */
static void long_way_makes_room_beside_the_last_place(void **state)
{
    (void)state;
    for (int waits = 0; waits < 2; waits++) {
        void *longer = take(8);
        void *block = six_out();
        if (!waits) {
            give(block);
        }
        atomic_store(&hk_slabs.purge_above, 2 * slices(8) + 2 * HK_SLICE - 1);
        hk_cold.large_free(own, hk_page_of(longer), longer);
        assert_int_equal(hk_spans_kept(), 8);
        assert_right();
        if (waits) {
            give(block);
        }
        assert_right();
        hk_cold.trim(own, 0);
    }
}

/* To go out is to be used, and to come back as well. */
static void used_span_outlives_a_tick(void **state)
{
    (void)state;
    void *block = six_out();
    hk_spans_tick();
    assert_true(back(block));
    hk_spans_tick();
    assert_int_equal(hk_spans_kept(), 6);
    assert_ptr_equal(hk_cold.large_pop(own, slices(6)), block);
    hk_spans_tick();
    assert_true(back(block));
    hk_spans_tick();
    hk_spans_tick();
    assert_int_equal(hk_spans_kept(), 0);
}

static void check_finds_a_span_in_an_empty_place(void **state)
{
    (void)state;
    void *block = six_out();
    struct hk_spans *spans = &own->spans;
    atomic_store(&spans->span[spans->last], hk_page_of(block));
    const char *broken = hk_spans_check(spans);
    atomic_store(&spans->span[spans->last], NULL);
    assert_string_equal(broken, "a heap's last place is not what it is taken for");
    assert_right();
    give(block);
}

static bool huge_back(void *block)
{
    return hk_cold.huge_back(hk_page_of(block), block);
}

/* A huge block that went out last. */
static void *huge_out(void)
{
    give_large(take_again(SIZE));
    assert_waits(true);
    void *block = hk_cold.huge_pop(SIZE);
    assert_non_null(block);
    assert_true(atomic_load(&hk_standby.out) != 0);
    return block;
}

static void huge_block_goes_out_and_comes_back(void **state)
{
    (void)state;
    void *block = huge_out();
    size_t dirty = cold_stat().dirty;
    for (int i = 0; i < 3; i++) {
        assert_true(huge_back(block));
        assert_false(huge_back(block));
        assert_int_equal(hk_page_of(block)->kind, HK_KIND_FREE);
        assert_waits(true);
        assert_ptr_equal(hk_cold.huge_pop(SIZE), block);
        assert_int_equal(hk_page_of(block)->kind, HK_KIND_HUGE);
        assert_int_equal(hk_cold.large_size(hk_page_of(block), block), SIZE);
    }
    assert_int_equal(cold_stat().dirty, dirty);
    give_large(block);
}

static void no_other_huge_block_comes_back(void **state)
{
    (void)state;
    void *other = take_again(SIZE);
    char *block = huge_out();
    assert_false(huge_back(other));
    assert_true(atomic_load(&hk_standby.out) != 0);
    assert_false(hk_cold.huge_back(hk_page_of(block), block + 16));
    assert_int_equal(hk_page_of(other)->kind, HK_KIND_HUGE);
    assert_int_equal(hk_page_of(block)->kind, HK_KIND_HUGE);
    assert_waits(false);
    give_large(block);
    give_large(other);
}

/* Grown and shrunk, it has its size again, and is not what it was. */
static void resized_huge_block_goes_the_long_way(void **state)
{
    (void)state;
    void *block = huge_out();
    struct hk_page *page = hk_page_of(block);
    assert_ptr_equal(hk_cold.large_resize(page, block, SIZE + os_page()), block);
    assert_ptr_equal(hk_cold.large_resize(page, block, SIZE), block);
    assert_int_equal(hk_cold.large_size(page, block), SIZE);
    assert_false(huge_back(block));
    assert_int_equal(page->kind, HK_KIND_HUGE);
    give_large(block);
    assert_waits(false);
}

/* Whoever frees it otherwise: the next block at its address is another. */
static void long_way_ends_it(void **state)
{
    (void)state;
    void *block = huge_out();
    give_large(block);
    assert_int_equal(atomic_load(&hk_standby.out), 0);
    hk_cold.trim(NULL, 0);
    void *roomy = take_large(SIZE, 16, 2 * (size_t)SIZE);
    assert_ptr_equal(roomy, block);
    assert_false(huge_back(roomy));
    give_large(roomy);
    assert_waits(false);
}

/* Blocks of a set, of which one waits at a time, each as it did before. */
static void blocks_of_a_set_wait_in_turn(void **state)
{
    (void)state;
    void *set[3];
    for (int i = 0; i < 3; i++) {
        set[i] = take_again(SIZE);
    }
    uintptr_t word[3];
    for (int i = 0; i < 9; i++) {
        void *block = set[i % 3];
        assert_false(huge_back(block));
        assert_true(hk_cold.huge_keep(hk_page_of(block), block));
        assert_waits(true);
        uintptr_t now = atomic_load(&hk_standby.word);
        assert_true(i < 3 || now == word[i % 3]);
        word[i % 3] = now;
        assert_ptr_equal(hk_cold.huge_pop(SIZE), block);
        assert_true(hk_large_of(hk_page_head(hk_page_of(block)))->word == now);
    }
    for (int i = 0; i < 3; i++) {
        give_large(set[i]);
    }
}

/* Nor does one of a set that has had another size meanwhile, though another went out last. */
static void resized_block_of_a_set_does_not_wait(void **state)
{
    (void)state;
    const size_t sizes[] = {SIZE + os_page(), SIZE - os_page(), SIZE - 2 * MIB, SIZE + 3 * MIB};
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        void *other = take_again(SIZE);
        void *block = huge_out();
        struct hk_page *page = hk_page_of(block);
        give_large(other);
        other = hk_cold.huge_pop(SIZE);
        assert_non_null(other);
        assert_ptr_equal(hk_cold.large_resize(page, block, sizes[i]), block);
        /* what grows gets a little more than it asked for, and what is asked for less keeps that */
        assert_ptr_equal(hk_cold.large_resize(page, block, 2 * (size_t)SIZE), block);
        assert_ptr_equal(hk_cold.large_resize(page, block, SIZE), block);
        assert_int_equal(hk_cold.large_size(page, block), SIZE);
        give_large(block);
        assert_waits(false);
        give_large(other);
        nothing_waits(state);
    }
}

static void huge_block_waits_as_policy_allows(void **state)
{
    (void)state;
    void *block = huge_out();
    atomic_store(&hk_slabs.purge_above, SIZE + HK_SLICE - 1);
    assert_false(huge_back(block));
    assert_int_equal(hk_page_of(block)->kind, HK_KIND_HUGE);
    give_large(block);
    assert_waits(false);
}

static void huge_block_waits_where_none_does(void **state)
{
    (void)state;
    void *other = take_again(SIZE);
    void *block = huge_out();
    give_large(other);
    assert_waits(true);
    assert_false(huge_back(block));
    assert_int_equal(hk_page_of(block)->kind, HK_KIND_HUGE);
    give_large(block);
    assert_waits(true);
}

static void huge_block_of_another_time_goes_the_long_way(void **state)
{
    (void)state;
    void *block = huge_out();
    void *longer = take_again(SIZE + os_page());
    assert_false(huge_back(block));
    give_large(block);
    assert_waits(false);
    give_large(longer);
}

static int set_up(void **state)
{
    return nothing_kept(state) || nothing_waits(state);
}

#if !HK_SINGLE
static void *do_nothing(void *arg)
{
    return arg;
}
#endif

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(span_goes_out_and_comes_back, set_up),
        cmocka_unit_test_setup(freed_span_does_not_come_back_again, set_up),
        cmocka_unit_test_setup(no_other_block_comes_back, set_up),
        cmocka_unit_test_setup(place_waits_until_the_next_turn, set_up),
        cmocka_unit_test_setup(another_block_takes_the_place, set_up),
        cmocka_unit_test_setup(longer_block_takes_the_place_as_policy_allows, set_up),
        cmocka_unit_test_setup(resized_span_goes_the_long_way, set_up),
        cmocka_unit_test_setup(trimmed_heap_claims_anew, set_up),
        cmocka_unit_test_setup(span_that_was_taken_back_comes_again, set_up),
        cmocka_unit_test_setup(span_heeds_a_policy_that_sinks, set_up),
        cmocka_unit_test_setup(empty_place_yields_nothing, set_up),
        cmocka_unit_test_setup(long_way_makes_room_beside_the_last_place, set_up),
        cmocka_unit_test_setup(used_span_outlives_a_tick, set_up),
        cmocka_unit_test_setup(check_finds_a_span_in_an_empty_place, set_up),
        cmocka_unit_test_setup(huge_block_goes_out_and_comes_back, set_up),
        cmocka_unit_test_setup(no_other_huge_block_comes_back, set_up),
        cmocka_unit_test_setup(resized_huge_block_goes_the_long_way, set_up),
        cmocka_unit_test_setup(long_way_ends_it, set_up),
        cmocka_unit_test_setup(blocks_of_a_set_wait_in_turn, set_up),
        cmocka_unit_test_setup(resized_block_of_a_set_does_not_wait, set_up),
        cmocka_unit_test_setup(huge_block_waits_as_policy_allows, set_up),
        cmocka_unit_test_setup(huge_block_waits_where_none_does, set_up),
        cmocka_unit_test_setup(huge_block_of_another_time_goes_the_long_way, set_up),
    };
    if (HK_FREE_POLICY == HK_FREE_EAGER) {
        return 77; /* skipped: nothing is kept, which spans_test.c sees */
    }
    int failed = cmocka_run_group_tests_name("back", tests, start, NULL);
#if !HK_SINGLE
    run_threads(1, do_nothing); /* from now on libc knows that there may be others */
    failed += cmocka_run_group_tests_name("back, with threads", tests, NULL, NULL);
#endif
    return failed;
}
