/* SPDX-License-Identifier: MIT */
/* Kit cases of the cold side's pages: lease, retire, purge, trim, counts. */
#include "kit/cold_kit.h"

#include <string.h>

static void lease_describes_every_slice(const void *subject)
{
    const struct hk_cold *cold = subject;
    struct hk_heap *heap = kit_heap(cold);

    for (uint8_t slices = 1; slices <= HK_PAGE_SLICES_MAX; slices++) {
        struct hk_page *page = kit_lease(cold, heap, slices);
        for (uint8_t i = 0; i < slices; i++) {
            assert_int_equal(hk_page_owner(&page[i]), heap->token);
            assert_int_equal(page[i].block_size, 1024);
            assert_int_equal(page[i].bin_index, 64);
            assert_int_equal(page[i].kind, HK_KIND_TINY);
            assert_int_equal(page[i].back, i);
            assert_null(page[i].bin);
            assert_int_equal(!!(page[i].flags & HK_PAGE_MULTI), slices > 1);
        }
        assert_int_equal(hk_page_slot(page)->slices, slices);
        assert_ptr_equal(hk_page_heap(page), heap);
    }

    kit_end_heap(cold, heap);
}

static void lease_starts_with_zero_private_parts(const void *subject)
{
    static const unsigned char zero[HK_PAGE_PRIVATE];
    const struct hk_cold *cold = subject;
    struct hk_heap *heap = kit_heap(cold);

    for (int round = 0; round < 20; round++) {
        struct hk_page *page = kit_lease(cold, heap, 4);
        for (int i = 0; i < 4; i++) {
            assert_memory_equal(page[i].private_part, zero, sizeof zero);
            memset(page[i].private_part, 0xee, sizeof zero);
        }
        cold->retire(heap, page);
    }

    kit_end_heap(cold, heap);
}

static void lease_starts_with_zero_maps(const void *subject)
{
    const struct hk_cold *cold = subject;
    struct hk_heap *heap = kit_heap(cold);

    for (int round = 0; round < 20; round++) {
        struct hk_page *page = kit_lease(cold, heap, (uint8_t)(1 + round * 3 % HK_PAGE_SLICES_MAX));
        const uint64_t *map = hk_page_map(page);
        for (size_t i = 0; i < hk_page_slot(page)->slices * HK_SLICE_MAP / sizeof *map; i++) {
            assert_int_equal(map[i], 0);
        }
        cold->retire(heap, page);
    }

    kit_end_heap(cold, heap);
}

static bool reads_as_zero(const unsigned char *bytes, size_t size)
{
    return bytes[0] == 0 && memcmp(bytes, bytes + 1, size - 1) == 0;
}

static void zero_flag_tells_the_truth(const void *subject)
{
    const struct hk_cold *cold = subject;
    struct hk_heap *heap = kit_heap(cold);

    for (int round = 0; round < 60; round++) {
        struct hk_page *page = kit_lease(cold, heap, (uint8_t)(1 + round % 3));
        size_t size = hk_page_slot(page)->slices * (size_t)HK_SLICE;
        unsigned char *memory = (unsigned char *)hk_page_start(page);
        if (page->flags & HK_PAGE_ZERO) {
            assert_true(reads_as_zero(memory, size));
        }
        memset(memory, 0xff, size);
        if (round % 4) {
            cold->retire(heap, page);
        }
        if (round % 20 == 19) {
            cold->trim(NULL, 0);
        }
    }

    kit_end_heap(cold, heap);
}

static void leased_pages_are_exclusive(const void *subject)
{
    enum { PAGES = 150 };
    const struct hk_cold *cold = subject;
    struct hk_heap *heap = kit_heap(cold);
    struct hk_page *pages[PAGES];

    for (size_t i = 0; i < PAGES; i++) {
        pages[i] = kit_lease(cold, heap, (uint8_t)(1 + i % 7));
        memset(hk_page_start(pages[i]), (int)i, hk_page_slot(pages[i])->slices * (size_t)HK_SLICE);
    }

    for (size_t i = 0; i < PAGES; i++) {
        unsigned char *memory = (unsigned char *)hk_page_start(pages[i]);
        assert_int_equal(memory[0], i);
        assert_memory_equal(memory, memory + 1, hk_page_slot(pages[i])->slices * HK_SLICE - 1);
    }
    kit_end_heap(cold, heap);
}

static void retired_page_is_leased_again(const void *subject)
{
    const struct hk_cold *cold = subject;
    struct hk_heap *heap = kit_heap(cold);
    struct hk_page *first = kit_lease(cold, heap, 1);
    size_t superslabs = kit_stat(cold).superslabs;

    for (int i = 0; i < 2000; i++) {
        struct hk_page *page = kit_lease(cold, heap, (uint8_t)(1 + i % 16));
        cold->retire(heap, page);
    }

    assert_in_range(kit_stat(cold).superslabs, 1, superslabs + 1);
    cold->retire(heap, first);
    kit_end_heap(cold, heap);
}

static void lease_that_may_not_grow_takes_nothing_new(const void *subject)
{
    const struct hk_cold *cold = subject;
    struct hk_heap *heap = kit_heap(cold);
    cold->retire(heap, kit_lease(cold, heap, 1));
    struct hk_cold_stat before = kit_stat(cold);
    const struct hk_lease request = {
        .heap = heap,
        .block_size = (uint32_t)hk_bin_block_size(HK_BIN_COUNT - 1),
        .bin_index = HK_BIN_COUNT - 1,
        .kind = HK_KIND_POOL,
        .slices = 16,
        .grow = false,
    };

    for (int i = 0; i < 200 && cold->lease(&request); i++) {
    }

    assert_null(cold->lease(&request));
    assert_int_equal(kit_stat(cold).superslabs, before.superslabs);
    assert_int_equal(kit_stat(cold).reserved, before.reserved);
    kit_end_heap(cold, heap);
}

static void heap_lists_its_pages(const void *subject)
{
    enum { PAGES = 20 };
    const struct hk_cold *cold = subject;
    struct hk_heap *heap = kit_heap(cold);
    size_t listed = 0;

    for (int i = 0; i < PAGES; i++) {
        kit_lease(cold, heap, (uint8_t)(1 + i % 3));
    }
    cold->retire(heap, heap->pages);
    for (struct hk_page *page = heap->pages; page; page = hk_page_slot(page)->next) {
        assert_ptr_equal(hk_page_heap(page), heap);
        listed += 1;
    }

    assert_int_equal(listed, PAGES - 1);
    assert_int_equal(heap->page_count, PAGES - 1);
    assert_int_equal(heap->class_pages[heap->pages->bin_index], PAGES - 1);
    kit_end_heap(cold, heap);
}

static void stat_counts_leases(const void *subject)
{
    const struct hk_cold *cold = subject;
    struct hk_heap *heap = kit_heap(cold);
    struct hk_cold_stat before = kit_stat(cold);

    struct hk_page *page = kit_lease(cold, heap, 3);
    kit_lease(cold, heap, 2);
    struct hk_cold_stat leased = kit_stat(cold);
    cold->retire(heap, page);
    struct hk_cold_stat after = kit_stat(cold);

    /* the real side counts events with its own option, its fake always does */
    size_t counts = HK_STATS != HK_STATS_OFF || strcmp(cold->name, "cold") != 0;
    assert_int_equal(leased.leases - before.leases, counts * 2);
    assert_int_equal(leased.leased - before.leased, 5 * HK_SLICE);
    assert_int_equal(after.retires - before.retires, counts);
    assert_int_equal(after.leased - before.leased, 2 * HK_SLICE);
    kit_end_heap(cold, heap);
}

static void trim_gives_dirty_memory_back(const void *subject)
{
    const struct hk_cold *cold = subject;
    struct hk_heap *heap = kit_heap(cold);
    cold->trim(NULL, 0);
    for (int i = 0; i < 30; i++) {
        struct hk_page *page = kit_lease(cold, heap, 2);
        memset(hk_page_start(page), 1, 2 * HK_SLICE);
    }
    kit_end_heap(cold, heap);
    size_t dirty = kit_stat(cold).dirty;

    size_t bytes = cold->trim(NULL, 0);

    assert_true(bytes >= dirty); /* an eager policy has left nothing to give back */
    assert_int_equal(kit_stat(cold).dirty, 0);
}

static void trim_takes_what_a_heap_keeps_warm(const void *subject)
{
    enum { PAGES = 20 };
    const struct hk_cold *cold = subject;
    struct hk_heap *heap = kit_heap(cold);
    struct hk_page *page[PAGES];
    for (size_t i = 0; i < PAGES; i++) {
        page[i] = kit_lease(cold, heap, 1);
    }
    for (size_t i = 1; i < PAGES; i++) {
        cold->retire(heap, page[i]);
    }

    cold->trim(heap, 0);

    assert_int_equal(kit_stat(cold).leased, HK_SLICE);
    cold->retire(heap, page[0]);
    kit_end_heap(cold, heap);
}

static void trim_leaves_live_pages_alone(const void *subject)
{
    const struct hk_cold *cold = subject;
    struct hk_heap *heap = kit_heap(cold);
    struct hk_page *page = kit_lease(cold, heap, 2);
    unsigned char *memory = (unsigned char *)hk_page_start(page);
    memset(memory, 0x77, 2 * HK_SLICE);
    cold->retire(heap, kit_lease(cold, heap, 5));

    cold->trim(NULL, 0);

    assert_int_equal(memory[0], 0x77);
    assert_memory_equal(memory, memory + 1, 2 * HK_SLICE - 1);
    kit_end_heap(cold, heap);
}

static void purge_stays_inside_its_range(const void *subject)
{
    const struct hk_cold *cold = subject;
    struct hk_heap *heap = kit_heap(cold);
    struct hk_page *page = kit_lease(cold, heap, 1);
    unsigned char *memory = (unsigned char *)hk_page_start(page);
    memset(memory, 0x77, HK_SLICE);

    size_t bytes = 1;
    assert_true(cold->purge(page, 100, 40000, &bytes));
    assert_in_range(bytes, 1, 40001);
    for (size_t i = 0; i < HK_SLICE; i++) {
        bool inside = i >= 100 && i < 100 + 40000;
        assert_true(memory[i] == 0x77 || (inside && memory[i] == 0));
    }
    kit_end_heap(cold, heap);
}

static void owns_tells_ours_from_foreign(const void *subject)
{
    static char foreign;
    const struct hk_cold *cold = subject;
    struct hk_heap *heap = kit_heap(cold);
    struct hk_page *page = kit_lease(cold, heap, 2);
    bool zero;
    void *large = cold->large_alloc(5000000, 16, 0, &zero);

    assert_true(cold->owns(kit_block(page, 0)));
    assert_true(cold->owns(kit_block(page, 100)));
    assert_true(cold->owns(large));
    assert_false(cold->owns(&foreign));
    assert_false(cold->owns(&page));
    cold->large_free(NULL, hk_page_of(large), large);
    kit_end_heap(cold, heap);
}

static void check_accepts_what_is_right(const void *subject)
{
    const struct hk_cold *cold = subject;
    struct hk_heap *heap = kit_heap(cold);

    assert_null(cold->check());
    for (uint8_t slices = 1; slices <= 16; slices++) {
        struct hk_page *page = kit_lease(cold, heap, slices);
        assert_null(cold->check());
        if (slices % 3) {
            cold->retire(heap, page);
        }
        assert_null(cold->check());
    }

    kit_end_heap(cold, heap);
}

const struct kit_case kit_page_cases[] = {
    {"lease_describes_every_slice", lease_describes_every_slice, 0},
    {"lease_starts_with_zero_private_parts", lease_starts_with_zero_private_parts, 0},
    {"lease_starts_with_zero_maps", lease_starts_with_zero_maps, 0},
    {"zero_flag_tells_the_truth", zero_flag_tells_the_truth, 0},
    {"leased_pages_are_exclusive", leased_pages_are_exclusive, 0},
    {"retired_page_is_leased_again", retired_page_is_leased_again, 0},
    {"lease_that_may_not_grow_takes_nothing_new", lease_that_may_not_grow_takes_nothing_new, 0},
    {"heap_lists_its_pages", heap_lists_its_pages, 0},
    {"stat_counts_leases", stat_counts_leases, 0},
    {"trim_gives_dirty_memory_back", trim_gives_dirty_memory_back, 0},
    {"trim_takes_what_a_heap_keeps_warm", trim_takes_what_a_heap_keeps_warm, 0},
    {"trim_leaves_live_pages_alone", trim_leaves_live_pages_alone, 0},
    {"purge_stays_inside_its_range", purge_stays_inside_its_range, 0},
    {"owns_tells_ours_from_foreign", owns_tells_ours_from_foreign, 0},
    {"check_accepts_what_is_right", check_accepts_what_is_right, 0},
};
const size_t kit_page_case_count = sizeof kit_page_cases / sizeof *kit_page_cases;
