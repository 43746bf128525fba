/* SPDX-License-Identifier: MIT */
/* The header option: 16 bytes right below the address that the application gets, written when a
 * block is handed out and verified when it comes back (free, realloc, malloc_usable_size). A
 * violation stops the process with a line that has the address and the class.
 *
 *   light   requested size, class, and a check word over them and the address: a block of another
 *           class, a second free, and an underrun into the header are found
 *   full    also a canary behind the requested size: an overrun is found
 *
 *     plain block                              | header | requested bytes | canary | slack
 *     ^ what the boxes serve                            ^ what the application gets
 *
 * The header and the canary add to the requested size before it is classed. The space in front is
 * 16 bytes, or the alignment where that is more. What pool_zero scrubs is what the application
 * gets. */
#ifndef HK_GATE_HEADER_H
#define HK_GATE_HEADER_H

#include "gate/gate.h"

#include "common/attr.h"
#include "common/mark.h"

#include <stdbool.h>
#include <stddef.h>

/* The entries of gate.h, for blocks with headers. */
HK_HIDDEN void *hk_headed_malloc(size_t size);
HK_HIDDEN void hk_headed_free(void *block);
HK_HIDDEN void *hk_headed_calloc(size_t count, size_t size);
HK_HIDDEN void *hk_headed_realloc(void *block, size_t size);
HK_HIDDEN void *hk_headed_aligned(size_t align, size_t size);
HK_HIDDEN size_t hk_headed_usable_size(void *block);

/* Plain blocks, without the detour through a header, for the gate's own files. */
HK_HIDDEN void *hk_bare_malloc(size_t size);
HK_HIDDEN void hk_bare_free(void *block);
HK_HIDDEN void *hk_bare_realloc(void *block, size_t size);
HK_HIDDEN void *hk_bare_aligned(size_t align, size_t size);
HK_HIDDEN size_t hk_bare_usable_size(void *block);

/* A plain block whose header is marked as that of a freed one: scrub it and free it. */
HK_HIDDEN void hk_marked_free(void *block);

static inline void *hk_plain_malloc(size_t size)
{
    return HK_HEADER ? hk_bare_malloc(size) : hk_malloc(size);
}

static inline void hk_plain_free(void *block)
{
    if (HK_HEADER) {
        hk_bare_free(block);
    } else {
        hk_free(block);
    }
}

/* The application's block moved away from this plain one; hk_headed_realloc has marked it. */
static inline void hk_moved_free(void *block)
{
    if (HK_HEADER) {
        hk_marked_free(block);
    } else {
        hk_free(block);
    }
}

#endif
