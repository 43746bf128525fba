/* SPDX-License-Identifier: MIT */
/* Thread bins, and where they lie. A bin is a LIFO of blocks of any own
 * page of one class, and `room`: how many frees it still takes before frees go to their pages.
 *
 *   HK_TLS_BINS=1  the interposer: bins lie in static TLS; the heap argument is a token that nobody
 *                  reads, the bin is fs-relative, and the owner's token is the thread pointer.
 *   HK_TLS_BINS=0  the embeddable library and the kits: bins lie in the heap object, whose address
 * is the token.
 *
 * All-zero TLS is valid and means "empty, not initialised": the first allocation simply refills. */
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

struct hk_heap;

struct hk_bin {
    void *head;
    int32_t room;  /* may be negative: frees that went to pages since the last refill */
    int32_t limit; /* of blocks in the bin; adapts at refill */
};

_Static_assert(sizeof(struct hk_bin) == 1 << HK_BIN_SHIFT, "an offset is a rounded tiny size");

struct hk_tls {
    struct hk_bin bins[HK_BIN_COUNT];
    struct hk_heap *heap; /* NULL before the first slow path and after the thread's death */
    uint32_t dead;        /* the key destructor has run its last round */
    uint32_t rounds;      /* of key destructors seen */
};

#if HK_TLS_BINS
extern HK_HIDDEN _Thread_local struct hk_tls hk_tls __attribute__((tls_model("initial-exec")));
#endif

#endif
