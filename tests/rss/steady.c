/* SPDX-License-Identifier: MIT */
/* Loops of one kind of request, between two marks in the trace of system calls: a write to a file
 * descriptor that does not exist. steady.py reads the trace. usage:
 * steady pair | batch | zeroed | grown */
#include "claim.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* Rounds until bins, budget and purge pace have found their level, then rounds to be counted. */
enum { WARM_UP = 3000, COUNTED = 3000 };

static void *volatile sink;

static void mark(const char *place, size_t size)
{
    char text[64];
    int length = snprintf(text, sizeof text, "%s %zu", place, size);
    ssize_t written = write(-1, text, (size_t)length);
    (void)written;
}

static void pair(size_t size)
{
    char *block = malloc(size);
    EXPECT(block != NULL);
    block[0] = 1;
    sink = block;
    free(block);
}

/* Up to 1 MiB at a time, all freed before the next. */
static void batch(size_t size)
{
    void *block[64];
    size_t count = MIB(1) / size < 64 ? MIB(1) / size : 64;
    for (size_t i = 0; i < count; i++) {
        block[i] = malloc(size);
        EXPECT(block[i] != NULL);
        *(char *)block[i] = 1;
    }
    for (size_t i = 0; i < count; i++) {
        free(block[i]);
    }
}

static void zeroed(size_t size)
{
    sink = calloc(1, size);
    EXPECT(sink != NULL);
    free(sink);
}

static void grown(size_t size)
{
    char *block = malloc(size);
    for (size_t times = 2; times <= 4; times++) {
        EXPECT(block != NULL);
        block[0] = 1;
        block = realloc(block, times * size);
    }
    sink = block;
    free(block);
}

static void loop(void (*once)(size_t), size_t last)
{
    for (size_t size = 16; size <= last; size = size & (size - 1) ? size / 3 * 4 : size / 2 * 3) {
        for (size_t i = 0; i < WARM_UP; i++) {
            once(size);
        }
        mark("begin", size);
        for (size_t i = 0; i < COUNTED; i++) {
            once(size);
        }
        mark("end", size);
    }
}

int main(int argc, char **argv)
{
    EXPECT(argc == 2);
    if (library_under_test()) {
        EXPECT(comes_from_library("malloc"));
    }
    if (strcmp(argv[1], "pair") == 0) {
        loop(pair, MIB(64));
    } else if (strcmp(argv[1], "batch") == 0) {
        loop(batch, MIB(1) / 2);
    } else if (strcmp(argv[1], "grown") == 0) {
        loop(grown, MIB(16));
    } else {
        loop(zeroed, KIB(256));
    }
    return EXIT_SUCCESS;
}
