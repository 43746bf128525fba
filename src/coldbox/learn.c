/* SPDX-License-Identifier: MIT */
/* Steps of the learner, snapshots and their followers. A step is committed whole in one hold of the
 * lock, so that a forked child finds it done or not begun. With policy=frozen nobody gets past the
 * first line of what others call, and nothing is left of the rest. */
#include "coldbox/learn.h"

#include "coldbox/heaps.h"
#include "coldbox/meta.h"
#include "coldbox/remote.h"
#include "coldbox/warm.h"

#include <string.h>

static const uint64_t period_ns = (uint64_t)HK_LEARN_PERIOD_MS * 1000000u;
static const uint64_t gap_ns = (uint64_t)HK_LEARN_GAP_MS * 1000000u;

struct snapshot {
    struct hk_policy policy; /* first: heaps point to it */
    struct snapshot *next;   /* set once, before it is listed */
    size_t followers;        /* heaps whose policy it is; lock */
};

static struct {
    struct hk_lock lock;
    _Atomic(struct snapshot *) now; /* published; NULL: the profile. written under lock */
    struct snapshot *all;           /* lock */
    struct hk_mind mind;            /* of the last step; lock */
    struct hk_view counted;         /* totals at the last step; lock */
    struct hk_learn_stat stat;      /* lock */
    _Atomic(uint32_t) stepping;     /* a thread is in a step, and owns what follows */
    _Atomic(uint64_t) last;         /* ns, of the last step; read by any */
    struct hk_view totals;
    struct hk_view view;
    struct hk_decision decision;
} learn = {.lock = {.rank = HK_RANK_POLICY}};

static uint64_t get(const struct hk_counts *counts, enum hk_event event)
{
    return atomic_load_explicit(&counts->event[event], memory_order_relaxed);
}

static void add_counts(const struct hk_counts *counts)
{
    for (size_t i = 0; i < HK_COUNTED_BINS; i++) {
        struct hk_class_view *total = &learn.totals.of[i];
        uint64_t refills = get(&counts[i], HK_EVENT_REFILL);
        uint64_t retires = get(&counts[i], HK_EVENT_RETIRE);
        if (refills | retires) {
            total->refills += refills;
            total->visits += get(&counts[i], HK_EVENT_VISIT);
            total->misses += get(&counts[i], HK_EVENT_MISS);
            total->pages += get(&counts[i], HK_EVENT_LEASE) - retires;
        }
    }
}

/* Fill totals and view. Counts of other threads may be stale: what is missing now comes with the
 * next step. */
static void look(void)
{
    memset(&learn.totals, 0, sizeof learn.totals);
    add_counts(hk_shared_counts.counts);
    const struct hk_heap *heap = atomic_load_explicit(&hk_heaps.all, memory_order_acquire);
    for (; heap; heap = heap->next) {
        add_counts(heap->counts);
    }
    for (size_t i = 0; i < HK_BIN_COUNT; i++) {
        const struct hk_class_view *now = &learn.totals.of[i];
        const struct hk_class_view *then = &learn.counted.of[i];
        learn.view.of[i] = (struct hk_class_view){
            .refills = now->refills - then->refills,
            .visits = now->visits - then->visits,
            .misses = now->misses - then->misses,
            .pages = (int64_t)now->pages > 0 ? now->pages : 0,
        };
    }
}

static bool is_followed_locked(const struct snapshot *snapshot)
{
    return snapshot->followers ||
           snapshot == atomic_load_explicit(&learn.now, memory_order_relaxed);
}

/* -> a snapshot that nobody reads and this step may write; NULL: out of memory. */
static struct snapshot *unused_snapshot(void)
{
    hk_lock_take(&learn.lock);
    struct snapshot *snapshot = learn.all;
    while (snapshot && is_followed_locked(snapshot)) {
        snapshot = snapshot->next;
    }
    hk_lock_give(&learn.lock);
    if (snapshot) {
        return snapshot;
    }
    snapshot = hk_meta_alloc(sizeof *snapshot);
    if (snapshot) {
        hk_lock_take(&learn.lock);
        snapshot->next = learn.all;
        learn.all = snapshot;
        learn.stat.objects += 1;
        hk_lock_give(&learn.lock);
    }
    return snapshot;
}

/* The step is done. `snapshot` holds the new policy, if there is one (only with `learn`). */
static void commit(bool changes, struct snapshot *snapshot)
{
    const struct hk_decision *decision = &learn.decision;
    hk_lock_take(&learn.lock);
    learn.mind = decision->mind;
    learn.counted = learn.totals;
    learn.stat.steps += 1;
    learn.stat.snapshots += snapshot != NULL;
    learn.stat.raised += decision->raised;
    learn.stat.lowered += decision->lowered;
    learn.stat.quieted += decision->quieted;
    learn.stat.woken += decision->woken;
    if (changes) {
        learn.stat.wanted = decision->policy;
    }
    if (snapshot) {
        /* release: whoever sees the address without the lock only compares it */
        atomic_store_explicit(&learn.now, snapshot, memory_order_release);
    }
    hk_lock_give(&learn.lock);
}

static void step(void)
{
    look();
    /* with `frozen` the decision is not linked: at no level of optimization may a call be left */
    bool changes = HK_POLICY != HK_POLICY_FROZEN &&
                   hk_policy_decide(HK_POLICY_PROFILE, &learn.view, &learn.mind, &learn.decision);
    struct snapshot *snapshot = NULL;
    if (HK_POLICY == HK_POLICY_LEARN && changes) {
        snapshot = unused_snapshot();
        if (!snapshot) {
            return; /* not committed: the next step sees this one's counts as well */
        }
        snapshot->policy = learn.decision.policy;
    }
    commit(changes, snapshot);
}

static bool step_is_due(struct hk_heap *heap, uint64_t now)
{
    uint64_t last = atomic_load_explicit(&learn.last, memory_order_relaxed);
    uint64_t passed = (int64_t)(now - last) > 0 ? now - last : 0;
    if (passed >= period_ns) {
        return true;
    }
    size_t others = atomic_load_explicit(&hk_heaps.count, memory_order_relaxed) - 1;
    return hk_policy_has_grown(heap) && passed >= others * gap_ns;
}

static void follow(struct hk_heap *heap)
{
    hk_lock_take(&learn.lock);
    struct snapshot *old = (struct snapshot *)heap->policy;
    struct snapshot *now = atomic_load_explicit(&learn.now, memory_order_relaxed);
    if (old) {
        old->followers -= 1;
    }
    now->followers += 1;
    heap->policy = &now->policy;
    hk_lock_give(&learn.lock);
}

void hk_cold_learn(struct hk_heap *heap, uint64_t now)
{
    if (HK_POLICY == HK_POLICY_FROZEN) {
        return;
    }
    if (step_is_due(heap, now) && hk_atomic_swap(&learn.stepping, 1, memory_order_acquire) == 0) {
        atomic_store_explicit(&learn.last, now, memory_order_relaxed);
        heap->grown = 0;
        step();
        atomic_store_explicit(&learn.stepping, 0, memory_order_release);
    }
    struct snapshot *latest = atomic_load_explicit(&learn.now, memory_order_relaxed);
    if (HK_POLICY == HK_POLICY_LEARN && latest && heap->policy != &latest->policy) {
        follow(heap);
        hk_cold_hooks.shed(heap);
        while (hk_warm_excess(heap)) {
            hk_warm_shrink(heap, heap->warm_count - 1);
        }
    }
}

void hk_learn_leave(struct hk_heap *heap)
{
    if (HK_POLICY != HK_POLICY_LEARN || !heap->policy) {
        return;
    }
    hk_lock_take(&learn.lock);
    ((struct snapshot *)heap->policy)->followers -= 1;
    heap->policy = NULL;
    hk_lock_give(&learn.lock);
}

void hk_learn_prefork(void)
{
    if (HK_POLICY != HK_POLICY_FROZEN) {
        hk_lock_keep(&learn.lock);
    }
}

void hk_learn_parent(void)
{
    if (HK_POLICY != HK_POLICY_FROZEN) {
        hk_lock_unkeep(&learn.lock);
    }
}

void hk_learn_child(const struct hk_heap *self)
{
    if (HK_POLICY == HK_POLICY_FROZEN) {
        return;
    }
    for (struct snapshot *snapshot = learn.all; snapshot; snapshot = snapshot->next) {
        snapshot->followers = self && self->policy == &snapshot->policy;
    }
    /* a step of a thread that is gone: what it has written so far is written again */
    atomic_store_explicit(&learn.stepping, 0, memory_order_relaxed);
    hk_lock_unkeep(&learn.lock);
}

bool hk_learn_read(struct hk_learn_stat *out)
{
    if (HK_POLICY == HK_POLICY_FROZEN || !hk_lock_try(&learn.lock)) {
        return false;
    }
    *out = learn.stat;
    hk_lock_give(&learn.lock);
    out->bytes = out->objects * sizeof(struct snapshot) + sizeof learn;
    bool changed = out->raised || out->lowered || out->quieted || out->woken;
    for (size_t i = 0; i < HK_BIN_COUNT && !changed; i++) {
        out->wanted.of[i] = hk_profile_of(HK_POLICY_PROFILE, i);
    }
    return true;
}
