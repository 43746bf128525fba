/* SPDX-License-Identifier: MIT */
/* Read-modify-write operations and ordered stores under one name each, so that a library for
 * programs of one thread (threads=single) has none: there they are plain reads and writes. Some are
 * so in any library, while the process has one thread: those on a path so short that the operation
 * would be a good part of it. Loads and relaxed stores cost nothing anywhere and keep their own
 * names. */
#ifndef HK_COMMON_ATOMIC_H
#define HK_COMMON_ATOMIC_H

#include <stdatomic.h>
#include <stdbool.h>

/* 1: the process has one thread, by -Dthreads=single. */
#ifndef HK_SINGLE
#define HK_SINGLE 0
#endif

/* 1: libc tells whether the process has one thread. */
#ifndef HK_LIBC_KNOWS_ALONE
#define HK_LIBC_KNOWS_ALONE 0
#endif

#if HK_LIBC_KNOWS_ALONE
#include <sys/single_threaded.h>
#endif

/* -> true: there is no other thread, and none begins before the caller has returned. Libc does not
 * see threads that are made without it; its own malloc relies on it as well. any. */
static inline bool hk_is_alone(void)
{
#if HK_LIBC_KNOWS_ALONE
    return HK_SINGLE || __libc_single_threaded;
#else
    return HK_SINGLE;
#endif
}

#define hk_atomic_load_(object)         atomic_load_explicit(object, memory_order_relaxed)
#define hk_atomic_store_(object, value) atomic_store_explicit(object, value, memory_order_relaxed)

/* Store `value` with an order that is more than relaxed. */
#define hk_atomic_put(object, value, order)                                                        \
    (HK_SINGLE ? hk_atomic_store_(object, value) : atomic_store_explicit(object, value, order))

/* Add to a counter; relaxed, without a result. */
#define hk_atomic_add(object, amount)                                                              \
    (HK_SINGLE ? hk_atomic_store_(object, hk_atomic_load_(object) + (amount))                      \
               : (void)atomic_fetch_add_explicit(object, amount, memory_order_relaxed))

#define hk_atomic_sub(object, amount)                                                              \
    (HK_SINGLE ? hk_atomic_store_(object, hk_atomic_load_(object) - (amount))                      \
               : (void)atomic_fetch_sub_explicit(object, amount, memory_order_relaxed))

/* -> true: the object was *expected and is `desired` now; else *expected is what it was. Never
 * fails without a reason. `success` is the order of the change; a failure is relaxed. */
#define hk_atomic_cas(object, expected, desired, success)                                          \
    hk_cas_(HK_SINGLE, object, expected, desired, success)

/* The same, plain while the process has one thread. */
#define hk_short_cas(object, expected, desired, success)                                           \
    hk_cas_(hk_is_alone(), object, expected, desired, success)

#define hk_cas_(plain, object, expected, desired, success)                                         \
    ((plain) ? (hk_atomic_load_(object) == *(expected)                                             \
                    ? (hk_atomic_store_(object, desired), true)                                    \
                    : (*(expected) = hk_atomic_load_(object), false))                              \
             : atomic_compare_exchange_strong_explicit(object, expected, desired, success,         \
                                                       memory_order_relaxed))

/* -> what the object was before it became `value`. */
#define hk_atomic_swap(object, value, order) hk_swap_(HK_SINGLE, object, value, order)

/* The same, plain while the process has one thread. */
#define hk_short_swap(object, value, order) hk_swap_(hk_is_alone(), object, value, order)

#define hk_swap_(plain, object, value, order)                                                      \
    __extension__({                                                                                \
        __typeof__(hk_atomic_load_(object)) hk_before;                                             \
        if (plain) {                                                                               \
            hk_before = hk_atomic_load_(object);                                                   \
            hk_atomic_store_(object, value);                                                       \
        } else {                                                                                   \
            hk_before = atomic_exchange_explicit(object, value, order);                            \
        }                                                                                          \
        hk_before;                                                                                 \
    })

#endif
