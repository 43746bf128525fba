/* SPDX-License-Identifier: MIT */
/* The cold side's kit: the stub above it, helpers, and main. */
#include "kit/cold_kit.h"

#include <string.h>

#if HK_TLS_BINS
_Thread_local struct hk_tls hk_tls;
#endif

enum { RUNS_MOST = 96 };

struct stub kit_stub;

static void note(bool holds, const char *what)
{
    if (!holds && !kit_stub.wrong) {
        kit_stub.wrong = what;
    }
}

static void splice(struct hk_heap *heap, struct hk_page *page, void *first, void *last,
                   size_t count)
{
    page += kit_stub.skew_page;
    note(page->back == 0, "splice got a descriptor that is not the head");
    note(hk_page_heap(page) == heap, "splice got a page of another heap");
    note(count > 0, "splice got an empty chain");
    void *block = first;
    for (size_t i = 0; i < count && kit_stub.block_count < STUB_BLOCKS; i++) {
        note(hk_page_head(hk_page_of(block)) == page, "splice got a block of another page");
        note(i + 1 < count || block == last, "splice got a last block that is not the last");
        kit_stub.block[kit_stub.block_count++] = block;
        block = *(void **)block;
    }
}

static void attach(struct hk_heap *heap, struct hk_page *page)
{
    note(page->back == 0, "attach got a descriptor that is not the head");
    note(hk_page_heap(page) == heap, "attach got a page of another heap");
    note(hk_page_owner(page) == heap->token, "attach got a page of another owner");
    note(!(page->flags & HK_PAGE_LISTED), "attach got a page that is listed");
    kit_stub.attached += 1;
}

static size_t purge_parts(struct hk_heap *heap)
{
    (void)heap;
    return 0;
}

void kit_shed(struct hk_heap *heap)
{
    (void)heap;
    kit_stub.shed += 1;
}

static const struct hk_hooks hooks = {
    .splice = splice,
    .attach = attach,
    .purge_parts = purge_parts,
    .shed = kit_shed,
};

void kit_forget(void)
{
    memset(&kit_stub, 0, offsetof(struct stub, skew_page));
}

struct hk_heap *kit_heap(const struct hk_cold *cold)
{
    struct hk_heap *heap = cold->birth(0);
    assert_non_null(heap);
    return heap;
}

void kit_end_heap(const struct hk_cold *cold, struct hk_heap *heap)
{
    cold->drain(heap); /* a block that is still on its way is not back */
    while (heap->pages) {
        cold->retire(heap, heap->pages);
    }
    cold->death(heap);
}

struct hk_page *kit_lease(const struct hk_cold *cold, struct hk_heap *heap, uint8_t slices)
{
    const struct hk_lease request = {
        .heap = heap,
        .block_size = 1024,
        .bin_index = 64,
        .kind = HK_KIND_TINY,
        .slices = slices,
        .grow = true,
    };
    struct hk_page *page = cold->lease(&request);
    assert_non_null(page);
    return page;
}

void *kit_block(struct hk_page *page, size_t index)
{
    return hk_page_start(page) + index * page->block_size;
}

struct hk_cold_stat kit_stat(const struct hk_cold *cold)
{
    struct hk_cold_stat stat;
    cold->stat(&stat);
    return stat;
}

size_t kit_times_home(const void *block)
{
    size_t times = 0;
    for (size_t i = 0; i < kit_stub.block_count; i++) {
        times += kit_stub.block[i] == block;
    }
    return times;
}

static void begin(const void *subject)
{
    (void)subject;
    kit_forget();
    hk_cold_fake_reset();
}

static void end(const void *subject)
{
    const char *broken = ((const struct hk_cold *)subject)->check();
    if (broken) {
        fail_msg("check: %s", broken);
    }
    if (kit_stub.wrong) {
        fail_msg("%s", kit_stub.wrong);
    }
}

static const void *subject_at(size_t index)
{
    static const struct hk_cold *const known[] = {&hk_cold_fake, &hk_cold};
    return index < sizeof known / sizeof *known ? known[index] : NULL;
}

static const char *subject_name(const void *subject)
{
    return ((const struct hk_cold *)subject)->name;
}

struct lists {
    struct kit_case cases[RUNS_MOST];
    size_t case_count;
    struct kit_fault faults[RUNS_MOST];
    size_t fault_count;
};

static void add_cases(struct lists *lists, const struct kit_case *cases, size_t count)
{
    assert_true(lists->case_count + count <= RUNS_MOST);
    memcpy(lists->cases + lists->case_count, cases, count * sizeof *cases);
    lists->case_count += count;
}

static void add_faults(struct lists *lists, const struct kit_fault *faults, size_t count)
{
    assert_true(lists->fault_count + count <= RUNS_MOST);
    memcpy(lists->faults + lists->fault_count, faults, count * sizeof *faults);
    lists->fault_count += count;
}

int main(int argc, char **argv)
{
    static struct lists lists;
    add_cases(&lists, kit_page_cases, kit_page_case_count);
    add_cases(&lists, kit_shared_cases, kit_shared_case_count);
    add_cases(&lists, kit_heap_cases, kit_heap_case_count);
    add_cases(&lists, kit_live_cases, kit_live_case_count);
    add_cases(&lists, kit_large_cases, kit_large_case_count);
    add_faults(&lists, kit_cold_faults, kit_cold_fault_count);
    add_faults(&lists, kit_shared_faults, kit_shared_fault_count);
    add_faults(&lists, kit_large_faults, kit_large_fault_count);
    add_faults(&lists, kit_live_faults, kit_live_fault_count);
    const struct kit kit = {
        .name = "cold",
        .cases = lists.cases,
        .case_count = lists.case_count,
        .faults = lists.faults,
        .fault_count = lists.fault_count,
        .subject = subject_at,
        .subject_name = subject_name,
        .copy = kit_cold_copy,
        .begin = begin,
        .end = end,
    };
    if (hk_cold.init(&hooks) != 0 || hk_cold_fake.init(&hooks) != 0) {
        return 2;
    }
    return kit_main(&kit, argc, argv);
}
