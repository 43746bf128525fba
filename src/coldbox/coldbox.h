/* SPDX-License-Identifier: MIT */
/* The cold side (struct hk_cold): the only way from a hot box or pool to pages, to the blocks that
 * other threads freed, and to the life of heaps. Words: *holder* is a heap's thread while the heap
 * is LIVE and whoever moved it to ADOPTING otherwise; *any* is every thread, concurrently. No
 * member allocates, takes a lock across a system call, or calls back except through struct
 * hk_hooks and hk_guard. */
#ifndef HK_COLDBOX_COLDBOX_H
#define HK_COLDBOX_COLDBOX_H

#include "common/heap.h"
#include "common/lock.h"

/* Values of the option free_policy. */
enum { HK_FREE_BATCH, HK_FREE_KEEP, HK_FREE_EAGER };

/* How the cold side reaches the boxes above it; given once to init. */
struct hk_hooks {
    /* `count` blocks, first ... last linked by their first word, of a page of `heap` (a head
     * descriptor) have come home. May retire the page. holder. */
    void (*splice)(struct hk_heap *heap, struct hk_page *page, void *first, void *last,
                   size_t count);

    /* `page` (a head descriptor) now belongs to `heap`: owner and slot are set, its flag LISTED is
     * clear, its live count is 0. Set page->bin in every slice, list the page if it has room, and
     * report its blocks anew by adjust if the box does so. holder. */
    void (*attach)(struct hk_heap *heap, struct hk_page *page);

    /* Give back the free parts of the heap's pages. -> bytes. holder. */
    size_t (*purge_parts)(struct hk_heap *heap);

    /* The heap's policy has changed: give up what the heap keeps of quiet classes. Called in no
     * member but learn. owner. */
    void (*shed)(struct hk_heap *heap);
};

/* What a box asks for. */
struct hk_lease {
    struct hk_heap *heap;
    uint32_t block_size; /* bytes, > 0 */
    uint8_t bin_index;
    uint8_t kind;   /* hk_kind_of_bin: HK_KIND_TINY, HK_KIND_BASE or HK_KIND_POOL */
    uint8_t slices; /* 1..HK_PAGE_SLICES_MAX */
    bool grow;      /* false: only what no new memory is needed for */
    bool shared;    /* the page shall belong to no heap */
};

/* What a superslab is by the slices in use. */
enum hk_tier {
    HK_TIER_HOT = 0,
    HK_TIER_DRAINING, /* few */
    HK_TIER_FREE,     /* none */
    HK_TIERS,
};

/* 0: no box of the composition reports what its pages hold, so that nobody needs to look. */
#ifndef HK_LIVE_REPORTED
#define HK_LIVE_REPORTED 1
#endif

struct hk_cold_stat {
    size_t reserved;                         /* bytes of address space in arenas */
    size_t mapped;                           /* bytes mapped, as the OS box counts */
    size_t superslabs;                       /* that exist now */
    size_t draining;                         /* of them with few slices in use */
    size_t empty;                            /* of them with none */
    uint64_t opened;                         /* superslabs made, in all; 0 if stats=off */
    uint64_t tier_moves[HK_TIERS][HK_TIERS]; /* from, to: in all; 0 if stats=off */
    size_t leased;        /* bytes in leased and warm pages and in spans, multiples of HK_SLICE */
    size_t huge;          /* usable bytes of huge blocks */
    size_t live;          /* blocks out of pages whose box reports them by adjust; 0: none does */
    bool live_void;       /* `live` says nothing: HK_COLD_STATS_VOID */
    size_t dirty;         /* bytes free, once touched and not given back */
    size_t meta;          /* bytes of heap objects, arenas and registry, and room for more */
    size_t heaps;         /* heap objects that exist */
    size_t orphans;       /* of them without a thread */
    size_t frozen;        /* of them left behind inside the allocator by fork */
    uint64_t adoptions;   /* pages that changed heaps */
    uint64_t leases;      /* pages handed to boxes, in all; this and the next 3: 0 if stats=off */
    uint64_t retires;     /* pages taken back */
    uint64_t remote_out;  /* blocks sent home by threads that do not own them */
    uint64_t remote_in;   /* blocks that came home */
    uint64_t purged;      /* bytes given back to the OS, in all */
    uint64_t os_calls;    /* of the OS box */
    uint64_t os_failures; /* of them refused */
};

struct hk_cold {
    const char *name;

    /* Once, before any other member. -> 0 or errno. */
    int (*init)(const struct hk_hooks *hooks);

    /* -> head descriptor of a page of `slices` slices, exclusively the heap's until retire: owner,
     * block_size, bin_index, kind, back set in every slice, private parts and block maps zero,
     * flags MULTI if it has more than one slice, ZERO if its memory reads as zero. bin is NULL. A
     * shared page has the owner HK_OWNER_SHARED and is on no heap's list: the box guards it.
     * NULL: out of memory, or refused: the boxes are to be asked first for what is spare (enum
     * hk_ask). May wait for a lock or the kernel. holder. */
    struct hk_page *(*lease)(const struct hk_lease *request);

    /* Take back a page (a head descriptor) none of whose blocks is out; its block maps are zero
     * (asserted), and its bin is HK_BIN_NONE from now on. `heap` is the page's, or for a shared
     * page the caller's, which may keep it warm, or NULL. The caller must not touch the page
     * afterwards. Never fails. holder; shared: any. */
    void (*retire)(struct hk_heap *heap, struct hk_page *page);

    /* These locks (of rank HK_RANK_CLASS or HK_RANK_PAGE) guard state of a box that is all
     * threads': fork takes them, before the cold side's own and in the order they were registered
     * in, and the child gets them free. Before that guard->child is called in the child, with the
     * heap that goes on or NULL: what the box has in other heaps is lost. It takes no lock. `guard`
     * lies in static memory; registering it again does nothing. any. */
    void (*guard)(struct hk_guard *guard);

    /* -> `size` > 0 zero bytes, cache-line aligned, for what is never given back; NULL: out of
     *    memory. Counted as the cold side's own. any. */
    void *(*meta)(size_t size);

    /* Give back the whole OS pages inside [offset, offset + size) of a leased page's memory, in
     * which no block is out and nothing is linked; it reads as zero or as before. *bytes grows by
     * what has gone, and the time is noted in the page's heap, if it has one. -> false: the OS
     * refuses, as for locked memory. holder; shared: whoever has taken the blocks there out of the
     * page. */
    bool (*purge)(struct hk_page *page, size_t offset, size_t size, size_t *bytes);

    /* `delta` more blocks of the page (a head descriptor) are out than the box has reported so far;
     * 0 are reported at lease and at attach. holder. */
    void (*adjust)(struct hk_page *page, int delta);

    /* The short way of post: -> true: the block is kept with others of its page (a head descriptor)
     * for its owner; false: nothing was done, post it. owner of `heap`. */
    bool (*keep)(struct hk_heap *heap, struct hk_page *page, void *block);

    /* Keep a freed block of somebody else's page (any slice) for its owner, or send it there.
     * `heap` is the caller's, or NULL: then it is sent at once. A block is never held back longer
     * than the bounds in heap.h and the caller's next flush. any. */
    void (*post)(struct hk_heap *heap, struct hk_page *page, void *block);

    /* Send everything that the heap holds back for others. holder. */
    void (*flush)(struct hk_heap *heap);

    /* Hand every block that others freed to hooks->splice. -> blocks. holder. */
    size_t (*drain)(struct hk_heap *heap);

    /* -> a LIVE heap for the calling thread, whose pages shall carry `token` (0: the heap object's
     *    address): a recycled one with its pages (attached), else a new one; NULL: out of memory.
     * any. */
    struct hk_heap *(*birth)(uintptr_t token);

    /* The heap's thread ends; the boxes have given up bins and empty pages. Blocks of its pages may
     * be freed as before. Last call for the heap. owner. */
    void (*death)(struct hk_heap *heap);

    /* -> true: pages of a dead thread were attached to the heap; worth looking before asking for
     *    memory. owner. */
    bool (*adopt)(struct hk_heap *heap);

    /* Give memory back that has been free for long, as policy says, also what heaps keep of large
     * blocks and have not used for long. `now` from HK_OS.now(). any. */
    void (*tick)(uint64_t now);

    /* Let the policy look at the counters, when it is due, and the heap follow what it decides: may
     * call hooks->shed. Due by `now`, from HK_OS.now(), or by heap->grown. Nothing with
     * policy=frozen. owner, in no other slow path. */
    void (*learn)(struct hk_heap *heap, uint64_t now);

    /* Give back all free memory but `keep` bytes, at once, what heaps keep of large blocks, and
     * what `heap` (NULL: nobody) keeps warm. -> bytes. holder of `heap`. */
    size_t (*trim)(struct hk_heap *heap, size_t keep);

    /* One block of its own: size > 0, align a power of two >= HK_ALIGN; `reserve` bytes of address
     * space, 0 or more than size, are kept for large_resize where there is room. *zero is set to
     * whether the block reads as zero. -> NULL: out of memory; also, where the pool could serve the
     * size and a reserve is asked for (align HK_ALIGN): no room to spare. any. free: `heap`, or
     * NULL, may keep the memory for pop, which is a slow path of it. holder of `heap`, in no slow
     * path. */
    void *(*large_alloc)(size_t size, size_t align, size_t reserve, bool *zero);
    void (*large_free)(struct hk_heap *heap, struct hk_page *page, void *block);

    /* The short ways of both, which leave errno alone. pop: -> a large block that the heap keeps,
     * of `size` > 0 bytes, at a multiple of HK_SLICE, not zero; NULL: none. keep, of anything that
     * is freed and whose owner is HK_OWNER_LARGE, stops where it is nobody's block: -> true: the
     * block is free now, and the heap keeps its memory for pop; false: nothing was done, free it by
     * large_free. back is asked first, and is for the block that pop handed out last; it stops
     * nowhere. What all heaps keep is bounded by policy. A block on its way is lost to a child of
     * fork, and its thread may count as outside the allocator. owner. */
    void *(*large_pop)(struct hk_heap *heap, size_t size);
    bool (*large_keep)(struct hk_heap *heap, struct hk_page *page, void *block);
    bool (*large_back)(struct hk_heap *heap, struct hk_page *page, const void *block);

    /* The same for what all threads keep together: pop of size > HK_SPAN_MAX, at a multiple of
     * HK_ALIGN; keep and back of what is of HK_KIND_HUGE. any. */
    void *(*huge_pop)(size_t size);
    bool (*huge_keep)(struct hk_page *page, const void *block);
    bool (*huge_back)(struct hk_page *page, const void *block);

    /* -> usable bytes of a large block. any. */
    size_t (*large_size)(struct hk_page *page, void *block);

    /* Make a large block at least `size` bytes long: -> its address, in place or moved with its
     * content, or NULL: nothing changed, and the caller may copy. The caller owns the block. any.
     */
    void *(*large_resize)(struct hk_page *page, void *block, size_t size);

    /* -> true: the block's descriptor (hk_page_of) is one of ours. any, two loads. */
    bool (*owns)(const void *block);

    /* Snapshot; numbers may be stale, never negative. any. */
    void (*stat)(struct hk_cold_stat *out);

    /* -> NULL if every invariant holds, else a static string that names the first broken one. Takes
     * the locks. tests and debug builds. */
    const char *(*check)(void);

    /* Around fork(): prefork takes every lock in the documented order, parent gives them back;
     * child makes them new, keeps `self` (may be NULL), turns the other threads' heaps into
     * orphans, or FROZEN where the thread was inside the allocator. */
    void (*prefork)(void);
    void (*parent)(void);
    void (*child)(struct hk_heap *self);
};

#endif
