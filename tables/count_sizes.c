/* SPDX-License-Identifier: MIT */
/* Counts the sizes that a program asks the C library's malloc for, from 1 byte to 1 MiB:
 *
 *   LD_PRELOAD=libcount-sizes.so SIZE_COUNTS=/tmp/sizes program
 *
 * appends lines "size count" to /tmp/sizes.PID when a process ends, one file for each process:
 * histograms for tables/size_table.py. A call of realloc counts as a request for its new size. What
 * a process does after _exit or a signal, it takes to its grave. */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { MOST = 1 << 20 };

/* The C library's own, by the names that it keeps for malloc's replacements. */
void *__libc_malloc(size_t size);
void *__libc_calloc(size_t count, size_t size);
void *__libc_realloc(void *block, size_t size);
void *__libc_memalign(size_t align, size_t size);

static _Atomic(uint64_t) counts[MOST + 1];

static void count(size_t size)
{
    if (size > 0 && size <= MOST) {
        atomic_fetch_add_explicit(&counts[size], 1, memory_order_relaxed);
    }
}

void *malloc(size_t size)
{
    count(size);
    return __libc_malloc(size);
}

void *calloc(size_t number, size_t size)
{
    size_t total;
    if (!__builtin_mul_overflow(number, size, &total)) {
        count(total);
    }
    return __libc_calloc(number, size);
}

void *realloc(void *block, size_t size)
{
    count(size);
    return __libc_realloc(block, size);
}

void *aligned_alloc(size_t align, size_t size)
{
    count(size);
    return __libc_memalign(align, size);
}

void *memalign(size_t align, size_t size)
{
    count(size);
    return __libc_memalign(align, size);
}

int posix_memalign(void **out, size_t align, size_t size)
{
    if (align % sizeof(void *) || (align & (align - 1)) || !align) {
        return EINVAL;
    }
    int saved = errno;
    count(size);
    void *block = __libc_memalign(align, size);
    errno = saved;
    if (!block) {
        return ENOMEM;
    }
    *out = block;
    return 0;
}

/* A forked child counts what it asks for itself. */
static void forget(void)
{
    memset((void *)counts, 0, sizeof counts);
}

__attribute__((constructor)) static void start(void)
{
    pthread_atfork(NULL, NULL, forget);
}

__attribute__((destructor)) static void write_counts(void)
{
    char text[4096];
    const char *path = getenv("SIZE_COUNTS");
    if (!path || snprintf(text, sizeof text, "%s.%d", path, (int)getpid()) >= (int)sizeof text) {
        return;
    }
    int file = open(text, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0666);
    for (size_t size = 1; file >= 0 && size <= MOST; size++) {
        uint64_t number = atomic_load_explicit(&counts[size], memory_order_relaxed);
        if (number) {
            dprintf(file, "%zu %llu\n", size, (unsigned long long)number);
        }
    }
    if (file >= 0) {
        close(file);
    }
}
