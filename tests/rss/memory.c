/* SPDX-License-Identifier: MIT */
/* Figures of the process by read(2) into static buffers, and bursts. The list of a burst is a
 * mapping of its own, so that it neither helps nor hurts the allocator under test. */
#include "memory.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

/* Bytes in memory, of which `shared` belong to files. */
struct statm {
    size_t resident;
    size_t shared;
};

static struct statm read_statm(void)
{
    char text[128] = {0};
    int file = open("/proc/self/statm", O_RDONLY);
    EXPECT(file >= 0 && read(file, text, sizeof text - 1) > 0);
    close(file);
    char *rest = strchr(text, ' ');
    EXPECT(rest != NULL);
    size_t page = (size_t)sysconf(_SC_PAGESIZE);
    size_t resident = strtoul(rest, &rest, 10) * page;
    return (struct statm){resident, strtoul(rest, NULL, 10) * page};
}

size_t resident(void)
{
    return read_statm().resident;
}

size_t anonymous(void)
{
    struct statm now = read_statm();
    return now.resident - now.shared;
}

size_t growth_since(size_t before)
{
    size_t now = resident();
    return now > before ? now - before : 0;
}

size_t mappings(void)
{
    static char text[65536];
    size_t lines = 0;
    ssize_t size;
    int file = open("/proc/self/maps", O_RDONLY);
    EXPECT(file >= 0);
    while ((size = read(file, text, sizeof text)) > 0) {
        for (ssize_t i = 0; i < size; i++) {
            lines += text[i] == '\n';
        }
    }
    close(file);
    return lines;
}

void expect_at_most(size_t value, size_t bound, bool in_bytes, const char *what)
{
    size_t unit = in_bytes ? 1024 : 1;
    if (getenv("SHOW_FIGURES")) {
        fprintf(stderr, "%-40s %8zu of %8zu\n", what, value / unit, bound / unit);
    }
    if (value > bound) {
        fprintf(stderr, "%s: %zu, at most %zu are allowed\n", what, value / unit, bound / unit);
        _exit(EXIT_FAILURE);
    }
}

static size_t list_bytes(const struct burst *burst, size_t low)
{
    return (burst->bytes / low + 1) * sizeof *burst->block;
}

void burst_begin(struct burst *burst, size_t bytes, size_t low, size_t high)
{
    uint64_t seed = 4242;
    size_t left = bytes;
    *burst = (struct burst){.bytes = bytes};
    burst->block = mmap(NULL, list_bytes(burst, low), PROT_READ | PROT_WRITE,
                        MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    EXPECT(burst->block != MAP_FAILED);
    while (left >= high) {
        size_t size = low + next_random(&seed) % (high - low + 1);
        void *block = malloc(size);
        EXPECT(block != NULL);
        memset(block, 0x5a, size);
        burst->block[burst->count++] = block;
        left -= size;
    }
}

void burst_free(struct burst *burst, size_t keep_one_in)
{
    uint64_t seed = 777;
    for (size_t i = 0; i < burst->count; i++) {
        if (keep_one_in == 0 || next_random(&seed) % keep_one_in != 0) {
            free(burst->block[i]);
            burst->block[i] = NULL;
        }
    }
}

void burst_end(struct burst *burst)
{
    burst_free(burst, 0);
    munmap(burst->block, burst->count * sizeof *burst->block);
}
