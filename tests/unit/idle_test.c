/* SPDX-License-Identifier: MIT */
/* A class that the thread has stopped using gives its pages back while the thread goes on with
 * others, as time passes. */
#include "unit/unit.h"

#include "coldbox/seat.h"
#include "fakes/os_fake.h"
#include "gate/gate.h"

enum {
    SIZE = 960, /* whose class has room for a prefix */
    PER_PAGE = 64,
    PAGES = 24,
    LOOKS = 40,   /* large blocks, enough for the gate to look at the clock */
    KEPT_MOST = 6 /* empty or warm, beside what a box is told to keep */
};

static const uint64_t tick = (uint64_t)HK_PURGE_DELAY_MS * 1000000u;
static uint64_t now = 1000000000000u;
static void *blocks[PAGES * PER_PAGE];

static size_t leased_pages(void)
{
    struct hk_cold_stat stat;
    HK_COLD.stat(&stat);
    return stat.leased >> HK_SLICE_SHIFT;
}

static void work_elsewhere(void)
{
    for (int i = 0; i < LOOKS; i++) {
        void *block = hk_malloc((size_t)2 << 20);
        assert_non_null(block);
        hk_free(block);
    }
}

static void pass(uint64_t ticks)
{
    for (uint64_t i = 0; i < ticks; i++) {
        now += tick;
        hk_os_fake_set_now(now);
        work_elsewhere();
    }
}

static void fill_pages(void)
{
    for (size_t i = 0; i < PAGES * PER_PAGE; i++) {
        blocks[i] = hk_malloc(SIZE);
        assert_non_null(blocks[i]);
    }
}

/* One block of each page in turn, so that what stays at hand is of as many pages as it can be. */
static void free_scattered(void)
{
    for (size_t i = 0; i < PAGES * PER_PAGE; i++) {
        hk_free(blocks[i % PAGES * PER_PAGE + i / PAGES]);
    }
}

static void idle_class_gives_its_pages_back(void **state)
{
    (void)state;
    hk_os_fake_set_now(now);
    work_elsewhere();
    size_t before = leased_pages();
    fill_pages();
    free_scattered();
    size_t pinned = leased_pages() - before;

    pass(4);

    size_t left = leased_pages() - before;
    if (HK_FREE_POLICY == HK_FREE_KEEP) {
        assert_int_equal(left, pinned);
    } else {
        assert_true(left <= KEPT_MOST + HK_MAX_PARTIAL);
    }
}

static void nothing_goes_back_before_its_time(void **state)
{
    (void)state;
    fill_pages();
    free_scattered();
    pass(1);
    fill_pages();
    free_scattered();
    size_t pinned = leased_pages();

    now += tick - 1;
    hk_os_fake_set_now(now);
    work_elsewhere();

    assert_int_equal(leased_pages(), pinned);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(idle_class_gives_its_pages_back),
        cmocka_unit_test(nothing_goes_back_before_its_time),
    };
    return cmocka_run_group_tests_name("idle", tests, NULL, NULL);
}
