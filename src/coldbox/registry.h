/* SPDX-License-Identifier: MIT */
/* Which addresses are ours, in O(1): a two-level table over units of superslab size, whose leaves
 * are made on demand. Reads take no lock; entries are set once and stay while the address is ours.
 * Never on a fast path. */
#ifndef HK_COLDBOX_REGISTRY_H
#define HK_COLDBOX_REGISTRY_H

#include "common/attr.h"

#include <stdbool.h>
#include <stddef.h>

/* Units [base, base + units * HK_SUPERSLAB) are ours. -> 0 or errno; nothing changed on failure.
 * any. */
HK_HIDDEN int hk_registry_add(const void *base, size_t units);
HK_HIDDEN void hk_registry_remove(const void *base, size_t units);

/* -> true: the byte before `addr` lies in a unit of ours (as hk_page_of finds it). any. */
HK_HIDDEN bool hk_registry_owns(const void *addr);

/* -> bytes of tables, whether touched or not. any. */
HK_HIDDEN size_t hk_registry_bytes(void);

#endif
