/* SPDX-License-Identifier: MIT */
/* An operating system for tests (a whole struct hk_os) over the real one: refuses chosen calls,
 * keeps a clock that only tests move, makes threads look slow, counts calls and bytes. Put under
 * the cold side with -DHK_OS=hk_os_fake -include tests/fakes/os_fake.h. Safe for any thread. */
#ifndef HK_FAKES_OS_FAKE_H
#define HK_FAKES_OS_FAKE_H

#include "os/os.h"

/* Forget refusals, counts and the clock; the byte account stays, since mappings do. tests. */
void hk_os_fake_reset(void);

/* Refuse the n-th call of the kind from now (HK_OS_CALLS: of any kind), counted from 1; n = 0:
 * none. `onwards`: that call and every later one. Replaces what was asked for before. tests. */
void hk_os_fake_fail(enum hk_os_call kind, uint64_t n, bool onwards);

/* -> calls of the kind since the last reset (HK_OS_CALLS: of all kinds), refused or not. any. */
uint64_t hk_os_fake_calls(enum hk_os_call kind);

/* -> bytes mapped now through this box. any. */
size_t hk_os_fake_mapped(void);

/* Set the clock, which starts at one second. tests. */
void hk_os_fake_set_now(uint64_t now);

/* From now on each look at a thread's time finds `ns` more than it has been running; 0: the truth.
 * tests. */
void hk_os_fake_slow_down(uint64_t ns);

/* From now on a look at the fine clock finds `ns` more than the one before, but each second one of
 * four no more than that, as if nothing had been done between; 0: as at the start, a microsecond.
 * tests. */
void hk_os_fake_step(uint64_t ns);

const struct hk_os_facts *hk_os_fake_facts(void);
int hk_os_fake_map(size_t size, size_t align, void **out);
int hk_os_fake_unmap(void *addr, size_t size);
int hk_os_fake_purge(void *addr, size_t size);
int hk_os_fake_advise(void *addr, size_t size, enum hk_os_advice advice);
int hk_os_fake_move(void *from, size_t from_size, void *to);
int hk_os_fake_renew(void *addr, size_t size);
uint64_t hk_os_fake_now(void);
uint64_t hk_os_fake_cpu(void);
uint64_t hk_os_fake_fine(void);
void hk_os_fake_wait(_Atomic(uint32_t) *word, uint32_t value);
void hk_os_fake_wake(_Atomic(uint32_t) *word);
void hk_os_fake_stat(struct hk_os_stat *out);

static const struct hk_os hk_os_fake = {
    .name = "fake",
    .facts = hk_os_fake_facts,
    .map = hk_os_fake_map,
    .unmap = hk_os_fake_unmap,
    .purge = hk_os_fake_purge,
    .advise = hk_os_fake_advise,
    .move = hk_os_fake_move,
    .renew = hk_os_fake_renew,
    .now = hk_os_fake_now,
    .cpu = hk_os_fake_cpu,
    .fine = hk_os_fake_fine,
    .wait = hk_os_fake_wait,
    .wake = hk_os_fake_wake,
    .stat = hk_os_fake_stat,
};

#endif
