/* SPDX-License-Identifier: MIT */
/* The C++ operators, without a C++ library. Only when memory is out is the program's own operator
 * looked up (the next one in link order): it runs the new-handler loop over our malloc and throws,
 * through frames of this file, which is therefore built with unwind tables. size_t is unsigned long
 * on every target whose names are written here. */
#include "gate/export.h"
#include "gate/gate.h"

#include "common/check.h"

#include <dlfcn.h>
#include <stdint.h>
#include <string.h>

typedef void *new_plain(size_t size);
typedef void *new_aligned(size_t size, size_t align);
typedef void *new_nothrow(size_t size, const void *tag);
typedef void *new_aligned_nothrow(size_t size, size_t align, const void *tag);

/* Find the C++ library's operator of this name and store its address in *next, a function pointer.
 * `own` is ours: the default search finds that where there is no C++ library. */
HK_COLD_FN void hk_find_operator(const char *name, uintptr_t own, void *next)
{
    void *found = dlsym(RTLD_NEXT, name);
    found = found ? found : dlsym(RTLD_DEFAULT, name);
    HK_REQUIRE(found && (uintptr_t)found != own,
               "operator new: out of memory, and no C++ library to throw bad_alloc");
    memcpy(next, &found, sizeof found);
}

void *hk_new(size_t size)
{
    void *block = hk_malloc(size);
    if (HK_LIKELY(block)) {
        return block;
    }
    new_plain *next;
    hk_find_operator("_Znwm", (uintptr_t)hk_new, &next);
    return next(size);
}

void *hk_new_aligned(size_t size, size_t align)
{
    void *block = hk_aligned_alloc(align, size);
    if (HK_LIKELY(block)) {
        return block;
    }
    new_aligned *next;
    hk_find_operator("_ZnwmSt11align_val_t", (uintptr_t)hk_new_aligned, &next);
    return next(size, align);
}

void *hk_new_nothrow(size_t size, const void *tag)
{
    void *block = hk_malloc(size);
    if (HK_LIKELY(block)) {
        return block;
    }
    new_nothrow *next;
    hk_find_operator("_ZnwmRKSt9nothrow_t", (uintptr_t)hk_new_nothrow, &next);
    return next(size, tag);
}

void *hk_new_aligned_nothrow(size_t size, size_t align, const void *tag)
{
    void *block = hk_aligned_alloc(align, size);
    if (HK_LIKELY(block)) {
        return block;
    }
    new_aligned_nothrow *next;
    hk_find_operator("_ZnwmSt11align_val_tRKSt9nothrow_t", (uintptr_t)hk_new_aligned_nothrow,
                     &next);
    return next(size, align, tag);
}

void hk_delete(void *block)
{
    hk_free(block);
}

void hk_delete_sized(void *block, size_t size)
{
    (void)size;
    hk_free(block);
}

void hk_delete_tagged(void *block, const void *tag)
{
    (void)tag;
    hk_free(block);
}

void hk_delete_sized_aligned(void *block, size_t size, size_t align)
{
    (void)size;
    (void)align;
    hk_free(block);
}

void hk_delete_aligned_tagged(void *block, size_t align, const void *tag)
{
    (void)align;
    (void)tag;
    hk_free(block);
}

HK_EXPORT(hk_new, _Znwm);
HK_EXPORT(hk_new, _Znam);
HK_EXPORT(hk_new_nothrow, _ZnwmRKSt9nothrow_t);
HK_EXPORT(hk_new_nothrow, _ZnamRKSt9nothrow_t);
HK_EXPORT(hk_new_aligned, _ZnwmSt11align_val_t);
HK_EXPORT(hk_new_aligned, _ZnamSt11align_val_t);
HK_EXPORT(hk_new_aligned_nothrow, _ZnwmSt11align_val_tRKSt9nothrow_t);
HK_EXPORT(hk_new_aligned_nothrow, _ZnamSt11align_val_tRKSt9nothrow_t);
HK_EXPORT(hk_delete, _ZdlPv);
HK_EXPORT(hk_delete, _ZdaPv);
HK_EXPORT(hk_delete_sized, _ZdlPvm);
HK_EXPORT(hk_delete_sized, _ZdaPvm);
HK_EXPORT(hk_delete_tagged, _ZdlPvRKSt9nothrow_t);
HK_EXPORT(hk_delete_tagged, _ZdaPvRKSt9nothrow_t);
HK_EXPORT(hk_delete_sized, _ZdlPvSt11align_val_t);
HK_EXPORT(hk_delete_sized, _ZdaPvSt11align_val_t);
HK_EXPORT(hk_delete_sized_aligned, _ZdlPvmSt11align_val_t);
HK_EXPORT(hk_delete_sized_aligned, _ZdaPvmSt11align_val_t);
HK_EXPORT(hk_delete_aligned_tagged, _ZdlPvSt11align_val_tRKSt9nothrow_t);
HK_EXPORT(hk_delete_aligned_tagged, _ZdaPvSt11align_val_tRKSt9nothrow_t);
