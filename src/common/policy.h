/* SPDX-License-Identifier: MIT */
/* What a heap may keep of each class: four profiles fixed at build time, and snapshots that the
 * learner makes (policy=learn). Read in refill, lease and retire, never on a fast path. With
 * policy=frozen every answer is a constant or a comparison of the bin's index. A snapshot never
 * changes while a heap follows it (coldbox/learn.h), so whoever holds the heap reads it plainly. */
#ifndef HK_COMMON_POLICY_H
#define HK_COMMON_POLICY_H

#include "common/heap.h"

/* Values of the options policy and policy_profile. */
enum { HK_POLICY_FROZEN, HK_POLICY_OBSERVE, HK_POLICY_LEARN };
enum hk_profile {
    HK_PROFILE_AUTO, /* the fastest that was measured: the same as legacy */
    HK_PROFILE_LEGACY,
    HK_PROFILE_C5_7_ONLY,
    HK_PROFILE_TINYPLUS_ALL,
};

#ifndef HK_POLICY
#define HK_POLICY HK_POLICY_FROZEN
#endif
#ifndef HK_POLICY_PROFILE
#define HK_POLICY_PROFILE HK_PROFILE_AUTO
#endif
#ifndef HK_WARM_CAP
#define HK_WARM_CAP 16
#endif

struct hk_class_policy {
    /* a lease looks among the heap's warm pages before it asks the shared pool */
    bool page_box;
    /* a retired page may stay warm in the heap */
    bool warm;
    /* nobody asks for blocks of the class: heaps give up what they keep of it */
    bool quiet;
    /* warm pages, of whatever class, beyond which the heap keeps none of this one */
    uint8_t warm_cap;
    /* an empty page stays with its class while fewer others of it have room */
    uint8_t retention;
};

struct hk_policy {
    struct hk_class_policy of[HK_BIN_COUNT];
    uint8_t warm_floor; /* pages that a heap may keep warm even if it uses next to none */
};

enum {
    HK_C5_FIRST = 128 / HK_ALIGN + 1,    /* bin of the smallest class above C4 */
    HK_C7_LAST = HK_TINY_MAX / HK_ALIGN, /* bin of the largest class of C7 */
    HK_RETENTION_PLUS = 2,               /* of tinyplus_all, for pages of less than 1 MiB */
    HK_LEARN_GROWTH = 32,                /* slices that make a heap worth another look, */
    HK_LEARN_SHARE = 8,                  /* if they are 1/8 of what it has leased */
};

/* -> what the profile says of a class. */
static inline struct hk_class_policy hk_profile_of(enum hk_profile profile, size_t bin_index)
{
    struct hk_class_policy policy = {
        .page_box = true,
        .warm = true,
        .warm_cap = HK_WARM_CAP,
        .retention = 1,
    };
    bool c5_to_c7 = bin_index >= HK_C5_FIRST && bin_index <= HK_C7_LAST;
    if (profile == HK_PROFILE_C5_7_ONLY && !c5_to_c7) {
        return (struct hk_class_policy){.page_box = false};
    }
    if (profile == HK_PROFILE_TINYPLUS_ALL) {
        bool small = hk_page_slices(hk_bin_block_size(bin_index)) < 16;
        policy.retention = small ? HK_RETENTION_PLUS : 1;
        /* the last quarter of the warm pool is for tiny classes */
        policy.warm_cap = bin_index < HK_TINY_BINS ? HK_WARM_CAP : HK_WARM_CAP - HK_WARM_CAP / 4;
    }
    return policy;
}

/* -> what `heap` (NULL: a thread without one) may keep of a class now. holder. */
static inline struct hk_class_policy hk_policy_of(const struct hk_heap *heap, size_t bin_index)
{
    if (HK_POLICY == HK_POLICY_LEARN && heap && heap->policy) {
        return heap->policy->of[bin_index];
    }
    return hk_profile_of(HK_POLICY_PROFILE, bin_index);
}

/* -> empty pages that may stay with a class in `heap`. holder. */
static inline size_t hk_policy_retention(const struct hk_heap *heap, size_t bin_index)
{
    return hk_policy_of(heap, bin_index).retention;
}

static inline uint32_t hk_policy_warm_floor(const struct hk_heap *heap)
{
    return HK_POLICY == HK_POLICY_LEARN && heap->policy ? heap->policy->warm_floor : 0;
}

/* -> true: the heap has grown so much that the learner should look. holder. */
static inline bool hk_policy_has_grown(const struct hk_heap *heap)
{
    return heap->grown >= HK_LEARN_GROWTH && heap->grown >= heap->slice_count / HK_LEARN_SHARE;
}

#endif
