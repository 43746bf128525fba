/* SPDX-License-Identifier: MIT */
/* What hot box legacy's check finds, and by what name. */
#include "unit/legacy_unit.h"

/* -> what check says while `*word` is `value`. */
#define FOUND_WITH(word, value) found_with(&(word), sizeof(word), (uint64_t)(value))

static const char *found_with(void *word, size_t size, uint64_t value)
{
    uint64_t was = 0;
    memcpy(&was, word, size);
    memcpy(word, &value, size);
    const char *found = hk_hotbox_legacy.check(heap);
    memcpy(word, &was, size);
    assert_null(hk_hotbox_legacy.check(heap));
    return found;
}

static void check_names_a_broken_magazine(void **state)
{
    (void)state;
    take_many(SMALL, 4);
    give_many(0, 3);
    struct hk_bin *bin = bin_of(SMALL);
    void **slots = bin->head;
    void *inside = (char *)blocks[3] + 16;
    void *other = take(LARGE);

    assert_string_equal(FOUND_WITH(slots[1], (uintptr_t)slots[0]),
                        "a block is in a magazine twice");
    assert_string_equal(FOUND_WITH(slots[1], (uintptr_t)inside),
                        "what is believed to be a block is none of its class");
    assert_string_equal(FOUND_WITH(slots[1], (uintptr_t)other),
                        "what is believed to be a block is none of its class");
    assert_string_equal(FOUND_WITH(bin->room, bin->limit + 1),
                        "a magazine holds more blocks than it has slots");
    assert_string_equal(FOUND_WITH(bin->limit, HK_MAGAZINE_MOST + 1),
                        "a magazine is not in its lane");

    give(blocks[3]);
    give(other);
}

static void check_names_a_broken_stock(void **state)
{
    (void)state;
    take_many(SMALL, 300);
    give_many(0, 300);
    struct hk_depot_class *class = class_of(SMALL);
    void **slots = bin_of(SMALL)->head;

    assert_string_equal(FOUND_WITH(class->stock[1], (uintptr_t) class->stock[0]),
                        "a block is in the stock twice");
    assert_string_equal(FOUND_WITH(class->stock[1], (uintptr_t)slots[0]),
                        "a block is in a magazine and in the stock");
    assert_string_equal(FOUND_WITH(class->stock[1], (uintptr_t) class->stock[1] + 16),
                        "what is believed to be a block is none of its class");
    assert_string_equal(FOUND_WITH(class->stocked, HK_DEPOT_STOCK + 1),
                        "the stock holds more blocks than it has room for");
}

static void check_names_a_block_on_both_sides(void **state)
{
    (void)state;
    take_many(SMALL, 4);
    give_many(0, 4);
    struct hk_page *page = hk_page_of(blocks[0]);
    struct hk_depot_page *depot = hk_depot_page(page);
    uint64_t *map = hk_page_map(page);

    /* as if the flush had forgotten to take it out */
    depot->out -= 1;
    map[0] |= 1;
    const char *found = hk_hotbox_legacy.check(heap);
    map[0] &= ~(uint64_t)1;
    depot->out += 1;

    assert_string_equal(found, "a block is at hand and free in its page");
}

static void check_names_a_broken_page(void **state)
{
    (void)state;
    take_many(LARGE, 70);
    put_many(0, 10, 1);
    struct hk_page *page = hk_page_of(blocks[0]);
    struct hk_depot_page *depot = hk_depot_page(page);
    uint64_t *map = hk_page_map(page);

    assert_string_equal(FOUND_WITH(map[0], 0), "blocks out and free do not sum to the carved ones");
    assert_string_equal(FOUND_WITH(map[1], 1), "blocks out and free do not sum to the carved ones");
    assert_string_equal(FOUND_WITH(depot->out, 65), "a page's counts exceed its capacity");
    assert_string_equal(FOUND_WITH(depot->capacity, 63),
                        "a page's capacity is not what its blocks make it");
    assert_string_equal(FOUND_WITH(depot->offset, SMALL),
                        "a page does not point to its class's bin");
    assert_string_equal(FOUND_WITH(page->bin_index, 1), "a page is on a list of another class");
    assert_string_equal(FOUND_WITH(page->owner, HK_OWNER_ORPHAN),
                        "a page that all threads share has an owner");

    put_many(10, 70, 1);
}

static void check_names_a_block_that_never_was(void **state)
{
    (void)state;
    void *block = take(LARGE);
    struct hk_depot_page *depot = hk_depot_page(hk_page_of(block));
    uint64_t *map = hk_page_map(hk_page_of(block));

    depot->out -= 1;
    map[0] |= (uint64_t)1 << 63;
    const char *found = hk_hotbox_legacy.check(heap);
    map[0] &= ~((uint64_t)1 << 63);
    depot->out += 1;

    assert_string_equal(found, "a block that was never carved is marked free");
    give(block);
}

static void check_names_a_broken_list(void **state)
{
    (void)state;
    take_many(LARGE, 4 * 64);
    put_many(0, 4 * 64, 2);
    struct hk_depot_list *list = hk_depot.classes[LARGE >> HK_BIN_SHIFT].list;
    struct hk_depot_list *open = &list[HK_DEPOT_OPEN];
    struct hk_depot_page *first = hk_depot_page(open->first);
    struct hk_depot_page *second = hk_depot_page(first->next);

    assert_string_equal(FOUND_WITH(second->next, (uintptr_t)open->first),
                        "a list's links do not match");
    assert_string_equal(FOUND_WITH(open->count, 1), "a list has more pages than it counts");
    assert_string_equal(FOUND_WITH(first->next, 0), "a list ends before its last page");
    assert_string_equal(FOUND_WITH(first->place, HK_DEPOT_FULL), "a list's links do not match");

    put_many(1, 4 * 64, 2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        LEGACY_TEST(check_names_a_broken_magazine),      LEGACY_TEST(check_names_a_broken_stock),
        LEGACY_TEST(check_names_a_block_on_both_sides),  LEGACY_TEST(check_names_a_broken_page),
        LEGACY_TEST(check_names_a_block_that_never_was), LEGACY_TEST(check_names_a_broken_list),
    };
    return cmocka_run_group_tests_name("legacy_check", tests, NULL, NULL);
}
