/* SPDX-License-Identifier: MIT */
/* A buffer and write(2). */
#include "gate/text.h"

#include <errno.h>
#include <signal.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum {
    DIGITS = 20, /* of a 64-bit number */
    LABEL = 44,  /* columns before a line's number */
    VALUE = 16,
};

static void add_bytes(struct hk_text *text, const char *bytes, size_t count)
{
    while (count) {
        if (text->used == text->size && hk_text_flush(text) != 0) {
            return;
        }
        size_t part = text->size - text->used < count ? text->size - text->used : count;
        memcpy(text->buffer + text->used, bytes, part);
        text->used += part;
        bytes += part;
        count -= part;
    }
}

static void add_blanks(struct hk_text *text, size_t count)
{
    while (count--) {
        add_bytes(text, " ", 1);
    }
}

void hk_text_add(struct hk_text *text, const char *string)
{
    add_bytes(text, string, strlen(string));
}

void hk_text_right(struct hk_text *text, const char *string, size_t width)
{
    size_t length = strlen(string);
    add_blanks(text, width > length ? width - length : 0);
    add_bytes(text, string, length);
}

void hk_text_number_right(struct hk_text *text, uint64_t number, size_t width)
{
    char digits[DIGITS + 1];
    char *first = digits + DIGITS;
    *first = '\0';
    do {
        *--first = (char)('0' + number % 10);
        number /= 10;
    } while (number);
    hk_text_right(text, first, width);
}

void hk_text_number(struct hk_text *text, uint64_t number)
{
    hk_text_number_right(text, number, 0);
}

static void add_value(struct hk_text *text, uint64_t number, size_t column)
{
    hk_text_number_right(text, number, VALUE + (LABEL > column ? LABEL - column : 0));
    hk_text_add(text, "\n");
}

void hk_text_line(struct hk_text *text, const char *label, uint64_t number)
{
    hk_text_add(text, label);
    add_value(text, number, strlen(label));
}

void hk_text_line_of(struct hk_text *text, const char *subject, const char *label, uint64_t number)
{
    hk_text_add(text, subject);
    hk_text_add(text, " ");
    hk_text_add(text, label);
    add_value(text, number, strlen(subject) + 1 + strlen(label));
}

/* -> 0 or errno. */
static int write_all(int fd, const char *bytes, size_t count)
{
    while (count) {
        ssize_t written = write(fd, bytes, count);
        if (written < 0 && errno != EINTR) {
            return errno;
        }
        if (written > 0) {
            bytes += written;
            count -= (size_t)written;
        }
    }
    return 0;
}

int hk_text_flush(struct hk_text *text)
{
    static const struct timespec at_once = {0};
    sigset_t deadly;
    sigset_t before;
    sigset_t waiting;
    sigemptyset(&deadly);
    sigaddset(&deadly, SIGPIPE);
    sigaddset(&deadly, SIGXFSZ);
    sigpending(&waiting);
    pthread_sigmask(SIG_BLOCK, &deadly, &before);
    if (!text->error) {
        text->error = write_all(text->fd, text->buffer, text->used);
    }
    text->used = 0;
    /* take back what the write has raised, and leave what had been waiting before */
    if (text->error == EPIPE && !sigismember(&waiting, SIGPIPE)) {
        sigdelset(&deadly, SIGXFSZ);
        sigtimedwait(&deadly, NULL, &at_once);
    } else if (text->error == EFBIG && !sigismember(&waiting, SIGXFSZ)) {
        sigdelset(&deadly, SIGPIPE);
        sigtimedwait(&deadly, NULL, &at_once);
    }
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    return text->error;
}
