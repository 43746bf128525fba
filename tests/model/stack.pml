/* SPDX-License-Identifier: MIT */
/* Model of a heap's queue, access by access: posters push by one compare-and-swap and reuse a chain
 * as soon as the holder has taken it; the holder exchanges the whole for nothing. BUG_POP_ONE takes
 * one chain by compare-and-swap instead, which is where ABA lives. */

#define N 3              /* chains; 0 is the end of the list */
#define ROUNDS 6         /* pushes in all */
#define FREE 0
#define MINE 1
#define IN 2

byte head;
byte next[N + 1];
byte where[N + 1];
byte pushed;
byte taken;

inline own_one(n) {
    atomic {
        pushed < ROUNDS && (where[1] == FREE || where[2] == FREE || where[3] == FREE);
        pushed++;
        if
        :: where[1] == FREE -> n = 1
        :: where[2] == FREE -> n = 2
        :: where[3] == FREE -> n = 3
        fi;
        where[n] = MINE
    }
}

proctype poster()
{
    byte n, first;
end:
    do
    :: own_one(n);
        first = head;
        do
        :: next[n] = first;
            if
            :: d_step { head == first -> head = n; where[n] = IN }
                break
            :: else -> first = head
            fi
        od;
        atomic { n = 0; first = 0 }
    od
}

proctype holder()
{
    byte n, after;
end:
    do
#ifdef BUG_POP_ONE
    :: head != 0 ->
        n = head;
        if
        :: n != 0 ->
            after = next[n];
            if
            :: d_step { head == n -> head = after; assert(where[n] == IN); where[n] = MINE; taken++ }
                where[n] = FREE
            :: else
            fi
        :: else
        fi;
        atomic { n = 0; after = 0 }
#else
    :: head != 0 ->
        d_step { n = head; head = 0 }
        do
        :: n != 0 ->
            after = next[n];
            d_step { assert(where[n] == IN); where[n] = FREE; taken++ }
            n = after
        :: n == 0 -> break
        od;
        after = 0
#endif
    od
}

init {
    atomic {
        run poster();
        run poster();
        run holder();
#ifdef BUG_POP_ONE
        run holder();
#endif
    }
    timeout;
    assert(head == 0 && pushed == ROUNDS && taken == ROUNDS)
}
