/* SPDX-License-Identifier: MIT */
/* The library's lock: a futex word (0 free, 1 held, 2 held and waited for), because a lock of libc
 * may be interposed by a library that allocates. Locks are taken in ascending rank, which debug
 * builds assert; no system call is made under one, except the wait for it. Its slow half is the
 * cold side's (coldbox/lock.c). */
#ifndef HK_COMMON_LOCK_H
#define HK_COMMON_LOCK_H

#include "common/atomic.h"
#include "common/check.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    HK_RANK_CLASS = 1,  /* a class's shared pages: their lists */
    HK_RANK_PAGE = 2,   /* a shared page: its blocks */
    HK_RANK_HEAPS = 3,  /* the lists of heaps */
    HK_RANK_SLABS = 4,  /* arenas, superslabs, dirty memory */
    HK_RANK_POLICY = 5, /* the learner's snapshots */
};

struct hk_lock {
    _Alignas(HK_CACHE_LINE) _Atomic(uint32_t) word;
    uint32_t rank;
    uint32_t depth;               /* takes by the keeper; keeper */
    _Atomic(const void *) keeper; /* thread that holds the lock across a fork, or NULL */
};

/* The initialisers of a free lock, and of 4, 16 and 64 of them. */
#define HK_LOCK(its_rank)                                                                          \
    {                                                                                              \
        .rank = (its_rank)                                                                         \
    }
#define HK_LOCKS_4(its_rank)                                                                       \
    HK_LOCK(its_rank), HK_LOCK(its_rank), HK_LOCK(its_rank), HK_LOCK(its_rank)
#define HK_LOCKS_16(its_rank)                                                                      \
    HK_LOCKS_4(its_rank), HK_LOCKS_4(its_rank), HK_LOCKS_4(its_rank), HK_LOCKS_4(its_rank)
#define HK_LOCKS_64(its_rank)                                                                      \
    HK_LOCKS_16(its_rank), HK_LOCKS_16(its_rank), HK_LOCKS_16(its_rank), HK_LOCKS_16(its_rank)

struct hk_heap;

/* An array of locks that fork has to take, and what is to be made new in the child: see
 * hk_cold.guard. */
struct hk_guard {
    struct hk_lock *locks;
    size_t count;
    void (*child)(struct hk_heap *self); /* or NULL */
    struct hk_guard *next;               /* the cold side's */
    _Atomic(bool) known;                 /* the cold side's */
};

/* Across a fork the lock stays with the forking thread, which may take it again meanwhile: another
 * library's fork handler, registered before ours, runs inside and may allocate. */
HK_HIDDEN void hk_lock_keep(struct hk_lock *lock);
HK_HIDDEN void hk_lock_unkeep(struct hk_lock *lock);
HK_HIDDEN bool hk_lock_is_kept(const struct hk_lock *lock);

/* Take the lock unless it stays held for long: by a thread that is stopped, or by this one below a
 * signal handler. -> false: not taken. */
HK_HIDDEN bool hk_lock_try(struct hk_lock *lock);

HK_HIDDEN void hk_lock_wait(struct hk_lock *lock);
HK_HIDDEN void hk_lock_wake(struct hk_lock *lock);
HK_HIDDEN void hk_lock_order(uint32_t rank, bool taken);

static inline void hk_lock_acquire(struct hk_lock *lock)
{
    uint32_t expected = 0;
    /* acquire: pairs with the release of whoever held it */
    if (!hk_atomic_cas(&lock->word, &expected, 1, memory_order_acquire)) {
        hk_lock_wait(lock);
    }
}

static inline void hk_lock_release(struct hk_lock *lock)
{
    if (hk_atomic_swap(&lock->word, 0, memory_order_release) == 2) {
        hk_lock_wake(lock);
    }
}

static inline void hk_lock_take(struct hk_lock *lock)
{
    if (HK_UNLIKELY(atomic_load_explicit(&lock->keeper, memory_order_relaxed) != NULL) &&
        hk_lock_is_kept(lock)) {
        lock->depth += 1;
        return;
    }
    if (HK_DEBUG) {
        hk_lock_order(lock->rank, true);
    }
    hk_lock_acquire(lock);
}

static inline void hk_lock_give(struct hk_lock *lock)
{
    if (HK_UNLIKELY(atomic_load_explicit(&lock->keeper, memory_order_relaxed) != NULL) &&
        lock->depth) {
        /* only the keeper gets here: nobody else can hold the lock */
        lock->depth -= 1;
        return;
    }
    if (HK_DEBUG) {
        hk_lock_order(lock->rank, false);
    }
    hk_lock_release(lock);
}

#endif
