/* SPDX-License-Identifier: MIT */
#include "coldbox/parked.h"

#include "coldbox/large.h"
#include "coldbox/purge.h"
#include "coldbox/superslab.h"

#include "hk_seat_os.h"

_Static_assert(HK_ARENA_UNITS << (HK_SUPERSLAB_SHIFT - HK_PARKED_GRAIN) <= 1 << HK_PARKED_REST,
               "a run's size fits below its address");

struct hk_parked hk_parked;

static char *block_of(uintptr_t word)
{
    const char *base = (const char *)(word & ~(uintptr_t)(HK_SUPERSLAB - 1));
    return (char *)base + hk_huge_offset(base, HK_ALIGN);
}

static void mark(struct hk_page *page, enum hk_kind kind)
{
    hk_large_mark(page, kind);
    hk_large_mark(hk_page_head(page), kind);
}

/* -> true: a block as it was handed out, so that the next of its size is the same again. */
static bool is_plain(const struct hk_page *head, const struct hk_large *large)
{
    size_t most = hk_huge_offset_most(HK_ALIGN, HK_OS.facts()->page);
    return large->units == hk_huge_units(most, large->usable) && large->touched == large->usable &&
           !large->moved && large->offset == hk_huge_offset(hk_huge_base(head), HK_ALIGN);
}

/* -> what the run's last unit may hold behind the block, in steps of the word. */
static size_t rest_of(const struct hk_page *head, const struct hk_large *large)
{
    struct hk_units run = hk_units_find(head);
    size_t touched = (size_t)run.arena->touched[run.index + large->units - 1] * 4096;
    size_t end = large->offset + large->usable;
    size_t last = (size_t)(large->units - 1) << HK_SUPERSLAB_SHIFT;
    size_t used = end > last ? end - last : 0;
    size_t rest = touched > used ? touched - used : 0;
    return hk_round_up(rest, 1 << HK_PARKED_REST) >> HK_PARKED_REST;
}

bool hk_parked_put(struct hk_page *page, struct hk_page *head)
{
    const struct hk_large *large = hk_large_of(head);
    uintptr_t waiting = atomic_load_explicit(&hk_parked.word, memory_order_relaxed);
    if (waiting || !is_plain(head, large)) {
        return false;
    }
    size_t rest = rest_of(head, large);
    if (rest > HK_PARKED_REST_MOST ||
        !hk_purge_allows(large->usable + (rest << HK_PARKED_REST) + HK_SLICE)) {
        return false;
    }
    uintptr_t word =
        (uintptr_t)hk_huge_base(head) | rest << HK_PARKED_REST | large->usable >> HK_PARKED_GRAIN;
    mark(page, HK_KIND_FREE);
    /* release: whoever takes it sees its descriptors */
    return hk_atomic_cas(&hk_parked.word, &waiting, word, memory_order_release);
}

void *hk_parked_find(size_t usable)
{
    uintptr_t word = atomic_load_explicit(&hk_parked.word, memory_order_relaxed);
    if (hk_parked_usable(word) != usable ||
        !hk_atomic_cas(&hk_parked.word, &word, 0, memory_order_acquire)) {
        return NULL;
    }
    char *block = block_of(word);
    mark(hk_page_of(block), HK_KIND_HUGE);
    return block;
}

void hk_parked_give_locked(void)
{
    uintptr_t word = hk_atomic_swap(&hk_parked.word, 0, memory_order_acquire);
    if (word) {
        struct hk_page *page = hk_page_of(block_of(word));
        hk_huge_give_locked(hk_page_head(page), hk_large_of(hk_page_head(page)));
    }
}
