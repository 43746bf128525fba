/* SPDX-License-Identifier: MIT */
/* The C++ operators whose default is to call another one: array, sized and nothrow forms. A program
 * that replaces the plain operators only must see these call its own, so they go through the
 * dynamic symbol. Nothrow forms cannot catch what a replaced operator throws: then the C++
 * library's are used. */
#include "gate/cxx.h"

#include "gate/export.h"
#include "gate/gate.h"

/* The operators that the program binds to: ours, or its own. */
extern HK_API void *hk_bound_new(size_t size) __asm__("_Znwm");
extern HK_API void *hk_bound_new_aligned(size_t size, size_t align) __asm__("_ZnwmSt11align_val_t");
extern HK_API void hk_bound_delete(void *block) __asm__("_ZdlPv");
extern HK_API void hk_bound_delete_aligned(void *block,
                                           size_t align) __asm__("_ZdlPvSt11align_val_t");

typedef void *new_nothrow(size_t size, const void *tag);
typedef void *new_aligned_nothrow(size_t size, size_t align, const void *tag);

void *hk_new_array(size_t size)
{
    return hk_bound_new(size);
}

void *hk_new_array_aligned(size_t size, size_t align)
{
    return hk_bound_new_aligned(size, align);
}

void *hk_new_nothrow(size_t size, const void *tag)
{
    void *block = hk_bound_new == hk_new ? hk_malloc(size) : NULL;
    new_nothrow *next;
    if (HK_LIKELY(block) ||
        !hk_find_operator("_ZnwmRKSt9nothrow_t", (uintptr_t)hk_new_nothrow, &next)) {
        return block;
    }
    return next(size, tag);
}

void *hk_new_aligned_nothrow(size_t size, size_t align, const void *tag)
{
    void *block = hk_bound_new_aligned == hk_new_aligned ? hk_aligned_alloc(align, size) : NULL;
    new_aligned_nothrow *next;
    if (HK_LIKELY(block) || !hk_find_operator("_ZnwmSt11align_val_tRKSt9nothrow_t",
                                              (uintptr_t)hk_new_aligned_nothrow, &next)) {
        return block;
    }
    return next(size, align, tag);
}

void hk_delete_array(void *block)
{
    hk_bound_delete(block);
}

void hk_delete_sized(void *block, size_t size)
{
    (void)size;
    hk_bound_delete(block);
}

void hk_delete_tagged(void *block, const void *tag)
{
    (void)tag;
    hk_bound_delete(block);
}

void hk_delete_array_aligned(void *block, size_t align)
{
    hk_bound_delete_aligned(block, align);
}

void hk_delete_sized_aligned(void *block, size_t size, size_t align)
{
    (void)size;
    hk_bound_delete_aligned(block, align);
}

void hk_delete_aligned_tagged(void *block, size_t align, const void *tag)
{
    (void)tag;
    hk_bound_delete_aligned(block, align);
}

HK_EXPORT(hk_new_array, _Znam);
HK_EXPORT(hk_new_array_aligned, _ZnamSt11align_val_t);
HK_EXPORT(hk_new_nothrow, _ZnwmRKSt9nothrow_t);
HK_EXPORT(hk_new_nothrow, _ZnamRKSt9nothrow_t);
HK_EXPORT(hk_new_aligned_nothrow, _ZnwmSt11align_val_tRKSt9nothrow_t);
HK_EXPORT(hk_new_aligned_nothrow, _ZnamSt11align_val_tRKSt9nothrow_t);
HK_EXPORT(hk_delete_array, _ZdaPv);
HK_EXPORT(hk_delete_sized, _ZdlPvm);
HK_EXPORT(hk_delete_sized, _ZdaPvm);
HK_EXPORT(hk_delete_tagged, _ZdlPvRKSt9nothrow_t);
HK_EXPORT(hk_delete_tagged, _ZdaPvRKSt9nothrow_t);
HK_EXPORT(hk_delete_array_aligned, _ZdaPvSt11align_val_t);
HK_EXPORT(hk_delete_sized_aligned, _ZdlPvmSt11align_val_t);
HK_EXPORT(hk_delete_sized_aligned, _ZdaPvmSt11align_val_t);
HK_EXPORT(hk_delete_aligned_tagged, _ZdlPvSt11align_val_tRKSt9nothrow_t);
HK_EXPORT(hk_delete_aligned_tagged, _ZdaPvSt11align_val_tRKSt9nothrow_t);
