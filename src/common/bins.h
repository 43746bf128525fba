/* SPDX-License-Identifier: MIT */
/* Thread bins, and where they lie. A bin is a LIFO of blocks of any own
 * page of one class, and `room`: how many frees it still takes before frees go to their pages.
 *
 *   HK_TLS_BINS=1  the interposer: bins lie in static TLS, those of the coarse classes behind a
 * pointer there, since static TLS is scarce; the heap argument is a token that nobody reads on a
 * fast path, and the owner's token is the thread pointer. HK_TLS_BINS=0  the embeddable library and
 * the kits: bins lie in the heap object, whose address is the token.
 *
 * Zero bins are valid and mean "empty, not initialised": the first allocation simply refills. */
#ifndef HK_COMMON_BINS_H
#define HK_COMMON_BINS_H

#include "common/sizes.h"

#ifndef HK_TLS_BINS
#define HK_TLS_BINS 1
#endif

/* The hand-tuned form of the accessors; the portable twin serves other machines and sanitizers. */
#if HK_TLS_BINS && defined(__x86_64__) && defined(__SEG_FS) && !defined(HK_PORTABLE)
#define HK_SEG_BINS 1
#else
#define HK_SEG_BINS 0
#endif

struct hk_calls;
struct hk_heap;

struct hk_bin {
    void *head;
    int32_t room;  /* may be negative: frees that went to pages since the last refill */
    int32_t limit; /* of blocks in the bin; adapts at refill */
};

_Static_assert(sizeof(struct hk_bin) == 1 << HK_BIN_SHIFT, "an offset is a rounded tiny size");

enum {
    HK_TLS_BIN_COUNT = HK_TINY_BINS + HK_FINE_BINS,      /* in static TLS, in that form */
    HK_COARSE_OFFSET = HK_TLS_BIN_COUNT << HK_BIN_SHIFT, /* the first bin that is not */
    HK_HEAP_BIN_FIRST = HK_TLS_BINS ? HK_TLS_BIN_COUNT : 0,
    HK_HEAP_BIN_COUNT = HK_BIN_COUNT - HK_HEAP_BIN_FIRST, /* in the heap object */
    /* with pool_max=8192 there is no coarse bin, but still an array to point to */
    HK_COARSE_ROOM = HK_COARSE_BINS > 0 ? HK_COARSE_BINS : 1,
    HK_HEAP_BIN_ROOM = HK_HEAP_BIN_COUNT > 0 ? HK_HEAP_BIN_COUNT : 1,
};

struct hk_tls {
    struct hk_bin bins[HK_TLS_BIN_COUNT];
    uintptr_t coarse;       /* + a coarse bin's offset: the heap's bin, or one of hk_no_bins */
    struct hk_heap *heap;   /* NULL before the first slow path and after the thread's death */
    uint64_t dead;          /* the thread has given up its heap for good */
    struct hk_calls *calls; /* where it counts its calls: the heap's, or those of no heap */
};

_Static_assert(sizeof(struct hk_tls) <= 2048, "static TLS is scarce");

/* Bins of a thread without a heap: always empty, never written. */
extern HK_HIDDEN struct hk_bin hk_no_bins[HK_COARSE_ROOM];

#if HK_TLS_BINS
extern HK_HIDDEN _Thread_local struct hk_tls hk_tls __attribute__((tls_model("initial-exec")));
#else
struct hk_pointers {
    struct hk_heap *self; /* for fast paths: the heap, or one whose bins are always empty */
    struct hk_heap *heap; /* as in hk_tls */
    uint64_t dead;        /* as in hk_tls */
};
extern HK_HIDDEN _Thread_local struct hk_pointers hk_tls __attribute__((tls_model("initial-exec")));
#endif

#endif
