/* SPDX-License-Identifier: MIT */
/* Kit cases of pages that belong to no heap, and of the locks that guard what is all threads'. */
#include "kit/cold_kit.h"

#include <string.h>

static struct hk_page *lease_shared(const struct hk_cold *cold, struct hk_heap *heap,
                                    uint8_t slices)
{
    const struct hk_lease request = {
        .heap = heap,
        .block_size = 1024,
        .bin_index = 64,
        .kind = HK_KIND_TINY,
        .slices = slices,
        .grow = true,
        .shared = true,
    };
    struct hk_page *page = cold->lease(&request);
    assert_non_null(page);
    return page;
}

static void shared_page_belongs_to_no_heap(const void *subject)
{
    const struct hk_cold *cold = subject;
    struct hk_heap *heap = kit_heap(cold);

    struct hk_page *page = lease_shared(cold, heap, 4);

    assert_null(heap->pages);
    assert_null(hk_page_heap(page));
    for (uint8_t i = 0; i < 4; i++) {
        assert_int_equal(hk_page_owner(&page[i]), HK_OWNER_SHARED);
        assert_int_equal(page[i].back, i);
    }
    cold->retire(heap, page);
    kit_end_heap(cold, heap);
}

static void shared_page_outlasts_the_heap_that_leased_it(const void *subject)
{
    const struct hk_cold *cold = subject;
    struct hk_heap *heap = kit_heap(cold);
    struct hk_page *page = lease_shared(cold, heap, 2);
    unsigned char *memory = (unsigned char *)hk_page_start(page);
    memset(memory, 0x5a, 2 * HK_SLICE);

    kit_end_heap(cold, heap);
    struct hk_heap *other = kit_heap(cold);
    cold->trim(other, 0);

    assert_int_equal(hk_page_owner(page), HK_OWNER_SHARED);
    assert_int_equal(memory[0], 0x5a);
    assert_memory_equal(memory, memory + 1, 2 * HK_SLICE - 1);
    cold->retire(other, page);
    kit_end_heap(cold, other);
}

static void shared_page_is_retired_by_anybody(const void *subject)
{
    const struct hk_cold *cold = subject;
    struct hk_heap *heap = kit_heap(cold);
    size_t leased = kit_stat(cold).leased;
    struct hk_page *page = lease_shared(cold, heap, 3);

    cold->retire(NULL, page);

    assert_int_equal(kit_stat(cold).leased, leased);
    assert_int_equal(hk_page_owner(page), HK_OWNER_NONE);
    kit_end_heap(cold, heap);
}

static void retired_page_has_no_bin(const void *subject)
{
    const struct hk_cold *cold = subject;
    struct hk_heap *heap = kit_heap(cold);
    struct hk_page *page = lease_shared(cold, heap, 3);
    assert_int_equal(page[4].bin_index, HK_BIN_NONE);
    /* or the superslab may go, and its descriptors with it */
    struct hk_page *neighbour = lease_shared(cold, heap, 1);

    cold->retire(heap, page);

    for (uint8_t i = 0; i < 3; i++) {
        assert_int_equal(page[i].bin_index, HK_BIN_NONE);
        assert_int_equal(page[i].kind, HK_KIND_FREE);
    }
    cold->retire(heap, neighbour);
    kit_end_heap(cold, heap);
}

static void shared_page_comes_through_fork(const void *subject)
{
    const struct hk_cold *cold = subject;
    struct hk_heap *self = kit_heap(cold);
    struct hk_heap *busy = kit_heap(cold);
    struct hk_page *page = lease_shared(cold, busy, 2);
    hk_heap_enter(busy);

    cold->prefork();
    cold->child(self);

    assert_int_equal(hk_page_owner(page), HK_OWNER_SHARED);
    assert_int_equal(hk_page_owner(page + 1), HK_OWNER_SHARED);
    cold->retire(self, page);
    kit_end_heap(cold, self);
}

/* A set of locks for each subject: what is registered stays so. */
static struct guarded {
    struct hk_lock locks[3];
    struct hk_guard guard;
} guarded[8];

static struct hk_guard *next_guard(void)
{
    static size_t used;
    assert_true(used < sizeof guarded / sizeof *guarded);
    struct guarded *set = &guarded[used++];
    set->locks[0].rank = HK_RANK_CLASS;
    set->locks[1].rank = HK_RANK_CLASS;
    set->locks[2].rank = HK_RANK_PAGE;
    set->guard.locks = set->locks;
    set->guard.count = 3;
    return &set->guard;
}

static void guarded_locks_are_held_across_fork(const void *subject)
{
    const struct hk_cold *cold = subject;
    struct hk_heap *heap = kit_heap(cold);
    struct hk_guard *guard = next_guard();
    cold->guard(guard);
    cold->guard(guard);

    cold->prefork();
    for (size_t i = 0; i < guard->count; i++) {
        assert_true(hk_lock_is_kept(&guard->locks[i]));
    }
    cold->parent();
    for (size_t i = 0; i < guard->count; i++) {
        assert_int_equal(guard->locks[i].word, 0);
        assert_false(hk_lock_is_kept(&guard->locks[i]));
    }

    kit_end_heap(cold, heap);
}

static struct hk_heap *went_on;
static size_t children;

static void note_child(struct hk_heap *self)
{
    went_on = self;
    children += 1;
}

static void guard_is_told_of_the_child(const void *subject)
{
    const struct hk_cold *cold = subject;
    struct hk_heap *self = kit_heap(cold);
    struct hk_guard *guard = next_guard();
    guard->child = note_child;
    children = 0;
    cold->guard(guard);

    cold->prefork();
    cold->parent();
    assert_int_equal(children, 0);
    cold->prefork();
    cold->child(self);

    assert_int_equal(children, 1);
    assert_ptr_equal(went_on, self);
    assert_int_equal(guard->locks[0].word, 0);
    guard->child = NULL;
    kit_end_heap(cold, self);
}

static void metadata_is_zero_and_lasts(const void *subject)
{
    static const size_t sizes[] = {1, 64, 100, 5000, 200000};
    enum { PIECES = sizeof sizes / sizeof *sizes };
    const struct hk_cold *cold = subject;
    unsigned char *piece[PIECES];

    for (size_t i = 0; i < PIECES; i++) {
        piece[i] = cold->meta(sizes[i]);
        assert_non_null(piece[i]);
        assert_int_equal((uintptr_t)piece[i] % HK_CACHE_LINE, 0);
        for (size_t byte = 0; byte < sizes[i]; byte++) {
            assert_int_equal(piece[i][byte], 0);
        }
        memset(piece[i], (int)i + 1, sizes[i]);
    }
    struct hk_heap *heap = kit_heap(cold);
    cold->trim(heap, 0);
    kit_end_heap(cold, heap);

    for (size_t i = 0; i < PIECES; i++) {
        assert_int_equal(piece[i][0], i + 1);
        assert_memory_equal(piece[i], piece[i] + 1, sizes[i] - 1);
    }
}

static void metadata_is_counted(const void *subject)
{
    enum { SIZE = 1 << 20 };
    const struct hk_cold *cold = subject;
    size_t before = kit_stat(cold).meta;

    assert_non_null(cold->meta(SIZE));

    assert_true(kit_stat(cold).meta >= before + SIZE);
}

const struct kit_case kit_shared_cases[] = {
    {"shared_page_belongs_to_no_heap", shared_page_belongs_to_no_heap, 0},
    {"shared_page_outlasts_the_heap_that_leased_it", shared_page_outlasts_the_heap_that_leased_it,
     0},
    {"shared_page_is_retired_by_anybody", shared_page_is_retired_by_anybody, 0},
    {"retired_page_has_no_bin", retired_page_has_no_bin, 0},
    {"shared_page_comes_through_fork", shared_page_comes_through_fork, 0},
    {"guarded_locks_are_held_across_fork", guarded_locks_are_held_across_fork, 0},
    {"guard_is_told_of_the_child", guard_is_told_of_the_child, 0},
    {"metadata_is_zero_and_lasts", metadata_is_zero_and_lasts, 0},
    {"metadata_is_counted", metadata_is_counted, 0},
};
const size_t kit_shared_case_count = sizeof kit_shared_cases / sizeof *kit_shared_cases;
