/* SPDX-License-Identifier: MIT */
/* One heap for the tests of one hot box on the fake cold side, and the thread's state that goes
 * with it. Include it once in a program. */
#ifndef HK_UNIT_BOX_HEAP_H
#define HK_UNIT_BOX_HEAP_H

#include "common/self.h"
#include "fakes/cold_fake.h"
#include "hotbox/hotbox.h"

#include <stdio.h>
#include <string.h>

#if HK_TLS_BINS
_Thread_local struct hk_tls hk_tls;
#endif

/* Forget all that was, and start a heap for `box`. -> the heap, or NULL. */
static inline struct hk_heap *box_heap_open(const struct hk_hotbox *box)
{
#if HK_TLS_BINS
    memset(&hk_tls, 0, sizeof hk_tls);
#endif
    hk_cold_fake_reset();
    struct hk_heap *heap = hk_cold_fake.birth(HK_TLS_BINS ? hk_self_token(NULL) : 0);
    if (heap) {
        box->init(heap);
    }
    return heap;
}

/* End the heap. -> NULL, or the first invariant or promise that was broken. */
static inline const char *box_heap_close(const struct hk_hotbox *box, struct hk_heap *heap)
{
    const char *broken = box->check(heap);
    box->abandon(heap);
    hk_cold_fake.death(heap);
    broken = broken ? broken : hk_cold_fake_violation();
    if (broken) {
        fprintf(stderr, "%s\n", broken);
    }
    return broken;
}

#endif
