/* SPDX-License-Identifier: MIT */
/* The list of guards only grows; fork holds its lock, so that no lock comes up meanwhile. */
#include "coldbox/guard.h"

#include "coldbox/cold.h"

/* The boxes' locks, in order of registration. */
static struct {
    struct hk_lock lock; /* only in hk_cold_guard */
    _Atomic(struct hk_guard *) first;
} guards = {.lock = {.rank = HK_RANK_HEAPS}};

void hk_cold_guard(struct hk_guard *guard)
{
    /* acquire: pairs with the release below, for whoever skips the lock */
    if (atomic_load_explicit(&guard->known, memory_order_acquire)) {
        return;
    }
    hk_lock_take(&guards.lock);
    if (!atomic_load_explicit(&guard->known, memory_order_relaxed)) {
        struct hk_guard *last = atomic_load_explicit(&guards.first, memory_order_relaxed);
        while (last && last->next) {
            last = last->next;
        }
        if (last) {
            last->next = guard;
        } else {
            atomic_store_explicit(&guards.first, guard, memory_order_relaxed);
        }
        hk_atomic_put(&guard->known, true, memory_order_release);
    }
    hk_lock_give(&guards.lock);
}

static struct hk_guard *first_guard(void)
{
    return atomic_load_explicit(&guards.first, memory_order_relaxed);
}

void hk_guards_keep(void)
{
    hk_lock_keep(&guards.lock);
    for (struct hk_guard *guard = first_guard(); guard; guard = guard->next) {
        for (size_t i = 0; i < guard->count; i++) {
            hk_lock_keep(&guard->locks[i]);
        }
    }
}

void hk_guards_unkeep(void)
{
    for (struct hk_guard *guard = first_guard(); guard; guard = guard->next) {
        for (size_t i = guard->count; i-- > 0;) {
            hk_lock_unkeep(&guard->locks[i]);
        }
    }
    hk_lock_unkeep(&guards.lock);
}

void hk_guards_child(struct hk_heap *self)
{
    for (struct hk_guard *guard = first_guard(); guard; guard = guard->next) {
        if (guard->child) {
            guard->child(self);
        }
    }
}
