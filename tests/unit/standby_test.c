/* SPDX-License-Identifier: MIT */
/* The huge block that waits: who gets it. */
#include "unit/standby_unit.h"

#include "coldbox/large.h"

#include <pthread.h>
#include <string.h>
#include <time.h>

static void next_of_its_size_gets_it(void **state)
{
    (void)state;
    char *block = take_size();
    memset(block, 1, SIZE);
    give_large(block);
    assert_waits(true);
    bool zero = true;
    assert_ptr_equal(hk_cold.large_alloc(SIZE, 16, 0, &zero), block);
    assert_false(zero);
    assert_waits(false);
    assert_int_equal(hk_cold.large_size(hk_page_of(block), block), SIZE);
    assert_int_equal(cold_stat().huge, SIZE);
    give_large(block);
}

static void what_waits_has_free_descriptors(void **state)
{
    (void)state;
    void *block = take_size();
    struct hk_page *page = hk_page_of(block);
    give_large(block);
    assert_int_equal(page->kind, HK_KIND_FREE);
    assert_int_equal(hk_page_head(page)->kind, HK_KIND_FREE);
    assert_ptr_equal(take_size(), block);
    assert_int_equal(page->kind, HK_KIND_HUGE);
    assert_int_equal(hk_page_owner(page), HK_OWNER_LARGE);
    give_large(block);
}

static void *pair(void *arg)
{
    for (int i = 0; i < 3; i++) {
        void *block = take_size();
        *(bool *)arg = block != NULL;
        give_large(block);
    }
    return NULL;
}

/* A thread that takes a lock which this one holds does not come back. */
static void pairs_take_no_lock(void **state)
{
    (void)state;
    give_large(take_size());
    bool done = false;
    pthread_t thread;
    struct timespec until;
    hk_lock_take(&hk_slabs.lock);
    assert_int_equal(pthread_create(&thread, NULL, pair, &done), 0);
    clock_gettime(CLOCK_REALTIME, &until);
    until.tv_sec += 20;
    int waited = pthread_timedjoin_np(thread, NULL, &until);
    hk_lock_give(&hk_slabs.lock);
    if (waited != 0) {
        pthread_join(thread, NULL);
    }
    assert_int_equal(waited, 0);
    assert_true(done);
}

static void short_ways_lead_to_it(void **state)
{
    (void)state;
    void *block = take_size();
    assert_null(hk_cold.huge_pop(SIZE));
    assert_true(hk_cold.huge_keep(hk_page_of(block), block));
    assert_waits(true);
    assert_null(hk_cold.huge_pop(SIZE + 1));
    assert_null(hk_cold.huge_pop(SIZE - 4096));
    assert_null(hk_cold.huge_pop(SIZE_MAX));
    assert_ptr_equal(hk_cold.huge_pop(SIZE - 4095), block);
    assert_waits(false);
    give_large(block);
    assert_ptr_equal(hk_cold.huge_pop(SIZE), block);
    atomic_store(&hk_standby.asked, SIZE);
    assert_false(hk_cold.huge_keep(hk_page_of(block), block));
    give_large(block);
    assert_null(hk_cold.huge_pop(SIZE));
}

/* What is not kept is as it was. */
static void second_block_stays_in_use(void **state)
{
    (void)state;
    void *one = take_size();
    void *two = take_size();
    assert_true(hk_cold.huge_keep(hk_page_of(one), one));
    assert_false(hk_cold.huge_keep(hk_page_of(two), two));
    assert_int_equal(hk_page_of(two)->kind, HK_KIND_HUGE);
    assert_int_equal(hk_page_owner(hk_page_of(two)), HK_OWNER_LARGE);
    assert_int_equal(hk_cold.large_size(hk_page_of(two), two), SIZE);
    give_large(two);
    assert_waits(true);
}

static void another_size_does_not_get_it(void **state)
{
    (void)state;
    void *block = take_size();
    give_large(block);
    void *longer = take_large(SIZE + os_page(), 16, 0);
    assert_int_equal(hk_cold.large_size(hk_page_of(longer), longer), SIZE + os_page());
    assert_ptr_equal(longer, block); /* its units were made free, and are the first */
    assert_waits(false);
    assert_int_equal(cold_stat().huge, SIZE + os_page());
    give_large(longer);
}

static void other_forms_do_not_get_it(void **state)
{
    (void)state;
    void *block = take_size();
    give_large(block);
    void *aligned = take_large(SIZE, 16 * os_page(), 0);
    assert_int_equal((uintptr_t)aligned % (16 * os_page()), 0);
    assert_waits(false);
    give_large(aligned);
    give_large(take_size());
    void *to_grow = take_large(SIZE, 16, 2 * SIZE);
    assert_int_equal(hk_large_of(hk_page_head(hk_page_of(to_grow)))->units, 2);
    assert_waits(false);
    give_large(to_grow);
    assert_waits(false);
}

/* Blocks that are not as a new one of their size would be. */
static void changed_blocks_do_not_wait(void **state)
{
    (void)state;
    void *shrunk = take_size();
    void *other = take_again(SIZE - os_page()); /* the size that is asked for */
    assert_ptr_equal(hk_cold.large_resize(hk_page_of(shrunk), shrunk, SIZE - os_page()), shrunk);
    give_large(shrunk);
    assert_waits(false);
    give_large(other);
    assert_int_equal(waiting(), SIZE - os_page());
    void *aligned = take_large(SIZE, 16 * os_page(), 0);
    give_large(take_size());
    hk_cold.trim(NULL, 0);
    give_large(aligned);
    assert_waits(false);
}

/* move() leaves a mapping that is renewed when the block goes. */
static void moved_blocks_do_not_wait(void **state)
{
    (void)state;
    enum { LONG = 300 * MIB }; /* twice as much is no run: nothing is reserved */
    void *moves = take_size();
    void *wall = take_size();
    char *moved = hk_cold.large_resize(hk_page_of(moves), moves, LONG);
    assert_non_null(moved);
    assert_int_equal(hk_large_of(hk_page_head(hk_page_of(moved)))->moved, SIZE);
    void *new = take_again(LONG);
    atomic_store(&hk_slabs.purge_above, SIZE_MAX);
    give_large(moved);
    assert_int_equal(waiting(), 0);
    atomic_store(&hk_slabs.purge_above, SIZE_MAX);
    give_large(new);
    assert_int_equal(waiting(), LONG); /* a new one of its length does */
    give_large(wall);
}

/* A block that ends where its last unit begins, of which a longer one has used all: the word has
 * room for nearly as much, and for no bit of the address. */
static void full_last_unit_waits_too(void **state)
{
    (void)state;
    size_t size = HK_SUPERSLAB;
    for (int odd = 0; odd < 2; odd++) {
        void *before = odd ? take_size() : NULL;
        give_large(take_large(2 * size - 2 * HK_SLICE - os_page(), 16, 0));
        char *block = take_again(size);
        assert_int_equal(hk_large_of(hk_page_head(hk_page_of(block)))->units, 2);
        atomic_store(&hk_slabs.purge_above, SIZE_MAX);
        give_large(block);
        assert_int_equal(waiting(), size);
        assert_in_range(hk_standby_bytes(), 2 * size - 8 * HK_SLICE, 2 * size);
        assert_null(hk_cold.check());
        assert_ptr_equal(take_again(size), block);
        give_large(block);
        hk_cold.trim(NULL, 0);
        if (before) {
            give_large(before);
        }
    }
}

static void what_waits_is_checked(void **state)
{
    (void)state;
    give_large(take_size());
    uintptr_t word = atomic_load(&hk_standby.word);
    assert_true(word != 0);
    hk_cold.trim(NULL, 0);
    assert_null(hk_cold.check());
    atomic_store(&hk_standby.word, word); /* its units are free */
    assert_string_equal(hk_cold.check(), "a huge block that waits is not in units of its own");
    atomic_store(&hk_standby.word, 0);
}

static void what_nobody_asks_for_does_not_wait(void **state)
{
    (void)state;
    void *block = take_size();
    void *other = take_again(SIZE + os_page());
    give_large(block);
    assert_waits(false);
    give_large(other);
    assert_int_equal(waiting(), SIZE + os_page());
}

static void what_is_asked_for_once_does_not_wait(void **state)
{
    (void)state;
    give_large(take_size());
    assert_waits(true);
    void *other = take_large(SIZE + os_page(), 16, 0);
    void *block = take_large(SIZE, 16, 0);
    give_large(block);
    give_large(other);
    assert_waits(false);
    give_large(take_large(SIZE, 16, 0));
    assert_waits(true);
}

/* As where two threads ask for two sizes in turns. */
static void size_decides_whoever_asked_last(void **state)
{
    (void)state;
    give_large(take_size());
    assert_waits(true);
    atomic_store(&hk_standby.asked, (SIZE + MIB) | HK_STANDBY_AGAIN);
    void *other = take_large(SIZE + MIB, 16, 0);
    assert_int_equal(hk_cold.large_size(hk_page_of(other), other), SIZE + MIB);
    give_large(other);
    assert_null(hk_cold.check());
}

static void one_waits_and_no_more(void **state)
{
    (void)state;
    void *one = take_size();
    void *two = take_size();
    size_t units = hk_slabs.huge_units;
    give_large(one);
    give_large(two);
    assert_waits(true);
    assert_int_equal(hk_slabs.huge_units, units - 1);
    assert_ptr_equal(take_size(), one);
    assert_ptr_equal(take_size(), two);
    give_large(one);
    give_large(two);
}

#if !HK_SINGLE
enum { THREADS = 4, ROUNDS = 200000 };
static _Atomic(bool) shared;

/* Nobody else writes to a block that this thread holds. */
static void *churn(void *arg)
{
    uintptr_t mark = (uintptr_t)arg;
    for (uint32_t i = 0; i < ROUNDS; i++) {
        size_t size = i % 29 ? SIZE : SIZE + os_page();
        _Atomic(uintptr_t) *block = i % 2 ? hk_cold.huge_pop(size) : NULL;
        block = block ? block : take_large(size, 16, 0);
        struct hk_page *page = hk_page_of((void *)block);
        atomic_store(block, mark);
        for (int look = 0; look < 3; look++) {
            if (atomic_load(block) != mark) {
                atomic_store(&shared, true);
            }
        }
        if (i % 4 < 2 || !hk_cold.huge_keep(page, (void *)block)) {
            if (page->kind != HK_KIND_HUGE || hk_page_owner(page) != HK_OWNER_LARGE) {
                atomic_store(&shared, true); /* what is not kept has not changed */
            }
            give_large((void *)block);
        }
    }
    return NULL;
}

static void threads_never_share_it(void **state)
{
    (void)state;
    run_threads(THREADS, churn);
    assert_false(shared);
    assert_int_equal(cold_stat().huge, 0);
    assert_null(hk_cold.check());
}
#endif

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(next_of_its_size_gets_it, nothing_waits),
        cmocka_unit_test_setup(what_waits_has_free_descriptors, nothing_waits),
        cmocka_unit_test_setup(pairs_take_no_lock, nothing_waits),
        cmocka_unit_test_setup(short_ways_lead_to_it, nothing_waits),
        cmocka_unit_test_setup(second_block_stays_in_use, nothing_waits),
        cmocka_unit_test_setup(another_size_does_not_get_it, nothing_waits),
        cmocka_unit_test_setup(other_forms_do_not_get_it, nothing_waits),
        cmocka_unit_test_setup(changed_blocks_do_not_wait, nothing_waits),
        cmocka_unit_test_setup(moved_blocks_do_not_wait, nothing_waits),
        cmocka_unit_test_setup(full_last_unit_waits_too, nothing_waits),
        cmocka_unit_test_setup(what_waits_is_checked, nothing_waits),
        cmocka_unit_test_setup(what_nobody_asks_for_does_not_wait, nothing_waits),
        cmocka_unit_test_setup(what_is_asked_for_once_does_not_wait, nothing_waits),
        cmocka_unit_test_setup(size_decides_whoever_asked_last, nothing_waits),
        cmocka_unit_test_setup(one_waits_and_no_more, nothing_waits),
#if !HK_SINGLE
        cmocka_unit_test_setup(threads_never_share_it, nothing_waits),
#endif
    };
    if (HK_FREE_POLICY == HK_FREE_EAGER) {
        return 77; /* skipped: nothing ever waits, as standby_account_test sees */
    }
    return cmocka_run_group_tests_name("standby", tests, start_cold, NULL);
}
