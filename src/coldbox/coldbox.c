/* SPDX-License-Identifier: MIT */
/* The cold side's start. Nothing is mapped before the first lease; a library that is preloaded and
 * never used costs no system call here. */
#include "coldbox/cold.h"
#include "coldbox/remote.h"

int hk_cold_init(const struct hk_hooks *hooks)
{
    hk_cold_hooks = *hooks;
    return 0;
}
