/* SPDX-License-Identifier: MIT */
/* What the library early.c allocated before main. */
#ifndef EARLY_H
#define EARLY_H

extern char *early_block;
extern char *early_thread_block;

#endif
