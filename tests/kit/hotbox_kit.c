/* SPDX-License-Identifier: MIT */
/* The tiny hot boxes' side of the kit: requests are bin offsets, from 0 to HK_TINY_MAX. */
#include "kit/box_kit.h"

#include "kit_hotboxes.h"

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
    static const struct hk_hotbox *const known[] = {KIT_HOTBOXES};
    static struct kit_box box[sizeof known / sizeof *known];
    if (index >= sizeof known / sizeof *known) {
        return NULL;
    }
    from_hotbox(known[index], &box[index]);
    return &box[index];
}
