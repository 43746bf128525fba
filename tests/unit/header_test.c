/* SPDX-License-Identifier: MIT */
/* Headers: what they find, what they say, and that blocks are what they were without them. A
 * violation happens in a child process, whose last line is read. */
#include "unit/unit.h"

#include "gate/header.h"

#include "common/page.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

enum {
    SIZE = 40,
    CLASS = 64, /* of 40 bytes behind a header, with or without a canary */
    LINE = 256,
};

/* Run the misuse in a child. -> its standard error; the child must have been aborted. */
static void last_line(void (*misuse)(void *block), void *block, char line[LINE])
{
    int ends[2];
    assert_int_equal(pipe(ends), 0);
    fflush(NULL);
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        signal(SIGABRT, SIG_DFL);
        dup2(ends[1], STDERR_FILENO);
        misuse(block);
        _exit(0);
    }
    close(ends[1]);
    ssize_t size = read(ends[0], line, LINE - 1);
    line[size > 0 ? size : 0] = '\0';
    close(ends[0]);
    int status;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT);
}

static void expect(void (*misuse)(void *block), void *block, const char *what, size_t class)
{
    char line[LINE];
    char wanted[LINE];
    snprintf(wanted, sizeof wanted, "hakmem: header: %s: block 0x%lx of class %zu\n", what,
             (unsigned long)(uintptr_t)block, class);

    last_line(misuse, block, line);

    assert_string_equal(line, wanted);
}

static void free_twice(void *block)
{
    hk_free(block);
    hk_free(block);
}

static void resize_freed(void *block)
{
    hk_free(block);
    hk_realloc(block, 100);
}

static void write_below(void *block)
{
    ((volatile unsigned char *)block)[-3] ^= 0x40;
    hk_free(block);
}

static void *free_block(void *block)
{
    hk_free(block);
    return NULL;
}

static void free_after_another_thread(void *block)
{
    pthread_t thread;
    if (pthread_create(&thread, NULL, free_block, block) == 0) {
        pthread_join(thread, NULL);
    }
    hk_free(block);
}

static void rename_page(void *block)
{
    hk_page_of(block)->bin_index += 1;
    hk_free(block);
}

static void second_free_is_found(void **state)
{
    (void)state;
    void *block = hk_malloc(SIZE);
    expect(free_twice, block, "block was freed before", CLASS);
    expect(resize_freed, block, "block was freed before", CLASS);
    hk_free(block);
}

/* The chains that other threads send home leave the mark alone. */
static void second_free_is_found_after_one_by_another_thread(void **state)
{
    (void)state;
    void *block[8];
    for (size_t size = 0; size <= 20000; size = 2 * size + SIZE) {
        for (size_t i = 0; i < 8; i++) {
            block[i] = hk_malloc(size);
        }
        for (size_t i = 0; i < 8; i++) {
            size_t class = hk_page_of(block[i])->block_size;
            expect(free_after_another_thread, block[i], "block was freed before", class);
        }
        for (size_t i = 0; i < 8; i++) {
            hk_free(block[i]);
        }
    }
}

static void second_free_of_aligned_block_is_found(void **state)
{
    (void)state;
    for (size_t align = 16; align <= 4096; align *= 2) {
        void *neighbour = hk_aligned_alloc(align, 5000); /* a page without blocks may be given up */
        void *block = hk_aligned_alloc(align, 5000);
        size_t class = hk_page_of(block)->block_size;
        expect(free_twice, block, "block was freed before", class);
        expect(free_after_another_thread, block, "block was freed before", class);
        hk_free(block);
        hk_free(neighbour);
    }
}

/* What is known of a block that was freed does not stick to the one that follows it. */
static void aligned_block_after_a_freed_one_is_none(void **state)
{
    (void)state;
    hk_free(hk_aligned_alloc(64, 5000));
    void *block = hk_aligned_alloc(64, 5000);
    size_t class = hk_page_of(block)->block_size;
    expect(write_below, block, "overwritten, or not the start of a block", class);
    hk_free(block);
}

static void give_memory_back(void *block)
{
    hk_free(block);
    memset((char *)block - 16, 0, 16);
    hk_free(block);
}

static void freed_block_whose_memory_went_back_may_be_named(void **state)
{
    (void)state;
    void *block = hk_malloc(SIZE);
    expect(give_memory_back, block, "freed before, overwritten, or not the start of a block",
           CLASS);
    hk_free(block);
}

static void underrun_is_found(void **state)
{
    (void)state;
    void *block = hk_malloc(SIZE);
    expect(write_below, block, "overwritten, or not the start of a block", CLASS);
    hk_free(block);
}

static void address_inside_a_block_is_found(void **state)
{
    (void)state;
    char *block = hk_malloc(SIZE);
    expect(free_twice, block + HK_ALIGN, "not the start of a block", CLASS);
    hk_free(block);
}

static void wrong_class_is_found(void **state)
{
    (void)state;
    void *block = hk_malloc(SIZE);
    expect(rename_page, block, "block is of another class than its page", CLASS);
    hk_free(block);
}

static void foreign_address_is_found(void **state)
{
    static _Alignas(16) char foreign[64];
    char line[LINE];
    (void)state;
    hk_free(hk_malloc(1));

    last_line(hk_free, foreign + 32, line);

    assert_string_equal(line, "hakmem: header: not a block of this allocator\n");
}

#if HK_HEADER == 2
static void write_behind(void *block)
{
    ((volatile unsigned char *)block)[SIZE] ^= 1;
    hk_free(block);
}

static void overrun_is_found_at_the_first_byte(void **state)
{
    (void)state;
    void *block = hk_malloc(SIZE);
    expect(write_behind, block, "bytes behind the block were overwritten", CLASS);
    hk_free(block);
}

static void overrun_of_a_resized_block_is_found(void **state)
{
    (void)state;
    void *block = hk_realloc(hk_malloc(300), SIZE);
    size_t class = hk_page_of(block)->block_size;
    expect(write_behind, block, "bytes behind the block were overwritten", class);
    hk_free(block);
}
#endif

static void usable_size_leaves_the_header_out(void **state)
{
    (void)state;
    for (size_t size = 0; size < 300000; size += size / 7 + 1) {
        unsigned char *block = hk_malloc(size);
        assert_non_null(block);
        size_t usable = hk_malloc_usable_size(block);
        assert_true(HK_HEADER == HK_HEADER_FULL ? usable == size : usable >= size);
        memset(block, 0xa5, usable);
        hk_free(block);
    }
}

static void header_adds_to_the_size_before_it_is_classed(void **state)
{
    (void)state;
    /* 1024 bytes is the last size of a tiny class by itself */
    void *block = hk_malloc(1024);
    assert_int_equal(hk_page_of(block)->kind, HK_KIND_POOL);
    assert_true(hk_page_of(block)->block_size >= 1024 + 16);
    hk_free(block);
}

static void aligned_blocks_keep_their_alignment(void **state)
{
    (void)state;
    for (size_t align = 8; align <= 8u << 20; align *= 2) {
        unsigned char *block = NULL;
        assert_int_equal(hk_posix_memalign((void **)&block, align, 1000), 0);
        assert_int_equal((uintptr_t)block % align, 0);
        memset(block, 0x5a, 1000);
        block = hk_realloc(block, 5000);
        assert_non_null(block);
        assert_memory_equal(block, block + 1, 999);
        hk_free(block);
    }
}

static void impossible_sizes_fail_and_keep_the_block(void **state)
{
    (void)state;
    unsigned char *block = hk_malloc(SIZE);
    memset(block, 7, SIZE);
    for (size_t less = 0; less < 64; less++) {
        errno = 0;
        assert_null(hk_malloc((size_t)PTRDIFF_MAX - less));
        assert_int_equal(errno, ENOMEM);
        assert_null(hk_realloc(block, SIZE_MAX - less));
        assert_null(hk_calloc(1, SIZE_MAX - less));
    }
    assert_int_equal(block[SIZE - 1], 7);
    hk_free(block);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(second_free_is_found),
        cmocka_unit_test(second_free_is_found_after_one_by_another_thread),
        cmocka_unit_test(second_free_of_aligned_block_is_found),
        cmocka_unit_test(aligned_block_after_a_freed_one_is_none),
        cmocka_unit_test(freed_block_whose_memory_went_back_may_be_named),
        cmocka_unit_test(underrun_is_found),
        cmocka_unit_test(address_inside_a_block_is_found),
        cmocka_unit_test(wrong_class_is_found),
        cmocka_unit_test(foreign_address_is_found),
#if HK_HEADER == 2
        cmocka_unit_test(overrun_is_found_at_the_first_byte),
        cmocka_unit_test(overrun_of_a_resized_block_is_found),
#endif
        cmocka_unit_test(usable_size_leaves_the_header_out),
        cmocka_unit_test(header_adds_to_the_size_before_it_is_classed),
        cmocka_unit_test(aligned_blocks_keep_their_alignment),
        cmocka_unit_test(impossible_sizes_fail_and_keep_the_block),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
