/* SPDX-License-Identifier: MIT */
/* The shared pages of the pool's classes: blocks that are in pages, for all threads. Each class has
 * a lock, and a list of its pages that have room: those with blocks that were used before come
 * first, then those with nothing but memory never touched, and empty ones; of those a class keeps
 * what the profile retains, so that a working set that breathes leases nothing. No lock is held
 * across a call of the cold side, but for a look at its lists. */
#ifndef HK_POOL_MID_H
#define HK_POOL_MID_H

#include "common/lock.h"
#include "pool/mid_desc.h"

enum {
    HK_MID_CLASSES = HK_BIN_COUNT - HK_TINY_BINS,
    HK_MID_PUT = 40, /* blocks put back under one hold of the lock */
};

/* Counts of all classes' pages. */
struct hk_mid_stat {
    size_t pages;
    size_t bytes;
    size_t blocks_out; /* carved blocks that are in no page */
    size_t blocks_in;  /* carved blocks that are in one */
};

/* Make the locks known to fork; before any other call. any. */
HK_HIDDEN void hk_mid_start_up(void);

/* Take up to `want` blocks of one page of the class, lowest address first; a page is leased if
 * there is none with room. heap->fresh_block is the first block if its memory was never used and
 * reads as zero. -> blocks, 0: out of memory. owner of `heap`. */
HK_HIDDEN size_t hk_mid_draw(struct hk_heap *heap, size_t bin, void **blocks, size_t want);

/* Put blocks of one class back into their pages, grouped by page, and retire what is empty beyond
 * what the profile retains. Stops the process at a block that is not out. `heap` may be NULL. any.
 */
HK_HIDDEN void hk_mid_put(struct hk_heap *heap, void **blocks, size_t count);

/* A shared page serves from now on, if it has room and does not serve already: one that was just
 * leased, or any other. -> false: out of memory; nothing was done. any. */
HK_HIDDEN bool hk_mid_serve(struct hk_page *page);

/* Retire every empty page, or those of a class. -> bytes. any. */
HK_HIDDEN size_t hk_mid_retire_empty(struct hk_heap *heap);
HK_HIDDEN size_t hk_mid_retire_empty_of(struct hk_heap *heap, size_t bin);

/* Give back the memory of free blocks in pages that are in use. -> bytes. any. */
HK_HIDDEN size_t hk_mid_purge(struct hk_heap *heap);

HK_HIDDEN void hk_mid_stat(struct hk_mid_stat *out);

/* -> NULL, or the first broken invariant of lists and table. any; takes the locks, one by one. */
HK_HIDDEN const char *hk_mid_check(void);

/* -> true: the block is out of a page of class `bin`. any; takes the lock. */
HK_HIDDEN bool hk_mid_is_out(const void *block, size_t bin);

/* Shared by the module's own files: a class's lists, under hk_mid_lock(bin). */

struct hk_mid_class {
    struct hk_mid_desc *first;
    struct hk_mid_desc *last;
    size_t pages;
    size_t empty;  /* of them without a block out; all listed */
    size_t carved; /* blocks, in all pages */
};

HK_HIDDEN struct hk_lock *hk_mid_lock(size_t bin);
HK_HIDDEN struct hk_mid_class *hk_mid_class(size_t bin);

/* Take free blocks of a listed page out by their bits; 0: none. */
HK_HIDDEN void hk_mid_claim_locked(struct hk_mid_desc *desc, uint64_t bits);

/* Put blocks back by their bits. -> true: the page is empty and unlisted: hk_mid_retire it. */
HK_HIDDEN bool hk_mid_put_locked(struct hk_mid_desc *desc, uint64_t bits);

/* Give a page back that hk_mid_put_locked has unlisted. -> bytes. any. */
HK_HIDDEN size_t hk_mid_retire(struct hk_heap *heap, struct hk_mid_desc *desc);

#endif
