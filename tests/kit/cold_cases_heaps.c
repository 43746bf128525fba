/* SPDX-License-Identifier: MIT */
/* Kit cases of the cold side's heaps: blocks on their way home, birth, death, adoption, fork. */
#include "kit/cold_kit.h"

#include <string.h>

static void posted_block_is_home_after_a_flush(const void *subject)
{
    const struct hk_cold *cold = subject;
    struct hk_heap *owner = kit_heap(cold);
    struct hk_heap *other = kit_heap(cold);
    struct hk_page *page = kit_lease(cold, owner, 1);

    cold->post(other, page, kit_block(page, 3));
    cold->flush(other);
    cold->drain(owner);

    assert_int_equal(kit_times_home(kit_block(page, 3)), 1);
    kit_end_heap(cold, other);
    kit_end_heap(cold, owner);
}

static void block_posted_by_nobody_is_sent_at_once(const void *subject)
{
    const struct hk_cold *cold = subject;
    struct hk_heap *owner = kit_heap(cold);
    struct hk_page *page = kit_lease(cold, owner, 1);

    cold->post(NULL, page, kit_block(page, 3));
    cold->drain(owner);

    assert_int_equal(kit_times_home(kit_block(page, 3)), 1);
    kit_end_heap(cold, owner);
}

static void every_posted_block_comes_home_once(const void *subject)
{
    enum { PAGES = 20, BLOCKS = 60 };
    const struct hk_cold *cold = subject;
    struct hk_heap *owner = kit_heap(cold);
    struct hk_heap *other = kit_heap(cold);
    struct hk_page *page[PAGES];
    for (size_t i = 0; i < PAGES; i++) {
        page[i] = kit_lease(cold, owner, (uint8_t)(1 + i % 4));
    }

    for (size_t i = 0; i < PAGES * BLOCKS; i++) {
        void *block = kit_block(page[i % PAGES], i / PAGES);
        cold->post(other, hk_page_of(block), block);
    }
    cold->flush(other);
    size_t drained = cold->drain(owner);

    assert_int_equal(drained, PAGES * BLOCKS);
    assert_int_equal(kit_stub.block_count, PAGES * BLOCKS);
    for (size_t i = 0; i < PAGES * BLOCKS; i++) {
        assert_int_equal(kit_times_home(kit_block(page[i % PAGES], i / PAGES)), 1);
    }
    kit_end_heap(cold, other);
    kit_end_heap(cold, owner);
}

static void kept_blocks_come_home(const void *subject)
{
    enum { BLOCKS = 60 };
    const struct hk_cold *cold = subject;
    struct hk_heap *owner = kit_heap(cold);
    struct hk_heap *other = kit_heap(cold);
    struct hk_page *page = kit_lease(cold, owner, 1);

    for (size_t i = 0; i < BLOCKS; i++) {
        if (!cold->keep(other, page, kit_block(page, i))) {
            cold->post(other, page, kit_block(page, i));
        }
    }
    cold->flush(other);
    cold->drain(owner);

    assert_int_equal(kit_stub.block_count, BLOCKS);
    for (size_t i = 0; i < BLOCKS; i++) {
        assert_int_equal(kit_times_home(kit_block(page, i)), 1);
    }
    kit_end_heap(cold, other);
    kit_end_heap(cold, owner);
}

static void blocks_held_back_are_bounded(const void *subject)
{
    /* fewer blocks of each page than are held back for one, but too many in all */
    enum { PAGES = 150, EACH = 7 };
    const struct hk_cold *cold = subject;
    struct hk_heap *owner = kit_heap(cold);
    struct hk_heap *other = kit_heap(cold);
    struct hk_page *page[PAGES];
    size_t posted = 0;
    for (size_t i = 0; i < PAGES; i++) {
        page[i] = kit_lease(cold, owner, 1);
    }

    for (size_t i = 0; i < PAGES * EACH; i++) {
        cold->post(other, page[i / EACH], kit_block(page[i / EACH], i % EACH));
        posted += 1;
        cold->drain(owner);
        size_t held = (posted - kit_stub.block_count) * 1024;
        /* the heap may have had a thread before */
        assert_true(held <=
                    HK_REMOTE_LEAST + HK_REMOTE_LEARNT + (posted * 1024 >> HK_REMOTE_SHIFT));
        assert_true(held <= HK_REMOTE_TOTAL);
    }
    for (size_t i = EACH; i < 60; i++) {
        cold->post(other, page[0], kit_block(page[0], i));
    }
    cold->drain(owner);

    assert_int_equal(kit_times_home(kit_block(page[0], 20)), 1);
    cold->flush(other);
    kit_end_heap(cold, other);
    kit_end_heap(cold, owner);
}

static void drain_counts_blocks(const void *subject)
{
    const struct hk_cold *cold = subject;
    struct hk_heap *owner = kit_heap(cold);
    struct hk_page *page = kit_lease(cold, owner, 2);

    assert_int_equal(cold->drain(owner), 0);
    for (size_t i = 0; i < 7; i++) {
        cold->post(NULL, page, kit_block(page, i));
    }

    assert_int_equal(cold->drain(owner), 7);
    assert_int_equal(cold->drain(owner), 0);
    kit_end_heap(cold, owner);
}

static void splice_gets_the_head(const void *subject)
{
    const struct hk_cold *cold = subject;
    struct hk_heap *owner = kit_heap(cold);
    struct hk_page *page = kit_lease(cold, owner, 3);
    void *last = kit_block(page, 3 * 64 - 1);

    cold->post(NULL, hk_page_of(last), last);
    cold->drain(owner);

    assert_int_equal(kit_times_home(last), 1);
    assert_null(kit_stub.wrong);
    kit_end_heap(cold, owner);
}

static void birth_gives_a_live_heap(const void *subject)
{
    const struct hk_cold *cold = subject;
    static char thread[2];

    struct hk_heap *heap = cold->birth((uintptr_t)&thread[0]);
    struct hk_heap *other = cold->birth(0);

    assert_true(heap && other && heap != other);
    assert_int_equal(heap->state, HK_HEAP_LIVE);
    assert_int_equal(heap->token, (uintptr_t)&thread[0]);
    assert_int_equal(other->token, (uintptr_t)other);
    kit_end_heap(cold, heap);
    kit_end_heap(cold, other);
}

static void reborn_heap_is_outside_the_allocator(const void *subject)
{
    const struct hk_cold *cold = subject;
    struct hk_heap *heap = kit_heap(cold);
    hk_heap_enter(heap); /* a thread dies inside a slow path of its own */
    kit_end_heap(cold, heap);

    struct hk_heap *reborn = kit_heap(cold);

    assert_int_equal(reborn->busy, 0);
    kit_end_heap(cold, reborn);
}

static void heaps_are_recycled(const void *subject)
{
    const struct hk_cold *cold = subject;
    kit_end_heap(cold, kit_heap(cold));
    size_t heaps = kit_stat(cold).heaps;

    for (int i = 0; i < 100; i++) {
        struct hk_heap *heap = kit_heap(cold);
        kit_lease(cold, heap, 1);
        kit_end_heap(cold, heap);
    }

    assert_int_equal(kit_stat(cold).heaps, heaps);
}

static void dead_heaps_pages_are_orphans(const void *subject)
{
    const struct hk_cold *cold = subject;
    struct hk_heap *heap = kit_heap(cold);
    struct hk_heap *heir = kit_heap(cold);
    struct hk_page *page = kit_lease(cold, heap, 3);

    cold->death(heap);

    for (int i = 0; i < 3; i++) {
        assert_int_equal(hk_page_owner(&page[i]), HK_OWNER_ORPHAN);
    }
    assert_int_equal(heap->state, HK_HEAP_ORPHAN);
    while (cold->adopt(heir)) {
    }
    kit_end_heap(cold, heir);
}

static void adopted_pages_are_the_heirs(const void *subject)
{
    const struct hk_cold *cold = subject;
    struct hk_heap *heap = kit_heap(cold);
    struct hk_heap *heir = kit_heap(cold);
    struct hk_page *page = kit_lease(cold, heap, 3);
    memset(hk_page_start(page), 0x31, 3 * HK_SLICE);
    cold->death(heap);

    while (cold->adopt(heir)) {
    }

    for (int i = 0; i < 3; i++) {
        assert_int_equal(hk_page_owner(&page[i]), heir->token);
    }
    assert_ptr_equal(hk_page_heap(page), heir);
    assert_int_equal(kit_stub.attached, 1);
    assert_memory_equal(hk_page_start(page), hk_page_start(page) + 1, 3 * HK_SLICE - 1);
    kit_end_heap(cold, heir);
}

static void blocks_posted_to_the_dead_come_home(const void *subject)
{
    const struct hk_cold *cold = subject;
    struct hk_heap *heap = kit_heap(cold);
    struct hk_heap *heir = kit_heap(cold);
    struct hk_page *page = kit_lease(cold, heap, 1);
    cold->post(heir, page, kit_block(page, 1));
    cold->death(heap);

    cold->post(heir, page, kit_block(page, 2));
    cold->post(NULL, page, kit_block(page, 3));
    cold->flush(heir);
    while (cold->adopt(heir)) {
    }
    cold->drain(heir);

    for (size_t i = 1; i <= 3; i++) {
        assert_int_equal(kit_times_home(kit_block(page, i)), 1);
    }
    kit_end_heap(cold, heir);
}

static void adopt_without_orphans_is_false(const void *subject)
{
    const struct hk_cold *cold = subject;
    struct hk_heap *heap = kit_heap(cold);
    kit_lease(cold, heap, 1);

    assert_false(cold->adopt(heap));

    kit_end_heap(cold, heap);
}

static void parent_goes_on_after_fork(const void *subject)
{
    const struct hk_cold *cold = subject;
    struct hk_heap *heap = kit_heap(cold);
    struct hk_page *page = kit_lease(cold, heap, 1);

    cold->prefork();
    cold->parent();

    assert_int_equal(hk_page_owner(page), heap->token);
    kit_lease(cold, heap, 16);
    kit_end_heap(cold, heap);
}

static void child_keeps_its_heap_and_strands_the_others(const void *subject)
{
    const struct hk_cold *cold = subject;
    struct hk_heap *self = kit_heap(cold);
    struct hk_heap *idle = kit_heap(cold);
    struct hk_heap *busy = kit_heap(cold);
    struct hk_page *page[3] = {
        kit_lease(cold, self, 1),
        kit_lease(cold, idle, 2),
        kit_lease(cold, busy, 2),
    };
    hk_heap_enter(busy);

    cold->prefork();
    cold->child(self);

    assert_int_equal(self->state, HK_HEAP_LIVE);
    assert_int_equal(idle->state, HK_HEAP_ORPHAN);
    assert_int_equal(busy->state, HK_HEAP_FROZEN);
    assert_int_equal(hk_page_owner(page[0]), self->token);
    assert_int_equal(hk_page_owner(page[1] + 1), HK_OWNER_ORPHAN);
    assert_int_equal(hk_page_owner(page[2] + 1), HK_OWNER_FROZEN);
    kit_lease(cold, self, 16);
    while (cold->adopt(self)) {
    }
    assert_ptr_equal(hk_page_heap(page[1]), self);
    assert_ptr_equal(hk_page_heap(page[2]), busy);
    kit_end_heap(cold, self);
}

static void frozen_page_takes_frees(const void *subject)
{
    const struct hk_cold *cold = subject;
    struct hk_heap *self = kit_heap(cold);
    struct hk_heap *busy = kit_heap(cold);
    struct hk_page *page = kit_lease(cold, busy, 1);
    hk_heap_enter(busy);
    cold->prefork();
    cold->child(self);

    cold->post(self, page, kit_block(page, 1));
    cold->post(NULL, page, kit_block(page, 2));
    cold->flush(self);
    cold->drain(self);

    /* nobody may touch the page any more: the blocks wait in the frozen heap's queue for ever */
    assert_int_equal(kit_stub.block_count, 0);
    kit_end_heap(cold, self);
}

static void shed_is_for_a_new_policy(const void *subject)
{
    const struct hk_cold *cold = subject;
    struct hk_heap *heap = kit_heap(cold);

    for (uint64_t second = 1; second <= 20; second++) {
        const struct hk_policy *policy = heap->policy;
        size_t times = kit_stub.shed;
        cold->learn(heap, second * 1000000000);
        assert_true(kit_stub.shed == times || heap->policy != policy);
    }

    kit_end_heap(cold, heap);
}

const struct kit_case kit_heap_cases[] = {
    {"posted_block_is_home_after_a_flush", posted_block_is_home_after_a_flush, 0},
    {"block_posted_by_nobody_is_sent_at_once", block_posted_by_nobody_is_sent_at_once, 0},
    {"every_posted_block_comes_home_once", every_posted_block_comes_home_once, 0},
    {"kept_blocks_come_home", kept_blocks_come_home, 0},
    {"blocks_held_back_are_bounded", blocks_held_back_are_bounded, 0},
    {"drain_counts_blocks", drain_counts_blocks, 0},
    {"splice_gets_the_head", splice_gets_the_head, 0},
    {"birth_gives_a_live_heap", birth_gives_a_live_heap, 0},
    {"reborn_heap_is_outside_the_allocator", reborn_heap_is_outside_the_allocator, 0},
    {"heaps_are_recycled", heaps_are_recycled, 0},
    {"dead_heaps_pages_are_orphans", dead_heaps_pages_are_orphans, 0},
    {"adopted_pages_are_the_heirs", adopted_pages_are_the_heirs, 0},
    {"blocks_posted_to_the_dead_come_home", blocks_posted_to_the_dead_come_home, 0},
    {"shed_is_for_a_new_policy", shed_is_for_a_new_policy, 0},
    {"adopt_without_orphans_is_false", adopt_without_orphans_is_false, 0},
    {"parent_goes_on_after_fork", parent_goes_on_after_fork, 0},
    {"child_keeps_its_heap_and_strands_the_others", child_keeps_its_heap_and_strands_the_others, 0},
    {"frozen_page_takes_frees", frozen_page_takes_frees, 0},
};
const size_t kit_heap_case_count = sizeof kit_heap_cases / sizeof *kit_heap_cases;
