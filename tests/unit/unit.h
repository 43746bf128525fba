/* SPDX-License-Identifier: MIT */
/* What every unit test includes: cmocka with the headers that it needs. */
#ifndef HK_UNIT_UNIT_H
#define HK_UNIT_UNIT_H

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#endif
