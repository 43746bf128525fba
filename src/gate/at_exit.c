/* SPDX-License-Identifier: MIT */
/* HAKMEM_STATS: a report when the process ends. The wish is read once, before main, and what may be
 * gone at the end is settled then: a relative path and the standard error that the process was
 * started with, which many programs close before they end. Nothing is ever written to a descriptor
 * that has become another file. A process that gains privileges has no such wish. */
#include "gate/report.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* A descriptor, and what it was when we got it. */
struct place {
    int fd;
    dev_t device;
    ino_t inode;
};

static struct {
    bool wanted;
    struct place error;  /* standard error, or a duplicate that nobody else closes */
    char path[PATH_MAX]; /* empty: standard error */
} wish;

static bool is_same(const struct place *place)
{
    struct stat now;
    return fstat(place->fd, &now) == 0 && now.st_dev == place->device && now.st_ino == place->inode;
}

/* Standard error as it is now; `duplicate`: by a descriptor of our own, where there is room. */
static void keep_error(bool duplicate)
{
    static const int from[] = {1000, 100, 10}; /* out of the way of who counts descriptors */
    struct stat now;
    wish.error.fd = STDERR_FILENO;
    if (fstat(STDERR_FILENO, &now) != 0) {
        wish.error.fd = -1;
        return;
    }
    wish.error.device = now.st_dev;
    wish.error.inode = now.st_ino;
    for (size_t i = 0; duplicate && i < sizeof from / sizeof *from; i++) {
        int fd = fcntl(STDERR_FILENO, F_DUPFD_CLOEXEC, from[i]);
        if (fd >= 0) {
            wish.error.fd = fd;
            return;
        }
    }
}

static const char *reason(int err)
{
    static const struct {
        int err;
        const char *text;
    } known[] = {
        {EACCES, "permission denied"},   {EDQUOT, "no space left"},
        {EFBIG, "file too large"},       {EISDIR, "is a directory"},
        {ELOOP, "too many links"},       {EMFILE, "too many open files"},
        {ENAMETOOLONG, "name too long"}, {ENOENT, "no such file or directory"},
        {ENOSPC, "no space left"},       {ENOTDIR, "not a directory"},
        {ENXIO, "nobody reads it"},      {EROFS, "read-only file system"},
    };
    for (size_t i = 0; i < sizeof known / sizeof *known; i++) {
        if (known[i].err == err) {
            return known[i].text;
        }
    }
    return NULL;
}

static void complain(const char *path, int err)
{
    char buffer[512];
    struct hk_text text = {.buffer = buffer, .size = sizeof buffer, .fd = wish.error.fd};
    if (wish.error.fd < 0 || !is_same(&wish.error)) {
        return;
    }
    hk_text_add(&text, "hakmem: HAKMEM_STATS: cannot write ");
    hk_text_add(&text, path);
    hk_text_add(&text, ": ");
    if (reason(err)) {
        hk_text_add(&text, reason(err));
    } else {
        hk_text_add(&text, "error ");
        hk_text_number(&text, (uint64_t)err);
    }
    hk_text_add(&text, "\n");
    hk_text_flush(&text);
}

/* A report is added to what is there, so those of a tree of processes can share a file.
 * -> descriptor, or -1 and errno. */
static int open_report(void)
{
    /* not to wait for a reader of a pipe */
    int flags = O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC | O_NOCTTY | O_NONBLOCK;
    int fd = open(wish.path, flags, 0666);
    if (fd >= 0) {
        fcntl(fd, F_SETFL, O_APPEND);
    }
    return fd;
}

/* -> 0 or errno. */
static int set_path(const char *path)
{
    size_t length = 0;
    if (*path != '/') {
        if (!getcwd(wish.path, sizeof wish.path - 1)) {
            return errno == ERANGE ? ENAMETOOLONG : errno;
        }
        length = strlen(wish.path);
        wish.path[length++] = '/';
    }
    if (strlen(path) >= sizeof wish.path - length) {
        return ENAMETOOLONG;
    }
    strcpy(wish.path + length, path);
    return 0;
}

/* After the start of the process's heap, so that this allocates nothing if libc does. */
__attribute__((constructor(102))) static void read_wish(void)
{
    const char *value = secure_getenv("HAKMEM_STATS");
    if (!value || !*value || strcmp(value, "0") == 0) {
        return;
    }
    int saved = errno;
    bool to_error = strcmp(value, "1") == 0 || strcmp(value, "-") == 0;
    keep_error(to_error);
    if (to_error) {
        wish.wanted = true;
    } else {
        int err = set_path(value);
        int fd = err ? -1 : open_report();
        if (fd >= 0) {
            close(fd);
            wish.wanted = true;
        } else {
            complain(value, err ? err : errno);
        }
    }
    errno = saved;
}

/* After every other destructor of ours. */
__attribute__((destructor(101))) static void write_report(void)
{
    if (!wish.wanted) {
        return;
    }
    if (!*wish.path) {
        if (wish.error.fd >= 0 && is_same(&wish.error)) {
            hk_report(wish.error.fd);
        }
        return;
    }
    int fd = open_report();
    int err = fd < 0 ? errno : hk_report(fd);
    if (fd >= 0) {
        close(fd);
    }
    if (err) {
        complain(wish.path, err);
    }
}
