/* SPDX-License-Identifier: MIT */
/* The words, the state, and how chains travel: post, drain, hold and release. Included by remote.pml. */
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
