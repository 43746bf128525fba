/* SPDX-License-Identifier: MIT */
/* The option header, as far as it concerns those who hold a block while it is free: with headers
 * the gate leaves a mark in the block's second word, by which a second free is recognised. */
#ifndef HK_COMMON_MARK_H
#define HK_COMMON_MARK_H

enum { HK_HEADER_OFF = 0, HK_HEADER_LIGHT, HK_HEADER_FULL };

#ifndef HK_HEADER
#define HK_HEADER HK_HEADER_OFF
#endif

/* Words at the start of a free block that may be written to. */
enum { HK_FREE_WORDS = HK_HEADER ? 1 : 2 };

#endif
