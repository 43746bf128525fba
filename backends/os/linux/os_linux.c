/* SPDX-License-Identifier: MIT */
/* One system call per function, counted, with the fallback that keeps the allocator going when the
 * kernel says no. All state is atomic counters: any thread, no lock. */
#include "os_linux.h"

#include "common/atomic.h"
#include "common/check.h"

#include <errno.h>
#include <linux/futex.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#ifndef MREMAP_DONTUNMAP
#define MREMAP_DONTUNMAP 4
#endif

enum { ADVICE_PAUSE_S = 60 }; /* seconds that a refused kind of advice stays off */

static struct {
    _Atomic(uint64_t) calls[HK_OS_CALLS];
    _Atomic(uint64_t) failures[HK_OS_CALLS];
    _Atomic(int) last_error[HK_OS_CALLS];
    _Atomic(uint64_t) mapped;
    _Atomic(uint64_t) purged;
    _Atomic(uint64_t) advice_off_until; /* ns of now() */
    _Atomic(int) facts;                 /* 0 unknown, 1 being read, 2 known */
} os;

/* Count a call. -> 0, or the errno value of the refusal. */
static int counted(enum hk_os_call call, bool ok)
{
    int err = ok ? 0 : errno;
    hk_atomic_add(&os.calls[call], 1);
    if (err) {
        hk_atomic_add(&os.failures[call], 1);
        atomic_store_explicit(&os.last_error[call], err, memory_order_relaxed);
    }
    return err;
}

const struct hk_os_facts *hk_os_linux_facts(void)
{
    static struct hk_os_facts facts = {.huge_page = 2 * 1024 * 1024};
    int unknown = 0;
    /* acquire: pairs with the release of the one thread that reads the facts */
    while (HK_UNLIKELY(atomic_load_explicit(&os.facts, memory_order_acquire) != 2)) {
        if (hk_atomic_cas(&os.facts, &unknown, 1, memory_order_seq_cst)) {
            facts.page = (size_t)sysconf(_SC_PAGESIZE);
            hk_atomic_put(&os.facts, 2, memory_order_release);
        }
        unknown = 0;
    }
    return &facts;
}

static uint64_t nanoseconds(clockid_t clock)
{
    struct timespec time;
    clock_gettime(clock, &time);
    return (uint64_t)time.tv_sec * 1000000000u + (uint64_t)time.tv_nsec;
}

uint64_t hk_os_linux_now(void)
{
    return nanoseconds(CLOCK_MONOTONIC_COARSE);
}

uint64_t hk_os_linux_cpu(void)
{
    return nanoseconds(CLOCK_THREAD_CPUTIME_ID);
}

uint64_t hk_os_linux_fine(void)
{
    return nanoseconds(CLOCK_MONOTONIC);
}

static void trim_end(void *addr, size_t size)
{
    if (size) {
        counted(HK_OS_UNMAP, munmap(addr, size) == 0);
    }
}

int hk_os_linux_map(size_t size, size_t align, void **out)
{
    size_t page = hk_os_linux_facts()->page;
    size_t slack = align > page ? align - page : 0;
    if (size > (size_t)PTRDIFF_MAX - slack) {
        return ENOMEM;
    }
    char *addr = mmap(NULL, size + slack, PROT_READ | PROT_WRITE,
                      MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    int err = counted(HK_OS_MAP, addr != MAP_FAILED);
    if (err) {
        return err;
    }
    char *aligned = (char *)(((uintptr_t)addr + slack) & ~(uintptr_t)(align - 1));
    aligned = slack ? aligned : addr;
    trim_end(addr, (size_t)(aligned - addr));
    trim_end(aligned + size, slack - (size_t)(aligned - addr));
    hk_atomic_add(&os.mapped, size);
    *out = aligned;
    return 0;
}

int hk_os_linux_purge(void *addr, size_t size)
{
    int err = counted(HK_OS_PURGE, madvise(addr, size, MADV_DONTNEED) == 0);
    if (!err) {
        hk_atomic_add(&os.purged, size);
    }
    return err;
}

int hk_os_linux_unmap(void *addr, size_t size)
{
    int err = counted(HK_OS_UNMAP, munmap(addr, size) == 0);
    if (err) {
        hk_os_linux_purge(addr, size);
        return err;
    }
    hk_atomic_sub(&os.mapped, size);
    return 0;
}

int hk_os_linux_advise(void *addr, size_t size, enum hk_os_advice advice)
{
    if (hk_os_linux_now() < atomic_load_explicit(&os.advice_off_until, memory_order_relaxed)) {
        return ENOTSUP;
    }
    int how = advice == HK_OS_HUGE ? MADV_HUGEPAGE : MADV_NOHUGEPAGE;
    int err = counted(HK_OS_ADVISE, madvise(addr, size, how) == 0);
    if (err) {
        uint64_t until = hk_os_linux_now() + (uint64_t)ADVICE_PAUSE_S * 1000000000u;
        atomic_store_explicit(&os.advice_off_until, until, memory_order_relaxed);
    }
    return err;
}

/* Put the moved memory back and make sure that the destination is mapped. */
static void undo_move(void *moved, void *from, size_t size, void *to)
{
    void *back = mremap(moved, size, size, MREMAP_MAYMOVE | MREMAP_FIXED, from);
    HK_REQUIRE(back == from, "realloc: the kernel moved a block and refused to move it back");
    (void)mmap(to, size, PROT_READ | PROT_WRITE,
               MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_FIXED_NOREPLACE, -1, 0);
}

/* Two steps: a refusal of the first leaves everything as it was (a source of several mappings, a
 * limit, a kernel before 5.7), while a fixed move may unmap its destination before it refuses. */
int hk_os_linux_move(void *from, size_t from_size, void *to)
{
    void *moved = mremap(from, from_size, from_size, MREMAP_MAYMOVE | MREMAP_DONTUNMAP, NULL);
    int err = counted(HK_OS_MOVE, moved != MAP_FAILED);
    if (err) {
        return err;
    }
    void *there = mremap(moved, from_size, from_size, MREMAP_MAYMOVE | MREMAP_FIXED, to);
    err = counted(HK_OS_MOVE, there != MAP_FAILED);
    if (err) {
        undo_move(moved, from, from_size, to);
    }
    return err;
}

int hk_os_linux_renew(void *addr, size_t size)
{
    void *fresh = mmap(addr, size, PROT_READ | PROT_WRITE,
                       MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_FIXED, -1, 0);
    int err = counted(HK_OS_MAP, fresh != MAP_FAILED);
    if (!err) {
        hk_atomic_add(&os.purged, size);
    }
    return err;
}

void hk_os_linux_wait(_Atomic(uint32_t) *word, uint32_t value)
{
    syscall(SYS_futex, word, FUTEX_WAIT_PRIVATE, value, NULL, NULL, 0);
}

void hk_os_linux_wake(_Atomic(uint32_t) *word)
{
    syscall(SYS_futex, word, FUTEX_WAKE_PRIVATE, 1, NULL, NULL, 0);
}

void hk_os_linux_stat(struct hk_os_stat *out)
{
    for (int i = 0; i < HK_OS_CALLS; i++) {
        out->calls[i] = atomic_load_explicit(&os.calls[i], memory_order_relaxed);
        out->failures[i] = atomic_load_explicit(&os.failures[i], memory_order_relaxed);
        out->last_error[i] = atomic_load_explicit(&os.last_error[i], memory_order_relaxed);
    }
    out->mapped = atomic_load_explicit(&os.mapped, memory_order_relaxed);
    out->purged = atomic_load_explicit(&os.purged, memory_order_relaxed);
}
