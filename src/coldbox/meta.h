/* SPDX-License-Identifier: MIT */
/* Memory for what is never unmapped: heap objects, arenas, registry leaves. A bump allocator over a
 * static first chunk (so that a small process maps nothing for it) and mapped ones; the last
 * piece that turned out not to be needed is kept for the next request of its size. Lock-free. */
#ifndef HK_COLDBOX_META_H
#define HK_COLDBOX_META_H

#include "common/attr.h"

#include <stddef.h>

/* -> `size` zero bytes, cache-line aligned, for ever; NULL: out of memory. any. */
HK_HIDDEN void *hk_meta_alloc(size_t size);

/* A piece that was just allocated and has not been published is not needed after all. any. */
HK_HIDDEN void hk_meta_free(void *piece, size_t size);

/* -> bytes in chunks, used or not. any. */
HK_HIDDEN size_t hk_meta_bytes(void);

#endif
