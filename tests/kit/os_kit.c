/* SPDX-License-Identifier: MIT */
/* The operating system's kit. Whether an address is mapped is asked of the kernel (mincore), so
 * that a broken box is found out without a crash. */
#include "kit/os_kit.h"

#include "fakes/os_fake.h"

#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>

/* The boxes under test, up to a NULL; generated. */
extern const struct hk_os *const kit_oses[];

enum { KIB64 = 65536, MIB4 = 4 << 20, MIB8 = 8 << 20 };

static char *map(const struct hk_os *os, size_t size, size_t align)
{
    void *out = NULL;
    assert_int_equal(os->map(size, align, &out), 0);
    assert_non_null(out);
    return out;
}

static bool is_mapped(void *addr)
{
    unsigned char resident;
    return mincore(addr, 1, &resident) == 0;
}

static bool is_zero(const char *bytes, size_t size)
{
    return bytes[0] == 0 && memcmp(bytes, bytes + 1, size - 1) == 0;
}

static void facts_are_constant(const void *subject)
{
    const struct hk_os *os = subject;
    const struct hk_os_facts first = *os->facts();

    assert_true(first.page >= 4096 && (first.page & (first.page - 1)) == 0);
    for (int i = 0; i < 3; i++) {
        assert_int_equal(os->facts()->page, first.page);
        assert_int_equal(os->facts()->huge_page, first.huge_page);
    }
}

static void mapping_is_aligned(const void *subject)
{
    const struct hk_os *os = subject;
    for (size_t align = os->facts()->page; align <= (size_t)1 << 30; align *= 4) {
        char *first = map(os, KIB64, align);
        char *second = map(os, MIB4, align);
        assert_int_equal((uintptr_t)first % align, 0);
        assert_int_equal((uintptr_t)second % align, 0);
        assert_int_equal(os->unmap(first, KIB64), 0);
        assert_int_equal(os->unmap(second, MIB4), 0);
    }
}

static void mapping_is_zero_and_writable(const void *subject)
{
    const struct hk_os *os = subject;
    for (int i = 0; i < 4; i++) {
        char *memory = map(os, MIB4, MIB4);
        assert_true(is_zero(memory, MIB4));
        memset(memory, 1, MIB4);
        assert_int_equal(os->unmap(memory, MIB4), 0);
    }
}

static void refused_mapping_leaves_out_untouched(const void *subject)
{
    const struct hk_os *os = subject;
    void *out = &out;

    assert_int_not_equal(os->map((size_t)1 << 55, 4096, &out), 0);
    assert_int_not_equal(os->map((size_t)PTRDIFF_MAX & ~(size_t)65535, MIB4, &out), 0);

    assert_ptr_equal(out, &out);
}

static void unmapping_takes_the_range(const void *subject)
{
    const struct hk_os *os = subject;
    char *memory = map(os, 4 * KIB64, KIB64);

    assert_int_equal(os->unmap(memory, 4 * KIB64), 0);

    assert_false(is_mapped(memory));
    assert_false(is_mapped(memory + 3 * KIB64));
}

static void unmapping_a_part_leaves_the_rest(const void *subject)
{
    const struct hk_os *os = subject;
    char *memory = map(os, 4 * KIB64, KIB64);
    memset(memory, 1, 4 * KIB64);

    assert_int_equal(os->unmap(memory + KIB64, KIB64), 0);

    assert_true(is_mapped(memory) && is_mapped(memory + 2 * KIB64));
    assert_int_equal(memory[0] + memory[KIB64 - 1] + memory[2 * KIB64], 3);
    assert_int_equal(os->unmap(memory, KIB64), 0);
    assert_int_equal(os->unmap(memory + 2 * KIB64, 2 * KIB64), 0);
}

static void purged_memory_reads_as_zero(const void *subject)
{
    const struct hk_os *os = subject;
    char *memory = map(os, 4 * KIB64, KIB64);
    memset(memory, 1, 4 * KIB64);

    assert_int_equal(os->purge(memory + KIB64, 2 * KIB64), 0);

    assert_true(is_zero(memory + KIB64, 2 * KIB64));
    memset(memory + KIB64, 2, KIB64);
    os->unmap(memory, 4 * KIB64);
}

static void purge_leaves_the_neighbours(const void *subject)
{
    const struct hk_os *os = subject;
    size_t page = os->facts()->page;
    char *memory = map(os, 4 * page, page);
    memset(memory, 1, 4 * page);

    assert_int_equal(os->purge(memory + page, page), 0);

    assert_int_equal(memory[page - 1], 1);
    assert_int_equal(memory[2 * page], 1);
    os->unmap(memory, 4 * page);
}

static void advice_changes_no_content(const void *subject)
{
    const struct hk_os *os = subject;
    char *memory = map(os, MIB4, MIB4);
    memset(memory, 3, MIB4);

    os->advise(memory, MIB4, HK_OS_HUGE);
    os->advise(memory, MIB4, HK_OS_NO_HUGE);

    assert_int_equal(memory[0], 3);
    assert_memory_equal(memory, memory + 1, MIB4 - 1);
    os->unmap(memory, MIB4);
}

static void moved_memory_keeps_its_content(const void *subject)
{
    const struct hk_os *os = subject;
    char *from = map(os, 2 * KIB64, KIB64);
    char *to = map(os, 4 * KIB64, KIB64);
    memset(from, 5, 2 * KIB64);
    memset(to, 6, 4 * KIB64);

    int err = os->move(from, 2 * KIB64, to);

    /* old kernels refuse it; then nothing has changed */
    char moved = err ? 6 : 5;
    assert_int_equal(to[0], moved);
    assert_memory_equal(to, to + 1, 2 * KIB64 - 1);
    assert_int_equal(to[2 * KIB64], 6);
    os->unmap(from, 2 * KIB64);
    os->unmap(to, 4 * KIB64);
}

static void move_leaves_zeros_behind(const void *subject)
{
    const struct hk_os *os = subject;
    char *from = map(os, 2 * KIB64, KIB64);
    char *to = map(os, 2 * KIB64, KIB64);
    memset(from, 5, 2 * KIB64);

    int err = os->move(from, 2 * KIB64, to);

    assert_true(is_mapped(from));
    assert_true(err ? from[0] == 5 : is_zero(from, 2 * KIB64));
    os->unmap(from, 2 * KIB64);
    os->unmap(to, 2 * KIB64);
}

static void clock_never_goes_back(const void *subject)
{
    const struct hk_os *os = subject;
    uint64_t last = os->now();
    assert_true(last > 0);
    for (int i = 0; i < 100000; i++) {
        uint64_t now = os->now();
        assert_true(now >= last);
        last = now;
    }
}

/* Of many looks the closest show how fine it is, or how long a look takes. */
static void fine_clock_is_fine(const void *subject)
{
    const struct hk_os *os = subject;
    uint64_t last = os->fine();
    uint64_t least = UINT64_MAX;
    for (int i = 0; i < 100000; i++) {
        uint64_t now = os->fine();
        assert_true(now >= last);
        least = now > last && now - last < least ? now - last : least;
        last = now;
    }
    assert_in_range(least, 1, 100000);
}

/* A stopped clock ends the loop too. */
static void a_threads_time_grows_as_it_runs(const void *subject)
{
    const struct hk_os *os = subject;
    uint64_t first = os->cpu();
    uint64_t last = first;
    for (int i = 0; i < 20000000 && last < first + 1000000; i++) {
        uint64_t now = os->cpu();
        assert_true(now >= last);
        last = now;
    }
    assert_true(last >= first + 1000000);
}

static void a_threads_time_leaves_waiting_out(const void *subject)
{
    const struct hk_os *os = subject;
    const struct timespec pause = {.tv_nsec = 100000000};
    uint64_t before = os->cpu();
    nanosleep(&pause, NULL);
    assert_true(os->cpu() - before < 50000000);
}

static void wait_returns_when_the_word_differs(const void *subject)
{
    const struct hk_os *os = subject;
    _Atomic(uint32_t) word = 1;
    for (int i = 0; i < 100; i++) {
        os->wait(&word, 0);
    }
    assert_int_equal(word, 1);
}

enum { WAKES = 3000 };

struct sleeper {
    const struct hk_os *os;
    _Atomic(uint32_t) word;
    _Atomic(uint32_t) seen;
};

static void *sleep_on_word(void *arg)
{
    struct sleeper *sleeper = arg;
    for (uint32_t round = 0; round < WAKES; round++) {
        while (atomic_load(&sleeper->word) == round) {
            sleeper->os->wait(&sleeper->word, round);
        }
        atomic_store(&sleeper->seen, round + 1);
    }
    return NULL;
}

/* The word moves on only when the last step was seen: a wake-up that is lost stops the test for
 * ever. */
static void wake_ends_a_wait(const void *subject)
{
    struct sleeper sleeper = {.os = subject};
    pthread_t thread;

    assert_int_equal(pthread_create(&thread, NULL, sleep_on_word, &sleeper), 0);
    for (uint32_t round = 0; round < WAKES; round++) {
        atomic_store(&sleeper.word, round + 1);
        sleeper.os->wake(&sleeper.word);
        while (atomic_load(&sleeper.seen) <= round) {
            sched_yield();
        }
    }

    assert_int_equal(pthread_join(thread, NULL), 0);
}

static void stat_counts_mapped_bytes(const void *subject)
{
    const struct hk_os *os = subject;
    struct hk_os_stat before;
    struct hk_os_stat mapped;
    struct hk_os_stat after;

    os->stat(&before);
    char *memory = map(os, MIB8, MIB4);
    os->stat(&mapped);
    os->unmap(memory, MIB8);
    os->stat(&after);

    assert_int_equal(mapped.mapped - before.mapped, MIB8);
    assert_int_equal(after.mapped, before.mapped);
    assert_true(mapped.calls[HK_OS_MAP] > before.calls[HK_OS_MAP]);
}

static void stat_counts_failures(const void *subject)
{
    const struct hk_os *os = subject;
    struct hk_os_stat before;
    struct hk_os_stat after;
    void *out;

    os->stat(&before);
    int err = os->map((size_t)1 << 55, 4096, &out);
    os->stat(&after);

    assert_int_not_equal(err, 0);
    assert_int_equal(after.failures[HK_OS_MAP] - before.failures[HK_OS_MAP], 1);
    assert_int_equal(after.last_error[HK_OS_MAP], err);
}

static void stat_counts_purged_bytes(const void *subject)
{
    const struct hk_os *os = subject;
    struct hk_os_stat before;
    struct hk_os_stat after;
    char *memory = map(os, 4 * KIB64, KIB64);

    os->stat(&before);
    os->purge(memory, 3 * KIB64);
    os->stat(&after);

    assert_int_equal(after.purged - before.purged, 3 * KIB64);
    os->unmap(memory, 4 * KIB64);
}

static const struct kit_case cases[] = {
    {"facts_are_constant", facts_are_constant, 0},
    {"mapping_is_aligned", mapping_is_aligned, 0},
    {"mapping_is_zero_and_writable", mapping_is_zero_and_writable, 0},
    {"refused_mapping_leaves_out_untouched", refused_mapping_leaves_out_untouched, 0},
    {"unmapping_takes_the_range", unmapping_takes_the_range, 0},
    {"unmapping_a_part_leaves_the_rest", unmapping_a_part_leaves_the_rest, 0},
    {"purged_memory_reads_as_zero", purged_memory_reads_as_zero, 0},
    {"purge_leaves_the_neighbours", purge_leaves_the_neighbours, 0},
    {"advice_changes_no_content", advice_changes_no_content, 0},
    {"moved_memory_keeps_its_content", moved_memory_keeps_its_content, 0},
    {"move_leaves_zeros_behind", move_leaves_zeros_behind, 0},
    {"clock_never_goes_back", clock_never_goes_back, 0},
    {"fine_clock_is_fine", fine_clock_is_fine, 0},
    {"a_threads_time_grows_as_it_runs", a_threads_time_grows_as_it_runs, 0},
    {"a_threads_time_leaves_waiting_out", a_threads_time_leaves_waiting_out, 0},
    {"wait_returns_when_the_word_differs", wait_returns_when_the_word_differs, 0},
    {"wake_ends_a_wait", wake_ends_a_wait, 0},
    {"stat_counts_mapped_bytes", stat_counts_mapped_bytes, 0},
    {"stat_counts_failures", stat_counts_failures, 0},
    {"stat_counts_purged_bytes", stat_counts_purged_bytes, 0},
};

static const void *subject_at(size_t index)
{
    if (index == 0) {
        return &hk_os_fake;
    }
    return kit_oses[index - 1];
}

static const char *subject_name(const void *subject)
{
    return ((const struct hk_os *)subject)->name;
}

int main(int argc, char **argv)
{
    const struct kit kit = {
        .name = "os",
        .cases = cases,
        .case_count = sizeof cases / sizeof *cases,
        .faults = kit_os_faults,
        .fault_count = kit_os_fault_count,
        .subject = subject_at,
        .subject_name = subject_name,
        .copy = kit_os_copy,
    };
    return kit_main(&kit, argc, argv);
}
