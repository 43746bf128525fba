/* SPDX-License-Identifier: MIT */
/* What the files of the operating system's kit share. */
#ifndef HK_KIT_OS_KIT_H
#define HK_KIT_OS_KIT_H

#include "kit/kit.h"

#include "os/os.h"

/* broken/os_faults.c */
extern const struct kit_fault kit_os_faults[];
extern const size_t kit_os_fault_count;
void *kit_os_copy(const void *subject);

#endif
