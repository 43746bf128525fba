/* SPDX-License-Identifier: MIT */
/* Compiler attributes under one name each. Nothing here changes what code means; every macro may
 * expand to nothing on a compiler that lacks it. */
#ifndef HK_COMMON_ATTR_H
#define HK_COMMON_ATTR_H

#define HK_LIKELY(x)   __builtin_expect(!!(x), 1)
#define HK_UNLIKELY(x) __builtin_expect(!!(x), 0)

/* Never false; the compiler may rely on it. */
#define HK_ASSUME(x) ((x) ? (void)0 : __builtin_unreachable())

/* A slow path that a program takes all the time: refills, large blocks, events. Kept out of the
 * caller and hidden. Not cold: gcc builds cold functions for size, which costs refills a tenth
 * of their speed. */
#define HK_SLOW_FN __attribute__((noinline, visibility("hidden")))

/* Hardly ever taken, or no matter how fast: laid out away from hot code as well. */
#define HK_COLD_FN __attribute__((noinline, cold, visibility("hidden")))

/* Crosses files inside the library, never leaves it. */
#define HK_HIDDEN __attribute__((visibility("hidden")))

/* Belongs to the library's ABI. */
#define HK_API __attribute__((visibility("default")))

/* A public entry point: its first instruction starts a cache line. */
#define HK_HOT_ENTRY __attribute__((hot, aligned(64)))

/* Always part of its caller, also in debug builds: fast paths and their accessors. */
#define HK_INLINE static inline __attribute__((always_inline))

#define HK_CACHE_LINE 64

#endif
