/* SPDX-License-Identifier: MIT */
/* The order of locks, asserted: debug builds only, so that release builds carry no TLS for it. */
#include "common/lock.h"

void hk_lock_order(uint32_t rank, bool taken)
{
    /* bit per rank */
    static _Thread_local uint32_t held __attribute__((tls_model("initial-exec")));
    if (taken) {
        HK_ASSERT(held >> rank == 0);
        held |= 1u << rank;
    } else {
        held &= ~(1u << rank);
    }
}
