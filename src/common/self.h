/* SPDX-License-Identifier: MIT */
/* How fast paths reach the calling thread's state: its bins, and the token that its pages carry.
 * Each accessor is written for both forms of bins.h; fast paths are written once, over these. */
#ifndef HK_COMMON_SELF_H
#define HK_COMMON_SELF_H

#include "common/heap.h"

#if HK_SEG_BINS
/* -> offset of hk_tls from the thread pointer: one load from the GOT, or a constant once linked
 *    statically. The compiler would first add fs:0 by a load, in the critical chain. */
HK_INLINE uintptr_t hk_tls_offset(void)
{
    uintptr_t offset;
    __asm__("movq hk_tls@gottpoff(%%rip), %0" : "=r"(offset));
    return offset;
}
#endif

/* -> the bin at byte `offset` of the calling thread (pointer form: of `heap`). A mid bin is
 * `heap`'s in either form. */
HK_INLINE struct hk_bin *hk_bin_at(struct hk_heap *heap, size_t offset)
{
    size_t bin = offset >> HK_BIN_SHIFT;
    if (bin >= HK_TINY_BINS) {
        return &heap->mid.bins[bin - HK_TINY_BINS];
    }
#if HK_TLS_BINS
    return &hk_tls.bins[bin];
#else
    return &heap->tiny_bins[bin];
#endif
}

/* Write the table of steps. */
static inline void hk_mid_step(struct hk_mid *mid)
{
    for (size_t step = 0; step < HK_MID_STEPS; step++) {
        size_t size = hk_step_end(step, HK_MID_LOG2, 10);
        size_t bin = size <= HK_POOL_MAX ? hk_pool_bin(size) - HK_TINY_BINS : 0;
        mid->at[step] = (uint16_t)(offsetof(struct hk_mid, bins) + (bin << HK_BIN_SHIFT));
    }
}

/* The calling thread's mid bins are the heap's from now on; NULL: it has none. owner. */
static inline void hk_mid_bind(struct hk_heap *heap)
{
    if (HK_MID_STEPPED && heap && !heap->mid.at[0]) {
        hk_mid_step(&heap->mid); /* once: a heap that another thread had has its table */
    }
#if HK_TLS_BINS
    hk_tls.mid = heap ? &heap->mid : &hk_no_mid;
#endif
}

/* Take the first block off `bin`. -> NULL: the bin is empty. owner. */
HK_INLINE void *hk_pop(struct hk_bin *bin)
{
    void *block = bin->head;
    if (HK_UNLIKELY(!block)) {
        return NULL;
    }
    /* head last: a thread that fork leaves behind here still has a whole list */
    void *next = *(void **)block;
    bin->room += 1;
    bin->head = next;
    return block;
}

/* -> the head of the tiny bin at `offset`: for boxes that put something of their own there. owner.
 */
HK_INLINE void *hk_bin_head(struct hk_heap *heap, size_t offset)
{
    HK_ASSERT(offset < (size_t)HK_TINY_BINS << HK_BIN_SHIFT);
#if HK_SEG_BINS
    (void)heap;
    void *head;
    __asm__ volatile("movq %%fs:(%1,%2), %0"
                     : "=r"(head)
                     : "r"(hk_tls_offset()), "r"(offset)
                     : "memory");
    return head;
#else
    return hk_bin_at(heap, offset)->head;
#endif
}

/* Take the first block off the tiny bin at `offset`. -> NULL: it is empty. owner. */
HK_INLINE void *hk_bin_pop(struct hk_heap *heap, size_t offset)
{
    HK_ASSERT(offset < (size_t)HK_TINY_BINS << HK_BIN_SHIFT);
#if HK_SEG_BINS
    (void)heap;
    uintptr_t tls = hk_tls_offset();
    if (__builtin_constant_p(offset)) {
        struct hk_bin __seg_fs *bin = (struct hk_bin __seg_fs *)(tls + offset);
        void *first = bin->head;
        if (HK_LIKELY(first)) {
            void *next = *(void **)first;
            bin->room += 1;
            bin->head = next;
        }
        return first;
    }
    void *block;
    __asm__ volatile("movq %%fs:(%1,%2), %0" : "=r"(block) : "r"(tls), "r"(offset) : "memory");
    if (HK_UNLIKELY(!block)) {
        return NULL;
    }
    __asm__ volatile("addl $1, %%fs:8(%0,%1)\n\t"
                     "movq %2, %%fs:(%0,%1)"
                     :
                     : "r"(tls), "r"(offset), "r"(*(void **)block)
                     : "memory", "cc");
    return block;
#else
    return hk_pop(hk_bin_at(heap, offset));
#endif
}

/* -> the calling thread's mid bins (pointer form: `heap`'s). */
HK_INLINE const struct hk_mid *hk_self_mid(struct hk_heap *heap)
{
#if HK_SEG_BINS
    (void)heap;
    const char __seg_fs *tls = (const char __seg_fs *)hk_tls_offset();
    return *(const struct hk_mid *const __seg_fs *)(tls + offsetof(struct hk_tls, mid));
#elif HK_TLS_BINS
    (void)heap;
    return hk_tls.mid;
#else
    return &heap->mid;
#endif
}

/* -> byte offset in `mid` of the bin for HK_TINY_MAX < size <= HK_POOL_MAX. */
HK_INLINE size_t hk_mid_offset(const struct hk_mid *mid, size_t size)
{
    if (HK_MID_STEPPED && !__builtin_constant_p(size)) {
        return mid->at[hk_step(size, HK_MID_LOG2, 10)];
    }
    return offsetof(struct hk_mid, bins) + ((hk_pool_bin(size) - HK_TINY_BINS) << HK_BIN_SHIFT);
}

/* Take the first block off the bin for HK_TINY_MAX < size <= HK_POOL_MAX. -> NULL: it is empty.
 * owner. */
HK_INLINE void *hk_mid_pop(struct hk_heap *heap, size_t size)
{
    const struct hk_mid *mid = hk_self_mid(heap);
    size_t offset = hk_mid_offset(mid, size);
#if HK_SEG_BINS
    /* in assembly, or the address is computed first */
    void *block;
    __asm__ volatile("movq (%1,%2), %0" : "=r"(block) : "r"(mid), "r"(offset) : "memory");
    if (HK_UNLIKELY(!block)) {
        return NULL;
    }
    __asm__ volatile("addl $1, 8(%0,%1)\n\t"
                     "movq %2, (%0,%1)"
                     :
                     : "r"(mid), "r"(offset), "r"(*(void **)block)
                     : "memory", "cc");
    return block;
#else
    return hk_pop((struct hk_bin *)((uintptr_t)mid + offset));
#endif
}

/* -> the value that `owner` has in the caller's pages (pointer form: in `heap`'s). Never below
 * 4096. */
HK_INLINE uintptr_t hk_self_token(struct hk_heap *heap)
{
#if HK_SEG_BINS && defined(HK_IN_PROGRAM)
    /* address 0 is no null pointer here, which a program's sanitizer does not know */
    (void)heap;
    uintptr_t token;
    __asm__("movq %%fs:0, %0" : "=r"(token));
    return token;
#elif HK_SEG_BINS
    (void)heap;
    return *(const uintptr_t __seg_fs *)0;
#elif HK_TLS_BINS
    (void)heap;
    return (uintptr_t)&hk_tls;
#else
    return (uintptr_t)heap;
#endif
}

/* -> where the calling thread counts its calls (pointer form: `heap`'s). Always valid. */
HK_INLINE struct hk_calls *hk_self_calls(struct hk_heap *heap)
{
#if HK_SEG_BINS
    (void)heap;
    const char __seg_fs *tls = (const char __seg_fs *)hk_tls_offset();
    return *(struct hk_calls *const __seg_fs *)(tls + offsetof(struct hk_tls, calls));
#elif HK_TLS_BINS
    (void)heap;
    return hk_tls.calls;
#else
    return &heap->calls;
#endif
}

/* -> the heap object behind a fast path's heap argument; NULL: the thread has none (pointer form:
 * an object that is all zero). */
HK_INLINE struct hk_heap *hk_self_object(struct hk_heap *heap)
{
#if HK_SEG_BINS
    (void)heap;
    const char __seg_fs *tls = (const char __seg_fs *)hk_tls_offset();
    return *(struct hk_heap *const __seg_fs *)(tls + offsetof(struct hk_tls, heap));
#elif HK_TLS_BINS
    (void)heap;
    return hk_tls.heap;
#else
    return heap;
#endif
}

/* -> the heap argument for fast paths: a token in the TLS form. */
HK_INLINE struct hk_heap *hk_self(void)
{
#if HK_TLS_BINS
    return NULL;
#else
    return hk_tls.self;
#endif
}

#endif
