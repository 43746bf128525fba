/* SPDX-License-Identifier: MIT */
/* Aligned forms. Up to a slice the smallest class that is a multiple of the alignment serves them,
 * since pages start on a slice; above that, spans and mappings. */
#include "gate/export.h"
#include "gate/fast.h"
#include "gate/gate.h"
#include "gate/header.h"
#include "gate/slow.h"

#include "common/sizes.h"

#include "hk_seat_os.h"

#include <errno.h>
#include <stdint.h>

/* -> the largest multiple of an alignment whose class is known to have such multiples as blocks. A
 * regular half has all multiples of a power of two within a doubling: either the size is a class,
 * or the alignment divides them all. Not above a slice, which pages start on. */
HK_INLINE size_t class_aligns_max(void)
{
    if (!HK_POOL.owns_pages || !HK_TABLE_FINE_REGULAR) {
        return HK_TINY_MAX;
    }
    return HK_TABLE_COARSE_REGULAR && (int)HK_POOL_MAX >= (int)HK_SLICE ? HK_SLICE : HK_FINE_MAX;
}

/* -> true: a plain block of *rounded bytes holds `size` and is aligned; not for size 0. */
HK_INLINE bool class_aligns(size_t align, size_t size, size_t *rounded)
{
    *rounded = hk_round_up(size, align);
    return !HK_HEADER && *rounded - 1 < class_aligns_max();
}

/* -> smallest block size that holds `size` and is a multiple of `align` <= HK_SLICE, or 0: no
 * class. */
static size_t aligned_class(size_t size, size_t align)
{
    size_t rounded = hk_round_up(size ? size : 1, align);
    if (rounded > HK_POOL_MAX || rounded < size) {
        return 0;
    }
    size_t bin = hk_bin_of_size(rounded);
    while (bin < HK_BIN_COUNT && hk_bin_block_size(bin) % align) {
        bin++;
    }
    return bin < HK_BIN_COUNT ? hk_bin_block_size(bin) : 0;
}

void *hk_bare_aligned(size_t align, size_t size)
{
    if (align <= HK_ALIGN) {
        return hk_plain_malloc(size);
    }
    size_t block_size = align <= HK_SLICE ? aligned_class(size, align) : 0;
    if (block_size) {
        return hk_plain_malloc(block_size);
    }
    return hk_gate_large_aligned(size ? size : 1, align, 0);
}

static void *allocate(size_t align, size_t size)
{
    return HK_HEADER ? hk_headed_aligned(align, size) : hk_bare_aligned(align, size);
}

HK_INLINE void *fast_or_not(size_t align, size_t size)
{
    size_t rounded;
    bool fast = class_aligns(align, size, &rounded);
    return HK_LIKELY(fast) ? hk_fast_malloc(rounded) : allocate(align, size);
}

/* As posix_memalign, which leaves errno alone. Not part of it: what this keeps across calls would
 * cost every block a stack frame. */
static __attribute__((noinline)) int allocate_quietly(void **out, size_t align, size_t size)
{
    int saved = errno;
    void *block = allocate(align, size);
    errno = saved;
    if (!block) {
        return ENOMEM;
    }
    *out = block;
    return 0;
}

static int refuse_quietly(void *block)
{
    int saved = errno;
    (void)hk_gate_refuse(block);
    errno = saved;
    return ENOMEM;
}

int hk_posix_memalign(void **out, size_t align, size_t size)
{
    if (!hk_is_power_of_two(align) || align % sizeof(void *)) {
        return EINVAL;
    }
    size_t rounded;
    if (HK_UNLIKELY(!class_aligns(align, size, &rounded))) {
        return allocate_quietly(out, align, size);
    }
    void *block = rounded <= HK_TINY_MAX ? hk_fast_tiny(rounded) : hk_fast_pool(rounded);
    if (HK_UNLIKELY(!block)) {
        return allocate_quietly(out, align, rounded);
    }
    void *seen = HK_DECORATOR.allocated(hk_scrub_out(block, rounded), rounded);
    if (HK_UNLIKELY(!seen)) {
        return refuse_quietly(block);
    }
    *out = seen;
    return 0;
}

void *hk_aligned_alloc(size_t align, size_t size)
{
    if (HK_UNLIKELY(!hk_is_power_of_two(align))) {
        errno = EINVAL;
        return NULL;
    }
    return fast_or_not(align, size);
}

void *hk_memalign(size_t align, size_t size)
{
    if (align > (size_t)PTRDIFF_MAX / 2 + 1) {
        return hk_gate_no_memory();
    }
    size_t power = align > HK_ALIGN ? (size_t)1 << (64 - __builtin_clzll(align - 1)) : HK_ALIGN;
    return fast_or_not(power, size);
}

void *hk_valloc(size_t size)
{
    return fast_or_not(HK_OS.facts()->page, size);
}

void *hk_pvalloc(size_t size)
{
    size_t page = HK_OS.facts()->page;
    if (size > PTRDIFF_MAX) {
        return hk_gate_no_memory();
    }
    return fast_or_not(page, hk_round_up(size ? size : 1, page));
}

HK_EXPORT(hk_posix_memalign, posix_memalign);
HK_EXPORT(hk_aligned_alloc, aligned_alloc);
HK_EXPORT(hk_memalign, memalign);
HK_EXPORT(hk_valloc, valloc);
HK_EXPORT(hk_pvalloc, pvalloc);
