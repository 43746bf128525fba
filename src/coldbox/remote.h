/* SPDX-License-Identifier: MIT */
/* Blocks on their way home. A chain is a circle of blocks of one page: its tail's first word points
 * to the head, the tail's second word to the next chain of the queue; the head's second word is the
 * count, unless head and tail are one block. Where only first words may be written to
 * (common/mark.h) the queue is one list, a chain's tail before the next one's head. docs/remote.md
 * has the protocol and its model. */
#ifndef HK_COLDBOX_REMOTE_H
#define HK_COLDBOX_REMOTE_H

#include "coldbox/coldbox.h"

extern HK_HIDDEN struct hk_hooks hk_cold_hooks;

/* Hold an orphan. -> false: it is not one, or somebody else holds it. any. */
HK_HIDDEN bool hk_heap_hold(struct hk_heap *heap);

/* End the hold of an orphan, after draining what came meanwhile. holder. */
HK_HIDDEN void hk_heap_release(struct hk_heap *heap);

/* In a forked child: what a heap held back is lost. The heap's thread was outside of slow paths, so
 * it is known which entries are open, but not what is in them. */
HK_HIDDEN void hk_remote_forget(struct hk_heap *heap);

#endif
