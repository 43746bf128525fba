/* SPDX-License-Identifier: MIT */
/* The fake cold side's memory: pages cut from superslabs by first fit, and large blocks, each a
 * mapping of its own behind a header superslab. */
#include "fakes/cold_fake_state.h"

#include <string.h>
#include <sys/mman.h>

void fake_reset_pages(void)
{
    for (size_t i = 0; i < fake_cold.unit_count; i++) {
        munmap(fake_cold.unit[i].head, HK_SUPERSLAB);
        fake_cold.unit[i] = (struct fake_unit){0};
    }
    fake_cold.unit_count = 0;
}

static uint64_t slice_mask(size_t slices, size_t first)
{
    return (((uint64_t)1 << slices) - 1) << first;
}

/* -> index of the first free run of `slices` in the unit; 0: none (slice 0 is never free). */
static size_t find_run(const struct fake_unit *unit, size_t slices)
{
    for (size_t first = 1; first + slices <= HK_SLICES; first++) {
        if (!(unit->used & slice_mask(slices, first))) {
            return first;
        }
    }
    return 0;
}

static struct fake_unit *add_unit_locked(void)
{
    if (fake_cold.unit_count == FAKE_UNITS) {
        return NULL;
    }
    void *memory = fake_map(HK_SUPERSLAB, HK_SUPERSLAB);
    if (!memory) {
        return NULL;
    }
    struct fake_unit *unit = &fake_cold.unit[fake_cold.unit_count++];
    *unit = (struct fake_unit){.head = memory, .used = 1};
    hk_superslab_page(unit->head, 0)->kind = HK_KIND_META;
    for (size_t i = 0; i < HK_SLICES; i++) {
        hk_superslab_page(unit->head, i)->bin_index = HK_BIN_NONE;
    }
    return unit;
}

/* -> first descriptor of a free run, now marked used; NULL: none without a new superslab. */
static struct hk_page *take_run_locked(size_t slices, bool *zero)
{
    for (size_t i = 0; i < fake_cold.unit_count; i++) {
        struct fake_unit *unit = &fake_cold.unit[i];
        size_t first = find_run(unit, slices);
        if (first) {
            uint64_t mask = slice_mask(slices, first);
            *zero = !(unit->dirty & mask);
            unit->used |= mask;
            unit->dirty |= mask;
            return hk_superslab_page(unit->head, first);
        }
    }
    return NULL;
}

static void fill_run_locked(struct hk_page *page, const struct hk_lease *request, bool zero)
{
    struct hk_heap *heap = request->shared ? NULL : request->heap;
    uintptr_t owner = heap ? heap->token : HK_OWNER_SHARED;
    for (uint8_t i = 0; i < request->slices; i++) {
        struct hk_page *slice = &page[i];
        memset(slice, 0, sizeof *slice);
        slice->block_size = request->block_size;
        slice->bin_index = request->bin_index;
        slice->kind = request->kind;
        slice->back = i;
        slice->flags =
            (uint8_t)((request->slices > 1 ? HK_PAGE_MULTI : 0) | (zero ? HK_PAGE_ZERO : 0));
        hk_page_slot(slice)->slices = 0;
        atomic_store(&hk_page_slot(slice)->heap, heap);
        atomic_store(&slice->owner, owner);
    }
    hk_page_slot(page)->slices = request->slices;
}

/* -> whether this lease is one that the test wants refused. */
static bool refused_locked(size_t slices)
{
    bool refuse = fake_cold.fail_at == 1;
    if (fake_cold.fail_at) {
        fake_cold.fail_at -= 1;
    }
    refuse =
        refuse || slices > fake_cold.budget || fake_cold.log.leased_now > fake_cold.budget - slices;
    fake_cold.log.refusals += refuse;
    return refuse;
}

static void check_request_locked(const struct hk_lease *request)
{
    fake_expect_locked(request->heap != NULL, "a lease without a heap");
    fake_expect_locked(request->slices >= 1 && request->slices <= HK_PAGE_SLICES_MAX,
                       "a lease of no slice, or of too many");
    fake_expect_locked(request->block_size > 0, "a lease for blocks of 0 bytes");
    fake_expect_locked(request->bin_index < HK_BIN_COUNT, "a lease for a bin that is none");
    fake_expect_locked(hk_kind_is_leased(request->kind), "a lease of a kind that has no blocks");
}

struct hk_page *hk_cold_fake_lease(const struct hk_lease *request)
{
    bool zero = false;
    fake_lock();
    check_request_locked(request);
    struct hk_page *page = NULL;
    /* a refusal counts once, at the last resort, and not at the look for idle memory before it */
    if (!request->grow || !refused_locked(request->slices)) {
        bool room = fake_cold.log.leased_now + request->slices <= fake_cold.budget &&
                    (request->grow || !fake_cold.fail_at);
        page = room ? take_run_locked(request->slices, &zero) : NULL;
        if (!page && room && request->grow && add_unit_locked()) {
            page = take_run_locked(request->slices, &zero);
        }
    }
    if (page) {
        fill_run_locked(page, request, zero);
        if (!request->shared) {
            fake_link_locked(request->heap, page);
        }
        fake_cold.log.leases += 1;
        fake_cold.log.leased_now += request->slices;
    }
    fake_unlock();
    return page;
}

static bool maps_are_zero(const struct hk_page *page, size_t slices)
{
    const uint64_t *map = hk_page_map(page);
    for (size_t i = 0; i < slices * HK_SLICE_MAP / sizeof *map; i++) {
        if (map[i]) {
            return false;
        }
    }
    return true;
}

static void check_page_locked(const struct hk_page *page)
{
    const struct hk_heap *heap = hk_page_heap(page);
    const struct hk_page *head = page;
    uintptr_t owner = heap ? heap->token : HK_OWNER_SHARED;
    for (uint32_t i = 0; i < hk_page_slot(head)->slices; i++, page++) {
        fake_expect_locked(hk_page_owner((struct hk_page *)page) == owner &&
                               page->block_size == head->block_size && page->back == i &&
                               page->bin_index == head->bin_index && page->kind == head->kind,
                           "the common part of a page has changed");
    }
}

static struct fake_unit *unit_of_locked(const struct hk_page *page)
{
    for (size_t i = 0; i < fake_cold.unit_count; i++) {
        if (fake_cold.unit[i].head == hk_page_superslab(page)) {
            return &fake_cold.unit[i];
        }
    }
    return NULL;
}

/* -> the place of a large block's address in the list, or of the first free place for NULL. */
static void **find_large_locked(const void *block)
{
    for (size_t i = 0; i < FAKE_LARGE; i++) {
        if (fake_cold.large_block[i] == block) {
            return &fake_cold.large_block[i];
        }
    }
    return NULL;
}

bool hk_cold_fake_owns(const void *block)
{
    fake_lock();
    bool ours = unit_of_locked(hk_page_of(block)) || find_large_locked(block);
    fake_unlock();
    return ours;
}

void hk_cold_fake_retire(struct hk_heap *heap, struct hk_page *page)
{
    fake_lock();
    struct fake_unit *unit = unit_of_locked(page);
    size_t first = hk_page_slice(page);
    uint32_t slices = hk_page_slot(page)->slices;
    if (!unit || !slices || !(unit->used >> first & 1)) {
        fake_violated_locked("a page that is not leased is retired");
        fake_unlock();
        return;
    }
    check_page_locked(page);
    fake_expect_locked(!hk_page_heap(page) || hk_page_heap(page) == heap,
                       "a page is retired from a heap that is not its own");
    fake_expect_locked(!(page->flags & HK_PAGE_LISTED), "a listed page is retired");
    fake_expect_locked(maps_are_zero(page, slices), "a page is retired with bits in its map");
    memset(hk_page_map(page), 0, slices * HK_SLICE_MAP);
    if (hk_page_heap(page)) {
        fake_unlink_locked(heap, page);
    }
    memset(hk_page_start(page), HK_FAKE_POISON, slices * (size_t)HK_SLICE);
    memset(page, 0, slices * sizeof *page);
    for (uint32_t i = 0; i < slices; i++) {
        page[i].bin_index = HK_BIN_NONE;
        atomic_store(&hk_page_slot(&page[i])->heap, NULL);
        atomic_store(&hk_page_slot(&page[i])->live, 0);
    }
    hk_page_slot(page)->slices = 0;
    unit->used &= ~slice_mask(slices, first);
    fake_cold.log.retires += 1;
    fake_cold.log.leased_now -= slices;
    fake_unlock();
}

void hk_cold_fake_refuse_purges(bool refuse)
{
    fake_lock();
    fake_cold.refuses_purges = refuse;
    fake_unlock();
}

/* Takes every byte of the range as lost at once, so that a live block inside it is found out. */
bool hk_cold_fake_purge(struct hk_page *page, size_t offset, size_t size, size_t *bytes)
{
    const size_t os_page = 4096;
    size_t begin = hk_round_up(offset, os_page);
    size_t end = (offset + size) & ~(os_page - 1);
    fake_lock();
    fake_expect_locked(offset + size <= (size_t)hk_page_slot(page)->slices * HK_SLICE,
                       "a purge beyond the page");
    fake_cold.log.purges += 1;
    bool refused = fake_cold.refuses_purges && begin < end;
    fake_unlock();
    if (refused || begin >= end) {
        return !refused;
    }
    memset(hk_page_start(page) + begin, 0, end - begin);
    fake_lock();
    fake_cold.log.purged += end - begin;
    fake_unlock();
    *bytes += end - begin;
    return true;
}

size_t hk_cold_fake_trim(struct hk_heap *heap, size_t keep)
{
    (void)heap;
    size_t bytes = 0;
    fake_lock();
    for (size_t i = 0; i < fake_cold.unit_count; i++) {
        struct fake_unit *unit = &fake_cold.unit[i];
        for (size_t slice = 1; slice < HK_SLICES; slice++) {
            if (!((unit->dirty & ~unit->used) >> slice & 1)) {
                continue;
            }
            if (keep >= HK_SLICE) {
                keep -= HK_SLICE;
                continue;
            }
            memset((char *)unit->head + slice * HK_SLICE, 0, HK_SLICE);
            unit->dirty &= ~((uint64_t)1 << slice);
            bytes += HK_SLICE;
        }
    }
    fake_cold.log.purged += bytes;
    fake_unlock();
    return bytes;
}

/* The block starts one superslab, or the alignment if that is more, above its mapping; its
 * descriptor is number 0 of the superslab below, and the length stands in the slot. */
void *hk_cold_fake_large_alloc(size_t size, size_t align, size_t reserve, bool *zero)
{
    (void)reserve;
    size_t room = align > HK_SUPERSLAB ? align : HK_SUPERSLAB;
    if (size > PTRDIFF_MAX - room - HK_SUPERSLAB) {
        return NULL;
    }
    size_t units = hk_round_up(size, HK_SLICE);
    char *memory = fake_map(room + units, room);
    if (!memory) {
        return NULL;
    }
    char *block = memory + room;
    munmap(memory, room - HK_SUPERSLAB);
    struct hk_page *page = hk_page_of(block);
    page->kind = size > HK_SPAN_MAX ? HK_KIND_HUGE : HK_KIND_SPAN;
    page->bin_index = HK_BIN_NONE;
    atomic_store(&page->owner, (uintptr_t)HK_OWNER_LARGE);
    hk_page_slot(page)->slices = (uint32_t)(units >> HK_SLICE_SHIFT);
    *zero = true;
    fake_lock();
    void **place = find_large_locked(NULL);
    HK_REQUIRE(place != NULL, "fake cold side: more large blocks than it can hold");
    *place = block;
    fake_cold.large += units;
    fake_unlock();
    return block;
}

void hk_cold_fake_large_free(struct hk_heap *heap, struct hk_page *page, void *block)
{
    HK_REQUIRE(!heap || heap->busy == 0, "fake cold side: large_free in a slow path");
    size_t units = hk_cold_fake_large_size(page, block);
    fake_lock();
    *find_large_locked(block) = NULL;
    fake_cold.large -= units;
    fake_unlock();
    munmap(hk_page_superslab(page), units + HK_SUPERSLAB);
}

/* This side keeps no large memory for a heap. */
void *hk_cold_fake_large_pop(struct hk_heap *heap, size_t size)
{
    (void)heap;
    (void)size;
    return NULL;
}

bool hk_cold_fake_large_keep(struct hk_heap *heap, struct hk_page *page, void *block)
{
    (void)heap;
    (void)page;
    (void)block;
    return false;
}

bool hk_cold_fake_large_back(struct hk_heap *heap, struct hk_page *page, const void *block)
{
    (void)heap;
    (void)page;
    (void)block;
    return false;
}

void *hk_cold_fake_huge_pop(size_t size)
{
    (void)size;
    return NULL;
}

bool hk_cold_fake_huge_keep(struct hk_page *page, const void *block)
{
    (void)page;
    (void)block;
    return false;
}

bool hk_cold_fake_huge_back(struct hk_page *page, const void *block)
{
    (void)page;
    (void)block;
    return false;
}

size_t hk_cold_fake_large_size(struct hk_page *page, void *block)
{
    (void)block;
    return (size_t)hk_page_slot(page)->slices << HK_SLICE_SHIFT;
}

void *hk_cold_fake_large_resize(struct hk_page *page, void *block, size_t size)
{
    return size <= hk_cold_fake_large_size(page, block) ? block : NULL;
}
