/* SPDX-License-Identifier: MIT */
/* The kits' frame. The test list is made at run time, because it is cases times subjects. */
#include "kit/kit.h"

#include "common/atomic.h"
#include "common/check.h"

#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum {
    RUNS_MAX = 1024,
    NAME_MAX_BYTES = 96,
    HANG_SECONDS = 3, /* a broken subject that hangs has been found out */
};

/* One case over one subject: what cmocka hands to run_case. */
struct run {
    const struct kit *kit;
    const struct kit_case *kit_case;
    const void *subject;
    bool broken;
    char name[NAME_MAX_BYTES];
};

static struct {
    struct run run[RUNS_MAX];
    struct CMUnitTest test[RUNS_MAX];
    size_t count;
} list;

/* Exit code 0 makes a should_fail test fail: the crash was not the failure that we want to see. */
static void on_crash(int number)
{
    static const char text[] = "the broken subject crashed instead of failing its case\n";
    if (HK_DEBUG && number == SIGABRT) {
        /* a debug build's own assertion was faster than the case's: the fault has been found */
        _exit(1);
    }
    ssize_t written = write(STDERR_FILENO, text, sizeof text - 1);
    (void)written;
    _exit(0);
}

static void watch_broken(void)
{
    static const int crashes[] = {SIGABRT, SIGBUS, SIGFPE, SIGILL, SIGSEGV};
    for (size_t i = 0; i < sizeof crashes / sizeof *crashes; i++) {
        signal(crashes[i], on_crash);
    }
    signal(SIGALRM, SIG_DFL); /* ends the process even where a sanitizer holds handlers back */
    alarm(HANG_SECONDS);
}

static void run_case(void **state)
{
    const struct run *run = *state;
    if (run->broken) {
        watch_broken();
    }
    if (run->kit->begin) {
        run->kit->begin(run->subject);
    }
    run->kit_case->run(run->subject);
    if (run->kit->end) {
        run->kit->end(run->subject);
    }
}

static void add(const struct kit *kit, const struct kit_case *kit_case, const void *subject,
                bool broken)
{
    if (list.count == RUNS_MAX) {
        fprintf(stderr, "%s: more than %d runs\n", kit->name, RUNS_MAX);
        exit(2);
    }
    struct run *run = &list.run[list.count];
    *run = (struct run){.kit = kit, .kit_case = kit_case, .subject = subject, .broken = broken};
    snprintf(run->name, sizeof run->name, "%s [%s]", kit_case->claim, kit->subject_name(subject));
    list.test[list.count] = (struct CMUnitTest){
        .name = run->name,
        .test_func = run_case,
        .initial_state = run,
    };
    list.count += 1;
}

static bool concerns(const struct kit *kit, const struct kit_case *kit_case, const void *subject)
{
    unsigned traits = kit->traits ? kit->traits(subject) : 0;
    return (kit_case->needs & ~traits) == 0;
}

static void add_all(const struct kit *kit, const void *subject)
{
    for (size_t i = 0; i < kit->case_count; i++) {
        if (concerns(kit, &kit->cases[i], subject)) {
            add(kit, &kit->cases[i], subject, false);
        }
    }
}

/* -> the first known subject that the case concerns, or NULL. */
static const void *first_for(const struct kit *kit, const struct kit_case *kit_case)
{
    const void *subject;
    for (size_t i = 0; (subject = kit->subject(i)) != NULL; i++) {
        if (concerns(kit, kit_case, subject)) {
            return subject;
        }
    }
    return NULL;
}

static const struct kit_case *find_case(const struct kit *kit, const char *claim)
{
    for (size_t i = 0; i < kit->case_count; i++) {
        if (strcmp(kit->cases[i].claim, claim) == 0) {
            return &kit->cases[i];
        }
    }
    return NULL;
}

static int run_list(const struct kit *kit)
{
    return _cmocka_run_group_tests(kit->name, list.test, list.count, NULL, NULL) ? 1 : 0;
}

static int run_broken(const struct kit *kit, const char *clause)
{
    for (size_t i = 0; i < kit->fault_count; i++) {
        if (strcmp(kit->faults[i].clause, clause) == 0) {
            const struct kit_case *kit_case = find_case(kit, kit->faults[i].caught_by);
            const void *honest = kit_case ? first_for(kit, kit_case) : NULL;
            if (!honest) {
                break;
            }
            void *subject = kit->copy(honest);
            kit->faults[i].apply(subject);
            add(kit, kit_case, subject, true);
            /* no handler at exit may turn the result: a leak is not what is looked for */
            _exit(run_list(kit));
        }
    }
    /* 0, since the caller expects a failure */
    fprintf(stderr, "%s: no fault \"%s\", or its case is not here\n", kit->name, clause);
    return 0;
}

static bool is_named(const char *clause, int count, char **names)
{
    for (int i = 0; i < count; i++) {
        if (strcmp(names[i], clause) == 0) {
            return true;
        }
    }
    return false;
}

static int compare_faults(const struct kit *kit, int count, char **names)
{
    int missing = (int)kit->fault_count != count;
    for (size_t i = 0; i < kit->fault_count; i++) {
        if (!is_named(kit->faults[i].clause, count, names)) {
            fprintf(stderr, "%s: fault \"%s\" is not a test\n", kit->name, kit->faults[i].clause);
            missing = 1;
        }
    }
    return missing;
}

static int every_case_has_a_fault(const struct kit *kit)
{
    int missing = 0;
    for (size_t i = 0; i < kit->case_count; i++) {
        bool found = false;
        for (size_t j = 0; j < kit->fault_count && !found; j++) {
            found = strcmp(kit->faults[j].caught_by, kit->cases[i].claim) == 0;
        }
        if (!found) {
            fprintf(stderr, "%s: nothing fails \"%s\"\n", kit->name, kit->cases[i].claim);
            missing = 1;
        }
    }
    return missing;
}

int kit_main(const struct kit *kit, int argc, char **argv)
{
    if (argc == 3 && strcmp(argv[1], "--broken") == 0) {
        return run_broken(kit, argv[2]);
    }
    if (argc >= 2 && strcmp(argv[1], "--faults") == 0) {
        return compare_faults(kit, argc - 2, argv + 2);
    }
    const void *subject;
    for (size_t i = 0; (subject = kit->subject(i)) != NULL; i++) {
        add_all(kit, subject);
    }
    add_all(kit, kit->copy(kit->subject(0)));
    return run_list(kit) | every_case_has_a_fault(kit);
}

struct thread_body {
    void (*body)(void *arg);
    void *arg;
    pthread_barrier_t *start; /* NULL: at once */
};

static void *thread_main(void *arg)
{
    struct thread_body *body = arg;
    if (body->start) {
        pthread_barrier_wait(body->start);
    }
    body->body(body->arg);
    return NULL;
}

void kit_in_thread(void (*body)(void *arg), void *arg)
{
    pthread_t thread;
    struct thread_body start = {.body = body, .arg = arg};
    assert_int_equal(pthread_create(&thread, NULL, thread_main, &start), 0);
    assert_int_equal(pthread_join(thread, NULL), 0);
}

void kit_in_threads(void (*body)(void *arg), void *first, void *second)
{
    if (HK_SINGLE) {
        kit_in_thread(body, first);
        kit_in_thread(body, second);
        return;
    }
    pthread_t thread[2];
    pthread_barrier_t start;
    struct thread_body bodies[] = {{body, first, &start}, {body, second, &start}};
    assert_int_equal(pthread_barrier_init(&start, NULL, 2), 0);
    for (size_t i = 0; i < 2; i++) {
        assert_int_equal(pthread_create(&thread[i], NULL, thread_main, &bodies[i]), 0);
    }
    for (size_t i = 0; i < 2; i++) {
        assert_int_equal(pthread_join(thread[i], NULL), 0);
    }
    pthread_barrier_destroy(&start);
}
