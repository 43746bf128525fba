/* SPDX-License-Identifier: MIT */
/* Whatever is allocated, in whatever form, and freed or resized in whatever form, keeps its
 * content, its alignment and its size. Random; a failure names its seed. */
#include "unit/unit.h"

#include "gate/gate.h"
#include "unit/random.h"

#include <string.h>

enum {
    SLOTS = 96,
    OPERATIONS = 30000,
    SIZE_MOST = 64 << 20,
    HELD_MOST = 256 << 20, /* bytes that may be out at once */
    EDGE = 4096,           /* bytes checked at either end of a block */
};

struct slot {
    unsigned char *block;
    size_t size;
    size_t align;
    unsigned char mark;
};

static struct {
    struct slot slot[SLOTS];
    struct random random;
    size_t held;
    size_t operation;
} test;

static void require(bool holds, const char *what)
{
    if (!holds) {
        fail_msg("%s (HK_TEST_SEED=%llu, operation %zu)", what,
                 (unsigned long long)test.random.seed, test.operation);
    }
}

static void mark_block(struct slot *slot)
{
    size_t edge = slot->size < EDGE ? slot->size : EDGE;
    memset(slot->block, slot->mark, edge);
    memset(slot->block + slot->size - edge, slot->mark, edge);
}

static bool is_marked(const unsigned char *from, size_t size, unsigned char mark)
{
    return size == 0 || (from[0] == mark && memcmp(from, from + 1, size - 1) == 0);
}

static void check_block(const struct slot *slot, size_t size)
{
    size_t edge = size < EDGE ? size : EDGE;
    require(is_marked(slot->block, edge, slot->mark), "the block's start has changed");
    if (size == slot->size) {
        require(is_marked(slot->block + size - edge, edge, slot->mark),
                "the block's end has changed");
    }
}

static bool is_zero(const unsigned char *block, size_t size)
{
    size_t step = size < 65536 ? 1 : 61; /* a sample of large blocks */
    for (size_t i = 0; i < size; i += step) {
        if (block[i]) {
            return false;
        }
    }
    return true;
}

static size_t random_align(size_t size)
{
    /* alignment above 64 MiB costs address space only, but enough of it to be rare */
    size_t shifts = random_below(&test.random, 50) == 0 ? 27 : 17;
    size_t align = (size_t)16 << random_below(&test.random, shifts);
    return size > 1 << 20 && align > 1 << 26 ? 1 << 21 : align;
}

static void allocate(struct slot *slot)
{
    size_t size = random_size(&test.random, random_below(&test.random, 20) ? 65536 : SIZE_MOST);
    void *out = NULL;
    slot->align = 16;
    switch (random_below(&test.random, 5)) {
    case 0:
        slot->block = hk_calloc(1, size);
        require(!slot->block || is_zero(slot->block, size), "calloc left something behind");
        break;
    case 1:
        slot->align = random_align(size);
        slot->block = hk_aligned_alloc(slot->align, size);
        break;
    case 2:
        slot->align = random_align(size);
        require(hk_posix_memalign(&out, slot->align, size) == 0, "posix_memalign failed");
        slot->block = out;
        break;
    default:
        slot->block = hk_malloc(size);
        break;
    }
    slot->size = size;
    slot->mark = (unsigned char)random_next(&test.random);
    require(slot->block != NULL, "out of memory");
    require((uintptr_t)slot->block % slot->align == 0, "not aligned");
    require(hk_malloc_usable_size(slot->block) >= size, "too small");
    test.held += size;
    mark_block(slot);
}

static void release(struct slot *slot)
{
    check_block(slot, slot->size);
    test.held -= slot->size;
    switch (random_below(&test.random, 4)) {
    case 0:
        hk_free_sized(slot->block, slot->size);
        break;
    case 1:
        hk_free_aligned_sized(slot->block, slot->align, slot->size);
        break;
    case 2:
        require(hk_realloc(slot->block, 0) == NULL, "realloc to 0 returned a block");
        break;
    default:
        hk_free(slot->block);
        break;
    }
    *slot = (struct slot){.block = NULL};
}

static void resize(struct slot *slot)
{
    size_t most = 4 * slot->size < SIZE_MOST ? 4 * slot->size : SIZE_MOST;
    size_t size = random_size(&test.random, most);
    size_t kept = size < slot->size ? size : slot->size;
    bool array = random_below(&test.random, 2);
    slot->block = array ? hk_reallocarray(slot->block, size, 1) : hk_realloc(slot->block, size);
    require(slot->block != NULL, "realloc failed");
    require((uintptr_t)slot->block % 16 == 0, "not aligned after realloc");
    require(hk_malloc_usable_size(slot->block) >= size, "too small after realloc");
    check_block(slot, kept);
    test.held += size - slot->size;
    slot->size = size;
    slot->align = 16;
    mark_block(slot);
}

static void every_form_of_block_survives(void **state)
{
    (void)state;
    test.random = random_start();
    for (test.operation = 0; test.operation < OPERATIONS; test.operation++) {
        struct slot *slot = &test.slot[random_below(&test.random, SLOTS)];
        if (!slot->block) {
            allocate(slot);
        } else if (random_below(&test.random, 3) == 0 && test.held < HELD_MOST) {
            resize(slot);
        } else {
            release(slot);
        }
        if (slot->block && test.held > HELD_MOST) {
            release(slot);
        }
    }
    for (size_t i = 0; i < SLOTS; i++) {
        if (test.slot[i].block) {
            release(&test.slot[i]);
        }
    }
}

static void touch_aligned(unsigned char *block, size_t align, size_t size)
{
    require(block != NULL, "out of memory");
    require((uintptr_t)block % align == 0, "not aligned");
    require(hk_malloc_usable_size(block) >= size, "too small");
    block[0] = 1;
    block[size - 1] = 2;
    hk_free_aligned_sized(block, align, size);
}

static void every_size_and_alignment_is_served(void **state)
{
    (void)state;
    test.random = random_from(0);
    for (size_t align = 16; align <= (size_t)1 << 30; align *= 2) {
        for (size_t size = 1; size <= SIZE_MOST; size += 1 + size / 32) {
            touch_aligned(hk_aligned_alloc(align, size), align, size);
            void *block = NULL;
            require(hk_posix_memalign(&block, align, size) == 0, "no memory");
            touch_aligned(block, align, size);
        }
    }
}

static unsigned char expected(size_t index)
{
    return (unsigned char)(index * 131 >> 3);
}

static void check_all(const unsigned char *block, size_t size)
{
    require(block != NULL, "realloc failed");
    for (size_t i = 0; i < size; i++) {
        if (block[i] != expected(i)) {
            require(false, "the content has changed");
        }
    }
}

static void content_survives_growth_and_shrinking(void **state)
{
    (void)state;
    enum { TOP = 6 << 20 };
    unsigned char *block = NULL;
    size_t size = 0;
    test.random = random_from(0);
    while (size < TOP) {
        size_t grown = size + 997 + size / 16;
        block = hk_realloc(block, grown);
        check_all(block, size);
        for (size_t i = size; i < grown; i++) {
            block[i] = expected(i);
        }
        size = grown;
    }
    while (size > 8) {
        size -= size / 8 + 1;
        block = hk_realloc(block, size);
        check_all(block, size);
    }
    hk_free(block);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_form_of_block_survives),
        cmocka_unit_test(every_size_and_alignment_is_served),
        cmocka_unit_test(content_survives_growth_and_shrinking),
    };
    return cmocka_run_group_tests_name("property", tests, NULL, NULL);
}
