/* SPDX-License-Identifier: MIT */
/* See preload.h. Paths are made absolute because the program may change its directory and start
 * others; links are kept, so that an update of the library reaches them. */
#include "preload.h"

#include "hakmem_config.h"

#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <link.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

static const char default_path[] = "/usr/local/bin:/usr/bin:/bin";

static bool is_readable_file(const char *path)
{
    struct stat info;

    return stat(path, &info) == 0 && S_ISREG(info.st_mode) && access(path, R_OK) == 0;
}

/* -> new string, or NULL after a line on stderr. */
static char *join(const char *directory, const char *name)
{
    char *path = NULL;

    if (asprintf(&path, "%s/%s", directory, name) < 0) {
        fputs("hakmem: out of memory\n", stderr);
        return NULL;
    }
    return path;
}

char *hk_absolute_path(const char *path)
{
    if (*path == '/') {
        return strdup(path);
    }
    char *directory = getcwd(NULL, 0);
    char *whole = directory != NULL ? join(directory, path) : NULL;
    free(directory);
    return whole;
}

static char *named_library(const char *path, const char *source)
{
    if (!is_readable_file(path)) {
        fprintf(stderr, "hakmem: no library: %s names '%s', which is not a readable file\n", source,
                path);
        return NULL;
    }
    char *whole = hk_absolute_path(path);
    if (whole != NULL && strpbrk(whole, " :\t\n") != NULL) {
        fprintf(stderr,
                "hakmem: the loader splits LD_PRELOAD at spaces and colons: move the library out "
                "of '%s'\n",
                whole);
        free(whole);
        return NULL;
    }
    return whole;
}

/* Directory of this executable, without the last '/'. -> false: unknown. */
static bool own_directory(char *directory, size_t size)
{
    ssize_t length = readlink("/proc/self/exe", directory, size - 1);

    if (length <= 0) {
        return false;
    }
    directory[length] = '\0';
    char *slash = strrchr(directory, '/');
    if (slash == NULL) {
        return false;
    }
    *slash = '\0';
    return true;
}

/* -> path of the library below `directory`/`relative`, resolved, or NULL. */
static char *library_in(const char *directory, const char *relative)
{
    static const char *const names[] = {HAKMEM_LIBRARY ".0", HAKMEM_LIBRARY};
    char *place = *relative == '/' ? strdup(relative) : join(directory, relative);
    char *resolved = place != NULL ? realpath(place, NULL) : NULL;
    char *found = NULL;

    for (size_t i = 0; resolved != NULL && found == NULL && i < sizeof names / sizeof *names; i++) {
        found = join(resolved, names[i]);
        if (found != NULL && !is_readable_file(found)) {
            free(found);
            found = NULL;
        }
    }
    free(place);
    free(resolved);
    return found;
}

static char *library_beside_us(void)
{
    static const char *const places[] = {"../src", HAKMEM_LIBDIR_FROM_BINDIR};
    char directory[PATH_MAX] = "(unknown: no /proc)";
    bool known = own_directory(directory, sizeof directory);

    for (size_t i = 0; known && i < sizeof places / sizeof *places; i++) {
        char *path = library_in(directory, places[i]);
        if (path != NULL) {
            char *checked = named_library(path, "the search");
            free(path);
            return checked;
        }
    }
    fprintf(stderr,
            "hakmem: no library: looked for %s in ../src and %s from %s; say --lib PATH or set "
            "HAKMEM_LIB\n",
            HAKMEM_LIBRARY, HAKMEM_LIBDIR_FROM_BINDIR, directory);
    return NULL;
}

char *hk_find_library(const char *wanted)
{
    const char *from_environment = getenv("HAKMEM_LIB");

    if (wanted != NULL) {
        return named_library(wanted, "--lib");
    }
    if (from_environment != NULL && *from_environment != '\0') {
        return named_library(from_environment, "HAKMEM_LIB");
    }
    return library_beside_us();
}

/* -> 0, ENOENT, or EACCES for what exists and may not be executed. */
static int try_program(const char *path)
{
    struct stat info;

    if (stat(path, &info) != 0) {
        return errno == ENOTDIR ? ENOENT : errno;
    }
    if (S_ISDIR(info.st_mode)) {
        return EISDIR;
    }
    return access(path, X_OK) == 0 ? 0 : errno;
}

/* Search `list`, a PATH, where an empty entry is the current directory. */
static char *search_path(const char *list, const char *command)
{
    int failure = ENOENT;

    for (const char *entry = list; entry != NULL;) {
        const char *end = strchrnul(entry, ':');
        char *path = NULL;
        if (asprintf(&path, "%.*s%s%s", (int)(end - entry), entry, end == entry ? "" : "/",
                     command) < 0) {
            errno = ENOMEM;
            return NULL;
        }
        int err = try_program(path);
        if (err == 0) {
            return path;
        }
        free(path);
        failure = err == EACCES ? err : failure;
        entry = *end == ':' ? end + 1 : NULL;
    }
    errno = failure;
    return NULL;
}

char *hk_find_program(const char *command)
{
    const char *list = getenv("PATH");

    if (strchr(command, '/') != NULL) {
        int err = try_program(command);
        errno = err;
        return err == 0 ? strdup(command) : NULL;
    }
    if (*command == '\0') {
        errno = ENOENT;
        return NULL;
    }
    return search_path(list != NULL ? list : default_path, command);
}

/* Read the start of a file. -> bytes read. */
static size_t read_start(const char *path, void *buffer, size_t size, off_t offset)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);

    if (fd < 0) {
        return 0;
    }
    ssize_t length = pread(fd, buffer, size, offset);
    close(fd);
    return length > 0 ? (size_t)length : 0;
}

static bool read_elf_header(const char *path, ElfW(Ehdr) * header)
{
    const unsigned char own_class = sizeof(void *) == 8 ? ELFCLASS64 : ELFCLASS32;

    return read_start(path, header, sizeof *header, 0) == sizeof *header &&
           memcmp(header->e_ident, ELFMAG, SELFMAG) == 0 && header->e_ident[EI_CLASS] == own_class;
}

bool hk_is_privileged(const char *program)
{
    struct stat info;
    char start[2];

    /* the kernel ignores these bits on scripts */
    if (stat(program, &info) != 0 || (read_start(program, start, sizeof start, 0) == sizeof start &&
                                      memcmp(start, "#!", sizeof start) == 0)) {
        return false;
    }
    if ((info.st_mode & S_ISUID) && info.st_uid != getuid()) {
        return true;
    }
    if ((info.st_mode & S_ISGID) && (info.st_mode & S_IXGRP) && info.st_gid != getgid()) {
        return true;
    }
    return getuid() != 0 && getxattr(program, "security.capability", NULL, 0) > 0;
}

bool hk_is_static(const char *program)
{
    ElfW(Ehdr) header;
    ElfW(Phdr) table[64];

    if (!read_elf_header(program, &header) || header.e_phentsize != sizeof *table) {
        return false;
    }
    size_t count = header.e_phnum;
    if (count > sizeof table / sizeof *table ||
        read_start(program, table, count * sizeof *table, (off_t)header.e_phoff) !=
            count * sizeof *table) {
        return false;
    }
    for (size_t i = 0; i < count; i++) {
        if (table[i].p_type == PT_INTERP) {
            return false;
        }
    }
    return true;
}
