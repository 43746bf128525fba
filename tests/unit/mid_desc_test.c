/* SPDX-License-Identifier: MIT */
/* The table of page descriptors. */
#include "unit/pool_unit.h"

#include <pthread.h>

static uintptr_t start_of(struct hk_page *page)
{
    return (uintptr_t)hk_page_start(page);
}

/* Threads that enter their first page at the same time, before anybody has called anything. */
enum { FIRST = 4 };
static pthread_barrier_t barrier;

static void *adopt_first(void *page)
{
    pthread_barrier_wait(&barrier);
    return hk_mid_adopt(page);
}

/* First in the program: nothing has been initialised. */
static void descriptor_table_is_ready_before_first_adopt(void **state)
{
    (void)state;
    pthread_t thread[FIRST];
    struct hk_page *page[FIRST];
    void *desc[FIRST];
    struct hk_heap *heap = new_heap();
    assert_null(hk_mid_find(HK_SLICE));
    assert_int_equal(pthread_barrier_init(&barrier, NULL, FIRST), 0);

    for (size_t i = 0; i < FIRST; i++) {
        page[i] = new_page(heap, 2048);
        assert_int_equal(pthread_create(&thread[i], NULL, adopt_first, page[i]), 0);
    }
    for (size_t i = 0; i < FIRST; i++) {
        pthread_join(thread[i], &desc[i]);
    }

    for (size_t i = 0; i < FIRST; i++) {
        assert_non_null(desc[i]);
        assert_ptr_equal(hk_mid_find(start_of(page[i])), desc[i]);
        hk_mid_forget(desc[i]);
        HK_COLD.retire(heap, page[i]);
    }
    pthread_barrier_destroy(&barrier);
}

static void unaligned_address_hashes_to_its_page(void **state)
{
    (void)state;
    static const size_t sizes[] = {2048, 8192, 65536}; /* pages of 1, 4 and 16 slices */
    struct hk_heap *heap = new_heap();

    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        struct hk_page *page = new_page(heap, sizes[i]);
        struct hk_mid_desc *desc = hk_mid_adopt(page);
        size_t bytes = (size_t)hk_page_slot(page)->slices << HK_SLICE_SHIFT;
        assert_int_equal(bytes, (size_t)HK_SLICE << 2 * i);
        for (size_t offset = 0; offset < bytes; offset += offset % HK_SLICE < 64 ? 1 : 1021) {
            char *address = hk_page_start(page) + offset;
            uintptr_t start = hk_mid_start(hk_page_of(address), address);
            assert_int_equal(start, start_of(page));
            assert_ptr_equal(hk_mid_find(start), desc);
        }
        hk_mid_forget(desc);
        HK_COLD.retire(heap, page);
    }
}

static void descriptor_says_what_the_page_is(void **state)
{
    (void)state;
    struct hk_heap *heap = new_heap();
    struct hk_page *page = new_page(heap, 229376); /* 4 blocks, and half a block over */

    struct hk_mid_desc *desc = hk_mid_adopt(page);

    assert_int_equal(desc->bin, page->bin_index);
    assert_int_equal(desc->capacity, 4);
    assert_int_equal(desc->carved, 0);
    assert_int_equal(desc->free, 0xf);
    assert_int_equal(hk_mid_bit(desc, hk_page_start(page) + 3 * 229376), 8);
    assert_ptr_equal(hk_mid_page(desc), page);
    hk_mid_forget(desc);
    HK_COLD.retire(heap, page);
}

static void forgotten_page_is_not_found(void **state)
{
    (void)state;
    struct hk_heap *heap = new_heap();
    struct hk_page *page = new_page(heap, 4096);
    struct hk_mid_desc *desc = hk_mid_adopt(page);

    hk_mid_forget(desc);

    assert_null(hk_mid_find(start_of(page)));
    assert_false(hk_mid_is(desc, start_of(page)));
    HK_COLD.retire(heap, page);
}

/* What a thread remembers of its last free must not pass for another page. */
static void recycled_descriptor_is_its_new_pages_only(void **state)
{
    (void)state;
    struct hk_heap *heap = new_heap();
    struct hk_page *first = new_page(heap, 4096);
    struct hk_page *second = new_page(heap, 4096);
    struct hk_mid_desc *remembered = hk_mid_adopt(first);
    hk_mid_forget(remembered);

    struct hk_mid_desc *desc = hk_mid_adopt(second);

    assert_ptr_equal(desc, remembered);
    assert_false(hk_mid_is(remembered, start_of(first)));
    assert_true(hk_mid_is(remembered, start_of(second)));
    assert_null(hk_mid_find(start_of(first)));
    hk_mid_forget(desc);
    HK_COLD.retire(heap, first);
    HK_COLD.retire(heap, second);
}

enum { MANY = 1500 };
static struct hk_page *many[MANY];

static void grown_table_finds_every_page(void **state)
{
    (void)state;
    struct hk_heap *heap = new_heap();
    size_t pages;

    for (size_t i = 0; i < MANY; i++) {
        many[i] = new_page(heap, 1152 + 128 * (i % 7));
        assert_non_null(hk_mid_adopt(many[i]));
    }
    for (size_t i = 0; i < MANY; i += 2) {
        hk_mid_forget(hk_mid_find(start_of(many[i])));
        HK_COLD.retire(heap, many[i]);
    }

    assert_null(hk_mid_table_check(&pages));
    assert_int_equal(pages, MANY / 2);
    for (size_t i = 1; i < MANY; i += 2) {
        struct hk_mid_desc *desc = hk_mid_find(start_of(many[i]));
        assert_true(hk_mid_is(desc, start_of(many[i])));
        hk_mid_forget(desc);
        HK_COLD.retire(heap, many[i]);
    }
}

static void page_without_a_descriptor_is_not_entered(void **state)
{
    (void)state;
    struct hk_heap *heap = new_heap();
    size_t count = 0;
    size_t pages;
    hk_cold_fake_meta_budget(0);

    /* what earlier tests left at hand serves a while */
    struct hk_mid_desc *desc;
    do {
        many[count] = new_page(heap, 1152);
        desc = hk_mid_adopt(many[count++]);
    } while (desc && count < MANY);

    assert_null(desc);
    assert_null(hk_mid_find(start_of(many[count - 1])));
    assert_null(hk_mid_table_check(&pages));
    assert_int_equal(pages, count - 1);
    hk_cold_fake_meta_budget(SIZE_MAX);
    assert_non_null(hk_mid_adopt(many[count - 1]));
    while (count--) {
        hk_mid_forget(hk_mid_find(start_of(many[count])));
        HK_COLD.retire(heap, many[count]);
    }
}

/* One thread looks its own pages up, again and again, while others enter and strike out theirs. */
enum { WRITERS = 3, ROUNDS = 300, OWN = 40 };
static struct hk_page *own[WRITERS + 1][OWN];
static _Atomic(size_t) lost;
static _Atomic(bool) writers_done;

static void *come_and_go(void *arg)
{
    struct hk_page **page = arg;
    for (size_t round = 0; round < ROUNDS; round++) {
        struct hk_mid_desc *desc[OWN];
        for (size_t i = 0; i < OWN; i++) {
            desc[i] = hk_mid_adopt(page[i]);
        }
        for (size_t i = 0; i < OWN; i++) {
            atomic_fetch_add(&lost, hk_mid_find(start_of(page[i])) != desc[i]);
            hk_mid_forget(desc[i]);
        }
    }
    return NULL;
}

static void *look_up(void *arg)
{
    struct hk_page **page = arg;
    while (!atomic_load(&writers_done)) {
        for (size_t i = 0; i < OWN; i++) {
            atomic_fetch_add(&lost, !hk_mid_is(hk_mid_find(start_of(page[i])), start_of(page[i])));
        }
    }
    return NULL;
}

static void readers_find_their_pages_while_others_come_and_go(void **state)
{
    (void)state;
    pthread_t thread[WRITERS + 1];
    struct hk_heap *heap = new_heap();
    for (size_t i = 0; i < (WRITERS + 1) * OWN; i++) {
        own[i / OWN][i % OWN] = new_page(heap, 3072);
    }
    for (size_t i = 0; i < OWN; i++) {
        assert_non_null(hk_mid_adopt(own[WRITERS][i]));
    }

    for (size_t i = 0; i < WRITERS; i++) {
        assert_int_equal(pthread_create(&thread[i], NULL, come_and_go, own[i]), 0);
    }
    assert_int_equal(pthread_create(&thread[WRITERS], NULL, look_up, own[WRITERS]), 0);
    for (size_t i = 0; i < WRITERS; i++) {
        pthread_join(thread[i], NULL);
    }
    atomic_store(&writers_done, true);
    pthread_join(thread[WRITERS], NULL);

    assert_int_equal(lost, 0);
    for (size_t i = 0; i < OWN; i++) {
        hk_mid_forget(hk_mid_find(start_of(own[WRITERS][i])));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(descriptor_table_is_ready_before_first_adopt),
        cmocka_unit_test_setup(unaligned_address_hashes_to_its_page, fresh_cold),
        cmocka_unit_test_setup(descriptor_says_what_the_page_is, fresh_cold),
        cmocka_unit_test_setup(forgotten_page_is_not_found, fresh_cold),
        cmocka_unit_test_setup(recycled_descriptor_is_its_new_pages_only, fresh_cold),
        cmocka_unit_test_setup(readers_find_their_pages_while_others_come_and_go, fresh_cold),
        cmocka_unit_test_setup(page_without_a_descriptor_is_not_entered, fresh_cold),
        cmocka_unit_test_setup(grown_table_finds_every_page, fresh_cold),
    };
    return cmocka_run_group_tests_name("mid_desc", tests, NULL, NULL);
}
