/* SPDX-License-Identifier: MIT */
/* Heaps beyond what the kit asks: tokens that come again, warm pages, the remote cache, and the
 * accounts of all heaps. */
#include "unit/cold_unit.h"

static char tokens[4];

static struct hk_page *lease(struct hk_heap *heap, uint8_t slices)
{
    struct hk_page *page = lease_slices(heap, slices, true);
    assert_non_null(page);
    return page;
}

static void end(struct hk_heap *heap)
{
    hk_cold.drain(heap);
    while (heap->pages) {
        hk_cold.retire(heap, heap->pages);
    }
    hk_cold.death(heap);
}

static void token_of_a_vanished_thread_finds_its_heap(void **state)
{
    (void)state;
    struct hk_heap *heap = hk_cold.birth((uintptr_t)&tokens[0]);
    struct hk_page *page = lease(heap, 1);

    struct hk_heap *again = hk_cold.birth((uintptr_t)&tokens[0]);

    assert_ptr_equal(again, heap);
    assert_int_equal(hk_page_owner(page), (uintptr_t)&tokens[0]);
    end(again);
}

static void heaps_of_the_living_are_not_given_away(void **state)
{
    (void)state;
    struct hk_heap *heap[4];
    for (size_t i = 0; i < 4; i++) {
        heap[i] = hk_cold.birth((uintptr_t)&tokens[i]);
        for (size_t j = 0; j < i; j++) {
            assert_ptr_not_equal(heap[i], heap[j]);
        }
    }
    for (size_t i = 0; i < 4; i++) {
        end(heap[i]);
    }
}

static void warm_pages_are_bounded(void **state)
{
    (void)state;
    struct hk_heap *heap = hk_cold.birth(0);
    struct hk_page *pages[100];
    for (size_t i = 0; i < 100; i++) {
        pages[i] = lease(heap, 1);
    }
    for (size_t i = 0; i < 100; i++) {
        hk_cold.retire(heap, pages[i]);
        assert_in_range(heap->warm_count, 0, HK_WARM_CAP);
    }
    assert_in_range(heap->warm_count, 0, 1);
    end(heap);
    assert_int_equal(heap->warm_count, 0);
    assert_int_equal(cold_stat().leased, 0);
}

static void cache_accounts_for_what_it_holds(void **state)
{
    (void)state;
    struct hk_heap *owner = hk_cold.birth(0);
    struct hk_heap *other = hk_cold.birth(0);
    struct hk_page *page = lease(owner, 1);
    char *blocks = hk_page_start(page);

    hk_cold.post(other, page, blocks);
    hk_cold.post(other, page, blocks + 64);
    assert_int_equal(other->remote_bytes, 2 * 64);
    hk_cold.flush(other);
    assert_int_equal(other->remote_bytes, 0);

    assert_int_equal(hk_cold.drain(owner), 2);
    assert_int_equal(cold_stat().remote_out, cold_stat().remote_in);
    end(other);
    end(owner);
}

/* Else entries of pages whose blocks nobody frees any more would keep all others' chains short. */
static void all_is_sent_when_too_much_is_held_back(void **state)
{
    (void)state;
    enum { PAGES = HK_REMOTE_TOTAL / (HK_REMOTE_BLOCKS * 64) };
    struct hk_heap *owner = hk_cold.birth(0);
    struct hk_heap *other = hk_cold.birth(0);
    struct hk_page *pages[PAGES];
    other->remote_more = HK_REMOTE_TOTAL - HK_REMOTE_LEAST;
    for (size_t i = 0; i < PAGES; i++) {
        pages[i] = lease(owner, 1);
        for (size_t k = 0; k < HK_REMOTE_BLOCKS; k++) {
            hk_cold.post(other, pages[i], (char *)hk_page_start(pages[i]) + 64 * k);
        }
    }
    assert_int_equal(other->remote_bytes, HK_REMOTE_TOTAL);

    hk_cold.post(other, pages[0], (char *)hk_page_start(pages[0]) + 64 * HK_REMOTE_BLOCKS);

    assert_int_equal(other->remote_bytes, 64);
    assert_int_equal(hk_cold.drain(owner), PAGES * HK_REMOTE_BLOCKS);
    end(other);
    end(owner);
}

static void more_may_wait_the_more_was_sent(void **state)
{
    (void)state;
    struct hk_heap *owner = hk_cold.birth(0);
    struct hk_heap *other = hk_cold.birth(0);
    struct hk_page *page = lease(owner, 1);
    size_t before = other->remote_more;
    size_t chains = 0;
    for (; other->remote_more < HK_REMOTE_TOTAL - HK_REMOTE_LEAST && chains < 10000; chains++) {
        for (size_t i = 0; i < HK_REMOTE_BLOCKS; i++) {
            hk_cold.post(other, page, (char *)hk_page_start(page) + 64 * i);
        }
        hk_cold.flush(other);
        hk_cold.drain(owner);
        assert_int_equal(other->remote_more,
                         before + (chains + 1) * (HK_REMOTE_BLOCKS * 64 >> HK_REMOTE_SHIFT));
    }
    assert_in_range(chains, 1, 9999);

    end(other);
    end(owner);
}

static void next_thread_may_hold_back_what_the_heap_has_learnt(void **state)
{
    (void)state;
    struct hk_heap *heap = hk_cold.birth(0);
    heap->remote_more = HK_REMOTE_LEARNT / 2;
    end(heap);
    assert_ptr_equal(hk_cold.birth(0), heap);
    assert_int_equal(heap->remote_more, HK_REMOTE_LEARNT / 2);

    heap->remote_more = HK_REMOTE_TOTAL - HK_REMOTE_LEAST;
    end(heap);
    assert_ptr_equal(hk_cold.birth(0), heap);
    assert_int_equal(heap->remote_more, HK_REMOTE_LEARNT);

    heap->remote_more = 0;
    end(heap);
}

static void block_that_fills_an_entry_goes_alone(void **state)
{
    (void)state;
    struct hk_heap *owner = hk_cold.birth(0);
    struct hk_heap *other = hk_cold.birth(0);
    struct hk_page *page = lease(owner, 1);
    page->block_size = HK_REMOTE_BYTES;

    hk_cold.post(other, page, hk_page_start(page));

    assert_int_equal(other->remote_bytes, 0);
    assert_int_equal(hk_cold.drain(owner), 1);
    end(other);
    end(owner);
}

static void death_sends_what_was_held_back(void **state)
{
    (void)state;
    struct hk_heap *owner = hk_cold.birth(0);
    struct hk_heap *other = hk_cold.birth(0);
    struct hk_page *page = lease(owner, 1);

    hk_cold.post(other, page, hk_page_start(page));
    hk_cold.death(other);

    assert_int_equal(hk_cold.drain(owner), 1);
    end(owner);
}

static void refused_heap_is_null(void **state)
{
    (void)state;
    struct hk_heap *heaps[64];
    size_t count = 0;
    hk_os_fake_fail(HK_OS_MAP, 1, true);
    while (count < 64 && (heaps[count] = hk_cold.birth(0)) != NULL) {
        count += 1;
    }
    assert_in_range(count, 1, 63);
    hk_os_fake_reset();
    struct hk_heap *later = hk_cold.birth(0);
    assert_non_null(later);
    end(later);
    while (count > 0) {
        end(heaps[--count]);
    }
}

static void sums_agree_with_check(void **state)
{
    (void)state;
    struct hk_heap *heap = hk_cold.birth(0);
    struct hk_cold_stat before = cold_stat();
    lease(heap, 16);
    lease(heap, 1);
    void *span = take_large(1 << 20, 16, 0);
    void *huge = take_large(9 << 20, 16, 0);
    struct hk_cold_stat stat = cold_stat();

    /* pages taken ahead are leased, too */
    assert_int_equal(stat.leased - before.leased, (16 + 1 + HK_WARM_PREFILL + 16) * HK_SLICE);
    assert_int_equal(stat.huge - before.huge, 9 << 20);
    assert_int_equal(stat.leases - before.leases, HK_STATS == HK_STATS_OFF ? 0 : 2);
    assert_int_equal(stat.mapped, hk_os_fake_mapped());
    assert_true(stat.mapped >= stat.reserved);
    assert_null(hk_cold.check());
    give_large(span);
    give_large(huge);
    end(heap);
    assert_int_equal(cold_stat().leased + cold_stat().huge, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(token_of_a_vanished_thread_finds_its_heap),
        cmocka_unit_test(heaps_of_the_living_are_not_given_away),
        cmocka_unit_test(warm_pages_are_bounded),
        cmocka_unit_test(cache_accounts_for_what_it_holds),
        cmocka_unit_test(all_is_sent_when_too_much_is_held_back),
        cmocka_unit_test(more_may_wait_the_more_was_sent),
        cmocka_unit_test(next_thread_may_hold_back_what_the_heap_has_learnt),
        cmocka_unit_test(block_that_fills_an_entry_goes_alone),
        cmocka_unit_test(death_sends_what_was_held_back),
        cmocka_unit_test_setup(refused_heap_is_null, calm_os),
        cmocka_unit_test(sums_agree_with_check),
    };
    return cmocka_run_group_tests_name("heaps", tests, start_cold, NULL);
}
