/* SPDX-License-Identifier: MIT */
/* The tiny hot boxes' side of the kit: requests are bin offsets, from 0 to HK_TINY_MAX. */
#include "kit/box_kit.h"

#include <stdio.h>

const char kit_box_kind[] = "hotbox";
const size_t kit_request_count = HK_TINY_MAX / HK_ALIGN + 1;

size_t kit_request(size_t index)
{
    return index * HK_ALIGN;
}

size_t kit_request_size(size_t request)
{
    return request ? request : HK_ALIGN;
}

/* The boxes under test, up to a NULL: a list that is generated, or another project's own. */
extern const struct hk_hotbox *const kit_hotboxes[];

static void from_hotbox(const struct hk_hotbox *box, struct kit_box *out)
{
    *out = (struct kit_box){
        .kind = HK_KIND_TINY,
        .init = box->init,
        .alloc = box->alloc,
        .refill = box->refill,
        .owns_pages = box->owns_pages,
        .free_local = box->free_local,
        .spill = box->spill,
        .splice = box->splice,
        .attach = box->attach,
        .collect = box->collect,
        .abandon = box->abandon,
        .stat = box->stat,
        .check = box->check,
    };
    snprintf(out->name, sizeof out->name, "%s", box->name);
}

const struct kit_box *kit_known_box(size_t index)
{
    static struct kit_box box[KIT_BOXES_MOST];
    if (index >= KIT_BOXES_MOST || !kit_hotboxes[index]) {
        return NULL;
    }
    from_hotbox(kit_hotboxes[index], &box[index]);
    return &box[index];
}
