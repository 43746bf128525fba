/* SPDX-License-Identifier: MIT */
/* A heap: what one thread owns. Its object is never unmapped, so any thread may post to its queue
 * at any time; it is recycled from a dead thread to a new one. The first line is shared, everything
 * after it is the holder's: the owner while LIVE, whoever won ADOPTING otherwise. */
#ifndef HK_COMMON_HEAP_H
#define HK_COMMON_HEAP_H

#include "common/bins.h"
#include "common/events.h"
#include "common/page.h"

/* Life of a heap; docs/remote.md has the protocol, tests/model its spin model. */
enum hk_heap_state {
    HK_HEAP_LIVE = 0,
    HK_HEAP_ORPHAN,   /* no thread; a poster or an adopter may hold it next */
    HK_HEAP_ADOPTING, /* held: its pages may be drained and moved */
    HK_HEAP_FROZEN,   /* its thread was inside the allocator at fork: never held again */
};

enum {
    HK_REMOTE_ENTRIES = 512,
    HK_REMOTE_BLOCKS = 64,         /* most blocks held back for one page */
    HK_REMOTE_BYTES = 8 * 1024,    /* most bytes held back for one page */
    HK_REMOTE_LEAST = 16 * 1024,   /* bytes that any thread may hold back */
    HK_REMOTE_SHIFT = 5,           /* and this part of what it has sent home, */
    HK_REMOTE_TOTAL = 512 * 1024,  /* up to so many bytes in all; */
    HK_REMOTE_LEARNT = 128 * 1024, /* so much of it the heap's next thread may from the start */
    HK_WARM_MAX = 64,
    HK_SPAN_PLACES = 32, /* spans that a heap keeps, most */
    HK_SPAN_LENGTHS = (HK_SPAN_MAX >> HK_SLICE_SHIFT) + 1,
};

/* Blocks of one foreign page on their way home. */
struct hk_remote_entry {
    struct hk_page *page;
    void *head;
    void *tail;
    uint32_t size; /* blocks that the entry may hold */
    uint32_t room; /* of them not yet there */
};

/* Free spans that a heap keeps, by length in slices: see coldbox/spans.h. holder, but for the
 * atomic ones. */
struct hk_spans {
    uint64_t lengths;               /* bit: that length's list is not empty */
    uint32_t taken;                 /* bit: that place is on a list, or the last one */
    uint32_t oldest;                /* the place whose span goes next */
    uint32_t slices;                /* of all taken places */
    uint32_t last;                  /* the place that was filled last, on no list yet */
    uint32_t last_length;           /* slices of the span in it; 0: it is empty */
    void *last_block;               /* its start, also while it is out, or NULL: no place is last */
    _Atomic(uint32_t) claim;        /* slices that the heap may keep */
    _Atomic(bool) used;             /* since the last tick */
    uint8_t first[HK_SPAN_LENGTHS]; /* 1 + the place of a length's last span, or 0 */
    uint8_t next[HK_SPAN_PLACES];   /* 1 + that of the one before it, or 0 */
    _Atomic(uint8_t) length[HK_SPAN_PLACES];        /* slices; holder writes */
    _Atomic(struct hk_page *) span[HK_SPAN_PLACES]; /* its first descriptor; NULL: taken back */
};

/* Pages of which hardly a block is in use and which have memory to give back, the oldest first;
 * through their slots. holder. */
struct hk_sparse {
    struct hk_page *first;
    struct hk_page *last;
    uint32_t slices; /* carved, of all of them */
    uint32_t looks;  /* times that the heap was looked at for what is idle: the list's clock */
    bool draining;   /* memory is dear, but goes back: such pages have been most of the heap */
    /* so many more there may be: memory of such pages was given back and soon wanted again */
    uint32_t hold;
    uint32_t pause; /* times that none gives memory back, after the OS has refused it */
    uint32_t skip;  /* of them that are left */
    uint64_t sunk;  /* ns: when the hold sank last */
};

/* When the short ways of large blocks have the clock looked at: gate/pace.h. holder. */
struct hk_pace {
    uint32_t left;   /* short ways up to the next look, which is one of them; > 0 */
    uint32_t pause;  /* from the last look to the next one */
    uint64_t looked; /* ns; when that was */
};

/* Bytes that a box may use in the heap for each of its classes, beside the bin: the most that a box
 * of the build wants. */
#ifndef HK_TINY_LANE
#define HK_TINY_LANE 16
#endif
#ifndef HK_POOL_LANE
#define HK_POOL_LANE 16
#endif

_Static_assert(HK_TINY_LANE % 16 == 0 && HK_POOL_LANE % 16 == 0, "lanes keep their alignment");

struct hk_policy;

/* Before new memory is taken for a page, boxes may be asked for what is spare: pages of classes of
 * which the application has no block. A box asks for a page in the middle of its work, when no
 * other may touch the heap; so its lease is refused, and the gate asks the boxes and comes again.
 */
enum hk_ask {
    HK_ASK_NOT = 0, /* new memory is taken */
    HK_ASK_MAY,     /* set by the gate: a lease may be refused */
    HK_ASK_PLEASE,  /* set by lease: it was */
    HK_ASK_GIVING,  /* set by the gate: boxes give up what is spare */
};

struct hk_spare {
    uint8_t ask;      /* enum hk_ask */
    bool vain;        /* nothing was spare when the boxes were asked last */
    uint32_t fresh;   /* slices of new memory since then */
    uint32_t leases;  /* in all */
    uint32_t judged;  /* leases when it was judged last whether classes miss what they gave */
    uint32_t given;   /* times since then that a class has given pages up, and not wanted any yet */
    uint32_t regrets; /* times since then that a class wanted a page soon after it gave some up */
    uint32_t paused;  /* leases left for which only much new memory makes boxes be asked */
    uint32_t given_at[HK_BIN_COUNT]; /* lease after which a class gave pages up last; 0: none */
};

struct hk_heap {
    /* any thread */
    _Atomic(void *) queue;   /* chains of blocks that came home: see coldbox/remote.h */
    _Atomic(uint32_t) state; /* enum hk_heap_state */
    /* slices of memory that the heap's sparse pages gave back, and other heaps soon wanted */
    _Atomic(uint32_t) missed;
    _Atomic(uint64_t) purged; /* ns: when they gave memory back last; holder writes */

    /* holder */
    _Alignas(HK_CACHE_LINE) uintptr_t token; /* what page->owner of a LIVE heap's pages is */
    uint32_t busy;    /* the owner is in a slow path: its lists may not be whole */
    uint32_t refills; /* count of other slow paths, paces the clock and the flush */
    struct hk_pace pace;
    uint64_t aged;         /* ns; when the boxes were last asked for what is idle */
    bool dear;             /* memory that goes back is dear to have again; lease writes it */
    bool keeps;            /* empty pages may be kept; false while the heap is being given up */
    struct hk_page *pages; /* all leased pages, through their slots */
    _Atomic(size_t) page_count; /* of them; others may read a stale value */
    size_t slice_count;         /* their slices */
    size_t remote_bytes;        /* that `remote` holds back */
    size_t remote_more;         /* that it may, beyond HK_REMOTE_LEAST; outlives the thread */
    void *fresh_block;          /* last block from memory that reads as zero, or NULL; for calloc */
    const struct hk_policy *policy; /* that the heap follows; NULL: the profile. coldbox/learn.h */
    uint32_t grown; /* slices that the shared pool gave, less those it got, since the last step */
    uint32_t class_pages[HK_BIN_COUNT]; /* pages of each class */
    struct hk_spare spare;
    uint32_t warm_count;
    struct hk_page *warm[HK_WARM_MAX];
    uint64_t remote_open[HK_REMOTE_ENTRIES / 64]; /* bit: that entry of `remote` holds blocks */
    struct hk_spans spans;
    struct hk_sparse sparse;
    struct hk_lanes {
        _Alignas(16) unsigned char tiny[HK_TINY_BINS][HK_TINY_LANE];
        /* a lane of 64 bytes is one line; the last one is the pool's beside its classes */
        _Alignas(HK_CACHE_LINE) unsigned char pool[HK_BIN_COUNT - HK_TINY_BINS + 1][HK_POOL_LANE];
    } lanes;                     /* the boxes'; all zero in a heap that has just been born */
    struct hk_heap *next;        /* on the list of all heaps; set once */
    struct hk_heap *next_orphan; /* heaps.lock */
    struct hk_heap *next_live;   /* heaps.lock */
    struct hk_bin tiny_bins[HK_TLS_BINS ? 1 : HK_TINY_BINS]; /* used in the pointer form */
    _Alignas(HK_CACHE_LINE) struct hk_mid mid;

    /* holder writes, others may read stale values; they outlive the thread: common/events.h */
    struct hk_counts counts[HK_COUNTED_BINS];
    _Atomic(uint64_t) note[HK_NOTES];
    struct hk_calls calls;

    /* holder; last, because most heaps touch little of it */
    struct hk_remote_entry remote[HK_REMOTE_ENTRIES];
};

/* -> the lane of bin `bin` < HK_BIN_COUNT: the private state of the box that serves the class. Bin
 * HK_BIN_COUNT: what the pool keeps in the heap beside that. */
static inline void *hk_lane(struct hk_heap *heap, size_t bin)
{
    return bin < HK_TINY_BINS ? heap->lanes.tiny[bin] : heap->lanes.pool[bin - HK_TINY_BINS];
}

/* The owner enters or leaves a slow path: whoever forks meanwhile must not trust the heap's lists.
 */
static inline void hk_heap_enter(struct hk_heap *heap)
{
    heap->busy += 1;
    /* release: the mark is visible before anything that the slow path writes */
    atomic_thread_fence(memory_order_release);
}

static inline void hk_heap_leave(struct hk_heap *heap)
{
    atomic_thread_fence(memory_order_release);
    heap->busy -= 1;
}

/* -> true: this count is one of all threads together. */
static inline bool hk_counts_are_shared(const struct hk_heap *heap)
{
    return !HK_STATS_BATCH || !heap;
}

/* The counters of events.h. holder of `heap`, or NULL: the thread has no heap. */
static inline void hk_count_events(struct hk_heap *heap, size_t bin_index, enum hk_event event,
                                   uint64_t amount)
{
    if (HK_STATS == HK_STATS_OFF) {
        return;
    }
    HK_ASSERT(bin_index < HK_BIN_COUNT);
    if (hk_counts_are_shared(heap)) {
        hk_atomic_add(&hk_shared_counts.counts[bin_index].event[event], amount);
    } else {
        hk_count(&heap->counts[bin_index].event[event], amount);
    }
}

static inline void hk_count_event(struct hk_heap *heap, size_t bin_index, enum hk_event event)
{
    hk_count_events(heap, bin_index, event, 1);
}

static inline void hk_count_note(struct hk_heap *heap, enum hk_note note)
{
    if (HK_STATS == HK_STATS_OFF) {
        return;
    }
    if (hk_counts_are_shared(heap)) {
        hk_atomic_add(&hk_shared_counts.note[note], 1);
    } else {
        hk_count(&heap->note[note], 1);
    }
}

/* A page goes on a list of pages of its class that have room. */
static inline void hk_count_push(struct hk_heap *heap, size_t bin_index)
{
    hk_count_event(heap, bin_index, HK_EVENT_PARTIAL_PUSH);
    if (HK_STATS != HK_STATS_OFF) {
        hk_count_peak(hk_counts_are_shared(heap) ? &hk_shared_counts.counts[bin_index]
                                                 : &heap->counts[bin_index]);
    }
}

/* It leaves that list. */
static inline void hk_count_pop(struct hk_heap *heap, size_t bin_index)
{
    hk_count_event(heap, bin_index, HK_EVENT_PARTIAL_POP);
}

/* What should be a block lies in no page that it could be given back to. Stops a debug build. */
static inline void hk_count_page_failure(struct hk_heap *heap)
{
    HK_ASSERT(!"a block lies in a page");
    hk_count_note(heap, HK_NOTE_PAGE_FAILURE);
}

#endif
