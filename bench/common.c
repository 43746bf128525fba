/* SPDX-License-Identifier: MIT */
/* Clocks, resident memory, tables, threads and the closing line of the workloads.
 *
 * Peak memory is VmHWM and not ru_maxrss: the latter survives exec, so it would show the driver's
 * own peak when that is the larger one.
 */
#include "common.h"

#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

void hk_bench_fail(const char *message)
{
    dprintf(STDERR_FILENO, "error: %s\n", message);
    _exit(1);
}

void *hk_bench_table(size_t entry_count, size_t entry_size)
{
    if (entry_size != 0 && entry_count > SIZE_MAX / entry_size) {
        hk_bench_fail("a table of the workload would be too large");
    }
    void *table = mmap(NULL, entry_count * entry_size, PROT_READ | PROT_WRITE,
                       MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);
    if (table == MAP_FAILED) {
        hk_bench_fail("no memory for a table of the workload");
    }
    return table;
}

void hk_bench_table_shrink(void *table, size_t entry_count, size_t kept_count, size_t entry_size)
{
    size_t page = (size_t)sysconf(_SC_PAGESIZE);
    size_t kept = (kept_count * entry_size + page - 1) / page * page;
    size_t whole = (entry_count * entry_size + page - 1) / page * page;

    if (kept < whole) {
        munmap((char *)table + kept, whole - kept);
    }
}

double hk_bench_seconds(enum hk_bench_clock clock)
{
    struct timespec now;

    clock_gettime(clock == HK_BENCH_CPU ? CLOCK_PROCESS_CPUTIME_ID : CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + (double)now.tv_nsec * 1e-9;
}

/* Fill `text` with the start of a file of /proc; an empty string if that fails. */
static void read_text(const char *path, char *text, size_t size)
{
    ssize_t length = -1;
    int fd = open(path, O_RDONLY | O_CLOEXEC);

    if (fd >= 0) {
        length = read(fd, text, size - 1);
        close(fd);
    }
    text[length > 0 ? length : 0] = '\0';
}

static uint64_t peak_rss_kib(void)
{
    static char text[4096];

    read_text("/proc/self/status", text, sizeof text);
    const char *line = strstr(text, "\nVmHWM:");
    if (line != NULL) {
        return strtoull(line + sizeof "\nVmHWM:" - 1, NULL, 10);
    }
    struct rusage usage;
    if (getrusage(RUSAGE_SELF, &usage) != 0) {
        return 0;
    }
    return (uint64_t)usage.ru_maxrss;
}

uint64_t hk_bench_rss_kib(void)
{
    char text[256];

    read_text("/proc/self/statm", text, sizeof text);
    const char *second = strchr(text, ' ');
    if (second == NULL) {
        return 0;
    }
    return strtoull(second, NULL, 10) * ((uint64_t)sysconf(_SC_PAGESIZE) / 1024);
}

void hk_bench_report_with(const char *workload, uint64_t op_count, double seconds,
                          const char *fields)
{
    double rate = seconds > 0 ? (double)op_count / seconds : 0;
    int written = dprintf(STDOUT_FILENO,
                          "workload=%s ops=%" PRIu64 " seconds=%.6f ops_per_s=%.0f "
                          "peak_rss_kib=%" PRIu64 "%s\n",
                          workload, op_count, seconds, rate, peak_rss_kib(), fields);

    if (written < 0) {
        hk_bench_fail("cannot write to standard output");
    }
}

void hk_bench_report(const char *workload, uint64_t op_count, double seconds)
{
    hk_bench_report_with(workload, op_count, seconds, "");
}

static void report_rss(const char *workload, uint64_t op_count, double seconds, const char *what,
                       uint64_t rss_kib)
{
    char field[64];

    snprintf(field, sizeof field, " %s_rss_kib=%" PRIu64, what, rss_kib);
    hk_bench_report_with(workload, op_count, seconds, field);
}

void hk_bench_report_end(const char *workload, uint64_t op_count, double seconds,
                         uint64_t end_rss_kib)
{
    report_rss(workload, op_count, seconds, "end", end_rss_kib);
}

void hk_bench_report_mean(const char *workload, uint64_t op_count, double seconds,
                          uint64_t mean_rss_kib)
{
    report_rss(workload, op_count, seconds, "mean", mean_rss_kib);
}

void hk_bench_spawn(pthread_t *thread, void *(*run)(void *), void *arg)
{
    if (pthread_create(thread, NULL, run, arg) != 0) {
        hk_bench_fail("cannot start a thread");
    }
}

void hk_bench_join(pthread_t thread)
{
    if (pthread_join(thread, NULL) != 0) {
        hk_bench_fail("cannot join a thread");
    }
}
