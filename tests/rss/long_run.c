/* SPDX-License-Identifier: MIT */
/* Memory over a long run: sizes that change from phase to phase, and large blocks that come, go and
 * grow. Neither memory nor the number of mappings may creep up. */
#include "memory.h"

#include <malloc.h>
#include <stdlib.h>
#include <string.h>

enum { SLOTS = 60000 };

static void *slot[SLOTS];
static size_t slot_size[SLOTS];
static size_t live;

static void replace(size_t at, size_t size)
{
    free(slot[at]);
    live -= slot_size[at];
    slot[at] = size ? malloc(size) : NULL;
    EXPECT(size == 0 || slot[at] != NULL);
    if (size) {
        memset(slot[at], 1, size);
    }
    slot_size[at] = size;
    live += size;
}

/* -> largest size of a phase; the product with the slots in use is about the same in all. */
static size_t phase_limit(size_t phase)
{
    static const size_t limits[] = {64, 4000, 700, 100, 20000, 1500, 300, 9000};
    return limits[phase % (sizeof limits / sizeof *limits)];
}

static size_t phase_slots(size_t phase)
{
    size_t slots = MIB(32) / phase_limit(phase);
    return slots < SLOTS ? slots : SLOTS;
}

static size_t run_phase(size_t phase, uint64_t *seed)
{
    size_t slots = phase_slots(phase);
    for (size_t at = slots; at < SLOTS; at++) {
        replace(at, 0);
    }
    for (size_t i = 0; i < 5 * slots; i++) {
        replace(next_random(seed) % slots, next_random(seed) % phase_limit(phase) + 1);
    }
    return live;
}

/* One block in 150 outlives its phase and may hold a page of the allocator that no other size can
 * use, so at worst every phase of the cycle keeps the memory that it had; the four cycles that
 * follow need no more. Trimming returns what lies around those blocks: live data remain, an eighth
 * of it lost to the classes, and pages that are shared with what was freed. */
static void changing_sizes_fragment_little(void)
{
    uint64_t seed = 5;
    size_t before = resident();
    size_t sum = 0;
    for (size_t phase = 0; phase < 40; phase++) {
        size_t now_live = run_phase(phase, &seed);
        sum += phase < 8 ? now_live : 0;
    }
    expect_at_most(growth_since(before), sum + MIB(8), true, "KiB after five cycles");
    malloc_trim(0);
    expect_at_most(growth_since(before), live * 7 / 4 + MIB(8), true, "KiB after trim");
    for (size_t at = 0; at < SLOTS; at++) {
        replace(at, 0);
    }
    malloc_trim(0);
    expect_at_most(growth_since(before), MIB(8), true, "KiB after everything is freed");
}

static size_t large_size(uint64_t *seed)
{
    return KIB(64) + next_random(seed) % (next_random(seed) % 8 ? MIB(1) : MIB(12));
}

/* A block above 2 MiB may be two mappings (itself and the rest of its unit) between neighbours that
 * are gone; smaller ones share larger mappings. The kernel's limit is 65530. */
static void large_blocks_need_few_mappings(void)
{
    enum { COUNT = 1500 };
    uint64_t seed = 6;
    size_t before = mappings();
    size_t most = 0;
    for (size_t i = 0; i < 20000; i++) {
        size_t at = next_random(&seed) % COUNT;
        size_t size = large_size(&seed);
        if (i % 3) {
            free(slot[at]);
            slot[at] = malloc(size);
        } else {
            slot[at] = realloc(slot[at], size);
        }
        EXPECT(slot[at] != NULL);
        *(char *)slot[at] = 1;
        if (i % 500 == 0) {
            size_t now = mappings();
            most = now > most ? now : most;
        }
    }
    expect_at_most(most - before, 2 * COUNT, false, "mappings with 1500 large blocks");
    for (size_t at = 0; at < COUNT; at++) {
        free(slot[at]);
        slot[at] = NULL;
    }
    malloc_trim(0);
    expect_at_most(mappings() - before, 64, false, "mappings after all are freed");
}

/* Purging a part of a mapping must not split it. */
static void small_blocks_need_few_mappings(void)
{
    size_t before = mappings();
    struct burst burst[4];
    for (size_t round = 0; round < 6; round++) {
        for (size_t i = 0; i < 4; i++) {
            burst_begin(&burst[i], MIB(16), 64 << i, 640 << i);
        }
        for (size_t i = 0; i < 4; i++) {
            burst_free(&burst[i], 20);
        }
        malloc_trim(0);
        /* 64 MiB in superslabs of 4 MiB, and the survivors of the rounds before */
        expect_at_most(mappings() - before, 128, false, "mappings of small blocks");
        for (size_t i = 0; i < 4; i++) {
            burst_end(&burst[i]);
        }
    }
}

int main(int argc, char **argv)
{
    static const struct claim claims[] = {
        {"changing_sizes_fragment_little", changing_sizes_fragment_little},
        {"large_blocks_need_few_mappings", large_blocks_need_few_mappings},
        {"small_blocks_need_few_mappings", small_blocks_need_few_mappings},
    };
    return check_claims(argc, argv, claims, sizeof claims / sizeof *claims);
}
