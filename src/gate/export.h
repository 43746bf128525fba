/* SPDX-License-Identifier: MIT */
/* Exported names: an alias of the internal entry, so that the library holds one copy of the code
 * and its own calls never pass through the dynamic linker. */
#ifndef HK_GATE_EXPORT_H
#define HK_GATE_EXPORT_H

#include "common/attr.h"

#ifndef HK_INTERPOSE
#define HK_INTERPOSE 0
#endif

/* gcc wants an alias to carry its target's attributes; clang knows no way to say so, and needs
 * none. */
#if defined(__has_attribute) && __has_attribute(copy)
#define HK_ALIAS(internal) alias(#internal), copy(internal)
#else
#define HK_ALIAS(internal) alias(#internal)
#endif

#if HK_INTERPOSE
#define HK_EXPORT(internal, public)                                                                \
    extern HK_API __typeof__(internal) public __attribute__((HK_ALIAS(internal)))
#else
#define HK_EXPORT(internal, public) _Static_assert(1, "nothing is exported")
#endif

#endif
