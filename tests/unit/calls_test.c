/* SPDX-License-Identifier: MIT */
/* stats=full counts each call in the class that serves it, whoever frees the block; elsewhere calls
 * are not counted. Sums are exact with several threads, however they are counted. */
#include "unit/unit.h"

#include "coldbox/stats.h"
#include "gate/gate.h"

#include "expected_classes.h"

#include <pthread.h>
#include <string.h>

enum { CALLS = HK_STATS == HK_STATS_FULL, THREADS = 3, ROUNDS = 20000, HANDED = 50 };

static struct hk_stats before;
static struct hk_stats now;

static int begin(void **state)
{
    (void)state;
    hk_stats_read(&before);
    return 0;
}

static void assert_calls(size_t bin, uint64_t allocs, uint64_t frees)
{
    hk_stats_read(&now);
    assert_int_equal(now.bin[bin].allocs - before.bin[bin].allocs, CALLS ? allocs : 0);
    assert_int_equal(now.bin[bin].frees - before.bin[bin].frees, CALLS ? frees : 0);
}

static void each_class_counts_its_own(void **state)
{
    (void)state;
    /* a size of each kind of class, and the class's number: the exact ones are 0 to 64 */
    static const size_t classes[] = {EXPECTED_CLASSES};
    enum { LAST = sizeof classes / sizeof *classes - 1, SOME = LAST / 2, MORE = LAST * 3 / 4 };
    const size_t sizes[] = {0, 1, 200, 1024, 1025, classes[SOME] - 1, classes[MORE], classes[LAST]};
    static const size_t bins[] = {0, 1, 13, 64, 65, 65 + SOME, 65 + MORE, 65 + LAST};
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        void *block[5];
        for (size_t j = 0; j < 5; j++) {
            block[j] = hk_malloc(sizes[i]);
        }
        assert_calls(bins[i], 5, 0);
        for (size_t j = 0; j < 5; j++) {
            hk_free(block[j]);
        }
        assert_calls(bins[i], 5, 5);
        assert_int_equal(now.bin[bins[i]].live, before.bin[bins[i]].live);
    }
    assert_int_equal(now.total.allocs - before.total.allocs, CALLS ? 40 : 0);
    assert_int_equal(now.total.frees - before.total.frees, CALLS ? 40 : 0);
}

static void every_way_in_is_counted(void **state)
{
    (void)state;
    void *zeros = hk_calloc(3, 100);
    assert_calls(19, 1, 0);
    void *aligned = hk_aligned_alloc(256, 700); /* the smallest class that is a multiple */
    assert_calls(48, 1, 0);
    zeros = hk_realloc(zeros, 290); /* stays */
    assert_calls(19, 1, 0);
    zeros = hk_realloc(zeros, 4000);
    assert_calls(19, 1, 1);
    hk_free_sized(zeros, 4000);
    hk_free_aligned_sized(aligned, 256, 700);
    assert_calls(48, 1, 1);
    hk_free(NULL);
    assert_int_equal(now.total.live, before.total.live);
}

static void refusals_are_no_calls(void **state)
{
    (void)state;
    assert_null(hk_malloc((size_t)PTRDIFF_MAX));
    assert_null(hk_calloc(SIZE_MAX, 2));
    hk_stats_read(&now);
    assert_int_equal(now.total.allocs, before.total.allocs);
    assert_int_equal(now.note[HK_NOTE_LARGE_ALLOC], before.note[HK_NOTE_LARGE_ALLOC]);
}

static void large_blocks_have_no_class(void **state)
{
    (void)state;
    for (int again = 0; again < 4; again++) {
        hk_free(hk_malloc(1500000));
        hk_free(hk_malloc(5000000));
        hk_free(hk_malloc(5000000)); /* waits, but for the first time */
    }
    hk_stats_read(&now);
    uint64_t pairs = HK_STATS == HK_STATS_OFF ? 0 : 12;
    assert_int_equal(now.note[HK_NOTE_LARGE_ALLOC] - before.note[HK_NOTE_LARGE_ALLOC], pairs);
    assert_int_equal(now.note[HK_NOTE_LARGE_FREE] - before.note[HK_NOTE_LARGE_FREE], pairs);
    assert_int_equal(now.total.allocs, before.total.allocs);
}

static void *free_handed(void *arg)
{
    void **blocks = arg;
    for (size_t i = 0; i < HANDED; i++) {
        hk_free(blocks[i]);
    }
    return NULL;
}

static void block_is_counted_once_whoever_frees_it(void **state)
{
    (void)state;
    void *blocks[HANDED];
    pthread_t thread;
    for (size_t i = 0; i < HANDED; i++) {
        blocks[i] = hk_malloc(560);
    }
    assert_int_equal(pthread_create(&thread, NULL, free_handed, blocks), 0);
    pthread_join(thread, NULL);
    assert_calls(35, HANDED, HANDED);
}

static pthread_key_t late_key;

static void work_late(void *block)
{
    hk_free(block);
    hk_free(hk_malloc(640));
}

static void *die_with_work(void *arg)
{
    pthread_setspecific(late_key, hk_malloc(640));
    return arg;
}

static void calls_of_a_dying_thread_are_counted(void **state)
{
    (void)state;
    pthread_t thread;
    assert_int_equal(pthread_key_create(&late_key, work_late), 0);
    assert_int_equal(pthread_create(&thread, NULL, die_with_work, NULL), 0);
    pthread_join(thread, NULL);
    pthread_key_delete(late_key);
    assert_calls(40, 2, 2);
}

static void *churn(void *arg)
{
    for (int i = 0; i < ROUNDS; i++) {
        hk_free(hk_malloc(720));
        hk_free(hk_malloc(16 * (size_t)(1 + i % 40)));
    }
    return arg;
}

static void sums_of_threads_are_exact(void **state)
{
    (void)state;
    pthread_t thread[THREADS];
    for (size_t i = 0; i < THREADS; i++) {
        assert_int_equal(pthread_create(&thread[i], NULL, churn, NULL), 0);
    }
    uint64_t last = 0;
    for (int i = 0; i < 200; i++) {
        hk_stats_read(&now); /* while they count */
        assert_true(now.bin[45].allocs >= last);
        assert_true(now.bin[45].live <= THREADS + before.bin[45].live + ROUNDS);
        last = now.bin[45].allocs;
    }
    for (size_t i = 0; i < THREADS; i++) {
        pthread_join(thread[i], NULL);
    }
    assert_calls(45, THREADS * ROUNDS, THREADS * ROUNDS);
    assert_calls(1, THREADS * ROUNDS / 40, THREADS * ROUNDS / 40);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(each_class_counts_its_own, begin),
        cmocka_unit_test_setup(every_way_in_is_counted, begin),
        cmocka_unit_test_setup(refusals_are_no_calls, begin),
        cmocka_unit_test_setup(large_blocks_have_no_class, begin),
        cmocka_unit_test_setup(block_is_counted_once_whoever_frees_it, begin),
        cmocka_unit_test_setup(calls_of_a_dying_thread_are_counted, begin),
        cmocka_unit_test_setup(sums_of_threads_are_exact, begin),
    };
    return cmocka_run_group_tests_name("calls", tests, NULL, NULL);
}
