/* SPDX-License-Identifier: MIT */
/* The C++ operators that a program may replace one by one: plain and aligned new and delete. The
 * other forms are in cxx_forward.c and go through these. No C++ library is needed: only when memory
 * is out is the next operator in link order looked up; it runs the new-handler loop over our malloc
 * and throws, through frames of this file, which is therefore built with unwind tables. size_t is
 * unsigned long on every target whose names are written here. */
#include "gate/cxx.h"

#include "gate/export.h"
#include "gate/gate.h"

#include "common/check.h"

#include <dlfcn.h>
#include <string.h>

typedef void *new_plain(size_t size);
typedef void *new_aligned(size_t size, size_t align);

bool hk_find_operator(const char *name, uintptr_t own, void *next)
{
    void *found = dlsym(RTLD_NEXT, name);
    found = found ? found : dlsym(RTLD_DEFAULT, name);
    if (!found || (uintptr_t)found == own) {
        return false;
    }
    memcpy(next, &found, sizeof found);
    return true;
}

static const char no_library[] =
    "operator new: out of memory, and no C++ library to throw bad_alloc";

void *hk_new(size_t size)
{
    void *block = hk_malloc(size);
    if (HK_LIKELY(block)) {
        return block;
    }
    new_plain *next;
    HK_REQUIRE(hk_find_operator("_Znwm", (uintptr_t)hk_new, &next), no_library);
    return next(size);
}

void *hk_new_aligned(size_t size, size_t align)
{
    void *block = hk_aligned_alloc(align, size);
    if (HK_LIKELY(block)) {
        return block;
    }
    new_aligned *next;
    HK_REQUIRE(hk_find_operator("_ZnwmSt11align_val_t", (uintptr_t)hk_new_aligned, &next),
               no_library);
    return next(size, align);
}

void hk_delete(void *block)
{
    hk_free(block);
}

void hk_delete_aligned(void *block, size_t align)
{
    (void)align;
    hk_free(block);
}

HK_EXPORT(hk_new, _Znwm);
HK_EXPORT(hk_new_aligned, _ZnwmSt11align_val_t);
HK_EXPORT(hk_delete, _ZdlPv);
HK_EXPORT(hk_delete_aligned, _ZdlPvSt11align_val_t);
