/* SPDX-License-Identifier: MIT */
/* A gate as it must not be, for the negative control of check_folded.py: malloc picks its box
 * through a table of pointers, free asks a switch that is set at run time. It is linked into a
 * library that is inspected and never run. */
#include "hotbox/hotbox.h"

#include <stdlib.h>

static struct hk_bin bins[2];

static void *first_alloc(struct hk_heap *heap, size_t offset)
{
    (void)heap;
    void **block = bins[0].head;
    bins[0].head = *block;
    return (char *)block + offset;
}

static void *second_alloc(struct hk_heap *heap, size_t offset)
{
    (void)heap;
    void **block = bins[1].head;
    bins[1].head = *block;
    return (char *)block - offset;
}

static const struct hk_hotbox first = {.name = "first", .alloc = first_alloc};
static const struct hk_hotbox second = {.name = "second", .alloc = second_alloc};
static const struct hk_hotbox *const route[] = {&first, &second};

HK_API int hk_route_switch; /* exported: the compiler cannot know its value */

HK_API void *malloc(size_t size)
{
    return route[size > HK_TINY_MAX]->alloc(NULL, hk_tiny_offset(size));
}

HK_API void free(void *block)
{
    struct hk_bin *bin = &bins[hk_route_switch != 0];

    if (block) {
        *(void **)block = bin->head;
        bin->head = block;
    }
}
