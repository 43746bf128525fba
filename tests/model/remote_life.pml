/* SPDX-License-Identifier: MIT */
/* What a thread does with heaps: free, death, adoption, birth, lease, fork. Included by remote.pml. */

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
