/* SPDX-License-Identifier: MIT */
/* A program to be reported on: it does what its first argument says, and ends. */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

enum { SIZES = 4, HANDED = 300 };

/* Sizes that the C library has no use for. */
static const size_t sizes[SIZES] = {880, 1000, 7000, 100000};

static void need(bool holds)
{
    if (!holds) {
        _exit(99);
    }
}

/* `count` blocks of each size, two thirds of them freed; half of that many by calloc; and a block
 * that moves as many times. */
static void call(long count)
{
    static volatile uintptr_t sink;
    char *moving = NULL;
    for (long i = 0; i < count; i++) {
        for (size_t j = 0; j < SIZES; j++) {
            void *block = i % 2 ? malloc(sizes[j]) : calloc(1, sizes[j]);
            need(block != NULL);
            sink = (uintptr_t)block;
            if (i % 3) {
                free(block);
            }
        }
        moving = realloc(moving, i % 2 ? 2900 : 700);
        need(moving != NULL);
    }
    free(moving);
    (void)sink;
}

static void *free_all(void *blocks)
{
    for (size_t i = 0; i < HANDED; i++) {
        free(((void **)blocks)[i]);
    }
    return NULL;
}

/* Blocks that another thread frees, which then ends. */
static void hand_over(void)
{
    static void *blocks[HANDED];
    pthread_t thread;
    for (size_t i = 0; i < HANDED; i++) {
        blocks[i] = malloc(944);
        need(blocks[i] != NULL);
    }
    need(pthread_create(&thread, NULL, free_all, blocks) == 0);
    need(pthread_join(thread, NULL) == 0);
    for (size_t i = 0; i < 2 * (size_t)HANDED; i++) {
        need(malloc(944) != NULL); /* refills, which take in what came home */
    }
}

/* Standard error is closed, and its number becomes a file of the program's. */
static void reuse_stderr(const char *path)
{
    need(close(STDERR_FILENO) == 0);
    need(open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600) == STDERR_FILENO);
    need(write(STDERR_FILENO, "data\n", 5) == 5);
}

static void fork_child(bool normally)
{
    pid_t child = fork();
    if (child == 0) {
        if (normally) {
            exit(0);
        }
        _exit(0);
    }
    need(child > 0 && waitpid(child, NULL, 0) == child);
}

static void *exit_here(void *unused)
{
    exit(3);
    return unused;
}

static void exit_in_a_thread(void)
{
    pthread_t thread;
    need(pthread_create(&thread, NULL, exit_here, NULL) == 0);
    pause();
}

static void exit_from_handler(int signal_number)
{
    (void)signal_number;
    exit(3);
}

int main(int argc, char **argv)
{
    const char *what = argc > 1 ? argv[1] : "nothing";
    if (strcmp(what, "call") == 0) {
        call(atol(argv[2]));
    } else if (strcmp(what, "hand_over") == 0) {
        hand_over();
    } else if (strcmp(what, "change_directory") == 0) {
        need(chdir("/") == 0 && clearenv() == 0);
    } else if (strcmp(what, "close_stderr") == 0) {
        need(fclose(stderr) == 0);
    } else if (strcmp(what, "reuse_stderr") == 0) {
        reuse_stderr(argv[2]);
    } else if (strcmp(what, "fork_and_exit") == 0) {
        fork_child(true);
    } else if (strcmp(what, "fork_and_leave") == 0) {
        fork_child(false);
    } else if (strcmp(what, "leave") == 0) {
        _exit(3);
    } else if (strcmp(what, "die") == 0) {
        raise(SIGKILL);
    } else if (strcmp(what, "exit_in_a_thread") == 0) {
        exit_in_a_thread();
    } else if (strcmp(what, "exit_from_a_handler") == 0) {
        signal(SIGUSR1, exit_from_handler);
        raise(SIGUSR1);
    }
    return 3;
}
