/* SPDX-License-Identifier: MIT */
/* Thread bins, and where they lie. A bin is a LIFO of blocks of any own
 * page of one class, and `room`: how many frees it still takes before frees go to their pages.
 *
 *   HK_TLS_BINS=1  the interposer: tiny bins lie in static TLS; those above, the mid bins, lie in
 * the heap object behind a pointer there, since static TLS is scarce. The heap argument is a token
 * that nobody reads on a fast path, and the owner's token is the thread pointer.
 *   HK_TLS_BINS=0  the embeddable library and the kits: all bins lie in the heap object, whose
 * address is the token.
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

/* A mid bin is found by one load from a table of steps, as fine as the finer half's, so that no
 * branch that sizes would have to predict chooses between the halves. Irregular halves, and such as
 * have very many steps, have none. */
enum {
    HK_MID_LOG2 =
        HK_TABLE_FINE_LOG2 > HK_TABLE_COARSE_LOG2 ? HK_TABLE_FINE_LOG2 : HK_TABLE_COARSE_LOG2,
    HK_MID_STEPPED = HK_TABLE_FINE_REGULAR && HK_TABLE_COARSE_REGULAR && HK_MID_LOG2 <= 4,
    HK_MID_STEPS = HK_MID_STEPPED ? 10 << HK_MID_LOG2 : 1, /* of sizes to 1 MiB */
    HK_MID_BINS = HK_FINE_BINS + HK_COARSE_BINS,
};

struct hk_mid {
    uint16_t at[HK_MID_STEPS]; /* byte offset from here of the bin that serves the step */
    _Alignas(16) struct hk_bin bins[HK_MID_BINS];
};

_Static_assert(offsetof(struct hk_mid, bins) >= sizeof(struct hk_bin),
               "with every step zero a size finds what reads as an empty bin");

struct hk_tls {
    struct hk_bin bins[HK_TINY_BINS];
    const struct hk_mid *mid; /* the heap's, or hk_no_mid */
    struct hk_heap *heap;     /* NULL before the first slow path and after the thread's death */
    uint64_t dead;            /* the thread has given up its heap for good */
    struct hk_calls *calls;   /* where it counts its calls: the heap's, or those of no heap */
};

_Static_assert(sizeof(struct hk_tls) <= 2048, "static TLS is scarce");

/* Mid bins of a thread without a heap: all zero, so that every step leads to an empty bin. */
extern HK_HIDDEN const struct hk_mid hk_no_mid;

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
