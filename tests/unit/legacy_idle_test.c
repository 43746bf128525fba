/* SPDX-License-Identifier: MIT */
/* Hot box legacy's magazines and stocks of classes that are idle. */
#include "unit/legacy_unit.h"

enum { PER_PAGE = 64, PAGES = 8, COUNT = PAGES * PER_PAGE };

static size_t age(void)
{
    return hk_hotbox_legacy.collect(heap, HK_COLLECT_IDLE);
}

static size_t pages_of(size_t offset)
{
    return count_of(offset, HK_DEPOT_OPEN) + count_of(offset, HK_DEPOT_FULL) +
           count_of(offset, HK_DEPOT_KEPT);
}

/* Leave magazine and stock full of blocks, one of each page in turn. */
static void scatter(void)
{
    take_many(LARGE, COUNT);
    for (size_t i = 0; i < COUNT; i++) {
        give(blocks[i % PAGES * PER_PAGE + i / PAGES]);
    }
    assert_true(bin_of(LARGE)->room > 0);
    assert_true(class_of(LARGE)->stocked > 0);
}

static void idle_class_goes_back_at_the_second_call(void **state)
{
    (void)state;
    scatter();
    size_t room = (size_t)bin_of(LARGE)->room;
    size_t stocked = class_of(LARGE)->stocked;

    assert_int_equal(age(), 0);
    assert_int_equal(bin_of(LARGE)->room, room);
    assert_int_equal(class_of(LARGE)->stocked, stocked);
    assert_true(age() > 0);

    assert_int_equal(bin_of(LARGE)->room, 0);
    assert_int_equal(bin_of(LARGE)->limit, 32);
    assert_int_equal(class_of(LARGE)->stocked, 0);
    assert_int_equal(pages_of(LARGE), 1);
    assert_int_equal(age(), HK_SLICE);
    assert_int_equal(cold_log().leased_now, 0);
}

static void refill_or_spill_between_two_calls_keeps_it(void **state)
{
    (void)state;
    for (int i = 0; i < 4; i++) {
        scatter();
        size_t stocked = class_of(LARGE)->stocked;
        assert_int_equal(age(), 0);
        assert_int_equal(class_of(LARGE)->stocked, stocked);
    }
}

static void magazine_of_one_page_stays(void **state)
{
    (void)state;
    give(take(LARGE));
    size_t room = (size_t)bin_of(LARGE)->room;

    for (int i = 0; i < 5; i++) {
        assert_int_equal(age(), 0);
        assert_int_equal(bin_of(LARGE)->room, room);
    }
}

static void stock_is_its_last_users(void **state)
{
    (void)state;
    scatter();
    size_t stocked = class_of(LARGE)->stocked;
    class_of(LARGE)->user = NULL; /* as after another heap's use */
    age();
    age();
    assert_int_equal(bin_of(LARGE)->room, 0);
    assert_int_equal(class_of(LARGE)->stocked, stocked);

    class_of(LARGE)->user = heap;
    age();

    assert_int_equal(class_of(LARGE)->stocked, 0);
}

static void abandoned_magazine_leaves_no_trace(void **state)
{
    (void)state;
    static const struct hk_magazine none;
    take_many(SMALL, MANY);
    for (size_t i = 0; i < MANY; i++) {
        give(blocks[i % 2 * (MANY / 2) + i / 2]);
    }
    int32_t longest = bin_of(SMALL)->limit;
    age();
    age();
    assert_true(bin_of(SMALL)->limit < longest);

    hk_hotbox_legacy.abandon(heap);

    assert_memory_equal(hk_lane(heap, SMALL >> HK_BIN_SHIFT), &none, sizeof none);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        LEGACY_TEST(idle_class_goes_back_at_the_second_call),
        LEGACY_TEST(refill_or_spill_between_two_calls_keeps_it),
        LEGACY_TEST(magazine_of_one_page_stays),
        LEGACY_TEST(stock_is_its_last_users),
        LEGACY_TEST(abandoned_magazine_leaves_no_trace),
    };
    return cmocka_run_group_tests_name("legacy_idle", tests, NULL, NULL);
}
