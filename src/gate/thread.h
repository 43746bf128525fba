/* SPDX-License-Identifier: MIT */
/* Threads and their heaps: birth at a thread's first slow path, death in a key destructor. After
 * its death a thread may go on allocating (other destructors do): each slow path then borrows a
 * heap. */
#ifndef HK_GATE_THREAD_H
#define HK_GATE_THREAD_H

#include "common/self.h"

/* Begin a slow path that needs a heap. -> the calling thread's, made now if it has none; NULL: out
 * of memory. Ended by hk_thread_leave. */
HK_HIDDEN struct hk_heap *hk_thread_enter(void);
HK_HIDDEN void hk_thread_leave(struct hk_heap *heap);

/* -> the calling thread's heap, or NULL: it has none now. */
HK_INLINE struct hk_heap *hk_thread_heap(void)
{
    return hk_tls.heap;
}

/* -> true: the thread has given up its heap for good. */
HK_HIDDEN bool hk_thread_is_dead(void);

#endif
