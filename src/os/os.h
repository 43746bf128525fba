/* SPDX-License-Identifier: MIT */
/* The operating system's interface (struct hk_os). Common to all members: addresses and sizes are
 * multiples of facts()->page and not 0; results are 0 or an errno value; errno itself, as the
 * caller sees it, may change (the gate keeps the application's). No member allocates. A refusal by
 * the kernel is counted, reported once to the caller and never repeated blindly. */
#ifndef HK_OS_OS_H
#define HK_OS_OS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct hk_os_facts {
    size_t page;      /* bytes of an OS page */
    size_t huge_page; /* bytes of a transparent huge page, 0 if there are none */
};

/* Which operation failed; indices of hk_os_stat.failures. */
enum hk_os_call {
    HK_OS_MAP = 0,
    HK_OS_UNMAP,
    HK_OS_PURGE,
    HK_OS_ADVISE,
    HK_OS_MOVE,
    HK_OS_CALLS,
};

struct hk_os_stat {
    uint64_t calls[HK_OS_CALLS];    /* attempts */
    uint64_t failures[HK_OS_CALLS]; /* of them refused */
    uint64_t mapped;                /* bytes mapped now */
    uint64_t purged;                /* bytes given back by purge, in all */
    int last_error[HK_OS_CALLS];    /* errno of the last refusal, 0 if none */
};

enum hk_os_advice {
    HK_OS_HUGE,    /* transparent huge pages wanted */
    HK_OS_NO_HUGE, /* not wanted */
};

struct hk_os {
    const char *name;

    /* -> constant facts; valid from the first call on. any, cheap after the first call. */
    const struct hk_os_facts *(*facts)(void);

    /* Map `size` zero-filled, readable and writable bytes, aligned to `align` (a power of two, at
     * least a page). Address space is not charged before it is touched, where the system allows
     * that. *out is untouched on failure. any. */
    int (*map)(size_t size, size_t align, void **out);

    /* Give a mapping, or a part of one, back. A refusal (the number of mappings is bounded by the
     * system) leaves the range mapped and its memory purged, and is reported. any. */
    int (*unmap)(void *addr, size_t size);

    /* Give the memory of a range back and keep the range: it reads as zero afterwards. Nobody else
     * may touch the range meanwhile. On failure the content is undefined and still there. any. */
    int (*purge)(void *addr, size_t size);

    /* A hint; ENOTSUP when this kind of advice is switched off after a refusal. any. */
    int (*advise)(void *addr, size_t size, enum hk_os_advice advice);

    /* Move the memory of [from, from + from_size) to [to, to + from_size), replacing what was
     * mapped there; afterwards [from, ...) is mapped and reads as zero. On failure nothing has
     * changed. any. */
    int (*move)(void *from, size_t from_size, void *to);

    /* Put fresh memory in the place of a range that move() has written to, so that the system can
     * join its mapping with its neighbours' again; it reads as zero, and advice given for it is
     * forgotten. On failure nothing has changed. any. */
    int (*renew)(void *addr, size_t size);

    /* -> monotonic nanoseconds, may be as coarse as some milliseconds. any, no system call. */
    uint64_t (*now)(void);

    /* -> nanoseconds that the calling thread has been running, in the kernel as well, and nothing
     * of what it waited; fine enough for a millisecond. any, may be a system call. */
    uint64_t (*cpu)(void);

    /* -> monotonic nanoseconds, as fine as the system has them. any, and no system call where the
     * system can do without. */
    uint64_t (*fine)(void);

    /* Sleep while *word == value, until woken; may return early. any. */
    void (*wait)(_Atomic(uint32_t) *word, uint32_t value);
    void (*wake)(_Atomic(uint32_t) *word);

    /* Snapshot of counters; each may be stale, none is torn. any. */
    void (*stat)(struct hk_os_stat *out);
};

#endif
