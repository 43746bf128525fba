/* SPDX-License-Identifier: MIT */
/* The fake cold side's common half: state, controls, log, checks and fork. */
#include "fakes/cold_fake_state.h"

#include <string.h>
#include <sys/mman.h>

struct fake_cold fake_cold = {
    .lock = PTHREAD_MUTEX_INITIALIZER,
    .budget = SIZE_MAX,
    .meta_budget = SIZE_MAX,
};

void fake_lock(void)
{
    pthread_mutex_lock(&fake_cold.lock);
}

void fake_unlock(void)
{
    pthread_mutex_unlock(&fake_cold.lock);
}

void fake_violated_locked(const char *what)
{
    if (!fake_cold.violation) {
        fake_cold.violation = what;
    }
}

void fake_expect_locked(bool holds, const char *what)
{
    if (!holds) {
        fake_violated_locked(what);
    }
}

void *fake_map(size_t size, size_t align)
{
    size_t span = size + align;
    if (span < size) {
        return NULL;
    }
    char *map = mmap(NULL, span, PROT_READ | PROT_WRITE,
                     MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (map == MAP_FAILED) {
        return NULL;
    }
    char *start = (char *)hk_round_up((uintptr_t)map, align);
    if (start > map) {
        munmap(map, (size_t)(start - map));
    }
    char *end = start + size;
    if (map + span > end) {
        munmap(end, (size_t)(map + span - end));
    }
    return start;
}

int hk_cold_fake_init(const struct hk_hooks *hooks)
{
    fake_cold.hooks = hooks;
    return 0;
}

void hk_cold_fake_reset(void)
{
    fake_reset_pages();
    fake_reset_heaps();
    fake_cold.large = 0;
    fake_cold.budget = SIZE_MAX;
    fake_cold.meta_budget = SIZE_MAX;
    fake_cold.fail_at = 0;
    fake_cold.refuses_purges = false;
    fake_cold.log = (struct hk_cold_fake_log){0};
    fake_cold.violation = NULL;
}

void hk_cold_fake_budget(size_t slices)
{
    fake_cold.budget = slices;
}

void hk_cold_fake_fail_at(size_t n)
{
    fake_cold.fail_at = n;
}

void hk_cold_fake_log(struct hk_cold_fake_log *out)
{
    fake_lock();
    *out = fake_cold.log;
    fake_unlock();
}

const char *hk_cold_fake_violation(void)
{
    return fake_cold.violation;
}

void hk_cold_fake_adjust(struct hk_page *page, int delta)
{
    fake_lock();
    fake_cold.log.adjusts += 1;
    uint32_t live = atomic_fetch_add(&hk_page_slot(page)->live, (uint32_t)delta) + (uint32_t)delta;
    fake_expect_locked(live <= HK_SLICE / HK_ALIGN,
                       "more blocks are out than a page holds, or < 0");
    fake_unlock();
}

/* Time passes here without effect: the fake gives memory back in trim alone. */
void hk_cold_fake_tick(uint64_t now)
{
    (void)now;
}

/* Nothing is learnt here: a test that wants a policy gives it to its heap. */
void hk_cold_fake_learn(struct hk_heap *heap, uint64_t now)
{
    (void)heap;
    (void)now;
}

static size_t dirty_slices_locked(void)
{
    size_t slices = 0;
    for (size_t i = 0; i < fake_cold.unit_count; i++) {
        const struct fake_unit *unit = &fake_cold.unit[i];
        slices += (size_t)__builtin_popcountll(unit->dirty & ~unit->used);
    }
    return slices;
}

static size_t live_blocks_locked(void)
{
    size_t live = 0;
    for (size_t i = 0; i < fake_cold.unit_count; i++) {
        for (size_t slice = 1; slice < HK_SLICES; slice++) {
            live +=
                atomic_load(&hk_page_slot(hk_superslab_page(fake_cold.unit[i].head, slice))->live);
        }
    }
    return live;
}

void hk_cold_fake_stat(struct hk_cold_stat *out)
{
    fake_lock();
    *out = (struct hk_cold_stat){
        .reserved = fake_cold.unit_count * HK_SUPERSLAB,
        .mapped = fake_cold.unit_count * HK_SUPERSLAB + fake_cold.large,
        .superslabs = fake_cold.unit_count,
        .leased = fake_cold.log.leased_now * HK_SLICE,
        .live = live_blocks_locked(),
        .live_void = HK_COLD_STATS_VOID,
        .huge = fake_cold.large,
        .dirty = dirty_slices_locked() * HK_SLICE,
        .meta = sizeof fake_cold + fake_cold.meta + fake_cold.heap_count * sizeof(struct hk_heap),
        .heaps = fake_cold.heap_count,
        .leases = fake_cold.log.leases,
        .retires = fake_cold.log.retires,
        .adoptions = fake_cold.log.adoptions,
        .remote_out = fake_cold.log.posts,
        .remote_in = fake_cold.log.spliced,
        .purged = fake_cold.log.purged,
    };
    for (size_t i = 0; i < fake_cold.heap_count; i++) {
        uint32_t state = atomic_load(&fake_cold.heap[i]->state);
        out->orphans += state == HK_HEAP_ORPHAN;
        out->frozen += state == HK_HEAP_FROZEN;
    }
    fake_unlock();
}

const char *hk_cold_fake_check(void)
{
    fake_lock();
    const char *violation = fake_cold.violation;
    size_t used = 0;
    for (size_t i = 0; i < fake_cold.unit_count; i++) {
        used += (size_t)__builtin_popcountll(fake_cold.unit[i].used) - 1;
    }
    if (!violation && used != fake_cold.log.leased_now) {
        violation = "the slice maps do not sum to the leased slices";
    }
    fake_unlock();
    return violation;
}

void hk_cold_fake_meta_budget(size_t bytes)
{
    fake_lock();
    fake_cold.meta_budget = bytes;
    fake_unlock();
}

void *hk_cold_fake_meta(size_t size)
{
    fake_lock();
    fake_expect_locked(size > 0, "a piece of metadata of 0 bytes");
    bool granted = size <= fake_cold.meta_budget && fake_cold.meta <= fake_cold.meta_budget - size;
    void *piece = granted ? fake_map(hk_round_up(size, 4096), 4096) : NULL;
    fake_cold.meta += piece ? size : 0;
    fake_unlock();
    return piece;
}

/* Registered for the process's life: a reset forgets none. */
static struct hk_guard *guards;

void hk_cold_fake_guard(struct hk_guard *guard)
{
    fake_lock();
    if (!atomic_load(&guard->known)) {
        struct hk_guard **end = &guards;
        while (*end) {
            end = &(*end)->next;
        }
        *end = guard;
        atomic_store(&guard->known, true);
        fake_cold.log.guards += 1;
    }
    fake_unlock();
}

static void each_guarded(void (*act)(struct hk_lock *lock))
{
    for (struct hk_guard *guard = guards; guard; guard = guard->next) {
        for (size_t i = 0; i < guard->count; i++) {
            act(&guard->locks[i]);
        }
    }
}

void hk_cold_fake_prefork(void)
{
    each_guarded(hk_lock_keep);
    fake_lock();
}

void hk_cold_fake_parent(void)
{
    fake_unlock();
    each_guarded(hk_lock_unkeep);
}

static void leave_behind(struct hk_heap *heap)
{
    bool frozen = heap->busy != 0;
    atomic_store(&heap->state, frozen ? HK_HEAP_FROZEN : HK_HEAP_ORPHAN);
    for (struct hk_page *page = heap->pages; page; page = hk_page_slot(page)->next) {
        for (uint32_t i = 0; i < hk_page_slot(page)->slices; i++) {
            atomic_store(&page[i].owner, (uintptr_t)(frozen ? HK_OWNER_FROZEN : HK_OWNER_ORPHAN));
        }
    }
}

void hk_cold_fake_child(struct hk_heap *self)
{
    pthread_mutex_init(&fake_cold.lock, NULL);
    for (size_t i = 0; i < fake_cold.heap_count; i++) {
        struct hk_heap *heap = fake_cold.heap[i];
        if (heap != self && atomic_load(&heap->state) == HK_HEAP_LIVE) {
            leave_behind(heap);
        }
    }
    for (struct hk_guard *guard = guards; guard; guard = guard->next) {
        if (guard->child) {
            guard->child(self);
        }
    }
    each_guarded(hk_lock_unkeep);
}
