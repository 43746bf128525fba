/* SPDX-License-Identifier: MIT */
#include "gate/pace.h"

#include "gate/route.h"

#include "hk_seat_os.h"

#include <errno.h>

static void age(struct hk_heap *heap, uint64_t now)
{
    const uint64_t pause = (uint64_t)HK_PURGE_DELAY_MS * 1000000u;
    if (HK_FREE_POLICY != HK_FREE_KEEP && now - heap->aged >= pause) {
        heap->aged = now;
        hk_route_unused(heap, HK_COLLECT_IDLE);
    }
}

void hk_pace_turn(struct hk_heap *heap)
{
    int saved = errno;
    uint64_t now = HK_OS.now();
    if (heap->refills % HK_PACE == 0) {
        HK_COLD.flush(heap);
        HK_COLD.drain(heap);
        age(heap, now);
        HK_COLD.tick(now);
    }
    if (HK_POLICY != HK_POLICY_FROZEN) {
        HK_COLD.learn(heap, now);
    }
    errno = saved;
}

void *hk_pace_turn_and_leave(struct hk_heap *heap, void *block)
{
    hk_pace_turn(heap);
    hk_heap_leave(heap);
    return block;
}
