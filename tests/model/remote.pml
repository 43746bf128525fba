/* SPDX-License-Identifier: MIT */
/* Model of the hand-over of blocks between heaps and of the death of heaps; docs/remote.md maps it to
 * the code. One statement is one access that another thread can see; a critical section under
 * heaps.lock is one statement, since the protocol's other steps never look at what it guards.
 * CONFIG picks the threads; BUG_* are the faults that the search must find. */

#ifndef CONFIG
#define CONFIG 1
#endif

#define H 3                  /* heap objects */
#define P 2                  /* pages */
#define B (2 * P)            /* blocks; a chain is one block */
#define DEPTH (H + 1)        /* heaps that one thread holds at once, at most */
#define NO 15                /* no heap, no thread */
#define PAGE(b) ((b) / 2)
#define BIT(i) (1 << (i))

/* heap->state */
#define UNUSED 0             /* no such object yet */
#define LIVE 1
#define ORPHAN 2
#define ADOPTING 3
#define FROZEN 4

/* page->owner; a thread's token is TOKEN + its number */
#define OWNER_NONE 0
#define OWNER_ORPHAN 1
#define OWNER_FROZEN 2
#define TOKEN 3

/* where[b]: ghost */
#define HOME 0
#define HAND 1               /* the application's, of thread hand[b] */
#define HELD 2               /* in some heap's remote entries */
#define QUEUED 3
#define TAKEN 4              /* exchanged out of a queue, or about to enter one */
#define LOST 5               /* was on its way with a thread that fork left behind */

/* what a level of the work stack holds a heap for */
#define OWN 0                /* owner drains: the heap stays LIVE */
#define RELEASE 1            /* holder drains and gives it back */
#define KEEP 2               /* holder drains and goes on holding it */

byte state[H];
byte queue[H];               /* bit set of chains: pushed by one CAS, taken by one exchange */
byte pages[H];               /* heap->pages: bit set */
byte held[H];                /* heap->remote: bit set */
bit busy[H];
byte orphans;                /* the orphan list: bit set */
byte heap_of[P];             /* slot->heap */
byte owner[P];
byte out[P];                 /* the private part: blocks that the page counts as out */

/* ghosts: they decide nothing */
byte holder[H];              /* thread that may use the heap's private half */
byte user[P];                /* thread that is inside the page's private part */
byte duty[H];                /* threads that will still look at the queue if the heap is an orphan */
byte where[B];
byte hand[B];
byte hops[B];                /* times a chain was posted again since it left the application */
byte moves[P];               /* times the page changed heaps since it was leased */
bool forked;
byte old[H];                 /* chains that were in the queue at the fork */

#if CONFIG >= 5
#define FORK
#endif
#ifdef FORK
#define FORKER 1
#define RUNS provided (!forked || _pid == FORKER)
#else
#define RUNS
#endif

/* A duty ends: if it was the last one, no orphan may be left with work. */
inline duty_done(x) {
    duty[x]--;
    assert(duty[x] > 0 || state[x] != ORPHAN || queue[x] == 0)
}

/* In and out are two statements, so that a second user is seen. */
inline enter_page(x, p) {
    d_step {
        assert(holder[x] == _pid && heap_of[p] == x);
        assert(user[p] == NO);
        user[p] = _pid
    }
}

/* HK_COLD.retire */
inline retire(x, p) {
    d_step {
        assert(holder[x] == _pid && heap_of[p] == x && user[p] == NO && (pages[x] & BIT(p)));
        assert(out[p] == 0 && where[2 * (p)] == HOME && where[2 * (p) + 1] == HOME);
        pages[x] = pages[x] & ~BIT(p);
        heap_of[p] = NO;
        owner[p] = OWNER_NONE
    }
}

/* hooks->splice; `may_keep`: an owner may keep an empty page */
inline splice(x, p, b, may_keep) {
    enter_page(x, p);
    d_step {
        assert(where[b] == TAKEN);
        assert(out[p] & BIT(b & 1));
        out[p] = out[p] & ~BIT(b & 1);
        where[b] = HOME;
        hops[b] = 0;
        user[p] = NO
    }
    if
#ifdef BUG_RETIRE_EARLY
    :: out[p] != 0 -> retire(x, p)
#else
    :: out[p] != 0
#endif
    :: out[p] == 0 && may_keep
    :: out[p] == 0 -> retire(x, p)
    fi
}

/* One level up: `x` is held, as `kind`. */
#define PUSH_LEVEL(x, k) hold[d] = x; kind[d] = k; fresh[d] = true; bag[d] = 0; d++
#define POP_LEVEL d--; hold[d] = 0; kind[d] = 0; fresh[d] = 0; bag[d] = 0

/* send: give a chain (TAKEN by this thread) to its page's heap, and look after an orphan. */
inline post(b) {
    t = heap_of[PAGE(b)];
#ifdef BUG_STATE_BEFORE_PUSH
    assert(t != NO);
    seen = state[t];
#endif
    d_step {
        assert(t != NO && state[t] != UNUSED);
        assert(where[b] == TAKEN && !(queue[t] & BIT(b)));
        queue[t] = queue[t] | BIT(b);
        where[b] = QUEUED;
        duty[t]++
    }
    /* the load of the state and the CAS are one step: a CAS alone does all that both can do */
    if
#if defined(BUG_NO_LOOK)
    :: d_step { true -> duty_done(t) }
#elif defined(BUG_STATE_BEFORE_PUSH)
    :: d_step { seen != ORPHAN || state[t] != ORPHAN -> duty_done(t) }
    :: d_step { seen == ORPHAN && state[t] == ORPHAN ->
        state[t] = ADOPTING; holder[t] = _pid; duty[t]--; PUSH_LEVEL(t, RELEASE) }
#else
    :: d_step { state[t] != ORPHAN -> duty_done(t) }
    :: d_step { state[t] == ORPHAN ->
        state[t] = ADOPTING; holder[t] = _pid; duty[t]--; PUSH_LEVEL(t, RELEASE) }
#endif
    fi
}

/* hk_heap_release, from the store on: the heap has just been drained. */
inline give_back(x) {
#ifdef BUG_QUEUE_BEFORE_STORE
    seen = queue[x];
#define LOOK(x) seen
#else
#define LOOK(x) queue[x]
#endif
    d_step {
        assert(holder[x] == _pid);
        holder[x] = NO;
        duty[x]++;
        state[x] = ORPHAN
    }
    if
#ifdef BUG_NO_RECHECK
    :: d_step { true -> duty_done(x) }
#else
    :: d_step { LOOK(x) == 0 -> duty_done(x) }
    :: LOOK(x) != 0 ->
        if
        :: d_step { state[x] != ORPHAN -> duty_done(x) }
        :: d_step { state[x] == ORPHAN ->
            state[x] = ADOPTING; holder[x] = _pid; duty[x]--; PUSH_LEVEL(x, RELEASE) }
        fi
#endif
    fi
}

/* hk_cold_drain and hk_heap_release for every heap on the stack: a chain that is posted again may find
 * another orphan, so the calls nest. */
inline settle() {
    do
    :: d == 0 -> break
    :: d > 0 && fresh[d - 1] ->
        d_step {
            x = hold[d - 1];
            assert(holder[x] == _pid);
            bag[d - 1] = queue[x];
            queue[x] = 0;
            fresh[d - 1] = false;
            b = 0;
            do
            :: b < B -> if :: bag[d - 1] & BIT(b) -> where[b] = TAKEN :: else fi; b++
            :: else -> break
            od;
            b = 0; x = 0
        }
    :: d > 0 && !fresh[d - 1] && bag[d - 1] != 0 ->
        d_step {
            x = hold[d - 1];
            b = 0;
            do
            :: bag[d - 1] & BIT(b) -> break
            :: else -> b++
            od;
            bag[d - 1] = bag[d - 1] & ~BIT(b)
        }
        if
#ifdef BUG_SPLICE_FOREIGN
        :: true ->
#else
        :: heap_of[PAGE(b)] == x ->
#endif
            splice(x, PAGE(b), b, (kind[d - 1] == OWN))
#ifndef BUG_SPLICE_FOREIGN
        :: heap_of[PAGE(b)] != x ->
            d_step {
                hops[b]++;
                /* progress: only a page that moved makes a chain travel on */
                assert(hops[b] <= moves[PAGE(b)])
            }
            post(b)
#endif
        fi;
        d_step { b = 0; x = 0; t = 0; seen = 0 }
    :: d > 0 && !fresh[d - 1] && bag[d - 1] == 0 ->
        x = hold[d - 1];
        if
        :: d_step { kind[d - 1] != RELEASE -> POP_LEVEL }
        :: d_step { kind[d - 1] == RELEASE -> POP_LEVEL }
            give_back(x)
        fi;
        d_step { x = 0; seen = 0 }
    od;
    skip /* no jump may end in a d_step */
}

/* free: into an own page, into the heap's remote entries, or, without a heap, straight on its way */
inline free_block(b) {
    if
    :: owner[PAGE(b)] == TOKEN + _pid ->
        d_step {
            assert(own != NO && heap_of[PAGE(b)] == own && state[own] == LIVE);
            where[b] = TAKEN
        }
        splice(own, PAGE(b), b, true)
    :: owner[PAGE(b)] != TOKEN + _pid ->
        where[b] = TAKEN;
        if
        :: own != NO -> d_step { held[own] = held[own] | BIT(b); where[b] = HELD }
        :: own == NO -> post(b); settle()
        fi
    fi
}

inline enter_slow() { if :: own != NO -> busy[own] = 1 :: else fi }
inline leave_slow() { if :: own != NO -> busy[own] = 0 :: else fi }

/* hk_cold_flush, of the own heap or of one that is held */
inline flush(h) {
    do
    :: held[h] != 0 ->
        d_step {
            b = 0;
            do
            :: held[h] & BIT(b) -> break
            :: else -> b++
            od;
            held[h] = held[h] & ~BIT(b);
            where[b] = TAKEN
        }
        post(b);
        settle()
    :: held[h] == 0 -> break
    od;
    skip
}

inline retire_empty() {
    p = 0;
    do
    :: p < P && (pages[own] & BIT(p)) && out[p] == 0 -> retire(own, p); p++
    :: p < P && !((pages[own] & BIT(p)) && out[p] == 0) -> p++
    :: p == P -> break
    od;
    p = 0
}

inline list_orphan(x) {
    d_step { assert(!(orphans & BIT(x))); orphans = orphans | BIT(x) }
}

/* The box's abandon, then hk_cold_death. */
inline death() {
    retire_empty();
    d_step { v = own; own = NO; state[v] = ADOPTING };
    busy[v] = 0;
    flush(v);
    p = 0;
    do
    :: p < P && (pages[v] & BIT(p)) -> owner[p] = OWNER_ORPHAN; p++
    :: p < P && !(pages[v] & BIT(p)) -> p++
    :: p == P -> break
    od;
    p = 0;
    d_step { PUSH_LEVEL(v, RELEASE) }
    settle();
    list_orphan(v);
#ifdef BUG_LEAVE_AFTER_DEATH
    busy[v] = 0;
#endif
    v = 0
}

/* take_orphan_locked: v = an orphan that is now held and off the list, or NO */
inline pick_orphan() {
    d_step {
        v = 0;
        do
        :: v < H && (orphans & BIT(v)) && state[v] == ORPHAN ->
            state[v] = ADOPTING; holder[v] = _pid; orphans = orphans & ~BIT(v);
            break
        :: v < H && !((orphans & BIT(v)) && state[v] == ORPHAN) -> v++
        :: v == H -> v = NO; break
        od
    }
}

/* The loop of hk_cold_adopt: every page of v, which is held, goes to g. */
inline move_pages(g) {
    p = 0;
    do
    :: p < P && (pages[v] & BIT(p)) ->
        enter_page(v, p);
        d_step { assert(holder[g] == _pid); pages[v] = pages[v] & ~BIT(p); moves[p]++ }
        pages[g] = pages[g] | BIT(p);
        heap_of[p] = g;
        owner[p] = TOKEN + _pid;
        user[p] = NO;
        p++
    :: p < P && !(pages[v] & BIT(p)) -> p++
    :: p == P -> break
    od;
    p = 0
}

/* hk_cold_adopt */
inline adopt() {
    pick_orphan();
    if
    :: v == NO
    :: v != NO ->
        d_step { PUSH_LEVEL(v, KEEP) }
        settle();
        flush(v);
#ifdef BUG_MOVE_UNHELD
        d_step { PUSH_LEVEL(v, RELEASE) }
        settle();
        move_pages(own);
#else
        move_pages(own);
        d_step { PUSH_LEVEL(v, RELEASE) }
        settle();
#endif
        list_orphan(v)
    fi;
    v = 0
}

/* hk_cold_birth */
inline birth() {
    pick_orphan();
    if
    :: v != NO ->
        d_step { PUSH_LEVEL(v, KEEP) }
        settle();
        p = 0;
        do
        :: p < P && (pages[v] & BIT(p)) ->
            enter_page(v, p);
            owner[p] = TOKEN + _pid;
            user[p] = NO;
            p++
        :: p < P && !(pages[v] & BIT(p)) -> p++
        :: p == P -> break
        od;
        p = 0;
        assert(!busy[v]);
        state[v] = LIVE;
        own = v
    :: v == NO ->
        d_step {
            v = 0;
            do
            :: v < H && state[v] == UNUSED -> break
            :: else -> v++
            od;
            assert(v < H);
            state[v] = LIVE; holder[v] = _pid; own = v
        }
    fi;
    v = 0
}

/* HK_COLD.lease: a free page, one block of it handed to `to` */
inline lease(to) {
    d_step {
        p = 0;
        do
        :: heap_of[p] == NO -> break
        :: else -> p++
        od;
        assert(user[p] == NO && out[p] == 0);
        heap_of[p] = own;
        owner[p] = TOKEN + _pid;
        pages[own] = pages[own] | BIT(p);
        moves[p] = 0;
        assert(where[2 * p] == HOME);
        out[p] = 1;
        where[2 * p] = HAND;
        hand[2 * p] = to;
        p = 0
    }
}

/* hk_cold_child: nobody else runs any more */
inline fork_child() {
    d_step {
        x = 0;
        do
        :: x < H ->
            duty[x] = 0;
            old[x] = queue[x];
            if
            :: x != own && (state[x] == LIVE && !busy[x]) ->
                state[x] = ORPHAN; holder[x] = NO;
#ifdef BUG_LIST_AS_IT_WAS
                orphans = orphans | BIT(x)
#endif
            :: x != own && (state[x] == ADOPTING || (state[x] == LIVE && busy[x])) ->
#ifdef BUG_ADOPT_BUSY
                state[x] = ORPHAN;
#else
                state[x] = FROZEN;
#endif
                holder[x] = NO
            :: else
            fi;
#ifdef BUG_LIST_AS_IT_WAS
            if :: state[x] == FROZEN -> orphans = orphans & ~BIT(x) :: else fi;
#else
            /* the list is made new: a heap may be an orphan and not listed yet */
            if
            :: state[x] == ORPHAN -> orphans = orphans | BIT(x)
            :: else -> orphans = orphans & ~BIT(x)
            fi;
#endif
            x++
        :: else -> break
        od;
        p = 0;
        do
        :: p < P ->
            if
            :: heap_of[p] == NO
            /* by the slots: a page may be on its way from one heap's list to another's */
            :: heap_of[p] != NO ->
                if
                :: state[heap_of[p]] == ORPHAN -> owner[p] = OWNER_ORPHAN
#ifndef BUG_OWNER_KEPT
                :: state[heap_of[p]] == FROZEN -> owner[p] = OWNER_FROZEN
#endif
                :: else
                fi
            fi;
            p++
        :: else -> break
        od;
        /* what the others had is the child's now, or was on its way and is lost */
        b = 0;
        do
        :: b < B ->
            if
            :: where[b] == HAND -> hand[b] = _pid
            :: where[b] == TAKEN -> where[b] = LOST
            :: else
            fi;
            b++
        :: else -> break
        od;
        x = 0; p = 0; b = 0
    }
}

#define HAS(i) (where[i] == HAND && hand[i] == _pid)

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
