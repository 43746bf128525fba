/* SPDX-License-Identifier: MIT */
/* Exported names: an alias of the internal entry, so that the library holds one copy of the code and
 * its own calls never pass through the dynamic linker. */
#ifndef HK_GATE_EXPORT_H
#define HK_GATE_EXPORT_H

#include "common/attr.h"

#ifndef HK_INTERPOSE
#define HK_INTERPOSE 0
#endif

#if HK_INTERPOSE
#define HK_EXPORT(internal, public)                                                                \
    extern HK_API __typeof__(internal) public __attribute__((alias(#internal), copy(internal)))
#else
#define HK_EXPORT(internal, public) _Static_assert(1, "nothing is exported")
#endif

#endif
