/* SPDX-License-Identifier: MIT */
/* What heaps keep under the profile of the build: warm pages, and empty pages of their class. The
 * numbers are written out for warm_cap=8. */
#include "unit/cold_unit.h"

#include "coldbox/stats.h"
#include "common/bands.h"
#include "hotbox/paged.h"

enum {
    SMALL = 4,          /* blocks of 64 bytes */
    MIDDLE = 64,        /* of 1024: C7 */
    POOL = HK_TINY_BINS /* the pool's smallest */
};
enum { LEASED = 100, RETIRED = 20, PAGES = 4 };

_Static_assert(HK_WARM_CAP == 8, "what is expected below is for this cap");

struct expected {
    size_t bin;
    bool page_box;
    uint32_t warm; /* of RETIRED pages */
    size_t kept;   /* of PAGES empty ones */
};

static const struct expected expected[][3] = {
    [HK_PROFILE_LEGACY] = {{SMALL, true, 8, 1}, {MIDDLE, true, 8, 1}, {POOL, true, 8, 1}},
    [HK_PROFILE_C5_7_ONLY] = {{SMALL, false, 0, 0}, {MIDDLE, true, 8, 1}, {POOL, false, 0, 0}},
    [HK_PROFILE_TINYPLUS_ALL] = {{SMALL, true, 8, 2}, {MIDDLE, true, 8, 2}, {POOL, true, 6, 2}},
};

static int start(void **state)
{
    static const struct hk_hooks hooks = {hk_paged_splice, hk_paged_attach, no_parts, no_shed};
    (void)state;
    return hk_cold.init(&hooks);
}

static struct hk_page *lease(struct hk_heap *heap, size_t bin)
{
    const struct hk_lease request = {
        .heap = heap,
        .block_size = (uint32_t)hk_bin_block_size(bin),
        .bin_index = (uint8_t)bin,
        .kind = hk_kind_of_bin(bin),
        .slices = 1,
        .grow = true,
    };
    struct hk_page *page = hk_cold.lease(&request);
    assert_non_null(page);
    return page;
}

/* A heap that has had LEASED pages of the class, and has retired RETIRED of them. */
static struct hk_heap *heap_after_use(size_t bin)
{
    struct hk_heap *heap = hk_cold.birth(0);
    for (size_t i = 0; i < LEASED; i++) {
        lease(heap, bin);
    }
    for (size_t i = 0; i < RETIRED; i++) {
        hk_cold.retire(heap, heap->pages);
    }
    return heap;
}

static void end(struct hk_heap *heap)
{
    while (heap->pages) {
        hk_cold.retire(heap, heap->pages);
    }
    hk_cold.death(heap);
    assert_int_equal(cold_stat().leased, 0);
    assert_null(hk_cold.check());
}

static void retired_pages_stay_warm(void **state)
{
    (void)state;
    for (size_t i = 0; i < 3; i++) {
        const struct expected *class = &expected[HK_POLICY_PROFILE][i];
        struct hk_heap *heap = heap_after_use(class->bin);

        assert_int_equal(heap->warm_count, class->warm);
        end(heap);
    }
}

static void leases_look_among_warm_pages(void **state)
{
    (void)state;
    for (size_t i = 0; i < 3; i++) {
        const struct expected *class = &expected[HK_POLICY_PROFILE][i];
        struct hk_heap *heap = heap_after_use(MIDDLE);
        uint32_t warm = heap->warm_count;

        lease(heap, class->bin);

        assert_int_equal(warm - heap->warm_count, class->page_box);
        end(heap);
    }
}

static void use_and_empty(struct hk_heap *heap, size_t bin, void **block, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        block[i] = hk_bin_pop(heap, bin << HK_BIN_SHIFT);
        block[i] = block[i] ? block[i] : hk_paged_refill(heap, bin << HK_BIN_SHIFT);
    }
    assert_int_equal(heap->page_count, PAGES);
    for (size_t i = 0; i < count; i++) {
        hk_paged_spill(heap, hk_page_of(block[i]), block[i]); /* past the bin */
    }
}

static void empty_pages_stay_with_their_class(void **state)
{
    (void)state;
    static void *block[PAGES * HK_SLICE / 64];
    for (size_t i = 0; i < 2; i++) {
        const struct expected *class = &expected[HK_POLICY_PROFILE][i];
        struct hk_heap *heap = hk_cold.birth(0);

        use_and_empty(heap, class->bin, block, PAGES * HK_SLICE / hk_bin_block_size(class->bin));

        assert_int_equal(heap->page_count, class->kept);
        assert_null(hk_paged_check(heap, hk_kind_of_bin(class->bin)));
        hk_paged_abandon(heap, hk_kind_of_bin(class->bin));
        end(heap);
    }
}

static void learner_leaves_alone_what_is_off(void **state)
{
    (void)state;
    struct hk_heap *heap = hk_cold.birth(0);
    for (uint64_t second = 1; second <= 10; second++) {
        hk_count_event(heap, SMALL, HK_EVENT_REFILL);
        hk_count_events(heap, SMALL, HK_EVENT_VISIT, 1000);
        hk_cold.learn(heap, second * 1000000000);
    }

    bool off = HK_POLICY_PROFILE == HK_PROFILE_C5_7_ONLY;
    assert_int_equal(hk_policy_of(heap, SMALL).warm_cap > HK_WARM_CAP,
                     HK_POLICY == HK_POLICY_LEARN && !off);
    assert_int_equal(hk_policy_of(heap, SMALL).warm, !off);
    end(heap);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(retired_pages_stay_warm),
        cmocka_unit_test(leases_look_among_warm_pages),
        cmocka_unit_test(empty_pages_stay_with_their_class),
        cmocka_unit_test(learner_leaves_alone_what_is_off),
    };
    return cmocka_run_group_tests_name("profile", tests, start, NULL);
}
