/* SPDX-License-Identifier: MIT */
/* How the library stops: one line by write(2), then abort. No stdio, no allocation, because the
 * allocator is what has just been found broken. */
#include "common/check.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

void hk_fatal(const char *what)
{
    static const char prefix[] = "hakmem: ";
    char line[256];
    size_t size = strlen(what);
    if (size > sizeof line - sizeof prefix) {
        size = sizeof line - sizeof prefix;
    }
    memcpy(line, prefix, sizeof prefix - 1);
    memcpy(line + sizeof prefix - 1, what, size);
    line[sizeof prefix - 1 + size] = '\n';
    ssize_t written = write(STDERR_FILENO, line, sizeof prefix + size);
    (void)written;
    abort();
}
