/* SPDX-License-Identifier: MIT */
/* Blocks that the C library allocates and the program frees, and blocks of every form. */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void require(int holds, const char *what)
{
    if (!holds) {
        (void)fprintf(stderr, "%s\n", what);
        exit(1);
    }
}

/* A block of an entry point that nothing else here calls. */
static void aligned(size_t align)
{
    void *block = NULL;
    require(posix_memalign(&block, align, 3 * align) == 0, "no aligned block");
    require((uintptr_t)block % align == 0, "a misaligned block");
    memset(block, 1, 3 * align);
    free(block);
}

static unsigned count_lines(void)
{
    char *line = NULL;
    size_t room = 0;
    unsigned lines = 0;
    while (getline(&line, &room, stdin) > 0) {
        char *copy = strdup(line);
        require(copy && strcmp(copy, "one line\n") == 0, "another line");
        char *longer = realloc(copy, 1000 + 100 * (size_t)lines);
        require(longer && strcmp(longer, "one line\n") == 0, "realloc lost the line");
        free(longer);
        lines++;
    }
    free(line);
    return lines;
}

int main(void)
{
    for (size_t align = sizeof(void *); align <= 65536; align *= 2) {
        aligned(align);
    }
    for (size_t size = 1; size < 4 << 20; size = size * 3 / 2 + 1) {
        unsigned char *block = calloc(size, 1);
        require(block && !block[0] && !block[size - 1], "calloc is not zero");
        free(block);
    }
    printf("%u lines\n", count_lines());
    return 0;
}
