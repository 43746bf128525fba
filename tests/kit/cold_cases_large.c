/* SPDX-License-Identifier: MIT */
/* Kit cases of the cold side's large blocks. */
#include "kit/cold_kit.h"

#include <string.h>
#include <sys/mman.h>

static const size_t sizes[] = {
    1, 65536, 262145, 1000000, 2097152, 2097153, 4190000, 4194304, 9000000, 50000000, 600000000,
};
enum { SIZES = sizeof sizes / sizeof *sizes };

static bool unused_zero;

/* Who asks: NULL, or a heap that may keep what it frees. */
static struct hk_heap *asker;

static unsigned char *take(const struct hk_cold *cold, size_t size, size_t align)
{
    void *kept = NULL;
    if (asker && size > HK_SPAN_MAX) {
        kept = align <= HK_ALIGN ? cold->huge_pop(size) : NULL;
    } else if (asker) {
        kept = align <= HK_SLICE ? cold->large_pop(asker, size) : NULL;
    }
    unsigned char *block = kept ? kept : cold->large_alloc(size, align, 0, &unused_zero);
    assert_non_null(block);
    return block;
}

static bool keep(const struct hk_cold *cold, struct hk_page *page, void *block)
{
    if (cold->large_back(asker, page, block)) {
        return true;
    }
    if (page->kind == HK_KIND_HUGE) {
        return cold->huge_back(page, block) || cold->huge_keep(page, block);
    }
    return cold->large_keep(asker, page, block);
}

static void give(const struct hk_cold *cold, void *block)
{
    struct hk_page *page = hk_page_of(block);
    if (!asker || !keep(cold, page, block)) {
        cold->large_free(asker, page, block);
    }
}

/* A case without a heap, and with one. */
static void by_anybody(void (*test)(const struct hk_cold *cold), const struct hk_cold *cold)
{
    test(cold);
    asker = kit_heap(cold);
    test(cold);
    test(cold); /* of what it has kept */
    kit_end_heap(cold, asker);
    asker = NULL;
}

static void is_aligned(const struct hk_cold *cold)
{
    for (size_t align = 16; align <= (size_t)1 << 30; align *= 4) {
        for (size_t i = 0; i < SIZES; i++) {
            unsigned char *block = take(cold, sizes[i], align);
            assert_int_equal((uintptr_t)block % align, 0);
            give(cold, block);
        }
    }
}

static void large_block_is_aligned(const void *subject)
{
    by_anybody(is_aligned, subject);
}

static void belongs_to_no_thread(const struct hk_cold *cold)
{
    for (size_t i = 0; i < SIZES; i++) {
        for (size_t align = 16; align <= (size_t)1 << 24; align *= 16) {
            unsigned char *block = take(cold, sizes[i], align);
            struct hk_page *page = hk_page_of(block);
            assert_int_equal(hk_page_owner(page), HK_OWNER_LARGE);
            assert_true(page->kind == HK_KIND_SPAN || page->kind == HK_KIND_HUGE);
            give(cold, block);
        }
    }
}

static void large_block_belongs_to_no_thread(const void *subject)
{
    by_anybody(belongs_to_no_thread, subject);
}

static void block_holds_its_size(const struct hk_cold *cold)
{
    unsigned char *block[SIZES];
    for (size_t i = 0; i < SIZES; i++) {
        block[i] = take(cold, sizes[i], 16);
        assert_true(cold->large_size(hk_page_of(block[i]), block[i]) >= sizes[i]);
        block[i][0] = (unsigned char)i;
        block[i][sizes[i] - 1] = (unsigned char)i;
        block[i][sizes[i] / 2] = (unsigned char)i;
    }
    for (size_t i = 0; i < SIZES; i++) {
        assert_int_equal(block[i][0], i);
        assert_int_equal(block[i][sizes[i] - 1], i);
        assert_int_equal(block[i][sizes[i] / 2], i);
        give(cold, block[i]);
    }
}

static void large_block_holds_its_size(const void *subject)
{
    by_anybody(block_holds_its_size, subject);
}

static void comes_again(const struct hk_cold *cold)
{
    enum { MOST = 10000000 };
    for (size_t i = 0; i < SIZES && sizes[i] < MOST; i++) {
        for (int round = 0; round < 4; round++) {
            unsigned char *one = take(cold, sizes[i], 16);
            unsigned char *two = take(cold, sizes[i], 16);
            assert_ptr_not_equal(one, two);
            one[0] = one[sizes[i] - 1] = 1;
            two[0] = two[sizes[i] - 1] = 2;
            assert_true(one[0] == 1 && one[sizes[i] - 1] == 1);
            give(cold, one);
            give(cold, two);
        }
        assert_null(cold->check());
    }
}

static void large_block_that_comes_again_is_alone(const void *subject)
{
    by_anybody(comes_again, subject);
}

static void large_zero_tells_the_truth(const void *subject)
{
    enum { MOST = 10000000 };
    const struct hk_cold *cold = subject;
    for (int round = 0; round < 4; round++) {
        for (size_t i = 0; i < SIZES && sizes[i] < MOST; i++) {
            bool zero = false;
            unsigned char *block = cold->large_alloc(sizes[i], 4096, 0, &zero);
            assert_non_null(block);
            for (size_t b = 0; zero && b < sizes[i]; b += 64) {
                assert_int_equal(block[b], 0);
            }
            memset(block, 0xff, sizes[i]);
            give(cold, block);
        }
    }
}

/* What reads as a large block, in memory that is nobody's, does not come back; and nothing stops.
 */
static void nobodys_large_block_does_not_come_back(const void *subject)
{
    const struct hk_cold *cold = subject;
    struct hk_heap *heap = kit_heap(cold);
    char *memory = mmap(NULL, 2 * (size_t)HK_SUPERSLAB, PROT_READ | PROT_WRITE,
                        MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    char *block = (char *)hk_round_up((uintptr_t)memory, HK_SUPERSLAB) + HK_SLICE;
    struct hk_page *page = hk_page_of(block);
    atomic_store(&page->owner, (uintptr_t)HK_OWNER_LARGE);
    page->kind = HK_KIND_SPAN;
    assert_false(cold->large_back(heap, page, block));
    page->kind = HK_KIND_HUGE;
    assert_false(cold->huge_back(page, block));
    assert_int_equal(hk_page_owner(page), HK_OWNER_LARGE);
    assert_int_equal(page->kind, HK_KIND_HUGE);
    munmap(memory, 2 * (size_t)HK_SUPERSLAB);
    kit_end_heap(cold, heap);
}

static void freed_memory_is_used_again(const struct hk_cold *cold)
{
    size_t leased = kit_stat(cold).leased;
    size_t reserved = 0;
    for (int round = 0; round < 100; round++) {
        for (size_t i = 0; i < SIZES; i++) {
            give(cold, take(cold, sizes[i], 16));
        }
        assert_int_equal(kit_stat(cold).huge, 0);
        reserved = round ? reserved : kit_stat(cold).reserved;
    }
    assert_int_equal(kit_stat(cold).leased, leased);
    assert_int_equal(kit_stat(cold).reserved, reserved);
}

static void freed_large_memory_is_used_again(const void *subject)
{
    by_anybody(freed_memory_is_used_again, subject);
}

/* -> bytes that are not the OS's. */
static size_t held(const struct hk_cold *cold)
{
    struct hk_cold_stat stat = kit_stat(cold);
    return stat.leased + stat.huge + stat.dirty;
}

/* A heap frees blocks of all sizes, and `forget` makes the cold side give up what it keeps of them.
 */
static void keeps_nothing_after(const struct hk_cold *cold,
                                void (*forget)(const struct hk_cold *cold))
{
    asker = kit_heap(cold);
    cold->trim(NULL, 0);
    size_t before = held(cold);
    for (size_t i = 0; i < SIZES; i++) {
        give(cold, take(cold, sizes[i], 16));
    }
    for (int pair = 0; pair < 3; pair++) {
        give(cold, take(cold, 3000000, 16)); /* what comes again may be kept, however long it is */
    }
    forget(cold);
    assert_int_equal(held(cold), before);
    assert_null(cold->check());
    kit_end_heap(cold, asker);
    asker = NULL;
}

/* Seconds go by, of which each is a purge_delay or more. */
static void wait_long(const struct hk_cold *cold)
{
    static uint64_t now = (uint64_t)1 << 60;
    for (int second = 0; second < 100; second++) {
        now += 1000000000u;
        cold->tick(now);
    }
}

static void large_memory_at_hand_goes_back_unused(const void *subject)
{
    keeps_nothing_after(subject, wait_long);
}

static void trim_all(const struct hk_cold *cold)
{
    cold->trim(NULL, 0);
}

static void trim_takes_large_memory_at_hand(const void *subject)
{
    keeps_nothing_after(subject, trim_all);
}

static unsigned char pattern(size_t index)
{
    return (unsigned char)(index * 7 >> 8);
}

static void check_pattern(const unsigned char *block, size_t size)
{
    for (size_t i = 0; i < size; i += 251) {
        assert_int_equal(block[i], pattern(i));
    }
}

static void large_resize_keeps_content(const void *subject)
{
    static const size_t steps[] = {
        300000, 500000, 2000000, 2100000, 5000000, 9000000, 40000000, 30000000, 5000000, 4500000,
    };
    const struct hk_cold *cold = subject;
    unsigned char *block = take(cold, 262145, 16);
    size_t size = 262145;
    for (size_t i = 0; i < size; i++) {
        block[i] = pattern(i);
    }
    for (size_t s = 0; s < sizeof steps / sizeof *steps; s++) {
        unsigned char *resized = cold->large_resize(hk_page_of(block), block, steps[s]);
        block = resized ? resized : block;
        size_t kept = resized && steps[s] < size ? steps[s] : size;
        check_pattern(block, kept);
        for (size_t i = kept; resized && i < steps[s]; i++) {
            block[i] = pattern(i);
        }
        size = resized ? steps[s] : size;
        assert_true(cold->large_size(hk_page_of(block), block) >= size);
        assert_null(cold->check());
    }
    give(cold, block);
}

static void impossible_large_block_is_null(const void *subject)
{
    const struct hk_cold *cold = subject;
    static const size_t impossible[] = {PTRDIFF_MAX, (size_t)PTRDIFF_MAX - 4096, (size_t)1 << 50};

    for (size_t i = 0; i < sizeof impossible / sizeof *impossible; i++) {
        assert_null(cold->large_alloc(impossible[i], 16, 0, &unused_zero));
        assert_null(cold->large_alloc(impossible[i], 1 << 24, 0, &unused_zero));
    }
    assert_null(cold->large_alloc(1, (size_t)1 << 60, 0, &unused_zero));
}

const struct kit_case kit_large_cases[] = {
    {"large_block_is_aligned", large_block_is_aligned, 0},
    {"large_block_belongs_to_no_thread", large_block_belongs_to_no_thread, 0},
    {"large_block_holds_its_size", large_block_holds_its_size, 0},
    {"large_block_that_comes_again_is_alone", large_block_that_comes_again_is_alone, 0},
    {"large_zero_tells_the_truth", large_zero_tells_the_truth, 0},
    {"nobodys_large_block_does_not_come_back", nobodys_large_block_does_not_come_back, 0},
    {"freed_large_memory_is_used_again", freed_large_memory_is_used_again, 0},
    {"large_memory_at_hand_goes_back_unused", large_memory_at_hand_goes_back_unused, 0},
    {"trim_takes_large_memory_at_hand", trim_takes_large_memory_at_hand, 0},
    {"large_resize_keeps_content", large_resize_keeps_content, 0},
    {"impossible_large_block_is_null", impossible_large_block_is_null, 0},
};
const size_t kit_large_case_count = sizeof kit_large_cases / sizeof *kit_large_cases;
