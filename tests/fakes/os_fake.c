/* SPDX-License-Identifier: MIT */
/* The fake operating system: every call first passes `allowed`, which counts it and knows the one
 * to refuse; what is left goes to the kernel. */
#include "fakes/os_fake.h"

#include <errno.h>
#include <linux/futex.h>
#include <pthread.h>
#include <stdatomic.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#ifndef MREMAP_DONTUNMAP
#define MREMAP_DONTUNMAP 4
#endif

enum { FIRST_NOW = 1000000000 };

static struct {
    _Atomic(uint64_t) calls[HK_OS_CALLS + 1]; /* the last: of all kinds */
    _Atomic(uint64_t) failures[HK_OS_CALLS];
    _Atomic(int) last_error[HK_OS_CALLS];
    _Atomic(int) fail_kind;
    _Atomic(uint64_t) fail_at; /* value of calls[fail_kind] that is refused; 0: none */
    _Atomic(bool) onwards;
    _Atomic(size_t) mapped;
    _Atomic(uint64_t) purged;
    _Atomic(uint64_t) now;
    _Atomic(uint64_t) slowness; /* ns more at each look at a thread's time */
    _Atomic(uint64_t) looks;
    _Atomic(uint64_t) fine; /* ns, of which each look is `step` more */
    _Atomic(uint64_t) step;
    _Atomic(uint64_t) fine_looks;
} os = {.now = FIRST_NOW};

void hk_os_fake_reset(void)
{
    for (int i = 0; i < HK_OS_CALLS; i++) {
        os.calls[i] = 0;
        os.failures[i] = 0;
        os.last_error[i] = 0;
    }
    os.calls[HK_OS_CALLS] = 0;
    os.fail_at = 0;
    os.purged = 0;
    os.now = FIRST_NOW;
    os.slowness = 0;
    os.step = 0;
    os.fine_looks = 0;
}

void hk_os_fake_fail(enum hk_os_call kind, uint64_t n, bool onwards)
{
    os.fail_at = 0;
    os.fail_kind = (int)kind;
    os.onwards = onwards;
    os.fail_at = n ? os.calls[kind] + n : 0;
}

uint64_t hk_os_fake_calls(enum hk_os_call kind)
{
    return os.calls[kind];
}

size_t hk_os_fake_mapped(void)
{
    return os.mapped;
}

void hk_os_fake_set_now(uint64_t now)
{
    os.now = now;
}

static bool allowed(enum hk_os_call kind)
{
    uint64_t number[2] = {++os.calls[kind], ++os.calls[HK_OS_CALLS]};
    uint64_t fail_at = os.fail_at;
    int fail_kind = os.fail_kind;
    if (!fail_at || (fail_kind != (int)kind && fail_kind != HK_OS_CALLS)) {
        return true;
    }
    uint64_t mine = number[fail_kind == HK_OS_CALLS];
    return os.onwards ? mine < fail_at : mine != fail_at;
}

/* -> 0, or the errno value of a refusal, counted. */
static int outcome(enum hk_os_call kind, bool ok, int err)
{
    if (ok) {
        return 0;
    }
    os.failures[kind] += 1;
    os.last_error[kind] = err;
    return err;
}

static struct hk_os_facts facts = {.huge_page = 2 * 1024 * 1024};
static pthread_once_t facts_once = PTHREAD_ONCE_INIT;

static void read_facts(void)
{
    facts.page = (size_t)sysconf(_SC_PAGESIZE);
}

const struct hk_os_facts *hk_os_fake_facts(void)
{
    pthread_once(&facts_once, read_facts);
    return &facts;
}

static int map_aligned(size_t size, size_t align, void **out)
{
    size_t span = size + align;
    if (span < size || span > PTRDIFF_MAX) {
        return ENOMEM;
    }
    char *map = mmap(NULL, span, PROT_READ | PROT_WRITE,
                     MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (map == MAP_FAILED) {
        return ENOMEM;
    }
    char *start = (char *)(((uintptr_t)map + align - 1) & ~(uintptr_t)(align - 1));
    if (start > map) {
        munmap(map, (size_t)(start - map));
    }
    munmap(start + size, (size_t)(map + span - (start + size)));
    os.mapped += size;
    *out = start;
    return 0;
}

int hk_os_fake_map(size_t size, size_t align, void **out)
{
    int err = allowed(HK_OS_MAP) ? map_aligned(size, align, out) : ENOMEM;
    return outcome(HK_OS_MAP, err == 0, err);
}

int hk_os_fake_unmap(void *addr, size_t size)
{
    if (!allowed(HK_OS_UNMAP) || munmap(addr, size) != 0) {
        madvise(addr, size, MADV_DONTNEED);
        return outcome(HK_OS_UNMAP, false, ENOMEM);
    }
    os.mapped -= size;
    return 0;
}

int hk_os_fake_purge(void *addr, size_t size)
{
    bool ok = allowed(HK_OS_PURGE) && madvise(addr, size, MADV_DONTNEED) == 0;
    os.purged += ok ? size : 0;
    return outcome(HK_OS_PURGE, ok, EAGAIN);
}

/* Advice changes no content, so taking note of it is enough. */
int hk_os_fake_advise(void *addr, size_t size, enum hk_os_advice advice)
{
    (void)addr;
    (void)size;
    (void)advice;
    return outcome(HK_OS_ADVISE, allowed(HK_OS_ADVISE), ENOMEM);
}

int hk_os_fake_move(void *from, size_t from_size, void *to)
{
    bool ok = allowed(HK_OS_MOVE) &&
              mremap(from, from_size, from_size, MREMAP_MAYMOVE | MREMAP_FIXED | MREMAP_DONTUNMAP,
                     to) != MAP_FAILED;
    return outcome(HK_OS_MOVE, ok, ENOMEM);
}

int hk_os_fake_renew(void *addr, size_t size)
{
    bool ok = allowed(HK_OS_MAP) &&
              mmap(addr, size, PROT_READ | PROT_WRITE,
                   MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_FIXED, -1, 0) != MAP_FAILED;
    os.purged += ok ? size : 0;
    return outcome(HK_OS_MAP, ok, ENOMEM);
}

uint64_t hk_os_fake_now(void)
{
    errno = EINTR; /* a box may change it */
    return os.now;
}

void hk_os_fake_slow_down(uint64_t ns)
{
    os.slowness = ns;
}

uint64_t hk_os_fake_cpu(void)
{
    struct timespec time;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time);
    return (uint64_t)time.tv_sec * 1000000000u + (uint64_t)time.tv_nsec + ++os.looks * os.slowness;
}

void hk_os_fake_step(uint64_t ns)
{
    os.step = ns;
}

uint64_t hk_os_fake_fine(void)
{
    uint64_t step = os.step ? os.step : 1000;
    step = ++os.fine_looks % 4 == 2 ? 0 : step;
    return atomic_fetch_add(&os.fine, step) + step;
}

void hk_os_fake_wait(_Atomic(uint32_t) *word, uint32_t value)
{
    syscall(SYS_futex, word, FUTEX_WAIT_PRIVATE, value, NULL, NULL, 0);
}

void hk_os_fake_wake(_Atomic(uint32_t) *word)
{
    syscall(SYS_futex, word, FUTEX_WAKE_PRIVATE, 1, NULL, NULL, 0);
}

void hk_os_fake_stat(struct hk_os_stat *out)
{
    for (int i = 0; i < HK_OS_CALLS; i++) {
        out->calls[i] = os.calls[i];
        out->failures[i] = os.failures[i];
        out->last_error[i] = os.last_error[i];
    }
    out->mapped = os.mapped;
    out->purged = os.purged;
}
