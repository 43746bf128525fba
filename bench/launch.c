/* SPDX-License-Identifier: MIT */
/* Run a program, and write down what the kernel counted for it and for its children.
 *
 * usage: launch REPORT PRELOAD CMD [ARG...]; an empty PRELOAD is the system's malloc. A program's
 * peak memory, as the kernel counts it, begins with that of the process that started it: so the one
 * that starts is this small one, and not the driver.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { ARG_REPORT = 1, ARG_PRELOAD, ARG_COMMAND };

static double seconds_now(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + (double)now.tv_nsec * 1e-9;
}

static double seconds_of(struct timeval time)
{
    return (double)time.tv_sec + (double)time.tv_usec * 1e-6;
}

static _Noreturn void become(const char *preload, char **command)
{
    int failed = preload[0] != '\0' ? setenv("LD_PRELOAD", preload, 1) : unsetenv("LD_PRELOAD");

    if (!failed) {
        execvp(command[0], command);
    }
    perror(command[0]);
    _exit(127);
}

/* As a shell numbers them, but a signal is negative. */
static int exit_status(int status)
{
    return WIFSIGNALED(status) ? -WTERMSIG(status) : WEXITSTATUS(status);
}

int main(int argc, char **argv)
{
    struct rusage used;
    int status;

    if (argc <= ARG_COMMAND) {
        fputs("usage: launch REPORT PRELOAD CMD [ARG...]\n", stderr);
        return 2;
    }
    double start = seconds_now();
    pid_t child = fork();
    if (child == 0) {
        become(argv[ARG_PRELOAD], argv + ARG_COMMAND);
    }
    if (child < 0 || wait4(child, &status, 0, &used) != child) {
        perror("launch");
        return 1;
    }
    double wall = seconds_now() - start;
    FILE *report = fopen(argv[ARG_REPORT], "w");
    if (report == NULL) {
        perror(argv[ARG_REPORT]);
        return 1;
    }
    fprintf(report, "status=%d wall=%.6f cpu=%.6f peak_rss_kib=%ld minor_faults=%ld\n",
            exit_status(status), wall, seconds_of(used.ru_utime) + seconds_of(used.ru_stime),
            used.ru_maxrss, used.ru_minflt);
    return fclose(report) == 0 ? 0 : 1;
}
