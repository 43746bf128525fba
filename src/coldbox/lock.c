/* SPDX-License-Identifier: MIT */
/* The lock's slow half: spin a little, then sleep. */
#include "common/lock.h"

#include "hk_seat_os.h"

#include <errno.h>
#include <sched.h>

enum {
    SPINS = 100,
    PATIENCE = 20000, /* times that another thread may run meanwhile: some tens of milliseconds */
};

/* -> an address that no other live thread has. */
static const void *thread_mark(void)
{
    return &errno;
}

void hk_lock_keep(struct hk_lock *lock)
{
    hk_lock_acquire(lock); /* fork takes many locks of one rank */
    lock->depth = 0;
    atomic_store_explicit(&lock->keeper, thread_mark(), memory_order_relaxed);
}

void hk_lock_unkeep(struct hk_lock *lock)
{
    atomic_store_explicit(&lock->keeper, NULL, memory_order_relaxed);
    hk_lock_release(lock);
}

bool hk_lock_is_kept(const struct hk_lock *lock)
{
    return atomic_load_explicit(&lock->keeper, memory_order_relaxed) == thread_mark();
}

bool hk_lock_try(struct hk_lock *lock)
{
    if (hk_lock_is_kept(lock)) {
        hk_lock_take(lock);
        return true;
    }
    for (int i = 0; i < PATIENCE; i++) {
        uint32_t expected = 0;
        if (hk_atomic_cas(&lock->word, &expected, 1, memory_order_acquire)) {
            if (HK_DEBUG) {
                hk_lock_order(lock->rank, true);
            }
            return true;
        }
        sched_yield();
    }
    return false;
}

void hk_lock_wait(struct hk_lock *lock)
{
    for (int i = 0; i < SPINS; i++) {
        uint32_t expected = 0;
        if (atomic_load_explicit(&lock->word, memory_order_relaxed) == 0 &&
            hk_atomic_cas(&lock->word, &expected, 1, memory_order_acquire)) {
            return;
        }
#if defined(__x86_64__) || defined(__i386__)
        __builtin_ia32_pause();
#endif
    }
    while (hk_atomic_swap(&lock->word, 2, memory_order_acquire) != 0) {
        HK_OS.wait(&lock->word, 2);
    }
}

void hk_lock_wake(struct hk_lock *lock)
{
    HK_OS.wake(&lock->word);
}
