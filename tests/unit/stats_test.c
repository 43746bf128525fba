/* SPDX-License-Identifier: MIT */
/* The snapshot says what a script did, class by class, whatever becomes of the heaps. Built once
 * for each way of counting: where nothing is counted the snapshot is empty. */
#include "unit/paged_unit.h"

#include "coldbox/heaps.h"
#include "coldbox/stats.h"

#include <signal.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

enum {
    CLASS = 4, /* blocks of 64 bytes: 64 in a step, 1024 in a page */
    OTHER_CLASS = 70,
    UNUSED = 30, /* and the next two: no test allocates there */
    BLOCKS = 1024,
};

static struct hk_stats before;
static struct hk_stats now;

static uint64_t if_counted(uint64_t count)
{
    return HK_STATS == HK_STATS_OFF ? 0 : count;
}

/* -> what was counted since the test began. */
static uint64_t counted(size_t bin, enum hk_event event)
{
    hk_stats_read(&now);
    return now.bin[bin].event[event] - before.bin[bin].event[event];
}

static int begin(void **state)
{
    (void)state;
    hk_os_fake_reset();
    hk_stats_read(&before);
    return 0;
}

static struct hk_heap *birth(void)
{
    struct hk_heap *heap = hk_cold.birth(0);
    assert_non_null(heap);
    return heap;
}

static void end(struct hk_heap *heap)
{
    end_paged(heap, CLASS);
}

static void give(struct hk_heap *heap, void *block)
{
    give_to_page(heap, CLASS, block);
}

static void every_event_has_a_counter_in_its_class(void **state)
{
    (void)state;
    struct hk_heap *heap = birth();
    for (size_t i = 0; i < HK_EVENTS; i++) {
        hk_count_events(heap, UNUSED, (enum hk_event)i, i + 1);
        hk_count_event(heap, UNUSED + 1, (enum hk_event)i);
    }
    for (size_t i = 0; i < HK_EVENTS; i++) {
        assert_int_equal(counted(UNUSED, (enum hk_event)i), if_counted(i + 1));
        assert_int_equal(counted(UNUSED + 1, (enum hk_event)i), if_counted(1));
        assert_int_equal(counted(UNUSED + 2, (enum hk_event)i), 0);
        assert_int_equal(now.total.event[i] - before.total.event[i], if_counted(i + 2));
        assert_int_equal(hk_stats_total((enum hk_event)i), now.total.event[i]);
    }
    for (size_t i = 0; i < HK_NOTES; i++) {
        hk_count_note(heap, (enum hk_note)i);
        hk_stats_read(&now);
        assert_int_equal(now.note[i] - before.note[i], if_counted(1));
    }
    end(heap);
}

static void refills_leases_and_listings_are_those_of_the_script(void **state)
{
    (void)state;
    static void *blocks[BLOCKS];
    struct hk_heap *heap = birth();
    size_t refills = take_blocks(heap, CLASS, blocks, BLOCKS);
    assert_int_equal(refills, 16);
    assert_int_equal(counted(CLASS, HK_EVENT_REFILL), if_counted(16));
    assert_int_equal(counted(CLASS, HK_EVENT_LEASE), if_counted(1));
    assert_int_equal(counted(CLASS, HK_EVENT_PARTIAL_PUSH), if_counted(1));
    assert_int_equal(counted(CLASS, HK_EVENT_PARTIAL_POP), if_counted(1));
    assert_int_equal(now.bin[CLASS].pages, if_counted(1));
    assert_int_equal(now.bin[CLASS].partial, 0);
    assert_int_equal(now.note[HK_NOTE_CARVE] - before.note[HK_NOTE_CARVE], if_counted(16));

    for (size_t i = 0; i < BLOCKS; i++) {
        give(heap, blocks[i]);
    }
    /* it has room again after 8 blocks, is sparse near the end, and is empty after all: the class's
     * only page is kept, unless the profile says otherwise */
    uint64_t kept = hk_policy_retention(heap, CLASS) > 0;
    assert_int_equal(counted(CLASS, HK_EVENT_SLOW_FREE),
                     if_counted(2 + (HK_FREE_POLICY != HK_FREE_KEEP)));
    assert_int_equal(counted(CLASS, HK_EVENT_PARTIAL_PUSH), if_counted(2));
    assert_int_equal(now.bin[CLASS].partial, if_counted(kept));
    assert_int_equal(now.bin[CLASS].partial_peak, if_counted(1));
    end(heap);
    assert_int_equal(counted(CLASS, HK_EVENT_RETIRE), if_counted(1));
    assert_int_equal(now.bin[CLASS].partial, 0);
    assert_int_equal(now.bin[CLASS].pages, 0);
}

static void blocks_of_others_are_counted_out_and_in(void **state)
{
    (void)state;
    static void *blocks[BLOCKS];
    struct hk_heap *owner = birth();
    struct hk_heap *other = birth();
    take_blocks(owner, CLASS, blocks, BLOCKS);
    for (size_t i = 0; i < 700; i++) {
        hk_cold.post(other, hk_page_of(blocks[i]), blocks[i]);
    }
    hk_cold.flush(other);
    hk_cold.post(NULL, hk_page_of(blocks[700]), blocks[700]);
    assert_int_equal(counted(CLASS, HK_EVENT_REMOTE_OUT), if_counted(701));
    assert_int_equal(hk_cold.drain(owner), 701);
    assert_int_equal(counted(CLASS, HK_EVENT_REMOTE_IN), if_counted(701));
    assert_int_equal(cold_stat().remote_in, now.total.event[HK_EVENT_REMOTE_IN]);
    for (size_t i = 701; i < BLOCKS; i++) {
        give(owner, blocks[i]);
    }
    end(other);
    end(owner);
}

static void counts_outlive_their_heap(void **state)
{
    (void)state;
    struct hk_heap *heap = birth();
    hk_count_event(heap, CLASS, HK_EVENT_REFILL);
    end(heap);
    assert_int_equal(counted(CLASS, HK_EVENT_REFILL), if_counted(1));

    struct hk_heap *again = birth();
    assert_ptr_equal(again, heap);
    hk_count_event(again, CLASS, HK_EVENT_REFILL);
    assert_int_equal(counted(CLASS, HK_EVENT_REFILL), if_counted(2));
    end(again);
}

static void peak_is_the_most_at_once(void **state)
{
    (void)state;
    struct hk_heap *heap = birth();
    uint64_t peak = before.bin[OTHER_CLASS].partial_peak;
    for (int round = 0; round < 3; round++) {
        hk_count_push(heap, OTHER_CLASS);
        hk_count_push(heap, OTHER_CLASS);
        hk_count_pop(heap, OTHER_CLASS);
        hk_count_pop(heap, OTHER_CLASS);
    }
    hk_stats_read(&now);
    assert_int_equal(now.bin[OTHER_CLASS].partial_peak - peak, if_counted(2));
    assert_int_equal(now.bin[OTHER_CLASS].partial, 0);
    end(heap);
}

static void pages_of_threads_that_fork_left_are_not_listed(void **state)
{
    (void)state;
    struct hk_heap *self = birth();
    struct hk_heap *left = birth();
    void *block = hk_paged_refill(left, CLASS << HK_BIN_SHIFT);
    hk_stats_read(&now);
    assert_int_equal(now.bin[CLASS].partial, if_counted(1));

    hk_cold.prefork();
    hk_cold.child(self);

    hk_stats_read(&now);
    assert_int_equal(now.bin[CLASS].partial, 0);
    hk_cold.post(NULL, hk_page_of(block), block);
    end(self);
}

/* Write `link` into the first block of a bin, or lead it back to itself (NULL), and empty the bin.
 */
static void corrupt_bin(void *link)
{
    struct hk_heap *heap = birth();
    hk_paged_refill(heap, CLASS << HK_BIN_SHIFT);
    void **head = hk_bin_at(heap, CLASS << HK_BIN_SHIFT)->head;
    *head = link ? link : head;
    hk_paged_collect(heap, hk_kind_of_bin(CLASS), HK_COLLECT_ALL);
    hk_stats_read(&now);
    _exit(now.note[HK_NOTE_PAGE_FAILURE] - before.note[HK_NOTE_PAGE_FAILURE] == if_counted(1)
              ? EXIT_SUCCESS
              : EXIT_FAILURE);
}

/* It is counted, which a debug build does not live to do, and the rest of the bin is left alone. */
static void expect_page_failure(void *link)
{
    pid_t child = fork();
    if (child == 0) {
        signal(SIGABRT, SIG_DFL);
        alarm(60);
        corrupt_bin(link);
    }
    int status;
    assert_int_equal(waitpid(child, &status, 0), child);
    if (HK_DEBUG) {
        assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT);
    } else {
        assert_true(WIFEXITED(status) && WEXITSTATUS(status) == EXIT_SUCCESS);
    }
}

static void block_without_a_page_is_counted(void **state)
{
    (void)state;
    uint64_t stray[2] = {0, 0};
    expect_page_failure(stray);
}

/* As a bin has it whose block was freed twice. */
static void bin_in_a_circle_is_counted(void **state)
{
    (void)state;
    expect_page_failure(NULL);
}

static void own_bytes_are_those_of_what_exists(void **state)
{
    (void)state;
    struct hk_own_bytes own;
    hk_own_bytes(&own);
    size_t heaps = atomic_load(&hk_heaps.count);
    assert_int_equal(own.heaps + own.warm + own.remote + own.stats,
                     heaps * sizeof(struct hk_heap) + sizeof hk_shared_counts);
    assert_true(own.arenas >= sizeof(struct hk_arena));
    assert_true(own.registry > 0);
    if (HK_STATS == HK_STATS_OFF) {
        assert_true(own.stats < 1024 * (heaps + 1));
    }
}

static void memory_is_read_without_waiting_for_a_lock(void **state)
{
    (void)state;
    struct hk_cold_stat stat;
    struct hk_heap *heap = birth();
    assert_true(hk_cold_stat_try(&stat));
    size_t units = stat.reserved;
    assert_int_equal(units, cold_stat().reserved);

    hk_lock_take(&hk_slabs.lock);
    bool whole = hk_cold_stat_try(&stat);
    hk_lock_give(&hk_slabs.lock);

    assert_false(whole);
    assert_int_equal(stat.reserved, 0);
    assert_int_equal(stat.heaps, cold_stat().heaps);
    end(heap);
}

static void void_statistics_say_so(void **state)
{
    (void)state;
    hk_stats_read(&now);
    assert_int_equal(now.cold_void, HK_COLD_STATS_VOID);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(every_event_has_a_counter_in_its_class, begin),
        cmocka_unit_test_setup(refills_leases_and_listings_are_those_of_the_script, begin),
        cmocka_unit_test_setup(blocks_of_others_are_counted_out_and_in, begin),
        cmocka_unit_test_setup(counts_outlive_their_heap, begin),
        cmocka_unit_test_setup(peak_is_the_most_at_once, begin),
        cmocka_unit_test_setup(bin_in_a_circle_is_counted, begin),
        cmocka_unit_test_setup(block_without_a_page_is_counted, begin),
        cmocka_unit_test_setup(own_bytes_are_those_of_what_exists, begin),
        cmocka_unit_test_setup(memory_is_read_without_waiting_for_a_lock, begin),
        cmocka_unit_test_setup(void_statistics_say_so, begin),
        cmocka_unit_test_setup(pages_of_threads_that_fork_left_are_not_listed, begin),
    };
    return cmocka_run_group_tests_name("stats", tests, start_paged, NULL);
}
