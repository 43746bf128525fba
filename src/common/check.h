/* SPDX-License-Identifier: MIT */
/* Three grades of assertion. HK_REQUIRE is always on and meets a caller's misuse: it stops the
 * process with one fixed line. HK_ASSERT checks our own promises in debug builds (HK_DEBUG). A
 * box's check() walks its structures and belongs to tests and debug builds. None of them allocates.
 */
#ifndef HK_COMMON_CHECK_H
#define HK_COMMON_CHECK_H

#include "common/attr.h"

#include <stddef.h>

#ifndef HK_DEBUG
#define HK_DEBUG 0
#endif

/* Stop the process: writes "hakmem: <what>\n" to standard error with one write(2), then aborts.
 * what     a string literal, without a newline
 * thread   any; async-signal-safe
 */
HK_COLD_FN __attribute__((noreturn)) void hk_fatal(const char *what);

/* The same with the place: "hakmem: <what>: block 0x<address> of class <block_size>\n"; block_size
 * 0 is a large block.
 */
HK_COLD_FN __attribute__((noreturn)) void hk_fatal_at(const char *what, const void *block,
                                                      size_t block_size);

#define HK_REQUIRE(condition, what)                                                                \
    do {                                                                                           \
        if (HK_UNLIKELY(!(condition))) {                                                           \
            hk_fatal(what);                                                                        \
        }                                                                                          \
    } while (0)

#define HK_STRINGIFY_(x) #x
#define HK_STRINGIFY(x)  HK_STRINGIFY_(x)

#define HK_ASSERT(condition)                                                                       \
    do {                                                                                           \
        if (HK_DEBUG && HK_UNLIKELY(!(condition))) {                                               \
            hk_fatal("assertion failed: " #condition " at " __FILE__ ":" HK_STRINGIFY(__LINE__));  \
        }                                                                                          \
    } while (0)

#endif
