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
static void adapt(struct hk_pace *pace, uint64_t now)
{
    uint64_t most = (uint64_t)HK_PACE_NS * pace->pause;
    pace->pause = now - pace->looked < most ? HK_PACE_QUICK : HK_PACE;
    pace->left = pace->pause;
    pace->looked = now;
}

void *hk_pace_large_turn(struct hk_heap *heap, void *block)
{
    int saved = errno;
    hk_heap_enter(heap);
    uint64_t now = HK_OS.now();
    bool look = heap->pace.left == 0;
    if (look) {
        adapt(&heap->pace, now);
    }
    turn(heap, now, look);
    hk_heap_leave(heap);
    errno = saved;
    return block;
}
