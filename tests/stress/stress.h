/* SPDX-License-Identifier: MIT */
/* What the stress programs share. Threads don't use cmocka's assertions: they note what they find
 * with stress_expect, and stress_run looks after all have been joined. HK_STRESS_SCALE multiplies
 * counts. */
#ifndef HK_STRESS_STRESS_H
#define HK_STRESS_STRESS_H

#include "unit/unit.h"

#include "gate/gate.h"
#include "unit/random.h"

#include <stdatomic.h>

enum { STRESS_THREADS_MOST = 16 };

/* -> count times HK_STRESS_SCALE (1 if unset). */
size_t stress_scaled(size_t count);

/* Remember the first thing that does not hold. any. */
void stress_expect(bool holds, const char *what);

/* -> whether everything has held so far; for children, whose findings nobody collects. */
bool stress_found_nothing(void);

/* Run `body(index)` in `threads` threads and join them; fails the test if one found an error. */
void stress_run(size_t threads, void (*body)(size_t index));

/* -> the random numbers of thread `index` in this run. */
struct random stress_random(size_t index);

/* A block that knows its own content. */
struct parcel {
    size_t size; /* of the whole block */
    uint64_t mark;
    unsigned char data[];
};

/* -> a filled parcel of at most `most` bytes; NULL: out of memory, which is noted. */
struct parcel *parcel_make(struct random *random, size_t most);

/* Note if the content has changed. */
void parcel_check(const struct parcel *parcel);

/* Check and free it in one of the forms there are. */
void parcel_end(struct parcel *parcel, struct random *random);

/* Where threads leave parcels for others, by atomic_exchange; NULL: there is none. */
typedef _Atomic(struct parcel *) parcel_place;

/* End what was left in `count` places. */
void parcel_end_left(parcel_place *place, size_t count);

/* Change the size; the content stays and is filled up. -> the parcel, perhaps moved. */
struct parcel *parcel_resize(struct parcel *parcel, struct random *random, size_t most);

#endif
