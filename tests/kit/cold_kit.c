/* SPDX-License-Identifier: MIT */
/* The cold side's kit: the stub above it, helpers, and main. */
#include "kit/cold_kit.h"

#include <string.h>

#if HK_TLS_BINS
_Thread_local struct hk_tls hk_tls;
#endif

enum { CASES_MOST = 64 };

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

static const struct hk_hooks hooks = {
    .splice = splice,
    .attach = attach,
    .purge_parts = purge_parts,
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
        cold->retire(heap->pages);
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

int main(int argc, char **argv)
{
    struct kit_case cases[CASES_MOST];
    size_t page_size = kit_page_case_count * sizeof *cases;
    size_t heap_size = kit_heap_case_count * sizeof *cases;
    size_t large_size = kit_large_case_count * sizeof *cases;
    if (page_size + heap_size + large_size > sizeof cases) {
        return 2;
    }
    memcpy(cases, kit_page_cases, page_size);
    memcpy((char *)cases + page_size, kit_heap_cases, heap_size);
    memcpy((char *)cases + page_size + heap_size, kit_large_cases, large_size);
    const struct kit kit = {
        .name = "cold",
        .cases = cases,
        .case_count = (page_size + heap_size + large_size) / sizeof *cases,
        .faults = kit_cold_faults,
        .fault_count = kit_cold_fault_count,
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
