/* SPDX-License-Identifier: MIT */
/* Memory after a burst: all of it goes back when asked for, and most of it when one block in a
 * hundred stays. */
#include "memory.h"

#include <malloc.h>
#include <stdlib.h>

enum {
    /* What may stay for good: the allocator's own data for the burst (a 64th of it and less), pages
     * that hold a live block or two, the C library's buffers. */
    LEFT = 6 << 20,
};

static void trim_returns(size_t low, size_t high, size_t bytes)
{
    struct burst burst;
    free(malloc(low));
    size_t before = resident();
    burst_begin(&burst, bytes, low, high);
    EXPECT(growth_since(before) >= bytes / 2);
    burst_end(&burst);
    malloc_trim(0);
    expect_at_most(growth_since(before), LEFT, true, "KiB left after trim");
}

static void trim_returns_small_blocks(void)
{
    trim_returns(16, 600, MIB(128));
}

static void trim_returns_middle_blocks(void)
{
    trim_returns(1025, KIB(256), MIB(128));
}

static void trim_returns_large_blocks(void)
{
    trim_returns(KIB(300), MIB(5), MIB(256));
}

static void trim_returns_every_burst(void)
{
    for (int round = 0; round < 8; round++) {
        trim_returns(16, (size_t)100 << round, MIB(48));
    }
}

static void *burst_and_end(void *unused)
{
    struct burst burst;
    (void)unused;
    burst_begin(&burst, MIB(32), 16, 3000);
    burst_end(&burst);
    return NULL;
}

static void trim_returns_the_memory_of_ended_threads(void)
{
    pthread_t thread[4];
    free(malloc(1));
    join(start(burst_and_end, NULL)); /* the loader's and the thread library's own data */
    malloc_trim(0);
    size_t before = resident();
    for (size_t i = 0; i < 4; i++) {
        thread[i] = start(burst_and_end, NULL);
    }
    for (size_t i = 0; i < 4; i++) {
        join(thread[i]);
    }
    malloc_trim(0);
    expect_at_most(growth_since(before), LEFT, true, "KiB left by threads");
}

/* A burst of which a random hundredth stays. -> bytes at its peak; *before: resident before it. 16
 * blocks of 128 to 384 bytes share an OS page of 4 KiB, so 85 % of the OS pages have no survivor;
 * an allocator that returns only whole pages of its own would keep all of them. */
static size_t leave_survivors(struct burst *burst, size_t *before)
{
    free(malloc(1));
    *before = resident();
    burst_begin(burst, MIB(160), 128, 384);
    size_t peak = growth_since(*before);
    burst_free(burst, 100);
    return peak;
}

static void trim_returns_memory_around_survivors(void)
{
    struct burst burst;
    size_t before;
    size_t peak = leave_survivors(&burst, &before);
    malloc_trim(0);
    expect_at_most(growth_since(before), peak / 4, true, "KiB kept by 1 % survivors");
    burst_end(&burst);
    malloc_trim(0);
    expect_at_most(growth_since(before), LEFT, true, "KiB left after the survivors");
}

/* The same with no further call: it happened while the program freed. */
static void survivors_keep_little_without_trim(void)
{
    struct burst burst;
    size_t before;
    size_t peak = leave_survivors(&burst, &before);
    expect_at_most(growth_since(before), peak / 20 * 9, true, "KiB kept by 1 % survivors");
    burst_end(&burst);
}

/* The same of a burst of which nothing stays, but for the list of its blocks. */
static void freed_burst_goes_back_without_trim(void)
{
    struct burst burst;
    free(malloc(1));
    size_t before = resident();
    burst_begin(&burst, MIB(160), 128, 384);
    size_t peak = growth_since(before);
    burst_end(&burst);
    expect_at_most(growth_since(before), peak * 12 / 100, true, "KiB kept of a freed burst");
}

static void survivors_keep_their_content(void)
{
    struct burst burst;
    burst_begin(&burst, MIB(32), 128, 384);
    burst_free(&burst, 50);
    malloc_trim(0);
    for (size_t i = 0; i < burst.count; i++) {
        const unsigned char *block = burst.block[i];
        for (size_t byte = 0; block && byte < 128; byte++) {
            EXPECT(block[byte] == 0x5a);
        }
    }
    burst_end(&burst);
}

int main(int argc, char **argv)
{
    static const struct claim claims[] = {
        {"trim_returns_small_blocks", trim_returns_small_blocks},
        {"trim_returns_middle_blocks", trim_returns_middle_blocks},
        {"trim_returns_large_blocks", trim_returns_large_blocks},
        {"trim_returns_every_burst", trim_returns_every_burst},
        {"trim_returns_the_memory_of_ended_threads", trim_returns_the_memory_of_ended_threads},
        {"trim_returns_memory_around_survivors", trim_returns_memory_around_survivors},
        {"survivors_keep_little_without_trim", survivors_keep_little_without_trim},
        {"freed_burst_goes_back_without_trim", freed_burst_goes_back_without_trim},
        {"survivors_keep_their_content", survivors_keep_their_content},
    };
    return check_claims(argc, argv, claims, sizeof claims / sizeof *claims);
}
