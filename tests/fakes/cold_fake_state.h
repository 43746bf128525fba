/* SPDX-License-Identifier: MIT */
/* What the fake cold side's files share. Every field belongs to `lock`; functions that end in
 * _locked need it held. Hooks are called without it. */
#ifndef HK_FAKES_COLD_FAKE_STATE_H
#define HK_FAKES_COLD_FAKE_STATE_H

#include "fakes/cold_fake.h"

#include <pthread.h>

enum {
    FAKE_UNITS = 64,      /* superslabs, most */
    FAKE_HEAPS = 64,      /* heap objects, most */
    FAKE_LETTERS = 16384, /* blocks on their way, most */
    FAKE_LARGE = 256,     /* large blocks, most */
    FAKE_HELD = 8,        /* blocks that a heap holds back for others, most */
};

/* One freed block on its way to the heap that owns its page when it is opened. */
struct fake_letter {
    struct hk_page *page; /* a head; NULL: the letter is free */
    void *block;
    struct hk_heap *holder; /* not sent yet; NULL: sent */
};

struct fake_unit {
    struct hk_superslab_head *head;
    uint64_t used;  /* leased slices */
    uint64_t dirty; /* slices that were leased before */
};

struct fake_cold {
    pthread_mutex_t lock;
    const struct hk_hooks *hooks;
    struct fake_unit unit[FAKE_UNITS];
    size_t unit_count;
    struct hk_heap *heap[FAKE_HEAPS];
    size_t heap_count;
    struct fake_letter letter[FAKE_LETTERS];
    void *large_block[FAKE_LARGE];
    size_t large;       /* bytes of large blocks */
    size_t meta;        /* bytes of metadata, for ever */
    size_t meta_budget; /* bytes of it, most */
    size_t budget;
    size_t fail_at;
    bool refuses_purges;
    struct hk_cold_fake_log log;
    const char *violation;
};

extern struct fake_cold fake_cold;

void fake_lock(void);
void fake_unlock(void);

/* Remember the first broken promise. */
void fake_violated_locked(const char *what);
void fake_expect_locked(bool holds, const char *what);

/* Zeroed memory of whole superslabs, aligned to one. -> NULL: none. */
void *fake_map(size_t size, size_t align);

/* Take the page off, or put it on, the heap's list of pages. */
void fake_link_locked(struct hk_heap *heap, struct hk_page *page);
void fake_unlink_locked(struct hk_heap *heap, struct hk_page *page);

void fake_reset_heaps(void);
void fake_reset_pages(void);

#endif
