/* SPDX-License-Identifier: MIT */
/* Descriptor arithmetic: from a block to its descriptor and back, above all on the boundaries. Only
 * addresses are computed, so no memory is needed. */
#include "unit/unit.h"

#include "common/page.h"

enum {
    BASE = 1 << 30, /* a superslab's address, as good as any of its colour, 0 */
    PERIOD = 8,     /* superslabs, until places repeat */
};

static const void *at(size_t offset)
{
    return (const void *)((uintptr_t)BASE + offset);
}

static uintptr_t base(size_t superslab)
{
    return (uintptr_t)BASE + superslab * HK_SUPERSLAB;
}

static uintptr_t descriptor(size_t superslab, size_t slice)
{
    return base(superslab) + superslab % PERIOD / 2 * 8192 + slice * 64;
}

static void every_slice_has_its_descriptor(void **state)
{
    (void)state;
    for (size_t slice = 1; slice < 64; slice++) {
        for (size_t offset = 0; offset < 65536; offset += 16) {
            uintptr_t page = (uintptr_t)hk_page_of(at(slice * 65536 + offset));
            assert_int_equal(page, descriptor(0, slice));
            assert_ptr_equal((void *)page, hk_superslab_page(at(0), slice));
        }
    }
}

static void last_block_of_a_slice_is_in_it(void **state)
{
    (void)state;
    for (size_t slice = 1; slice < 64; slice++) {
        const void *last = at((slice + 1) * 65536 - 16);
        assert_int_equal((uintptr_t)hk_page_of(last), descriptor(0, slice));
    }
}

static void superslabs_in_a_row_have_their_descriptors_at_different_places(void **state)
{
    (void)state;
    for (size_t superslab = 0; superslab < 2 * PERIOD; superslab++) {
        uintptr_t page = (uintptr_t)hk_page_of(at(superslab * HK_SUPERSLAB + 3 * 65536 + 16));
        assert_int_equal(page, descriptor(superslab, 3));
        assert_ptr_equal((void *)page, hk_superslab_page(at(superslab * HK_SUPERSLAB), 3));
    }
}

static void block_on_a_superslab_boundary_is_found_below(void **state)
{
    (void)state;
    for (size_t superslab = 1; superslab < 2 * PERIOD; superslab++) {
        uintptr_t page = (uintptr_t)hk_page_of(at(superslab * HK_SUPERSLAB));
        assert_int_equal(page, base(superslab - 1) + superslab % PERIOD / 2 * 8192);
    }
}

static void block_past_a_superslab_boundary_is_found_in_it(void **state)
{
    (void)state;
    const void *block = at(HK_SUPERSLAB + 16);
    assert_int_equal((uintptr_t)hk_page_of(block), descriptor(1, 0));
}

static void slice_of_a_descriptor_is_its_index(void **state)
{
    (void)state;
    for (size_t slice = 0; slice < 64; slice++) {
        const struct hk_page *page = (const struct hk_page *)descriptor(2, slice);
        assert_int_equal(hk_page_slice(page), slice);
        assert_int_equal((uintptr_t)hk_page_superslab(page), base(2));
        assert_int_equal((uintptr_t)hk_page_start(page), base(2) + slice * 65536);
    }
}

static void block_maps_do_not_overlap(void **state)
{
    (void)state;
    const struct hk_page *first = (const struct hk_page *)descriptor(0, 0);
    assert_true((uintptr_t)hk_page_map(first) >=
                descriptor(0, 0) + sizeof(struct hk_superslab_head));
    for (size_t slice = 1; slice < 64; slice++) {
        const struct hk_page *page = (const struct hk_page *)descriptor(0, slice);
        uintptr_t map = (uintptr_t)hk_page_map(page);
        assert_int_equal(map - (uintptr_t)hk_page_map(page - 1), 65536 / 16 / 8);
        assert_true(map + 512 <= descriptor(0, 0) + 65536);
    }
}

static void slots_lie_beside_the_descriptors(void **state)
{
    (void)state;
    for (size_t superslab = 0; superslab < PERIOD; superslab++) {
        uintptr_t first = (uintptr_t)hk_page_slot((const void *)descriptor(superslab, 0));
        uintptr_t last = (uintptr_t)hk_page_slot((const void *)descriptor(superslab, 63));
        assert_int_equal(last - first, 63 * sizeof(struct hk_slot));
        assert_true(last < descriptor(superslab, 0) || first > descriptor(superslab, 63));
        assert_true(first >= base(superslab));
        assert_true(last + sizeof(struct hk_slot) <= base(superslab) + HK_MAPS_OFFSET);
    }
}

static void back_leads_to_the_head(void **state)
{
    (void)state;
    static struct hk_page pages[16];
    for (uint8_t i = 0; i < 16; i++) {
        pages[i].back = i;
        assert_ptr_equal(hk_page_head(&pages[i]), pages);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_slice_has_its_descriptor),
        cmocka_unit_test(last_block_of_a_slice_is_in_it),
        cmocka_unit_test(superslabs_in_a_row_have_their_descriptors_at_different_places),
        cmocka_unit_test(block_on_a_superslab_boundary_is_found_below),
        cmocka_unit_test(block_past_a_superslab_boundary_is_found_in_it),
        cmocka_unit_test(slice_of_a_descriptor_is_its_index),
        cmocka_unit_test(block_maps_do_not_overlap),
        cmocka_unit_test(slots_lie_beside_the_descriptors),
        cmocka_unit_test(back_leads_to_the_head),
    };
    return cmocka_run_group_tests_name("page_of", tests, NULL, NULL);
}
