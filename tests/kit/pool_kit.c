/* SPDX-License-Identifier: MIT */
/* The pools' side of the kit: requests are sizes, each class's largest and smallest. The classes
 * are the table's as the build file reads it, so that the kit does not believe the arithmetic under
 * test. */
#include "kit/box_kit.h"

#include "pool/pool.h"

#include "expected_classes.h"

#include <stdio.h>

static const size_t classes[] = {HK_TINY_MAX, EXPECTED_CLASSES};

const char kit_box_kind[] = "pool";
const size_t kit_request_count = 2 * (sizeof classes / sizeof *classes - 1);

size_t kit_request(size_t index)
{
    return index % 2 ? classes[index / 2 + 1] : classes[index / 2] + 1;
}

size_t kit_request_size(size_t request)
{
    return request;
}

/* The boxes under test, up to a NULL: a list that is generated, or another project's own. */
extern const struct hk_pool *const kit_pools[];

static void from_pool(const struct hk_pool *pool, struct kit_box *out)
{
    *out = (struct kit_box){
        .kind = HK_KIND_POOL,
        .init = pool->init,
        .alloc = pool->alloc,
        .refill = pool->refill,
        .owns_pages = pool->owns_pages,
        .free_local = pool->free_local,
        .resize = pool->resize,
        .spill = pool->spill,
        .splice = pool->splice,
        .attach = pool->attach,
        .collect = pool->collect,
        .abandon = pool->abandon,
        .stat = pool->stat,
        .check = pool->check,
    };
    snprintf(out->name, sizeof out->name, "%s", pool->name);
}

const struct kit_box *kit_known_box(size_t index)
{
    static struct kit_box box[KIT_BOXES_MOST];
    if (index >= KIT_BOXES_MOST || !kit_pools[index]) {
        return NULL;
    }
    from_pool(kit_pools[index], &box[index]);
    return &box[index];
}
