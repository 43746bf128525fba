/* SPDX-License-Identifier: MIT */
/* What `hakmem run` asks of the file system: where the library is, and what kind of program it is
 * about to start. */
#ifndef HK_TOOLS_PRELOAD_H
#define HK_TOOLS_PRELOAD_H

#include <stdbool.h>

/* Find the library: `wanted` (may be NULL), else $HAKMEM_LIB, else beside this executable.
 * returns  absolute path, the caller's to free
 * errors   NULL, after a line on stderr that lists where it looked
 */
char *hk_find_library(const char *wanted);

/* -> `path` seen from the root, the caller's to free, or NULL after a line on stderr. */
char *hk_absolute_path(const char *path);

/* Find the file that execvp would start.
 * returns  path, the caller's to free
 * errors   NULL and errno: ENOENT, or EACCES if there is one that may not be executed
 */
char *hk_find_program(const char *command);

/* -> true: starting it changes user, group or capabilities, so the loader ignores LD_PRELOAD. */
bool hk_is_privileged(const char *program);

/* -> true: an ELF program that no loader takes part in. */
bool hk_is_static(const char *program);

#endif
