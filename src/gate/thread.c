/* SPDX-License-Identifier: MIT */
/* Per-thread state. The heap is given up at the first key destructor; whatever allocates or frees
 * after it, other destructors and libc's own clean-up, borrows a heap for each slow path or posts
 * its frees directly. One fork registration, at the first slow path of the process or in its
 * constructor: before main, and before any other thread can exist. */
#include "gate/thread.h"

#include "gate/route.h"

#include <pthread.h>
#include <sched.h>

#if HK_TLS_BINS
/* used: the accessor's assembly names it */
__attribute__((used)) _Thread_local struct hk_tls hk_tls = {
    .mid = &hk_no_mid,
    .calls = &hk_shared_counts.calls,
};
#else
/* Bins that are always empty: the state before the first refill. */
static struct hk_heap empty_heap;
_Thread_local struct hk_pointers hk_tls = {.self = &empty_heap};
#endif

enum { UNBORN, BEING_BORN, READY };

static struct {
    _Atomic(int) state;
    pthread_key_t key;
    bool has_key;
    uintptr_t only_thread; /* threads=single: the one that may allocate */
} process;

static void splice(struct hk_heap *heap, struct hk_page *page, void *first, void *last,
                   size_t count)
{
    if (page->kind == HK_KIND_TINY) {
        HK_TINY.splice(heap, page, first, last, count);
    } else if (page->kind == HK_KIND_BASE) {
        HK_TINY_BASE.splice(heap, page, first, last, count);
    } else {
        HK_POOL.splice(heap, page, first, last, count);
    }
}

static void attach(struct hk_heap *heap, struct hk_page *page)
{
    if (page->kind == HK_KIND_TINY) {
        HK_TINY.attach(heap, page);
    } else if (page->kind == HK_KIND_BASE) {
        HK_TINY_BASE.attach(heap, page);
    } else {
        HK_POOL.attach(heap, page);
    }
}

static size_t purge_parts(struct hk_heap *heap)
{
    return hk_route_collect(heap, HK_COLLECT_PARTS);
}

static void shed(struct hk_heap *heap)
{
    hk_route_collect(heap, HK_COLLECT_QUIET);
}

static uintptr_t own_token(void)
{
#if HK_TLS_BINS
    return hk_self_token(NULL);
#else
    return 0;
#endif
}

/* The thread has `heap` from now on; NULL: none. */
static void set_heap(struct hk_heap *heap)
{
    hk_tls.heap = heap;
#if HK_TLS_BINS
    hk_tls.calls = heap ? &heap->calls : &hk_shared_counts.calls;
#else
    hk_tls.self = heap ? heap : &empty_heap;
#endif
}

/* Give the thread's heap up. Its pages go on serving frees. */
static void end_heap(struct hk_heap *heap)
{
    set_heap(NULL);
    hk_route_abandon(heap);
    HK_COLD.death(heap);
}

static void thread_exits(void *unused)
{
    (void)unused;
    hk_tls.dead = 1;
    if (hk_tls.heap) {
        hk_heap_enter(hk_tls.heap);
        end_heap(hk_tls.heap);
    }
}

static void before_fork(void)
{
    HK_COLD.prefork();
}

static void after_fork_parent(void)
{
    HK_COLD.parent();
}

static void after_fork_child(void)
{
    HK_COLD.child(hk_tls.heap);
}

static void start_process(void)
{
    static const struct hk_hooks hooks = {
        .splice = splice,
        .attach = attach,
        .purge_parts = purge_parts,
        .shed = shed,
    };
    int unborn = UNBORN;
    if (hk_atomic_cas(&process.state, &unborn, BEING_BORN, memory_order_seq_cst)) {
        HK_REQUIRE(HK_COLD.init(&hooks) == 0, "start: no memory");
        /* without a key the heap of a thread that ends waits for one that inherits its token */
        process.has_key = pthread_key_create(&process.key, thread_exits) == 0;
        hk_atomic_put(&process.state, READY, memory_order_seq_cst);
        /* now, since handlers run in order of registration and those of others may allocate; after
         * READY, since registering may allocate too */
        HK_REQUIRE(pthread_atfork(before_fork, after_fork_parent, after_fork_child) == 0,
                   "start: no fork handlers");
    }
    while (atomic_load(&process.state) != READY) {
        sched_yield();
    }
}

static struct hk_heap *start_thread(void)
{
    if (atomic_load_explicit(&process.state, memory_order_acquire) != READY) {
        start_process();
        if (hk_tls.heap) {
            return hk_tls.heap;
        }
    }
    uintptr_t token = own_token();
    if (HK_SINGLE && token) {
        HK_REQUIRE(!process.only_thread || process.only_thread == token,
                   "built for one thread (threads=single), and a second one allocates");
        process.only_thread = token;
    }
    struct hk_heap *heap = HK_COLD.birth(token);
    if (!heap) {
        return NULL;
    }
    hk_route_init(heap);
    set_heap(heap);
    if (process.has_key && !hk_tls.dead) {
        /* may allocate: the heap is in place for that */
        (void)pthread_setspecific(process.key, &process);
    }
    return heap;
}

struct hk_heap *hk_thread_enter(void)
{
    struct hk_heap *heap = hk_tls.heap ? hk_tls.heap : start_thread();
    if (heap) {
        hk_heap_enter(heap);
    }
    return heap;
}

void hk_thread_leave(struct hk_heap *heap)
{
    if (HK_UNLIKELY(hk_tls.dead) && heap->busy == 1) {
        end_heap(heap);
        return;
    }
    hk_heap_leave(heap);
}

bool hk_thread_is_dead(void)
{
    return hk_tls.dead && !hk_tls.heap;
}

/* Before the program's own code can use up all keys. */
__attribute__((constructor(101))) static void start_early(void)
{
    if (atomic_load_explicit(&process.state, memory_order_acquire) != READY) {
        start_process();
    }
}
