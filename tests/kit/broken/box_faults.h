/* SPDX-License-Identifier: MIT */
/* Boxes that are broken on purpose: thin wrappers over a real box, each of which breaks one clause
 * and no other. They run over the fake cold side, which survives what they do. */
#ifndef HK_KIT_BROKEN_BOX_FAULTS_H
#define HK_KIT_BROKEN_BOX_FAULTS_H

#include "kit/box_kit.h"

/* The box that every broken one leads to; filled by kit_box_copy. */
extern struct kit_box kit_honest;

#endif
