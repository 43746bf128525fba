/* SPDX-License-Identifier: MIT */
/* A malloc that always returns the same area, and a free that does nothing.
 *
 * Preloaded under callgrind it shows what a workload's own loop costs, which the driver takes off.
 * The pair must stay at three instructions (address, return, return): the driver knows that number.
 * Only for workloads of one thread that do not read back what they wrote.
 */
#include <stddef.h>
#include <stdlib.h>

#define NULL_ALLOC_EXPORT __attribute__((visibility("default")))

static _Alignas(4096) char area[1 << 20];

NULL_ALLOC_EXPORT void *malloc(size_t size)
{
    (void)size;
    return area;
}

NULL_ALLOC_EXPORT void free(void *block)
{
    (void)block;
}
