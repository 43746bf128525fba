/* SPDX-License-Identifier: MIT */
/* The pools' side of the kit: requests are sizes, each class's largest and smallest. The classes
 * are written out here, so that the kit does not believe the arithmetic under test. */
#include "kit/box_kit.h"

#include "pool/pool.h"

#include <stdio.h>

static const size_t classes[] = {
    1024,  1152,  1280,  1408,   1536,   1664,   1792,   1920,   2048,   2304,  2560,  2816,
    3072,  3328,  3584,  3840,   4096,   4608,   5120,   5632,   6144,   6656,  7168,  7680,
    8192,  10240, 12288, 14336,  16384,  20480,  24576,  28672,  32768,  40960, 49152, 57344,
    65536, 81920, 98304, 114688, 131072, 163840, 196608, 229376, 262144,
};

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
