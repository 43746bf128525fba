/* SPDX-License-Identifier: MIT */
/* fork, vfork and spawn while other threads allocate. A child may use the allocator at once, frees
 * blocks that any thread of its parent made, starts threads and forks again; the parent goes on. */
#include "crew.h"

#include <errno.h>
#include <malloc.h>
#include <spawn.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

enum { CHURNERS = 3 };

extern char **environ;

static struct swap_table table;
static atomic_bool stop;
static pthread_t churner[CHURNERS];

/* One size above all others, so that what one thread frees waits for the next. */
static void swap_huge(void)
{
    volatile char *block = malloc(MIB(3));
    EXPECT(block != NULL);
    block[0] = block[MIB(3) - 1] = 1;
    free((void *)block);
}

static void *churn(void *argument)
{
    uint64_t seed = (uintptr_t)argument;
    while (!atomic_load(&stop)) {
        swap_blocks(&table, next_random(&seed), 300, seed % 32 ? 1200 : 300000);
        swap_huge();
        swap_huge();
    }
    return NULL;
}

static void start_churn(void)
{
    atomic_store(&stop, false);
    for (uintptr_t i = 0; i < CHURNERS; i++) {
        churner[i] = start(churn, (void *)(i * 977 + 1));
    }
}

static void stop_churn(void)
{
    atomic_store(&stop, true);
    for (size_t i = 0; i < CHURNERS; i++) {
        join(churner[i]);
    }
    clear_table(&table);
}

static void *swap_once(void *unused)
{
    (void)unused;
    swap_blocks(&table, 77, 500, 3000);
    return NULL;
}

static void use_everything(void)
{
    swap_blocks(&table, (uint64_t)getpid(), 3000, 1200);
    swap_blocks(&table, 3, 20, 300000);
    swap_huge();
    free(calloc(1, MIB(3)));
    free(memalign(MIB(1), 1000));
    clear_table(&table);
    malloc_trim(0);
    swap_blocks(&table, 9, 500, 1200);
}

static void fork_again(void)
{
    swap_blocks(&table, 11, 500, 1200);
    in_child(use_everything);
    use_everything();
}

static void start_threads(void)
{
    pthread_t thread[4];
    for (size_t i = 0; i < 4; i++) {
        thread[i] = start(swap_once, NULL);
    }
    for (size_t i = 0; i < 4; i++) {
        join(thread[i]);
    }
    in_child(use_everything);
    clear_table(&table);
}

static void children_free_their_parents_blocks(void)
{
    start_churn();
    for (struct rounds rounds = {.most = 75}; another_round(&rounds);) {
        in_child(use_everything);
        swap_blocks(&table, (uint64_t)rounds.done, 200, 1200);
    }
    stop_churn();
}

static void children_fork_again(void)
{
    start_churn();
    for (struct rounds rounds = {.most = 30}; another_round(&rounds);) {
        in_child(fork_again);
    }
    stop_churn();
}

static void children_start_threads(void)
{
    start_churn();
    for (struct rounds rounds = {.most = 30}; another_round(&rounds);) {
        in_child(start_threads);
    }
    stop_churn();
}

static void *fork_children(void *unused)
{
    (void)unused;
    for (struct rounds rounds = {.most = 40}; another_round(&rounds);) {
        in_child(use_everything);
    }
    return NULL;
}

static void several_threads_fork_at_once(void)
{
    pthread_t thread[4];
    start_churn();
    for (size_t i = 0; i < 4; i++) {
        thread[i] = start(fork_children, NULL);
    }
    for (size_t i = 0; i < 4; i++) {
        join(thread[i]);
    }
    stop_churn();
}

static void chain_of_children(void)
{
    static int depth;
    swap_blocks(&table, 13, 300, 1200);
    if (++depth < 12) {
        pthread_t thread = start(swap_once, NULL);
        in_child(chain_of_children);
        join(thread);
    }
    clear_table(&table);
}

static void every_child_forks_the_next(void)
{
    start_churn();
    for (struct rounds rounds = {.most = 6}; another_round(&rounds);) {
        in_child(chain_of_children);
    }
    stop_churn();
}

/* Registered by the very first constructor, so possibly before the library's own handlers: what it
 * does in them must not depend on who comes first. */
static bool handlers_allocate;
static void *handler_block;

static void allocate_before(void)
{
    if (handlers_allocate) {
        handler_block = marked_block(200);
        free_marked(marked_block(100000));
        free_marked(marked_block(MIB(3)));
    }
}

static void allocate_after(void)
{
    if (handlers_allocate) {
        free_marked(handler_block);
        handler_block = NULL;
        free_marked(marked_block(MIB(5)));
        swap_blocks(&table, 21, 300, 40000);
    }
}

__attribute__((constructor(101))) static void register_handlers(void)
{
    EXPECT(pthread_atfork(allocate_before, allocate_after, allocate_after) == 0);
}

static void fork_handlers_may_allocate(void)
{
    handlers_allocate = true;
    start_churn();
    for (struct rounds rounds = {.most = 40}; another_round(&rounds);) {
        in_child(use_everything);
    }
    stop_churn();
}

static void vforked_programs_run(void)
{
    char *arguments[] = {"true", NULL};
    start_churn();
    for (struct rounds rounds = {.most = 60}; another_round(&rounds);) {
        pid_t child = vfork();
        if (child == 0) {
            execvp("true", arguments);
            _exit(127);
        }
        int status = 1;
        EXPECT(child > 0 && waitpid(child, &status, 0) == child && status == 0);
        EXPECT(posix_spawnp(&child, "true", NULL, NULL, arguments, environ) == 0);
        EXPECT(waitpid(child, &status, 0) == child && status == 0);
    }
    stop_churn();
}

static void fork_leaves_errno_alone(void)
{
    errno = EDOM;
    free(malloc(100));
    pid_t child = fork();
    EXPECT(child >= 0 && errno == EDOM);
    if (child == 0) {
        _exit(0);
    }
    EXPECT(waitpid(child, NULL, 0) == child);
}

int main(int argc, char **argv)
{
    static const struct claim claims[] = {
        {"children_free_their_parents_blocks", children_free_their_parents_blocks},
        {"children_fork_again", children_fork_again},
        {"children_start_threads", children_start_threads},
        {"several_threads_fork_at_once", several_threads_fork_at_once},
        {"every_child_forks_the_next", every_child_forks_the_next},
        {"fork_handlers_may_allocate", fork_handlers_may_allocate},
        {"vforked_programs_run", vforked_programs_run},
        {"fork_leaves_errno_alone", fork_leaves_errno_alone},
    };
    return check_claims(argc, argv, claims, sizeof claims / sizeof *claims);
}
