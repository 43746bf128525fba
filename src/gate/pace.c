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

static void turn(struct hk_heap *heap, uint64_t now, bool look)
{
    if (look) {
        HK_COLD.flush(heap);
        HK_COLD.drain(heap);
        age(heap, now);
        HK_COLD.tick(now);
    }
    if (HK_POLICY != HK_POLICY_FROZEN) {
        HK_COLD.learn(heap, now);
    }
}

void hk_pace_turn(struct hk_heap *heap)
{
    int saved = errno;
    turn(heap, HK_OS.now(), heap->refills % HK_PACE == 0);
    errno = saved;
}

/* The next pause is long where this one was short. */
static void adapt(struct hk_heap *heap, uint64_t now)
{
    uint64_t most = (uint64_t)HK_PACE_NS * (heap->large_pace + 1);
    heap->large_pace = (now - heap->large_looked < most ? HK_PACE_QUICK : HK_PACE) - 1;
    heap->large_calls = 0;
    heap->large_looked = now;
}

void *hk_pace_large_turn_and_leave(struct hk_heap *heap, void *block)
{
    int saved = errno;
    uint64_t now = HK_OS.now();
    bool look = !(heap->large_calls & heap->large_pace);
    if (look) {
        adapt(heap, now);
    }
    turn(heap, now, look);
    errno = saved;
    hk_heap_leave(heap);
    return block;
}
