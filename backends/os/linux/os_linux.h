/* SPDX-License-Identifier: MIT */
/* The Linux box: mmap, guarded madvise, mremap, clocks, futexes. A kind of advice that
 * the kernel refuses is switched off for a while; a refused unmap falls back to giving the memory
 * back. */
#ifndef HK_OS_LINUX_H
#define HK_OS_LINUX_H

#include "common/attr.h"
#include "os/os.h"

HK_HIDDEN const struct hk_os_facts *hk_os_linux_facts(void);
HK_HIDDEN int hk_os_linux_map(size_t size, size_t align, void **out);
HK_HIDDEN int hk_os_linux_unmap(void *addr, size_t size);
HK_HIDDEN int hk_os_linux_purge(void *addr, size_t size);
HK_HIDDEN int hk_os_linux_advise(void *addr, size_t size, enum hk_os_advice advice);
HK_HIDDEN int hk_os_linux_move(void *from, size_t from_size, void *to);
HK_HIDDEN int hk_os_linux_renew(void *addr, size_t size);
HK_HIDDEN uint64_t hk_os_linux_now(void);
HK_HIDDEN uint64_t hk_os_linux_cpu(void);
HK_HIDDEN uint64_t hk_os_linux_fine(void);
HK_HIDDEN void hk_os_linux_wait(_Atomic(uint32_t) *word, uint32_t value);
HK_HIDDEN void hk_os_linux_wake(_Atomic(uint32_t) *word);
HK_HIDDEN void hk_os_linux_stat(struct hk_os_stat *out);

static const struct hk_os hk_os_linux = {
    .name = "linux",
    .facts = hk_os_linux_facts,
    .map = hk_os_linux_map,
    .unmap = hk_os_linux_unmap,
    .purge = hk_os_linux_purge,
    .advise = hk_os_linux_advise,
    .move = hk_os_linux_move,
    .renew = hk_os_linux_renew,
    .now = hk_os_linux_now,
    .cpu = hk_os_linux_cpu,
    .fine = hk_os_linux_fine,
    .wait = hk_os_linux_wait,
    .wake = hk_os_linux_wake,
    .stat = hk_os_linux_stat,
};

#endif
