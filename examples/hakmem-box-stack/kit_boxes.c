/* SPDX-License-Identifier: MIT */
/* What the kit tests: our box, and a NULL. */
#include "hotbox_stack.h"

const struct hk_hotbox *const kit_hotboxes[] = {&hk_hotbox_stack, NULL};
