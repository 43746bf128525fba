/* SPDX-License-Identifier: MIT */
/* What the programs that run under preload share: claims are functions that stop the program with
 * one line when they do not hold, and before the first of them the program proves that the library
 * under test is the one that serves it. Without PRELOAD_UNDER_TEST in the environment there is no
 * such library, and the claims hold for the system's own malloc as well. */
#ifndef CLAIM_H
#define CLAIM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

struct claim {
    const char *name;
    void (*check)(void);
};

enum { CLAIM_SKIP = 77 };

#define EXPECT(condition) expect((condition), #condition, __FILE__, __LINE__)

#define KIB(count) ((size_t)(count) << 10)
#define MIB(count) ((size_t)(count) << 20)

/* Stop the process at once, status 1, unless `holds`. any thread, any child. */
void expect(bool holds, const char *text, const char *file, int line);

/* -> the library under test as LD_PRELOAD names it, NULL if there is none. */
const char *library_under_test(void);

/* -> true: the program's `name` is the library's. */
bool comes_from_library(const char *name);

/* Check the claim that argv[1] names, or all. -> exit status */
int check_claims(int argc, char **argv, const struct claim *claims, size_t count);

/* -> next number of a fixed series; *state is its seed and never 0. */
static inline uint64_t next_random(uint64_t *state)
{
    *state ^= *state << 13;
    *state ^= *state >> 7;
    *state ^= *state << 17;
    return *state;
}

/* -> `symbol` of the running program as a function pointer of the caller's type, through *out. */
void find_function(const char *symbol, void *out);

#ifdef __cplusplus
}
#endif

#endif
