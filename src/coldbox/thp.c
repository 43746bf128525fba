/* SPDX-License-Identifier: MIT */
#include "coldbox/thp.h"

#include "coldbox/purge.h"
#include "coldbox/superslab.h"

#include "hk_seat_os.h"

/* Small pages are dear if as many as make a huge one take longer. A huge page is slow if it takes
 * as long, and longer than small ones would, of the thread's time, which a busy machine does not
 * lengthen. */
static const uint64_t SLOW_NS = 3000000;
static const uint64_t SMALL_MOST_NS = 20000000; /* more is not believed */
/* None are asked for so long after a slow one, twice as long after the next, half as long after a
 * quick one. */
static const uint64_t PAUSE_NS = 40000000;
static const uint64_t PAUSE_MAX_NS = 5000000000;

enum { LOOK_AGAIN = 16 }; /* wishes for huge pages, of which the last is not granted */

/* slabs.lock */
static struct {
    uint64_t from;  /* ns: no huge pages are asked for before */
    uint64_t pause; /* ns: after the next slow one */
    uint32_t wishes;
} thp;

/* ns that small pages take which make a huge one, as the last sample says; 0: not known. any */
static _Atomic(uint64_t) small_ns;

void hk_thp_advise(void *addr, size_t size)
{
    if (HK_THP != HK_THP_OFF) {
        HK_OS.advise(addr, size, HK_THP == HK_THP_ALWAYS ? HK_OS_HUGE : HK_OS_NO_HUGE);
    }
}

bool hk_thp_has_asked(struct hk_units unit)
{
    uint64_t word = atomic_load_explicit(&unit.arena->huge[unit.index / 64], memory_order_relaxed);
    return word >> unit.index % 64 & 1;
}

static void set_asked_locked(struct hk_units unit, bool asked)
{
    _Atomic(uint64_t) *word = &unit.arena->huge[unit.index / 64];
    uint64_t bit = (uint64_t)1 << unit.index % 64;
    uint64_t rest = atomic_load_explicit(word, memory_order_relaxed) & ~bit;
    atomic_store_explicit(word, asked ? rest | bit : rest, memory_order_relaxed);
}

/* -> true: small pages are dear, but it is time to look whether they still are. */
static bool is_time_to_sample_locked(void)
{
    return hk_thp_small_is_dear() && ++thp.wishes % LOOK_AGAIN == 0;
}

bool hk_thp_wants_locked(struct hk_units unit, bool dense, bool clean)
{
    bool wants = HK_THP == HK_THP_AUTO && dense && !hk_thp_has_asked(unit) &&
                 HK_OS.now() >= thp.from && !(clean && is_time_to_sample_locked());
    if (wants) {
        set_asked_locked(unit, true);
    }
    return wants;
}

/* What the next pause will be, after a huge page that was slow or not. */
static void learn_pause_locked(bool slow)
{
    uint64_t pause = thp.pause < PAUSE_NS ? PAUSE_NS : thp.pause;
    uint64_t now = HK_OS.now();
    if (slow && now < thp.from) {
        return; /* asked before another thread's was found slow: the same bad moment */
    }
    if (slow) {
        thp.from = now + pause;
        pause = pause > PAUSE_MAX_NS / 2 ? PAUSE_MAX_NS : 2 * pause;
    } else {
        pause /= 2;
    }
    thp.pause = pause;
}

/* -> ns that the first write to one of two small pages took, the lesser, since one may have been
 * interrupted; without what a look at the clock takes. */
static uint64_t time_touches(char *one, char *other)
{
    uint64_t first = HK_OS.fine();
    uint64_t before = HK_OS.fine();
    *(volatile char *)one = 0;
    uint64_t between = HK_OS.fine();
    *(volatile char *)other = 0;
    uint64_t after = HK_OS.fine();
    uint64_t least = between - before < after - between ? between - before : after - between;
    return least > before - first ? least - (before - first) : 0;
}

void hk_thp_sample(struct hk_units unit)
{
    const struct hk_os_facts *facts = HK_OS.facts();
    if (HK_THP != HK_THP_AUTO || hk_thp_has_asked(unit) || facts->page > HK_DESCRIPTORS) {
        return;
    }
    char *base = hk_units_base(unit);
    char *descriptors = (char *)hk_superslab_page(base, 0);
    *(volatile char *)descriptors = 0; /* the system makes room for the tables of its pages, too */
    uint64_t touch = time_touches(descriptors + HK_DESCRIPTORS, base + HK_MAPS_OFFSET);
    uint64_t small = touch * (facts->huge_page / facts->page);
    small = small < SMALL_MOST_NS ? small : SMALL_MOST_NS;
    atomic_store_explicit(&small_ns, small, memory_order_relaxed);
}

/* -> ns of a slow huge page */
static uint64_t slow_ns(void)
{
    uint64_t small = atomic_load_explicit(&small_ns, memory_order_relaxed);
    return small > SLOW_NS ? small : SLOW_NS;
}

bool hk_thp_small_is_dear(void)
{
    return slow_ns() > SLOW_NS;
}

void hk_thp_ask(struct hk_units unit)
{
    char *base = hk_units_base(unit);
    uint64_t before = HK_OS.cpu();
    bool refused = HK_OS.advise(base, HK_SUPERSLAB, HK_OS_HUGE) != 0;
    *(volatile char *)base = 0;
    bool slow = HK_OS.cpu() - before >= slow_ns();
    if (slow || refused) {
        (void)hk_thp_forgo(unit);
    }
    if (!refused) {
        hk_lock_take(&hk_slabs.lock);
        learn_pause_locked(slow);
        hk_lock_give(&hk_slabs.lock);
    }
}

bool hk_thp_forgo(struct hk_units unit)
{
    if (!hk_thp_has_asked(unit)) {
        return false;
    }
    hk_lock_take(&hk_slabs.lock);
    bool asked = hk_thp_has_asked(unit); /* or another thread has taken it back just now */
    set_asked_locked(unit, false);
    hk_lock_give(&hk_slabs.lock);
    if (asked) {
        HK_OS.advise(hk_units_base(unit), HK_SUPERSLAB, HK_OS_NO_HUGE);
    }
    return asked;
}
