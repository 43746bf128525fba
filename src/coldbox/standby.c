/* SPDX-License-Identifier: MIT */
#include "coldbox/standby.h"

#include "coldbox/purge.h"
#include "coldbox/superslab.h"

#include "hk_seat_os.h"

_Static_assert(HK_ARENA_UNITS << (HK_SUPERSLAB_SHIFT - HK_STANDBY_GRAIN) <= 1 << HK_STANDBY_REST,
               "a run's size fits below its address");

struct hk_standby hk_standby;

static inline size_t units_of(size_t usable, size_t page)
{
    return hk_huge_units(hk_huge_offset_most(HK_ALIGN, page), usable);
}

/* -> true: a block in units as it was handed out, so that the next of its size is the same. */
static inline bool is_plain(const struct hk_page *head, const struct hk_large *large)
{
    size_t page = HK_OS.facts()->page;
    return large->units == units_of(large->usable, page) && large->touched == large->usable &&
           !large->moved && large->offset == hk_huge_offset(hk_huge_base(head), HK_ALIGN, page);
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
    return hk_round_up(rest, 1 << HK_STANDBY_REST) >> HK_STANDBY_REST;
}

/* -> the word of a block as it was handed out, 0: of one that is not, so that it may not wait. */
static uintptr_t word_of(const struct hk_page *head, const struct hk_large *large)
{
    if (!is_plain(head, large)) {
        return 0;
    }
    size_t rest = rest_of(head, large);
    rest = rest < HK_STANDBY_REST_MOST ? rest : HK_STANDBY_REST_MOST;
    return (uintptr_t)hk_huge_base(head) | rest << HK_STANDBY_REST |
           large->usable >> HK_STANDBY_GRAIN;
}

bool hk_standby_put(struct hk_page *page)
{
    struct hk_page *head = hk_page_head(page);
    const struct hk_large *large = hk_large_of(head);
    uintptr_t word = hk_standby_is_asked(large->usable) ? word_of(head, large) : 0;
    return word && hk_standby_try(page, word);
}

void hk_standby_give_locked(void)
{
    uintptr_t word = hk_atomic_swap(&hk_standby.word, 0, memory_order_acquire);
    if (word) {
        size_t usable = hk_standby_usable(word);
        size_t page = HK_OS.facts()->page;
        struct hk_large large = {
            .usable = usable,
            .touched = usable,
            .offset = hk_huge_offset(hk_standby_base(word), HK_ALIGN, page),
            .units = (uint32_t)units_of(usable, page),
        };
        hk_huge_give_locked(hk_standby_base(word), &large);
    }
}

const char *hk_standby_check_locked(void)
{
    uintptr_t word = atomic_load_explicit(&hk_standby.word, memory_order_relaxed);
    if (!word) {
        return NULL;
    }
    struct hk_units run = hk_units_find(hk_standby_base(word));
    uint32_t count = (uint32_t)units_of(hk_standby_usable(word), HK_OS.facts()->page);
    bool fits = run.arena && run.index + count <= run.arena->units;
    for (uint32_t i = 0; fits && i < count; i++) {
        fits = !hk_bit(run.arena->free, run.index + i) && !hk_bit(run.arena->slab, run.index + i);
    }
    return fits ? NULL : "a huge block that waits is not in units of its own";
}
