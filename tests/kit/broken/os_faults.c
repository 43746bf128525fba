/* SPDX-License-Identifier: MIT */
/* Operating systems that are broken on purpose: thin wrappers over the fake, each of which breaks
 * one clause and no other. */
#include "kit/os_kit.h"

#include "fakes/os_fake.h"

#include <string.h>
#include <time.h>
#include <unistd.h>

#define HONEST hk_os_fake

void *kit_os_copy(const void *subject)
{
    (void)subject; /* every fault is put into the fake */
    static struct hk_os copy;
    copy = HONEST;
    copy.name = "fake wrapped";
    return &copy;
}

static const struct hk_os_facts *moody_facts(void)
{
    static struct hk_os_facts facts;
    size_t huge_page = facts.huge_page;
    facts = *HONEST.facts();
    facts.huge_page = huge_page + 1;
    return &facts;
}

static int shifted_map(size_t size, size_t align, void **out)
{
    int err = HONEST.map(size + align, align, out);
    *out = (char *)*out + HONEST.facts()->page / 2;
    return err;
}

static int soiled_map(size_t size, size_t align, void **out)
{
    int err = HONEST.map(size, align, out);
    ((char *)*out)[size - 1] = 1;
    return err;
}

static int careless_map(size_t size, size_t align, void **out)
{
    int err = HONEST.map(size, align, out);
    if (err) {
        *out = NULL;
    }
    return err;
}

static int no_unmap(void *addr, size_t size)
{
    (void)addr;
    (void)size;
    return 0;
}

static int greedy_unmap(void *addr, size_t size)
{
    return HONEST.unmap(addr, 2 * size);
}

static int no_purge(void *addr, size_t size)
{
    (void)addr;
    (void)size;
    return 0;
}

static int greedy_purge(void *addr, size_t size)
{
    return HONEST.purge(addr, 2 * size);
}

static int purging_advise(void *addr, size_t size, enum hk_os_advice advice)
{
    HONEST.purge(addr, HONEST.facts()->page);
    return HONEST.advise(addr, size, advice);
}

static int no_move(void *from, size_t from_size, void *to)
{
    (void)from;
    (void)from_size;
    (void)to;
    return 0;
}

static int copying_move(void *from, size_t from_size, void *to)
{
    memcpy(to, from, from_size);
    return 0;
}

static uint64_t falling_now(void)
{
    static uint64_t now = (uint64_t)1 << 60;
    return now--;
}

static uint64_t wall_cpu(void)
{
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (uint64_t)time.tv_sec * 1000000000u + (uint64_t)time.tv_nsec;
}

static uint64_t stopped_cpu(void)
{
    return 1;
}

static uint64_t falling_fine(void)
{
    static uint64_t now = (uint64_t)1 << 60;
    return now -= 100;
}

static uint64_t coarse_fine(void)
{
    return HONEST.fine() / 1000000 * 1000000;
}

static void blind_wait(_Atomic(uint32_t) *word, uint32_t value)
{
    (void)word;
    (void)value;
    pause();
}

static void no_wake(_Atomic(uint32_t) *word)
{
    (void)word;
}

static void modest_stat(struct hk_os_stat *out)
{
    HONEST.stat(out);
    out->mapped = 0;
}

static void proud_stat(struct hk_os_stat *out)
{
    HONEST.stat(out);
    memset(out->failures, 0, sizeof out->failures);
}

static void forgetful_stat(struct hk_os_stat *out)
{
    HONEST.stat(out);
    out->purged = 0;
}

/* A fault as a function that puts one member in place of the honest one. */
#define FAULT(name, member, function)                                                              \
    static void name(void *subject)                                                                \
    {                                                                                              \
        ((struct hk_os *)subject)->member = function;                                              \
    }

FAULT(change_facts, facts, moody_facts)
FAULT(misalign, map, shifted_map)
FAULT(soil, map, soiled_map)
FAULT(write_out, map, careless_map)
FAULT(keep_mapping, unmap, no_unmap)
FAULT(unmap_too_much, unmap, greedy_unmap)
FAULT(keep_content, purge, no_purge)
FAULT(purge_too_much, purge, greedy_purge)
FAULT(advise_by_purging, advise, purging_advise)
FAULT(move_nothing, move, no_move)
FAULT(move_by_copying, move, copying_move)
FAULT(turn_back_time, now, falling_now)
FAULT(count_waiting, cpu, wall_cpu)
FAULT(count_nothing, cpu, stopped_cpu)
FAULT(turn_back_fine_time, fine, falling_fine)
FAULT(see_milliseconds, fine, coarse_fine)
FAULT(wait_blindly, wait, blind_wait)
FAULT(never_wake, wake, no_wake)
FAULT(forget_mappings, stat, modest_stat)
FAULT(forget_failures, stat, proud_stat)
FAULT(forget_purges, stat, forgetful_stat)

const struct kit_fault kit_os_faults[] = {
    {"facts_change", "facts_are_constant", change_facts},
    {"mapping_misaligned", "mapping_is_aligned", misalign},
    {"mapping_soiled", "mapping_is_zero_and_writable", soil},
    {"out_written_on_failure", "refused_mapping_leaves_out_untouched", write_out},
    {"unmap_keeps_the_range", "unmapping_takes_the_range", keep_mapping},
    {"unmap_takes_too_much", "unmapping_a_part_leaves_the_rest", unmap_too_much},
    {"purge_keeps_content", "purged_memory_reads_as_zero", keep_content},
    {"purge_takes_too_much", "purge_leaves_the_neighbours", purge_too_much},
    {"advice_purges", "advice_changes_no_content", advise_by_purging},
    {"move_moves_nothing", "moved_memory_keeps_its_content", move_nothing},
    {"move_leaves_content", "move_leaves_zeros_behind", move_by_copying},
    {"clock_goes_back", "clock_never_goes_back", turn_back_time},
    {"fine_clock_goes_back", "fine_clock_is_fine", turn_back_fine_time},
    {"fine_clock_is_coarse", "fine_clock_is_fine", see_milliseconds},
    {"waiting_is_counted", "a_threads_time_leaves_waiting_out", count_waiting},
    {"running_is_not_counted", "a_threads_time_grows_as_it_runs", count_nothing},
    {"wait_is_blind", "wait_returns_when_the_word_differs", wait_blindly},
    {"wake_is_lost", "wake_ends_a_wait", never_wake},
    {"mapped_bytes_forgotten", "stat_counts_mapped_bytes", forget_mappings},
    {"failures_forgotten", "stat_counts_failures", forget_failures},
    {"purges_forgotten", "stat_counts_purged_bytes", forget_purges},
};
const size_t kit_os_fault_count = sizeof kit_os_faults / sizeof *kit_os_faults;
