/* SPDX-License-Identifier: MIT */
/* A cold side for tests (a whole struct hk_cold): pages from superslabs of its own, handed out
 * under a budget, and every promise of its callers checked. Put under a box with
 * -DHK_COLD=hk_cold_fake -include tests/fakes/cold_fake.h. Slow on purpose: one lock, linear
 * searches. A retired page is poisoned: whoever still uses it finds POISON instead of its data. */
#ifndef HK_FAKES_COLD_FAKE_H
#define HK_FAKES_COLD_FAKE_H

#include "coldbox/coldbox.h"

enum { HK_FAKE_POISON = 0xdb };

/* What happened since the last reset. */
struct hk_cold_fake_log {
    size_t leases;   /* that were granted */
    size_t refusals; /* leases that were refused on request */
    size_t retires;
    size_t purges;
    size_t adjusts;
    size_t guards; /* that were registered, in all */
    size_t posts;
    size_t spliced;    /* blocks handed to hooks->splice */
    size_t attached;   /* pages handed to hooks->attach */
    size_t adoptions;  /* of them to another heap than they were in */
    size_t purged;     /* bytes */
    size_t leased_now; /* slices */
};

/* Forget every heap and page (nothing of them may be used again), the log, budgets and the first
 * broken promise. tests, one thread. */
void hk_cold_fake_reset(void);

/* Grant pieces of metadata only while `bytes` bytes of them were granted, in all; SIZE_MAX: no
 * bound. Pieces outlast a reset. */
void hk_cold_fake_meta_budget(size_t bytes);

/* Grant leases only while fewer than `slices` slices are leased; SIZE_MAX: no bound. */
void hk_cold_fake_budget(size_t slices);

/* Refuse every purge of a whole OS page from now on, or none. */
void hk_cold_fake_refuse_purges(bool refuse);

/* Refuse the n-th lease from now, counted from 1; 0: none. */
void hk_cold_fake_fail_at(size_t n);

void hk_cold_fake_log(struct hk_cold_fake_log *out);

/* -> NULL, or a static string: the first promise that a box above has broken. */
const char *hk_cold_fake_violation(void);

int hk_cold_fake_init(const struct hk_hooks *hooks);
struct hk_page *hk_cold_fake_lease(const struct hk_lease *request);
void hk_cold_fake_retire(struct hk_heap *heap, struct hk_page *page);
void hk_cold_fake_guard(struct hk_guard *guard);
void *hk_cold_fake_meta(size_t size);
bool hk_cold_fake_purge(struct hk_page *page, size_t offset, size_t size, size_t *bytes);
void hk_cold_fake_adjust(struct hk_page *page, int delta);
bool hk_cold_fake_keep(struct hk_heap *heap, struct hk_page *page, void *block);
void hk_cold_fake_post(struct hk_heap *heap, struct hk_page *page, void *block);
void hk_cold_fake_flush(struct hk_heap *heap);
size_t hk_cold_fake_drain(struct hk_heap *heap);
struct hk_heap *hk_cold_fake_birth(uintptr_t token);
void hk_cold_fake_death(struct hk_heap *heap);
bool hk_cold_fake_adopt(struct hk_heap *heap);
void hk_cold_fake_tick(uint64_t now);
void hk_cold_fake_learn(struct hk_heap *heap, uint64_t now);
size_t hk_cold_fake_trim(struct hk_heap *heap, size_t keep);
void *hk_cold_fake_large_alloc(size_t size, size_t align, size_t reserve, bool *zero);
void hk_cold_fake_large_free(struct hk_heap *heap, struct hk_page *page, void *block);
void *hk_cold_fake_large_pop(struct hk_heap *heap, size_t size);
bool hk_cold_fake_large_keep(struct hk_heap *heap, struct hk_page *page, void *block);
bool hk_cold_fake_large_back(struct hk_heap *heap, struct hk_page *page, const void *block);
void *hk_cold_fake_huge_pop(size_t size);
bool hk_cold_fake_huge_keep(struct hk_page *page, const void *block);
bool hk_cold_fake_huge_back(struct hk_page *page, const void *block);
size_t hk_cold_fake_large_size(struct hk_page *page, void *block);
void *hk_cold_fake_large_resize(struct hk_page *page, void *block, size_t size);
bool hk_cold_fake_owns(const void *block);
void hk_cold_fake_stat(struct hk_cold_stat *out);
const char *hk_cold_fake_check(void);
void hk_cold_fake_prefork(void);
void hk_cold_fake_parent(void);
void hk_cold_fake_child(struct hk_heap *self);

static const struct hk_cold hk_cold_fake = {
    .name = "fake",
    .init = hk_cold_fake_init,
    .lease = hk_cold_fake_lease,
    .retire = hk_cold_fake_retire,
    .guard = hk_cold_fake_guard,
    .meta = hk_cold_fake_meta,
    .purge = hk_cold_fake_purge,
    .adjust = hk_cold_fake_adjust,
    .keep = hk_cold_fake_keep,
    .post = hk_cold_fake_post,
    .flush = hk_cold_fake_flush,
    .drain = hk_cold_fake_drain,
    .birth = hk_cold_fake_birth,
    .death = hk_cold_fake_death,
    .adopt = hk_cold_fake_adopt,
    .tick = hk_cold_fake_tick,
    .learn = hk_cold_fake_learn,
    .trim = hk_cold_fake_trim,
    .large_alloc = hk_cold_fake_large_alloc,
    .large_free = hk_cold_fake_large_free,
    .large_pop = hk_cold_fake_large_pop,
    .large_keep = hk_cold_fake_large_keep,
    .large_back = hk_cold_fake_large_back,
    .huge_pop = hk_cold_fake_huge_pop,
    .huge_keep = hk_cold_fake_huge_keep,
    .huge_back = hk_cold_fake_huge_back,
    .large_size = hk_cold_fake_large_size,
    .large_resize = hk_cold_fake_large_resize,
    .owns = hk_cold_fake_owns,
    .stat = hk_cold_fake_stat,
    .check = hk_cold_fake_check,
    .prefork = hk_cold_fake_prefork,
    .parent = hk_cold_fake_parent,
    .child = hk_cold_fake_child,
};

#endif
