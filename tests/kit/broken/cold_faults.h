/* SPDX-License-Identifier: MIT */
/* What broken cold sides are made of. */
#ifndef HK_KIT_COLD_FAULTS_H
#define HK_KIT_COLD_FAULTS_H

#include "kit/cold_kit.h"

/* What does the work behind each fault. */
#define HONEST hk_cold_fake

/* A fault as a function that puts one member in place of the honest one. */
#define FAULT(name, member, function)                                                              \
    static void name(void *subject)                                                                \
    {                                                                                              \
        ((struct hk_cold *)subject)->member = function;                                            \
    }

#endif
