/* SPDX-License-Identifier: MIT */
/* A row for each class with any activity, then a line for each number that has no class. The memory
 * that it needs is here, since a report is made when none may be had; untouched, it costs nothing.
 */
#include "gate/report.h"

#include "coldbox/stats.h"
#include "gate/report_policy.h"
#include "gate/route.h"
#include "gate/thread.h"

#include "hk_seat_decorator.h"
#include "hk_seat_os.h"

#include <errno.h>
#include <unistd.h>

enum {
    BUFFER = 48 * 1024, /* a whole report, as a rule: then it is one write, and stays together */
    FIRST_WIDTH = 8,
    COLUMN_WIDTH = 12,
};

static struct {
    struct hk_stats stats;
    struct hk_cold_stat cold;
    struct hk_os_stat os;
    struct hk_own_bytes own;
    char buffer[BUFFER];
} report;

/* A number that each class has, by its place in struct hk_class_stat. */
struct column {
    const char *name;
    size_t offset;
};

#define AT(member)                offsetof(struct hk_class_stat, member)
#define EVENT_COLUMN(index, name) {(name), AT(event[index])},
#define NOTE_NAME(index, name)    [index] = (name),

static const struct column calls[] = {
    {"allocs", AT(allocs)},
    {"frees", AT(frees)},
    {"live", AT(live)},
};
static const struct column events[] = {HK_EVENT_LIST(EVENT_COLUMN)};
static const struct column pages[] = {
    {"pages", AT(pages)},
    {"partial", AT(partial)},
    {"peak", AT(partial_peak)},
};

/* From left to right. */
static const struct group {
    const struct column *column;
    size_t count;
    bool shown;
} groups[] = {
    {calls, sizeof calls / sizeof *calls, HK_STATS == HK_STATS_FULL},
    {events, sizeof events / sizeof *events, true},
    {pages, sizeof pages / sizeof *pages, true},
};

enum { GROUPS = sizeof groups / sizeof *groups };

static uint64_t value(const struct hk_class_stat *stat, const struct column *column)
{
    return *(const uint64_t *)((const char *)stat + column->offset);
}

/* The cells of a class; `stat` NULL: the names of the columns. */
static void add_cells(struct hk_text *text, const struct group *group,
                      const struct hk_class_stat *stat)
{
    for (size_t i = 0; group->shown && i < group->count; i++) {
        if (stat) {
            hk_text_number_right(text, value(stat, &group->column[i]), COLUMN_WIDTH);
        } else {
            hk_text_right(text, group->column[i].name, COLUMN_WIDTH);
        }
    }
}

static void add_row(struct hk_text *text, const struct hk_class_stat *stat)
{
    for (size_t i = 0; i < GROUPS; i++) {
        add_cells(text, &groups[i], stat);
    }
    hk_text_add(text, "\n");
}

static bool is_active(const struct hk_class_stat *stat)
{
    uint64_t any = 0;
    for (size_t i = 0; i < sizeof calls / sizeof *calls; i++) {
        any |= value(stat, &calls[i]);
    }
    for (size_t i = 0; i < HK_EVENTS; i++) {
        any |= stat->event[i];
    }
    return any != 0;
}

static void add_classes(struct hk_text *text, const struct hk_stats *stats)
{
    static const char *const notes[HK_NOTES] = {HK_NOTE_LIST(NOTE_NAME)};
    hk_text_right(text, "size", FIRST_WIDTH);
    add_row(text, NULL);
    for (size_t bin = 0; bin < HK_BIN_COUNT; bin++) {
        if (is_active(&stats->bin[bin])) {
            /* bin 0 is that of malloc(0) */
            hk_text_number_right(text, bin ? hk_bin_block_size(bin) : 0, FIRST_WIDTH);
            add_row(text, &stats->bin[bin]);
        }
    }
    hk_text_right(text, "total", FIRST_WIDTH);
    add_row(text, &stats->total);
    hk_text_add(text, "\n");
    for (size_t i = 0; i < HK_NOTES; i++) {
        hk_text_line(text, notes[i], stats->note[i]);
    }
}

static void add_build(struct hk_text *text)
{
    static const char *const modes[] = {
        [HK_STATS_OFF] = "off",
        [HK_STATS_BASIC] = "basic",
        [HK_STATS_FULL] = "full",
    };
    hk_text_add(text, "hakmem statistics of process ");
    hk_text_number(text, (uint64_t)getpid());
    hk_text_add(text, ", ");
    hk_text_add(text, program_invocation_short_name);
    hk_text_add(text, "\nstats ");
    hk_text_add(text, modes[HK_STATS]);
    hk_text_add(text, HK_STATS_BATCH ? "" : ", shared counters");
    hk_text_add(text, "; tiny hot box ");
    hk_text_add(text, HK_TINY.name);
    if (HK_HAS_BASE) {
        hk_text_add(text, ", tiny base ");
        hk_text_add(text, HK_TINY_BASE.name);
    }
    hk_text_add(text, ", pool ");
    hk_text_add(text, HK_POOL.name);
    hk_text_add(text, ", os ");
    hk_text_add(text, HK_OS.name);
    hk_text_add(text, ", decorator ");
    hk_text_add(text, HK_DECORATOR.name);
    hk_text_add(text, "\n");
    if (report.stats.cold_void) {
        hk_text_add(text,
                    "cold statistics void: the hot box does not report what its pages hold\n");
    }
    hk_text_add(text, "\n");
}

/* What one box has in the heap. Not asked of a box that shares its pages: it would wait for locks
 * that a stopped thread may hold. */
static void add_blocks(struct hk_text *text, const char *box, const struct hk_hot_stat *stat)
{
    size_t out = stat->blocks_out;
    hk_text_line_of(text, box, "blocks in use", out > stat->binned ? out - stat->binned : 0);
    hk_text_line_of(text, box, "free blocks in bins", stat->binned);
    hk_text_line_of(text, box, "free blocks in pages", stat->blocks_in);
}

/* -> the thread's heap, or NULL: there is none, or it is in use, where the process ends from a
 * signal handler, inside the allocator. */
static struct hk_heap *own_heap(void)
{
    struct hk_heap *heap = hk_thread_heap();
    return heap && !heap->busy ? heap : NULL;
}

/* The boxes tell the cold side what they have not told it of the thread's own pages. */
static void tell_own_thread(void)
{
    struct hk_heap *heap = HK_LIVE_REPORTED ? own_heap() : NULL;
    struct hk_hot_stat stat;
    if (heap && HK_TINY.owns_pages) {
        HK_TINY.stat(heap, &stat);
    }
    if (heap && HK_HAS_BASE && HK_TINY_BASE.owns_pages) {
        HK_TINY_BASE.stat(heap, &stat);
    }
}

static void add_own_thread(struct hk_text *text)
{
    struct hk_heap *heap = own_heap();
    struct hk_hot_stat stat;
    if (!heap || HK_NONE_OWNS) {
        return;
    }
    hk_text_add(text, "\nof the thread that ends the process:\n");
    if (HK_TINY.owns_pages) {
        HK_TINY.stat(heap, &stat);
        add_blocks(text, "tiny", &stat);
    }
    if (HK_HAS_BASE && HK_TINY_BASE.owns_pages) {
        HK_TINY_BASE.stat(heap, &stat);
        add_blocks(text, "base", &stat);
    }
    if (HK_POOL.owns_pages) {
        HK_POOL.stat(heap, &stat);
        add_blocks(text, "pool", &stat);
    }
}

static void add_tiers(struct hk_text *text, const struct hk_cold_stat *cold)
{
    static const char *const moves[HK_TIERS][HK_TIERS] = {
        [HK_TIER_HOT] = {NULL, "superslabs, hot to draining", "superslabs, hot to free"},
        [HK_TIER_DRAINING] = {"superslabs, draining to hot", NULL, "superslabs, draining to free"},
        [HK_TIER_FREE] = {"superslabs, free to hot", "superslabs, free to draining", NULL},
    };
    hk_text_line(text, "superslabs hot", cold->superslabs - cold->draining - cold->empty);
    hk_text_line(text, "superslabs draining", cold->draining);
    hk_text_line(text, "superslabs free", cold->empty);
    if (HK_STATS == HK_STATS_OFF) {
        return;
    }
    hk_text_line(text, "superslabs made", cold->opened);
    for (size_t from = 0; from < HK_TIERS; from++) {
        for (size_t to = 0; to < HK_TIERS; to++) {
            if (from != to) {
                hk_text_line(text, moves[from][to], cold->tier_moves[from][to]);
            }
        }
    }
}

static void add_memory(struct hk_text *text, const struct hk_cold_stat *cold, bool whole)
{
    hk_text_add(text, "\n");
    hk_text_line(text, "heaps", cold->heaps);
    hk_text_line(text, "heaps without a thread", cold->orphans);
    hk_text_line(text, "heaps left behind by fork", cold->frozen);
    hk_text_line(text, "pages adopted", cold->adoptions);
    hk_text_add(text, "\n");
    if (!whole) {
        hk_text_add(text, "superslabs: not shown, a thread holds their lock\n");
        return;
    }
    add_tiers(text, cold);
    hk_text_add(text, "\n");
    hk_text_line(text, "bytes of address space in arenas", cold->reserved);
    hk_text_line(text, "bytes in leased pages and spans", cold->leased);
    hk_text_line(text, "bytes in huge blocks", cold->huge);
    if (HK_LIVE_REPORTED) {
        hk_text_line(text, "blocks out, as boxes report", cold->live);
    }
    hk_text_line(text, "bytes free and dirty", cold->dirty);
}

static void add_os(struct hk_text *text, const struct hk_os_stat *os)
{
    static const char *const names[HK_OS_CALLS] = {
        [HK_OS_MAP] = "map",       [HK_OS_UNMAP] = "unmap", [HK_OS_PURGE] = "purge",
        [HK_OS_ADVISE] = "advise", [HK_OS_MOVE] = "move",
    };
    hk_text_line(text, "bytes mapped", os->mapped);
    hk_text_line(text, "bytes given back, in all", os->purged);
    hk_text_add(text, "\n");
    for (size_t i = 0; i < HK_OS_CALLS; i++) {
        hk_text_line_of(text, names[i], "calls", os->calls[i]);
        hk_text_line_of(text, names[i], "calls refused", os->failures[i]);
    }
}

static void add_own_bytes(struct hk_text *text, const struct hk_own_bytes *own, size_t superslabs)
{
    hk_text_add(text, "\n");
    hk_text_line(text, "own bytes: heaps, hot box, pool", own->heaps);
    hk_text_line(text, "own bytes: warm pages", own->warm);
    hk_text_line(text, "own bytes: remote frees", own->remote);
    hk_text_line(text, "own bytes: statistics", own->stats);
    hk_text_line(text, "own bytes: arenas", own->arenas);
    hk_text_line(text, "own bytes: registry", own->registry);
    hk_text_line(text, "own bytes: superslab headers", superslabs << HK_SLICE_SHIFT);
}

int hk_report(int fd)
{
    struct hk_text text = {.buffer = report.buffer, .size = BUFFER, .fd = fd};
    tell_own_thread();
    bool whole = hk_cold_stat_try(&report.cold);
    hk_stats_read(&report.stats);
    hk_own_bytes(&report.own);
    HK_OS.stat(&report.os);
    add_build(&text);
    if (HK_STATS == HK_STATS_OFF) {
        hk_text_add(&text, "events and calls: off\n");
    } else {
        add_classes(&text, &report.stats);
    }
    add_own_thread(&text);
    add_memory(&text, &report.cold, whole);
    add_os(&text, &report.os);
    add_own_bytes(&text, &report.own, report.cold.superslabs);
    if (HK_POLICY != HK_POLICY_FROZEN) {
        hk_report_policy(&text);
    }
    hk_text_add(&text, "\n");
    return hk_text_flush(&text);
}
