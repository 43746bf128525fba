/* SPDX-License-Identifier: MIT */
/* Blocks of one size at addresses of one alignment: allocate a set of them, check where they are,
 * free them.
 *
 * Buffers of vector code, of direct I/O, of lines that no two threads share. Allocators whose sizes
 * fall on such addresses anyway serve them as any other block; the others look for a place.
 */
#include "common.h"

#include <stdlib.h>

static uint64_t alignment = 64;
static uint64_t size = 192;
static uint64_t block_count = 1000;
static uint64_t rep_count = 1000;

static const struct hk_bench_arg args[] = {
    {.name = "ALIGN",
     .help = "of the blocks, a power of two",
     .value = &alignment,
     .min = sizeof(void *),
     .max = 1 << 20},
    {.name = "SIZE", .help = "bytes of a block", .value = &size, .min = 1, .max = 1 << 24},
    {.name = "COUNT", .help = "blocks", .value = &block_count, .min = 1, .max = 100000000},
    {.name = "REPS", .help = "repetitions", .value = &rep_count, .min = 1, .max = 1000000000},
    {.name = NULL},
};

static const struct hk_bench_program program = {
    .name = "aligned",
    .summary = "posix_memalign COUNT blocks of SIZE at ALIGN, write a byte of each, free them in\n"
               "order; REPS times.",
    .args = args,
};

static void run(void **block)
{
    for (uint64_t i = 0; i < block_count; i++) {
        if (posix_memalign(&block[i], alignment, size) != 0) {
            hk_bench_fail("the allocator has no block");
        }
        if ((uintptr_t)block[i] % alignment != 0) {
            hk_bench_fail("the allocator returned a block that is not aligned");
        }
        hk_bench_touch(block[i]);
    }
    for (uint64_t i = 0; i < block_count; i++) {
        free(block[i]);
    }
}

int main(int argc, char **argv)
{
    hk_bench_parse(&program, argc, argv);
    if ((alignment & (alignment - 1)) != 0) {
        hk_bench_usage_error(&program, "ALIGN is no power of two");
    }
    void **block = hk_bench_table(block_count, sizeof *block);
    double start = hk_bench_seconds(HK_BENCH_CPU);
    for (uint64_t i = 0; i < rep_count; i++) {
        run(block);
    }
    double seconds = hk_bench_seconds(HK_BENCH_CPU) - start;
    hk_bench_report(program.name, 2 * block_count * rep_count, seconds);
    return 0;
}
