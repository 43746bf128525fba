/* SPDX-License-Identifier: MIT */
/* The tiny hot box's interface (struct hk_hotbox): serves blocks up to HK_TINY_MAX from pages that
 * it leases from HK_COLD, one heap per thread. A box keeps its state in the heap it is given (for
 * each of its classes the bin and the lane) and in its pages' private parts, so one thread may hold
 * several heaps in the pointer form (the kit does). A box with shared pages (owns_pages false) also
 * has state of its own behind locks that it registers with HK_COLD.guard. `offset` is the byte
 * offset of the bin (hk_tiny_offset). A box serves the classes whose hk_kind_of_bin is its seat's,
 * which a build that seats it as the base tells it by HK_HOTBOX_<NAME>_KIND (HK_KIND_TINY else):
 * the others' bins, lanes and pages are another box's. *owner* is the thread that owns the heap. No
 * member changes what it promises in one form of bins.h but not in the other; no member is NULL;
 * none allocates. */
#ifndef HK_HOTBOX_HOTBOX_H
#define HK_HOTBOX_HOTBOX_H

#include "common/policy.h"

/* Changes whenever a box written for an earlier contract would not fit any more; boxes of other
 * projects assert the number that they were written for. The pool's is the same. */
enum { HK_BOX_INTERFACE = 1 };

struct hk_hot_stat {
    size_t pages;      /* leased by the box in this heap; in all, if its pages are shared */
    size_t bytes;      /* of these pages */
    size_t blocks_out; /* carved blocks that are in no page: with the application, in bins, on the
                          way */
    size_t blocks_in;  /* carved blocks that lie free in pages */
    size_t binned;     /* blocks in the bins; exact only when the owner asks */
};

enum hk_collect {
    HK_COLLECT_KEEP,  /* absorb what came home */
    HK_COLLECT_ALL,   /* also give up the bins and every empty page, and free parts of used pages */
    HK_COLLECT_QUIET, /* absorb, and give up the bins and empty pages of classes that policy calls
                         quiet, and those alone */
    HK_COLLECT_PARTS, /* only the free parts of used pages; for any holder, touches no bin */
    HK_COLLECT_IDLE,  /* what is at hand or kept empty in idle classes, see below */
    HK_COLLECT_SPARE, /* the same in classes of which the caller has no block, see below */
};

/* -> true: collect, asked `how`, gives up the bin and the empty pages of the class. */
static inline bool hk_gives_up(const struct hk_heap *heap, size_t bin_index, enum hk_collect how)
{
    return how == HK_COLLECT_ALL ||
           (how == HK_COLLECT_QUIET && hk_policy_of(heap, bin_index).quiet);
}

struct hk_hotbox {
    const char *name; /* folder name, unique */
    size_t heap_size; /* bytes of the heap object that are the box's */
    bool owns_pages;  /* false: pages belong to all threads, and any thread gives any block back */

    /* Make a heap that has just been born the calling thread's: its box state is all zero, but for
     * the pages that birth attached. Cannot fail; leases nothing. owner. */
    void (*init)(struct hk_heap *heap);

    /* The fast path. -> block of at least `offset` bytes (16 for offset 0), aligned to 16, content
     *    undefined, the caller's until freed; NULL: nothing at hand, call refill. owner. */
    void *(*alloc)(struct hk_heap *heap, size_t offset);

    /* The slow path. -> block as above, and more of them at hand where memory allows; NULL: the
     * cold side has no page. `heap` is the heap object in both forms. owner. */
    void *(*refill)(struct hk_heap *heap, size_t offset);

    /* Take back a block of a page (any slice's descriptor) that this heap owns, or that is shared;
     * never calls the OS except to give memory back. Of a block that is free a box writes its first
     * HK_FREE_WORDS words only (common/mark.h). -> false: nothing was done, call spill. A box that
     * owns its pages always answers true. owner. */
    bool (*free_local)(struct hk_heap *heap, struct hk_page *page, void *block);

    /* The slow path of free_local: take the block back, and more out of the way where the box keeps
     * freed blocks at hand. Never fails. `heap` is the heap object in both forms; for a shared page
     * it may be NULL: the thread has none. owner. */
    void (*spill)(struct hk_heap *heap, struct hk_page *page, void *block);

    /* hk_hooks.splice for pages of this box. A shared page's blocks are never on their way: there
     * it puts the chain back into the page. holder; shared: any. */
    void (*splice)(struct hk_heap *heap, struct hk_page *page, void *first, void *last,
                   size_t count);

    /* hk_hooks.attach for pages of this box; a shared page joins the pages that serve. holder. */
    void (*attach)(struct hk_heap *heap, struct hk_page *page);

    /* -> bytes retired or given back, about. Every block freed before the call is reusable after
     * it, but after HK_COLLECT_IDLE, which comes now and then: of classes without a refill or spill
     * since the last such call, what lies at hand or is kept empty goes back where it holds more
     * pages than it is worth. It takes nothing else away from a class, but pages of any, the other
     * box's as well, in which little has been used for long may give memory back. It takes a time
     * that does not depend on how many pages there are in use, and may do nothing in a box that has
     * few pages at hand. HK_COLLECT_SPARE comes before the heap takes new memory, after a refill
     * that got none: what classes hold of which the application has no block, as far as the box can
     * tell at once, goes back, to serve others. May do nothing as well. owner. */
    size_t (*collect)(struct hk_heap *heap, enum hk_collect how);

    /* Thread exit: bins go home, empty pages are retired (shared ones too), the heap's others are
     * unlisted and stay leased for HK_COLD.death. The box's state in the heap is all zero
     * afterwards. owner, last call before init. */
    void (*abandon)(struct hk_heap *heap);

    /* Counts of now. A box that reports to the cold side what its pages hold has done so for the
     * heap's pages afterwards. owner. */
    void (*stat)(struct hk_heap *heap, struct hk_hot_stat *out);

    /* -> NULL if every invariant holds, else a static string naming the first broken one. Bounded
     * even on corrupt lists. owner, no concurrent calls. Debug and tests. */
    const char *(*check)(struct hk_heap *heap);
};

#endif
