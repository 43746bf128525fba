/* SPDX-License-Identifier: MIT */
/* Text for people, made without stdio and without allocating: into a buffer of the caller's that
 * goes to a file when it is full and when it is flushed. */
#ifndef HK_GATE_TEXT_H
#define HK_GATE_TEXT_H

#include "common/attr.h"

#include <stddef.h>
#include <stdint.h>

struct hk_text {
    char *buffer;
    size_t size;
    size_t used;
    int fd;
    int error; /* errno of the first write that failed; what follows is dropped */
};

HK_HIDDEN void hk_text_add(struct hk_text *text, const char *string);
HK_HIDDEN void hk_text_number(struct hk_text *text, uint64_t number);

/* The same, with blanks before it up to `width` columns. */
HK_HIDDEN void hk_text_right(struct hk_text *text, const char *string, size_t width);
HK_HIDDEN void hk_text_number_right(struct hk_text *text, uint64_t number, size_t width);

/* A line "label   number", or "subject label   number", the numbers of all such lines in one
 * column.
 */
HK_HIDDEN void hk_text_line(struct hk_text *text, const char *label, uint64_t number);
HK_HIDDEN void hk_text_line_of(struct hk_text *text, const char *subject, const char *label,
                               uint64_t number);

/* Write out what there is; SIGPIPE and SIGXFSZ never come of it. -> text->error. */
HK_HIDDEN int hk_text_flush(struct hk_text *text);

#endif
