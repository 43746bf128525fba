/* SPDX-License-Identifier: MIT */
/* The learner at work: when a step is due it sums the counters, lets hk_policy_decide judge, and
 * publishes a snapshot; heaps follow it when their owners take a slow path.
 *
 * Why nobody ever reads a torn or reused snapshot. A snapshot is written only while it is neither
 * the published one nor followed by any heap, by the one thread that is in a step. It is published
 * by one store of its address (release, under learn.lock) when it is whole. A heap starts to follow
 * it under learn.lock too, which counts it among the snapshot's followers in the same hold as it
 * reads the address; so from then on, until the heap lets go under the same lock, it is not
 * written. heap->policy itself belongs to the heap's holder, who is the only reader. A heap follows
 * one snapshot at most, so that there are never more of them than heaps, and two. */
#ifndef HK_COLDBOX_LEARN_H
#define HK_COLDBOX_LEARN_H

#include "coldbox/policy.h"

enum {
    HK_LEARN_PERIOD_MS = 100, /* from one step to the next, unless a heap grows meanwhile */
    HK_LEARN_GAP_MS = 1,      /* at least, and for each heap but one: a step looks at all heaps */
};

/* What the learner has done, and where it stands. With policy=observe the same, decided and not
 * applied: what `learn` would do with the same counts. */
struct hk_learn_stat {
    uint64_t steps;          /* decisions */
    uint64_t snapshots;      /* published; 0 with observe */
    uint64_t raised;         /* times that a class's caps went up, */
    uint64_t lowered;        /* down again, */
    uint64_t quieted;        /* times that one was called quiet, */
    uint64_t woken;          /* and asked for again */
    size_t objects;          /* snapshots that exist, used or not */
    size_t bytes;            /* of them, and of what the learner remembers */
    struct hk_policy wanted; /* now; the profile's before anything has changed */
};

/* hk_cold.learn */
HK_HIDDEN void hk_cold_learn(struct hk_heap *heap, uint64_t now);

/* The heap follows no snapshot any more. holder. */
HK_HIDDEN void hk_learn_leave(struct hk_heap *heap);

/* Around fork, inside the other locks; in the child after no heap but `self` follows anything. */
HK_HIDDEN void hk_learn_prefork(void);
HK_HIDDEN void hk_learn_parent(void);
HK_HIDDEN void hk_learn_child(const struct hk_heap *self);

/* Snapshot. -> false, and nothing was written: a thread that does not run holds the lock, or there
 * is no learner (policy=frozen). any. */
HK_HIDDEN bool hk_learn_read(struct hk_learn_stat *out);

#endif
