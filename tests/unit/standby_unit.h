/* SPDX-License-Identifier: MIT */
/* What the tests of the huge block that waits share. */
#ifndef HK_UNIT_STANDBY_UNIT_H
#define HK_UNIT_STANDBY_UNIT_H

#include "unit/cold_unit.h"

#include "coldbox/standby.h"

#include "hk_seat_os.h"

enum { MIB = 1 << 20, SIZE = 3 * MIB };

/* -> the next size of huge blocks is as much more. */
static inline size_t os_page(void)
{
    return HK_OS.facts()->page;
}

/* -> usable bytes of the block that waits; 0: none does. */
static inline size_t waiting(void)
{
    return hk_standby_usable(atomic_load(&hk_standby.word));
}

/* A test's set-up: nothing waits, and a block may. */
static inline int nothing_waits(void **state)
{
    calm_os(state);
    hk_cold.trim(NULL, 0);
    return waiting() ? 1 : 0;
}

/* A block whose size was asked for before, so that it may wait. */
static inline void *take_again(size_t size)
{
    if (!hk_standby_is_asked(size)) {
        atomic_store(&hk_standby.asked, size);
    }
    return take_large(size, 16, 0);
}

static inline void *take_size(void)
{
    return take_again(SIZE);
}

static inline void assert_waits(bool waits)
{
    assert_int_equal(waiting(), waits ? SIZE : 0);
    assert_null(hk_cold.check());
}

#endif
