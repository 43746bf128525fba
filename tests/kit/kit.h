/* SPDX-License-Identifier: MIT */
/* The frame of every conformance kit: a list of cases, one for each clause of a contract, run over
 * a list of subjects (ops structs). A *fault* is a subject that breaks one clause on purpose; run
 * alone, its case must fail, and by an assertion: a crash counts as "not found".
 *
 *   kit                    every case over every subject; every case has a fault that fails it
 *   kit --broken CLAUSE    only the case that knows the fault; registered with should_fail
 *   kit --faults CLAUSE... the faults given are all there are
 */
#ifndef HK_KIT_KIT_H
#define HK_KIT_KIT_H

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

struct kit_case {
    const char *claim;
    void (*run)(const void *subject);
    unsigned needs; /* traits that a subject must have for the clause to concern it; 0: none */
};

struct kit_fault {
    const char *clause;           /* what is broken */
    const char *caught_by;        /* the claim of the case that must fail */
    void (*apply)(void *subject); /* break it in a copy made by kit.copy */
};

struct kit {
    const char *name;
    const struct kit_case *cases;
    size_t case_count;
    const struct kit_fault *faults;
    size_t fault_count;

    /* -> the i-th subject, or NULL behind the last. */
    const void *(*subject)(size_t index);
    const char *(*subject_name)(const void *subject);

    /* -> the subject's traits; NULL: no case needs any. */
    unsigned (*traits)(const void *subject);

    /* -> a copy of a known subject, for a fault to be put in; as it is, it passes every case. */
    void *(*copy)(const void *subject);

    /* Around each case; may assert. */
    void (*begin)(const void *subject);
    void (*end)(const void *subject);
};

/* Run the kit as the command line says. -> exit code. */
int kit_main(const struct kit *kit, int argc, char **argv);

/* Run `body(arg)` in a thread of its own and join it. The body must not use assert_*. */
void kit_in_thread(void (*body)(void *arg), void *arg);

/* The same in two threads at once, which start as close together as can be; with threads=single,
 * whose operations are not atomic, in one after the other. */
void kit_in_threads(void (*body)(void *arg), void *first, void *second);

#endif
