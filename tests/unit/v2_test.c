/* SPDX-License-Identifier: MIT */
/* Hot box v2 beyond what the kit asks: which state a page is in, which page serves, what is
 * touched. */
#include "unit/v2_unit.h"

#include <string.h>

static struct hk_v2_lane *lane_of(struct hk_heap *heap)
{
    return hk_v2_lane(heap, V2_SIZE >> HK_BIN_SHIFT);
}

static enum hk_v2_state state_of(void *block)
{
    return hk_v2_state(hk_page_of(block));
}

static void free_list_stays_inside_its_page(void **state)
{
    (void)state;
    struct hk_heap *heap = v2_open();
    void *blocks[2 * V2_CAPACITY];
    v2_take_all(heap, blocks, 2 * V2_CAPACITY);
    /* on the list of a full page, and in the bin of the current one */
    for (size_t last = V2_CAPACITY; last <= 2 * V2_CAPACITY; last += V2_CAPACITY) {
        void **freed = blocks[last - 1];
        char *other = blocks[last % (2 * V2_CAPACITY)];
        v2_give(heap, blocks[last - 2]);
        v2_give(heap, freed);
        void *next = *freed;
        char *start = hk_page_start(hk_page_of(freed));
        void *const wrong[] = {other, start - V2_SIZE, (char *)next + 16, start + HK_SLICE,
                               (void *)(uintptr_t)V2_SIZE};

        assert_null(hk_hotbox_v2.check(heap));
        for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
            *freed = wrong[i]; /* as a write after free might */
            assert_string_equal(hk_hotbox_v2.check(heap),
                                "a free list does not stay inside its page");
        }
        *freed = next;
    }

    for (size_t i = 0; i < V2_CAPACITY - 2; i++) {
        v2_give(heap, blocks[i]);
        v2_give(heap, blocks[V2_CAPACITY + i]);
    }
    v2_close(heap);
}

static void block_freed_twice_is_found(void **state)
{
    (void)state;
    struct hk_heap *heap = v2_open();
    void *blocks[3];
    v2_take_all(heap, blocks, 3);
    void *bin = hk_bin_at(heap, V2_SIZE)->head;

    v2_give(heap, blocks[0]);
    v2_give(heap, blocks[0]);

    assert_non_null(hk_hotbox_v2.check(heap));
    hk_bin_at(heap, V2_SIZE)->head = bin;
    v2_give_all(heap, blocks, 3);
    v2_close(heap);
}

static void memory_nobody_asked_for_is_not_touched(void **state)
{
    (void)state;
    struct hk_heap *heap = v2_open();
    for (size_t size = HK_ALIGN; size <= HK_TINY_MAX; size += HK_ALIGN) {
        void *block = v2_take(heap, size);
        struct hk_page *page = hk_page_of(block);
        assert_in_range(hk_v2_node(page)->carved * size, size, 4096);
        v2_give(heap, block);
    }
    v2_close(heap);
}

static void steps_into_a_page_grow_with_it(void **state)
{
    static const uint16_t carved[] = {4, 8, 16, 32, 48, 64};
    (void)state;
    struct hk_heap *heap = v2_open();
    void *blocks[V2_CAPACITY];
    size_t steps = 0;

    for (size_t i = 0; i < V2_CAPACITY; i++) {
        bool at_hand = hk_bin_at(heap, V2_SIZE)->head != NULL;
        blocks[i] = v2_take(heap, V2_SIZE);
        if (!at_hand) {
            assert_int_equal(hk_v2_node(hk_page_of(blocks[0]))->carved, carved[steps]);
            steps += 1;
        }
    }

    assert_int_equal(steps, sizeof carved / sizeof *carved);
    v2_give_all(heap, blocks, V2_CAPACITY);
    v2_close(heap);
}

static void block_of_the_current_page_is_served_next(void **state)
{
    (void)state;
    struct hk_heap *heap = v2_open();
    void *blocks[3];
    v2_take_all(heap, blocks, 3);
    assert_int_equal(state_of(blocks[1]), HK_V2_CURRENT);

    v2_give(heap, blocks[1]);

    assert_ptr_equal(hk_hotbox_v2.alloc(heap, V2_SIZE), blocks[1]);
    v2_give_all(heap, blocks, 3);
    v2_close(heap);
}

static void frees_to_the_current_page_are_no_events(void **state)
{
    (void)state;
    struct hk_heap *heap = v2_open();
    void *block = v2_take(heap, V2_SIZE);
    struct hk_page *page = hk_page_of(block);
    hk_v2_node(page)->countdown = 1; /* as after a billion frees */

    v2_give(heap, block);

    assert_int_equal(hk_v2_node(page)->countdown, HK_V2_CURRENT_COUNT);
    assert_int_equal(hk_v2_state(page), HK_V2_CURRENT);
    assert_ptr_equal(v2_take(heap, V2_SIZE), block);
    v2_give(heap, block);
    v2_close(heap);
}

static void full_page_wakes_when_an_eighth_is_back(void **state)
{
    (void)state;
    struct hk_heap *heap = v2_open();
    void *blocks[V2_CAPACITY + 1];
    v2_take_all(heap, blocks, V2_CAPACITY + 1);
    assert_int_equal(state_of(blocks[0]), HK_V2_FULL);

    v2_give_all(heap, blocks, V2_WAKE - 1);
    assert_int_equal(state_of(blocks[0]), HK_V2_FULL);
    assert_null(lane_of(heap)->partial);
    v2_give(heap, blocks[V2_WAKE - 1]);

    assert_int_equal(state_of(blocks[0]), HK_V2_PARTIAL);
    assert_ptr_equal(lane_of(heap)->partial, hk_page_of(blocks[0]));
    v2_give_all(heap, blocks + V2_WAKE, V2_CAPACITY + 1 - V2_WAKE);
    v2_close(heap);
}

static void page_that_waited_longest_serves_first(void **state)
{
    (void)state;
    struct hk_heap *heap = v2_open();
    void *blocks[3 * V2_CAPACITY];
    v2_take_all(heap, blocks, 3 * V2_CAPACITY);
    assert_null(hk_bin_at(heap, V2_SIZE)->head);

    v2_give_all(heap, blocks + V2_CAPACITY, V2_WAKE);
    v2_give_all(heap, blocks, V2_WAKE);
    v2_give_all(heap, blocks + V2_CAPACITY + V2_WAKE, 1);
    void *served[V2_WAKE + 2];
    v2_take_all(heap, served, V2_WAKE + 2);

    /* with what came back while it waited */
    assert_ptr_equal(hk_page_of(served[V2_WAKE]), hk_page_of(blocks[V2_CAPACITY]));
    assert_ptr_equal(hk_page_of(served[V2_WAKE + 1]), hk_page_of(blocks[0]));
    assert_int_equal(state_of(blocks[2 * V2_CAPACITY]), HK_V2_FULL);
    v2_give_all(heap, served, V2_WAKE + 2);
    v2_give_all(heap, blocks + V2_WAKE, V2_CAPACITY - V2_WAKE);
    v2_give_all(heap, blocks + V2_CAPACITY + V2_WAKE + 1, 2 * V2_CAPACITY - V2_WAKE - 1);
    v2_close(heap);
}

static void freed_blocks_come_before_memory_never_touched(void **state)
{
    (void)state;
    struct hk_heap *heap = v2_open();
    enum { COUNT = V2_CAPACITY + 4 };
    void *blocks[COUNT];
    v2_take_all(heap, blocks, COUNT); /* a full page, and one step of another */
    struct hk_page *fresh = hk_page_of(blocks[V2_CAPACITY]);
    assert_int_equal(hk_v2_node(fresh)->carved, 4);

    v2_give_all(heap, blocks, V2_WAKE);
    v2_take_all(heap, blocks, V2_WAKE);

    assert_int_equal(hk_v2_node(fresh)->carved, 4);
    assert_int_equal(hk_v2_state(fresh), HK_V2_FRESH);
    assert_ptr_equal(lane_of(heap)->spare, fresh);
    void *more = v2_take(heap, V2_SIZE); /* then the page that has begun, and not a new one */
    assert_ptr_equal(hk_page_of(more), fresh);
    assert_int_equal(hk_v2_state(fresh), HK_V2_CURRENT);
    v2_give(heap, more);
    v2_give_all(heap, blocks, COUNT);
    v2_close(heap);
}

/* Fill a page and one block of another; free the page's blocks in the order of `step`. -> it. */
static struct hk_page *emptied_page(struct hk_heap *heap, size_t step, void **last)
{
    void *blocks[V2_CAPACITY];
    v2_take_all(heap, blocks, V2_CAPACITY);
    *last = v2_take(heap, V2_SIZE);
    for (size_t i = 0; i < V2_CAPACITY; i++) {
        v2_give(heap, blocks[i * step % V2_CAPACITY]);
    }
    assert_int_equal(state_of(blocks[0]), HK_V2_EMPTY);
    return hk_page_of(blocks[0]);
}

static void page_freed_in_order_keeps_its_list(void **state)
{
    (void)state;
    const size_t forwards = 1;
    const size_t backwards = V2_CAPACITY - 1;
    for (int i = 0; i < 2; i++) {
        struct hk_heap *heap = v2_open();
        void *last;
        struct hk_page *page = emptied_page(heap, i ? forwards : backwards, &last);

        assert_non_null(hk_v2_node(page)->list);
        assert_int_equal(hk_v2_node(page)->carved, V2_CAPACITY);
        v2_give(heap, last);
        v2_close(heap);
    }
}

static void page_freed_at_random_is_carved_anew(void **state)
{
    (void)state;
    struct hk_heap *heap = v2_open();
    void *last;
    void *blocks[V2_CAPACITY];
    struct hk_page *page = emptied_page(heap, 29, &last);
    assert_null(hk_v2_node(page)->list);
    assert_int_equal(hk_v2_node(page)->carved, 0);

    /* the current page's are served first */
    while (hk_hotbox_v2.alloc(heap, V2_SIZE)) {
    }
    heap->fresh_block = NULL;
    v2_take_all(heap, blocks, V2_CAPACITY);

    for (size_t i = 0; i < V2_CAPACITY; i++) {
        assert_ptr_equal(blocks[i], hk_page_start(page) + i * V2_SIZE);
    }
    assert_null(heap->fresh_block); /* it was used before */
    v2_close(heap);
}

static void freed_memory_goes_back_out_of_pages_in_use(void **state)
{
    (void)state;
    struct hk_heap *heap = v2_open();
    void *blocks[V2_CAPACITY + 1];
    v2_take_all(heap, blocks, V2_CAPACITY + 1);
    struct hk_page *page = hk_page_of(blocks[0]);
    memset(blocks[20], 7, V2_SIZE);
    /* 20 to 23 share an OS page with a block in use; 40 stays alone */
    for (size_t i = 0; i < V2_CAPACITY; i++) {
        if (i != 20 && i != 40) {
            v2_give(heap, blocks[i]);
        }
    }

    size_t bytes = hk_hotbox_v2.collect(heap, HK_COLLECT_PARTS);

    assert_int_equal(bytes, 14 * 4096);
    assert_true(page->flags & HK_V2_PARKED);
    assert_null(hk_hotbox_v2.check(heap));
    assert_int_equal(((unsigned char *)blocks[20])[V2_SIZE - 1], 7);
    /* all of them serve again */
    char seen[V2_CAPACITY] = {0};
    while (v2_stat(heap).pages == 2) {
        void *block = hk_hotbox_v2.alloc(heap, V2_SIZE);
        block = block ? block : hk_hotbox_v2.refill(heap, V2_SIZE);
        if (hk_page_of(block) == page) {
            seen[((char *)block - hk_page_start(page)) / V2_SIZE] += 1;
        }
    }
    for (size_t i = 0; i < V2_CAPACITY; i++) {
        assert_int_equal(seen[i], i != 20 && i != 40);
    }
    assert_false(page->flags & HK_V2_PARKED);
    assert_null(hk_hotbox_v2.check(heap));
    v2_close(heap);
}

static void adoption_reads_no_block_of_a_heap_that_was_given_up(void **state)
{
    (void)state;
    struct hk_heap *dead = v2_open();
    struct hk_heap *heir = v2_open();
    void *blocks[V2_CAPACITY + 1];
    v2_take_all(dead, blocks, V2_CAPACITY + 1);
    v2_give_all(dead, blocks, 20);
    v2_close(dead);
    struct hk_page *page = hk_page_of(blocks[0]);
    void **first = hk_v2_node(page)->list;
    void *second = *first;

    *first = first; /* walked, the list would not be 20 long */
    assert_true(HK_COLD.adopt(heir));
    *first = second;

    assert_null(hk_hotbox_v2.check(heir));
    assert_int_equal(v2_stat(heir).blocks_out, V2_CAPACITY + 1 - 20);
    v2_give_all(heir, blocks + 20, V2_CAPACITY + 1 - 20);
    v2_close(heir);
}

static void block_held_by_a_full_page_serves_before_memory_is_out(void **state)
{
    (void)state;
    struct hk_heap *heap = v2_open();
    void *blocks[2 * V2_CAPACITY];
    v2_take_all(heap, blocks, 2 * V2_CAPACITY);
    hk_cold_fake_budget(2);
    assert_null(hk_hotbox_v2.refill(heap, V2_SIZE));

    v2_give(heap, blocks[0]);
    assert_int_equal(state_of(blocks[0]), HK_V2_FULL);

    assert_ptr_equal(hk_hotbox_v2.refill(heap, V2_SIZE), blocks[0]);
    assert_null(hk_hotbox_v2.refill(heap, V2_SIZE));
    v2_give_all(heap, blocks, 2 * V2_CAPACITY);
    v2_close(heap);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        v2_test(free_list_stays_inside_its_page),
        v2_test(block_freed_twice_is_found),
        v2_test(memory_nobody_asked_for_is_not_touched),
        v2_test(steps_into_a_page_grow_with_it),
        v2_test(block_of_the_current_page_is_served_next),
        v2_test(frees_to_the_current_page_are_no_events),
        v2_test(full_page_wakes_when_an_eighth_is_back),
        v2_test(page_that_waited_longest_serves_first),
        v2_test(freed_blocks_come_before_memory_never_touched),
        v2_test(page_freed_in_order_keeps_its_list),
        v2_test(page_freed_at_random_is_carved_anew),
        v2_test(freed_memory_goes_back_out_of_pages_in_use),
        v2_test(block_held_by_a_full_page_serves_before_memory_is_out),
        v2_test(adoption_reads_no_block_of_a_heap_that_was_given_up),
    };
    return cmocka_run_group_tests_name("v2", tests, v2_start, NULL);
}
