/* SPDX-License-Identifier: MIT */
/* How the library stops: one line by write(2), then abort. No stdio, no allocation, because the
 * allocator is what has just been found broken. */
#include "common/check.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct line {
    char text[256];
    size_t size;
};

/* Append what still fits, leaving room for the newline. */
static void add(struct line *line, const char *text, size_t size)
{
    size_t room = sizeof line->text - 1 - line->size;
    size = size < room ? size : room;
    memcpy(line->text + line->size, text, size);
    line->size += size;
}

static void add_text(struct line *line, const char *text)
{
    add(line, text, strlen(text));
}

static void add_number(struct line *line, uintptr_t number, unsigned base)
{
    char digits[24];
    size_t first = sizeof digits;
    do {
        digits[--first] = "0123456789abcdef"[number % base];
        number /= base;
    } while (number);
    add(line, digits + first, sizeof digits - first);
}

static __attribute__((noreturn)) void stop(struct line *line)
{
    line->text[line->size++] = '\n';
    ssize_t written = write(STDERR_FILENO, line->text, line->size);
    (void)written;
    abort();
}

void hk_fatal(const char *what)
{
    struct line line = {.size = 0};
    add_text(&line, "hakmem: ");
    add_text(&line, what);
    stop(&line);
}

void hk_fatal_at(const char *what, const void *block, size_t block_size)
{
    struct line line = {.size = 0};
    add_text(&line, "hakmem: ");
    add_text(&line, what);
    add_text(&line, ": block 0x");
    add_number(&line, (uintptr_t)block, 16);
    add_text(&line, " of class ");
    if (block_size) {
        add_number(&line, block_size, 10);
    } else {
        add_text(&line, "large");
    }
    stop(&line);
}
