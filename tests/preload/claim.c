/* SPDX-License-Identifier: MIT */
/* The runner of claims, and the proof that the library under test serves this process. */
#include "claim.h"

#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

void expect(bool holds, const char *text, const char *file, int line)
{
    if (holds) {
        return;
    }
    char message[512];
    int size = snprintf(message, sizeof message, "%s:%d: does not hold: %s\n", file, line, text);
    if (size > 0) {
        ssize_t written = write(STDERR_FILENO, message, strnlen(message, sizeof message));
        (void)written;
    }
    _exit(EXIT_FAILURE);
}

const char *library_under_test(void)
{
    const char *library = getenv("PRELOAD_UNDER_TEST");
    return library && *library ? library : NULL;
}

bool comes_from_library(const char *name)
{
    const char *library = library_under_test();
    void *symbol = dlsym(RTLD_DEFAULT, name);
    Dl_info info;
    return library && symbol && dladdr(symbol, &info) && strcmp(info.dli_fname, library) == 0;
}

void find_function(const char *symbol, void *out)
{
    void *address = dlsym(RTLD_DEFAULT, symbol);
    memcpy(out, &address, sizeof address);
}

static int check_one(const struct claim *claim)
{
    if (library_under_test() && !comes_from_library("malloc")) {
        fprintf(stderr, "malloc is not the one of %s\n", library_under_test());
        return EXIT_FAILURE;
    }
    claim->check();
    return EXIT_SUCCESS;
}

int check_claims(int argc, char **argv, const struct claim *claims, size_t count)
{
    bool found = false;
    for (size_t i = 0; i < count; i++) {
        if (argc > 1 && strcmp(argv[1], claims[i].name) != 0) {
            continue;
        }
        found = true;
        if (check_one(&claims[i]) != EXIT_SUCCESS) {
            return EXIT_FAILURE;
        }
    }
    if (!found) {
        fprintf(stderr, "no claim is called %s\n", argc > 1 ? argv[1] : "anything");
        return EXIT_FAILURE;
    }
    return EXIT_SUCCESS;
}
