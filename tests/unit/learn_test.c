/* SPDX-License-Identifier: MIT */
/* The learner at work, with policy=learn: when it looks, what heaps follow, and for how long. The
 * counters and the clock are the test's own. */
#include "unit/cold_unit.h"

#include "coldbox/learn.h"
#include "coldbox/meta.h"

#include <string.h>

enum { TINY = 4, OTHER = 9, PERIOD = HK_LEARN_PERIOD_MS * 1000000 };

static uint64_t now_ns = 1000000000;
static struct {
    struct hk_heap *heap; /* that was asked to give up what policy calls quiet */
    size_t times;
} shed;

static void note_shed(struct hk_heap *heap)
{
    shed.heap = heap;
    shed.times += 1;
}

static int start(void **state)
{
    static const struct hk_hooks hooks = {no_splice, no_attach, no_parts, note_shed};
    (void)state;
    return hk_cold.init(&hooks);
}

static struct hk_learn_stat learn_stat(void)
{
    static struct hk_learn_stat stat;
    assert_true(hk_learn_read(&stat));
    return stat;
}

static struct hk_page *lease(struct hk_heap *heap, size_t bin)
{
    const struct hk_lease request = {
        .heap = heap,
        .block_size = (uint32_t)hk_bin_block_size(bin),
        .bin_index = (uint8_t)bin,
        .kind = HK_KIND_TINY,
        .slices = 1,
        .grow = true,
    };
    struct hk_page *page = hk_cold.lease(&request);
    assert_non_null(page);
    return page;
}

static void end(struct hk_heap *heap)
{
    while (heap->pages) {
        hk_cold.retire(heap, heap->pages);
    }
    hk_cold.death(heap);
}

/* The heap asks for blocks of the class, as often as makes it hot if need be. */
static void ask(struct hk_heap *heap, size_t bin, uint64_t visits)
{
    hk_count_event(heap, bin, HK_EVENT_REFILL);
    hk_count_events(heap, bin, HK_EVENT_VISIT, visits);
}

/* A period passes, then the heap's owner takes a slow path. */
static void pass(struct hk_heap *heap)
{
    now_ns += PERIOD;
    hk_cold.learn(heap, now_ns);
}

/* Change the policy: a class becomes one degree hotter, or cools. */
static void change_policy(struct hk_heap *heap, bool hotter)
{
    ask(heap, TINY, hotter ? 100 : 0);
    pass(heap);
}

/* Everything has cooled down, and the heap has seen it. */
static struct hk_heap *calm_heap(void)
{
    struct hk_heap *heap = hk_cold.birth(0);
    for (int i = 0; i < 8; i++) {
        ask(heap, TINY, 0);
        pass(heap);
    }
    shed.heap = NULL;
    shed.times = 0;
    return heap;
}

static void step_waits_for_its_period(void **state)
{
    (void)state;
    struct hk_heap *heap = calm_heap();
    uint64_t steps = learn_stat().steps;

    hk_cold.learn(heap, now_ns);
    hk_cold.learn(heap, now_ns + PERIOD - 1);
    assert_int_equal(learn_stat().steps, steps);
    pass(heap);
    assert_int_equal(learn_stat().steps, steps + 1);
    end(heap);
}

static void clock_of_another_thread_may_be_ahead(void **state)
{
    (void)state;
    struct hk_heap *heap = calm_heap();
    uint64_t steps = learn_stat().steps;

    hk_cold.learn(heap, now_ns - 5);

    assert_int_equal(learn_stat().steps, steps);
    end(heap);
}

static void grow(struct hk_heap *heap, size_t slices)
{
    for (size_t i = 0; i < slices; i++) {
        lease(heap, TINY);
    }
}

static void growth_makes_a_step_due(void **state)
{
    (void)state;
    struct hk_heap *heap = calm_heap();
    uint64_t steps = learn_stat().steps;
    uint64_t gap = HK_LEARN_GAP_MS * 1000000 * (cold_stat().heaps - 1);

    grow(heap, HK_LEARN_GROWTH - 1);
    hk_cold.learn(heap, now_ns + gap);
    assert_int_equal(learn_stat().steps, steps);
    grow(heap, 1);
    hk_cold.learn(heap, now_ns + gap - (gap > 0));
    assert_int_equal(learn_stat().steps, steps + (gap == 0));
    hk_cold.learn(heap, now_ns + gap);
    assert_int_equal(learn_stat().steps, steps + 1);
    assert_int_equal(heap->grown, 0);
    end(heap);
}

static void growth_is_a_share_of_the_heap(void **state)
{
    (void)state;
    struct hk_heap *heap = calm_heap();
    grow(heap, 8 * 2 * HK_LEARN_GROWTH);
    pass(heap);
    assert_int_equal(heap->grown, 0);

    grow(heap, 2 * HK_LEARN_GROWTH - 1);
    assert_false(hk_policy_has_grown(heap));
    grow(heap, HK_LEARN_GROWTH);
    assert_true(hk_policy_has_grown(heap));
    end(heap);
}

static void what_is_given_back_is_no_growth(void **state)
{
    (void)state;
    struct hk_heap *heap = calm_heap();
    for (size_t i = 0; i < 10 * HK_LEARN_GROWTH; i++) {
        hk_cold.retire(heap, lease(heap, TINY));
    }
    assert_false(hk_policy_has_grown(heap));
    end(heap);
}

static void heap_follows_a_new_policy_once(void **state)
{
    (void)state;
    struct hk_heap *heap = calm_heap();

    change_policy(heap, true);

    assert_ptr_equal(shed.heap, heap);
    assert_int_equal(shed.times, 1);
    assert_int_equal(hk_policy_of(heap, TINY).warm_cap, 2 * HK_WARM_CAP);
    hk_cold.learn(heap, now_ns);
    assert_int_equal(shed.times, 1);
    end(heap);
}

static void same_policy_is_not_published_again(void **state)
{
    (void)state;
    struct hk_heap *heap = calm_heap();
    uint64_t snapshots = learn_stat().snapshots;

    for (int i = 0; i < 20; i++) {
        ask(heap, TINY, 0);
        pass(heap);
    }

    assert_int_equal(learn_stat().snapshots, snapshots);
    assert_int_equal(shed.times, 0);
    end(heap);
}

static void quiet_classes_pages_are_retired(void **state)
{
    (void)state;
    struct hk_heap *heap = calm_heap();
    ask(heap, OTHER, 0);
    struct hk_page *page = lease(heap, OTHER);
    for (int i = 0; i < 3; i++) {
        ask(heap, TINY, 0);
        pass(heap);
    }

    assert_true(hk_policy_of(heap, OTHER).quiet);
    assert_int_equal(hk_policy_retention(heap, OTHER), 0);
    assert_int_equal(shed.times, 1);
    hk_cold.retire(heap, page);
    ask(heap, OTHER, 0);
    pass(heap);
    assert_false(hk_policy_of(heap, OTHER).quiet);
    end(heap);
}

static void snapshot_does_not_change_while_it_is_followed(void **state)
{
    (void)state;
    enum { HEAPS = 5 };
    struct hk_heap *driver = calm_heap();
    struct hk_heap *heap[HEAPS];
    static struct hk_policy seen[HEAPS];
    for (size_t i = 0; i < HEAPS; i++) {
        change_policy(driver, i < 3);
        heap[i] = hk_cold.birth(0);
        hk_cold.learn(heap[i], now_ns);
        seen[i] = *heap[i]->policy;
    }

    for (size_t i = 0; i < 100; i++) {
        change_policy(driver, i % 8 < 4);
        for (size_t j = 0; j < HEAPS; j++) {
            assert_memory_equal(heap[j]->policy, &seen[j], sizeof seen[j]);
        }
    }

    assert_in_range(learn_stat().objects, 1, cold_stat().heaps + 2);
    for (size_t i = 0; i < HEAPS; i++) {
        end(heap[i]);
    }
    end(driver);
}

static void few_snapshots_serve_for_ever(void **state)
{
    (void)state;
    struct hk_heap *heap = calm_heap();
    size_t objects = learn_stat().objects;
    uint64_t snapshots = learn_stat().snapshots;

    for (size_t i = 0; i < 200; i++) {
        change_policy(heap, i % 8 < 4);
    }

    assert_int_equal(learn_stat().snapshots, snapshots + 200);
    assert_in_range(learn_stat().objects, objects, objects + 2);
    assert_true(learn_stat().bytes >= learn_stat().objects * sizeof(struct hk_policy));
    end(heap);
}

static void dead_heap_follows_nothing(void **state)
{
    (void)state;
    struct hk_heap *heap = calm_heap();
    change_policy(heap, true);
    assert_non_null(heap->policy);

    end(heap);

    assert_null(heap->policy);
}

static void child_follows_in_its_own_heap_only(void **state)
{
    (void)state;
    struct hk_heap *self = calm_heap();
    struct hk_heap *other = hk_cold.birth(0);
    change_policy(self, true);
    hk_cold.learn(other, now_ns);
    const struct hk_policy *followed = self->policy;
    assert_ptr_equal(other->policy, followed);

    hk_cold.prefork();
    hk_cold.child(self);

    assert_ptr_equal(self->policy, followed);
    assert_null(other->policy);
    change_policy(self, false);
    assert_ptr_not_equal(self->policy, followed);
    end(self);
}

static void parent_goes_on_learning(void **state)
{
    (void)state;
    struct hk_heap *heap = calm_heap();
    hk_cold.prefork();
    hk_cold.parent();
    uint64_t snapshots = learn_stat().snapshots;

    change_policy(heap, true);

    assert_int_equal(learn_stat().snapshots, snapshots + 1);
    end(heap);
}

static void policy_warms_and_cools_the_warm_pool(void **state)
{
    (void)state;
    enum { PAGES = 60 };
    struct hk_heap *heap = calm_heap();
    struct hk_page *page[PAGES];
    for (int i = 0; i < 4; i++) {
        change_policy(heap, true);
    }
    for (size_t i = 0; i < PAGES; i++) {
        page[i] = lease(heap, TINY);
    }
    for (size_t i = 0; i < PAGES; i++) {
        hk_cold.retire(heap, page[i]);
    }
    assert_int_equal(heap->warm_count, HK_WARM_FLOOR);

    for (int i = 0; i < 5; i++) {
        ask(heap, TINY, 0);
        pass(heap); /* in the first step the class was still hot */
    }
    assert_in_range(heap->warm_count, 0, 1);
    end(heap);
}

/* Make heaps follow every snapshot there is but the newest, which is `driver`'s. -> heaps. */
static size_t use_up_snapshots(struct hk_heap *driver, struct hk_heap **heaps, size_t most)
{
    size_t objects = learn_stat().objects;
    size_t count = 0;
    while (learn_stat().objects == objects && count < most) {
        heaps[count] = hk_cold.birth(0);
        hk_cold.learn(heaps[count++], now_ns);
        change_policy(driver, count % 8 < 4);
    }
    return count;
}

static void without_memory_the_policy_stays(void **state)
{
    (void)state;
    enum { HEAPS = 40 };
    struct hk_heap *driver = calm_heap();
    struct hk_heap *heaps[HEAPS];
    size_t count = use_up_snapshots(driver, heaps, HEAPS);
    const struct hk_policy *followed = driver->policy;
    uint64_t steps = learn_stat().steps;

    hk_os_fake_fail(HK_OS_MAP, 1, true);
    while (hk_meta_alloc(64)) {
    }
    change_policy(driver, true);
    assert_int_equal(learn_stat().steps, steps);
    assert_ptr_equal(driver->policy, followed);
    hk_os_fake_reset();
    pass(driver); /* sees what was asked for meanwhile */
    assert_int_equal(learn_stat().steps, steps + 1);
    assert_ptr_not_equal(driver->policy, followed);

    while (count > 0) {
        end(heaps[--count]);
    }
    end(driver);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(step_waits_for_its_period),
        cmocka_unit_test(clock_of_another_thread_may_be_ahead),
        cmocka_unit_test(growth_makes_a_step_due),
        cmocka_unit_test(growth_is_a_share_of_the_heap),
        cmocka_unit_test(what_is_given_back_is_no_growth),
        cmocka_unit_test(heap_follows_a_new_policy_once),
        cmocka_unit_test(same_policy_is_not_published_again),
        cmocka_unit_test(quiet_classes_pages_are_retired),
        cmocka_unit_test(snapshot_does_not_change_while_it_is_followed),
        cmocka_unit_test(few_snapshots_serve_for_ever),
        cmocka_unit_test(dead_heap_follows_nothing),
        cmocka_unit_test(child_follows_in_its_own_heap_only),
        cmocka_unit_test(parent_goes_on_learning),
        cmocka_unit_test(policy_warms_and_cools_the_warm_pool),
        cmocka_unit_test_setup(without_memory_the_policy_stays, calm_os),
    };
    return cmocka_run_group_tests_name("learn", tests, start, NULL);
}
