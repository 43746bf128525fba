/* SPDX-License-Identifier: MIT */
/* Model of the hand-over of blocks between heaps and of the death of heaps; docs/remote.md maps it to
 * the code. One statement is one access that another thread can see; a critical section under
 * heaps.lock is one statement, since the protocol's other steps never look at what it guards.
 * CONFIG picks the threads; BUG_* are the faults that the search must find. */

#include "remote_queue.pml"
#include "remote_life.pml"


/* A thread frees what it has and drains what comes, for ever; and, so many times, in any order: */
proctype thread(byte own; byte adopts; byte leases; byte deaths; byte births; byte to) RUNS
{
    byte hold[DEPTH], kind[DEPTH], bag[DEPTH];
    bool fresh[DEPTH];
    byte d, b, x, t, v, p, seen;

end:
    do
    :: HAS(0) || HAS(1) || HAS(2) || HAS(3) ->
        if
        :: HAS(0) -> b = 0
        :: HAS(1) -> b = 1
        :: HAS(2) -> b = 2
        :: HAS(3) -> b = 3
        fi;
        enter_slow();
        free_block(b);
        leave_slow();
        b = 0
    :: own != NO && queue[own] != 0 ->
        enter_slow();
        d_step { PUSH_LEVEL(own, OWN) }
        settle();
        leave_slow()
    :: own != NO && held[own] != 0 ->
        enter_slow();
        flush(own);
        leave_slow()
    :: own != NO && adopts > 0 && orphans != 0 ->
        adopts--;
        enter_slow();
        adopt();
        leave_slow()
    :: own != NO && leases > 0 && (heap_of[0] == NO || heap_of[1] == NO) ->
        leases--;
        enter_slow();
        if
        :: atomic { heap_of[0] == NO || heap_of[1] == NO -> lease(to) }
        :: else
        fi;
        leave_slow()
    :: own != NO && deaths > 0 ->
        deaths--;
        enter_slow();
        death()
    :: own == NO && births > 0 ->
        births--;
        birth()
#ifdef FORK
    :: _pid == FORKER && !forked ->
        forked = true;
        fork_child()
#endif
    od
}

/* a heap with the pages of set `s` */
inline have(h, who, s) {
    state[h] = LIVE;
    holder[h] = who;
    pages[h] = s;
    i = 0;
    do
    :: i < P && (s & BIT(i)) -> heap_of[i] = h; owner[i] = TOKEN + who; i++
    :: i < P && !(s & BIT(i)) -> i++
    :: else -> break
    od
}

/* a block that thread `who` will free */
inline give(b, who) {
    out[PAGE(b)] = out[PAGE(b)] | BIT(b & 1);
    where[b] = HAND;
    hand[b] = who
}

init
{
    byte i, k;
    d_step {
        i = 0;
        do
        :: i < H -> holder[i] = NO; i++
        :: else -> break
        od;
        i = 0;
        do
        :: i < P -> heap_of[i] = NO; user[i] = NO; i++
        :: else -> break
        od;
    }
    atomic {
#if CONFIG == 1   /* an owner dies, another thread adopts its pages, two posters without a heap */
        d_step { have(0, 1, 3); have(1, 2, 0); give(0, 3); give(1, 4); give(2, 3) }
        run thread(0, 0, 0, 1, 0, 0);
        run thread(1, 1, 0, 0, 0, 0);
        run thread(NO, 0, 0, 0, 0, 0);
        run thread(NO, 0, 0, 0, 0, 0)
#elif CONFIG == 2 /* two owners die and adopt from each other's dead heap, with chains held back */
        d_step { have(0, 1, 1); have(1, 2, 2); give(0, 2); give(2, 1); give(1, 3); give(3, 3) }
        run thread(0, 1, 0, 1, 0, 0);
        run thread(1, 1, 0, 1, 0, 0);
        run thread(NO, 0, 0, 0, 0, 0)
#elif CONFIG == 3 /* a dead heap is born again, under the same token, and lets others adopt */
        d_step { have(0, 1, 1); have(1, 2, 2); give(0, 3); give(2, 1); give(3, 3) }
        run thread(0, 0, 0, 1, 1, 0);
        run thread(1, 1, 0, 0, 0, 0);
        run thread(NO, 0, 0, 0, 0, 0)
#elif CONFIG == 4 /* retired pages are leased again and their blocks travel again */
        d_step { have(0, 1, 1); have(1, 2, 2); give(0, 3); give(2, 3) }
        run thread(0, 0, 0, 1, 0, 0);
        run thread(1, 1, 1, 0, 0, 3);
        run thread(NO, 0, 0, 0, 1, 0)
#elif CONFIG == 5 /* fork by a thread with a heap, beside a death and a poster; the child adopts */
        d_step { have(0, 2, 1); have(1, 1, 2); give(0, 3); give(1, 1); give(2, 2) }
        run thread(1, 1, 0, 0, 0, 0);
        run thread(0, 0, 0, 1, 0, 0);
        run thread(NO, 0, 0, 0, 0, 0)
#elif CONFIG == 6 /* fork by a thread without a heap, beside a death and an adoption; the child is born */
        d_step { have(0, 2, 1); have(1, 3, 0); give(0, 1); give(1, 3) }
        run thread(NO, 1, 0, 0, 1, 0);
        run thread(0, 0, 0, 1, 0, 0);
        run thread(1, 1, 0, 0, 0, 0)
#elif CONFIG == 7 /* fork beside a death and the rebirth of that heap for another thread */
        d_step { have(0, 2, 1); have(1, 1, 0); give(0, 1); give(1, 3) }
        run thread(1, 1, 0, 0, 0, 0);
        run thread(0, 0, 0, 1, 0, 0);
        run thread(NO, 0, 0, 0, 1, 0)
#endif
    }
    timeout;
#ifdef FORK
    assert(thread[FORKER]@end);
#endif
    d_step {
        i = 0;
        do
        :: i < B && where[i] == QUEUED ->
            k = 0;
            do
            :: queue[k] & BIT(i) -> break
            :: else -> k++
            od;
            /* only after a fork: a queue that is never drained, or one that its next holder drains */
            assert(state[k] == FROZEN || (state[k] == ORPHAN && (old[k] & BIT(i))));
            i++
        :: i < B && where[i] == HELD ->
            k = 0;
            do
            :: held[k] & BIT(i) -> break
            :: else -> k++
            od;
            assert(forked && state[k] != LIVE);
            i++
        :: i < B && where[i] != QUEUED && where[i] != HELD ->
            assert(where[i] == HOME || (where[i] == LOST && forked));
            i++
        :: else -> break
        od;
        i = 0;
        do
        :: i < H ->
            assert(state[i] != ADOPTING);
            /* an orphan can be adopted, and only an orphan */
            assert((state[i] == ORPHAN) == ((orphans & BIT(i)) != 0));
            i++
        :: else -> break
        od;
        i = 0;
        do
        :: i < P ->
#ifndef FORK /* the child's orphans may keep empty pages: who adopts them finds room */
            assert(out[i] != 0 || heap_of[i] == NO || state[heap_of[i]] != ORPHAN);
#endif
            /* a token is only in pages of a heap whose thread exists: another may inherit it */
            assert(owner[i] < TOKEN ||
                   (state[heap_of[i]] == LIVE && holder[heap_of[i]] == owner[i] - TOKEN));
            i++
        :: else -> break
        od
    }
}
