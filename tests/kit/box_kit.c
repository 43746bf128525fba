/* SPDX-License-Identifier: MIT */
/* The shared frame of the hot box and pool kits: heaps, hooks, patterns, and main. */
#include "kit/box_kit.h"

#include "common/scrub.h"

#include <stdatomic.h>
#include <string.h>

#if KIT_FAKE_COLD
#include "fakes/cold_fake.h"
#endif

#if HK_TLS_BINS
/* The kits link no gate, whose variable this is. */
_Thread_local struct hk_tls hk_tls;
#endif

static _Atomic(const struct kit_box *) box_in_seat; /* that the hooks lead to */

static void splice(struct hk_heap *heap, struct hk_page *page, void *first, void *last,
                   size_t count)
{
    atomic_load(&box_in_seat)->splice(heap, page, first, last, count);
}

static void attach(struct hk_heap *heap, struct hk_page *page)
{
    atomic_load(&box_in_seat)->attach(heap, page);
}

static size_t purge_parts(struct hk_heap *heap)
{
    return atomic_load(&box_in_seat)->collect(heap, HK_COLLECT_PARTS);
}

static void shed(struct hk_heap *heap)
{
    box_in_seat->collect(heap, HK_COLLECT_QUIET);
}

static const struct hk_hooks hooks = {
    .splice = splice,
    .attach = attach,
    .purge_parts = purge_parts,
    .shed = shed,
};

/* A box may look for the thread's heap where the gate keeps it. */
static void bind(struct hk_heap *heap)
{
#if HK_TLS_BINS
    hk_tls.heap = heap;
#else
    (void)heap;
#endif
}

struct hk_heap *kit_open(const struct kit_box *box)
{
    atomic_store(&box_in_seat, box);
    uintptr_t token = HK_TLS_BINS ? hk_self_token(NULL) : 0;
    struct hk_heap *heap = HK_COLD.birth(token);
    if (heap) {
        box->init(heap);
    }
    bind(heap);
    return heap;
}

struct hk_heap *kit_open_heir(const struct kit_box *box)
{
    struct hk_heap *heap = kit_open(box);
    while (heap && HK_COLD.adopt(heap)) {
    }
    return heap;
}

void kit_close(const struct kit_box *box, struct hk_heap *heap)
{
    bind(NULL);
    box->abandon(heap);
    HK_COLD.death(heap);
}

void *kit_take(const struct kit_box *box, struct hk_heap *heap, size_t request)
{
    void *block = box->alloc(heap, request);
    return block ? block : box->refill(heap, request);
}

void kit_give(const struct kit_box *box, struct hk_heap *heap, void *block)
{
    if (!box->free_local(heap, hk_page_of(block), block)) {
        box->spill(heap, hk_page_of(block), block);
    }
}

uintptr_t kit_owner(const struct kit_box *box, const struct hk_heap *heap)
{
    return box->owns_pages ? heap->token : (uintptr_t)HK_OWNER_SHARED;
}

void kit_take_all(const struct kit_box *box, struct hk_heap *heap, size_t request,
                  void *blocks[KIT_BLOCKS])
{
    for (size_t i = 0; i < KIT_BLOCKS; i++) {
        blocks[i] = kit_take(box, heap, request);
        assert_non_null(blocks[i]);
    }
}

void kit_give_all(const struct kit_box *box, struct hk_heap *heap, void *blocks[KIT_BLOCKS])
{
    for (size_t i = 0; i < KIT_BLOCKS; i++) {
        kit_give(box, heap, blocks[i]);
    }
}

void kit_live_blocks_outlast(const struct kit_box *box, enum hk_collect how, int calls,
                             const struct hk_policy *policy)
{
    struct hk_heap *heap = kit_open(box);
    void *blocks[KIT_BLOCKS];

    heap->policy = policy;
    for (size_t r = 0; r < kit_request_count; r += 4) {
        size_t size = kit_request_size(kit_request(r));
        kit_take_all(box, heap, kit_request(r), blocks);
        for (size_t i = 0; i < KIT_BLOCKS; i++) {
            kit_fill(blocks[i], size, i);
            if (i % 8) {
                kit_give(box, heap, blocks[i]);
            }
        }
        for (int call = 0; call < calls; call++) {
            box->collect(heap, how);
            assert_null(box->check(heap));
        }
        for (size_t i = 0; i < KIT_BLOCKS; i += 8) {
            assert_true(kit_holds(blocks[i], size, i));
            kit_give(box, heap, blocks[i]);
        }
    }

    heap->policy = NULL;
    kit_close(box, heap);
}

void kit_fill(void *block, size_t size, size_t index)
{
    memset(block, (int)(index * 37 + 11) & 0xff, size);
    if (size >= sizeof index) {
        memcpy(block, &index, sizeof index);
    }
}

bool kit_holds(const void *block, size_t size, size_t index)
{
    const unsigned char *bytes = block;
    unsigned char expected = (unsigned char)(index * 37 + 11);
    if (size >= sizeof index && memcmp(block, &index, sizeof index) != 0) {
        return false;
    }
    for (size_t i = size >= sizeof index ? sizeof index : 0; i < size; i++) {
        if (bytes[i] != expected) {
            return false;
        }
    }
    return true;
}

size_t kit_leased(void)
{
    struct hk_cold_stat stat;
    HK_COLD.stat(&stat);
    return stat.leased;
}

uint64_t kit_leases(void)
{
    struct hk_cold_stat stat;
    HK_COLD.stat(&stat);
    return stat.leases;
}

size_t kit_live(const struct kit_box *box, struct hk_heap *heap)
{
    struct hk_hot_stat stat;
    box->stat(heap, &stat);
    return stat.blocks_out - stat.binned;
}

static void begin(const void *subject)
{
    (void)subject;
#if HK_TLS_BINS
    memset(&hk_tls, 0, sizeof hk_tls);
#endif
#if KIT_FAKE_COLD
    hk_cold_fake_reset();
#endif
}

static void end(const void *subject)
{
    (void)subject;
    const char *broken = HK_COLD.check();
    if (broken) {
        fail_msg("cold side: %s", broken);
    }
}

/* Boxes that own their pages come first: a fault that both kinds may have is put in one of them. */
static const void *subject_at(size_t index)
{
    size_t before = 0;
    for (int owns = 1; owns >= 0; owns--) {
        const struct kit_box *box;
        for (size_t i = 0; (box = kit_known_box(i)) != NULL; i++) {
            if (box->owns_pages == owns && before++ == index) {
                return box;
            }
        }
    }
    return NULL;
}

static const char *subject_name(const void *subject)
{
    return ((const struct kit_box *)subject)->name;
}

static unsigned traits(const void *subject)
{
    unsigned scrubs = KIT_POOL && HK_POOL_ZERO == HK_POOL_ZERO_FULL ? KIT_SCRUBS : 0;
    bool owns = ((const struct kit_box *)subject)->owns_pages;
    return scrubs | (owns ? KIT_OWNS : KIT_SHARES) | (owns || !KIT_POOL ? KIT_AGES : 0);
}

static bool any_box_shares(void)
{
    const struct kit_box *box;
    for (size_t i = 0; (box = kit_known_box(i)) != NULL; i++) {
        if (!box->owns_pages) {
            return true;
        }
    }
    return false;
}

/* What the program's parts contribute, one behind the other. */
static struct {
    struct kit_case cases[64];
    size_t case_count;
    struct kit_fault faults[64];
    size_t fault_count;
} list;

/* The cases of blocks that come home have theirs with the others. */
static const struct kit_fault no_faults[1];

static void add(const struct kit_case *cases, size_t case_count, const struct kit_fault *faults,
                size_t fault_count)
{
    memcpy(list.cases + list.case_count, cases, case_count * sizeof *cases);
    memcpy(list.faults + list.fault_count, faults, fault_count * sizeof *faults);
    list.case_count += case_count;
    list.fault_count += fault_count;
}

int main(int argc, char **argv)
{
    add(kit_serve_cases, kit_serve_case_count, kit_serve_faults, kit_serve_fault_count);
    add(kit_home_cases, kit_home_case_count, no_faults, 0);
    add(kit_life_cases, kit_life_case_count, kit_life_faults, kit_life_fault_count);
    add(kit_idle_cases, kit_idle_case_count, kit_idle_faults, kit_idle_fault_count);
    add(kit_reuse_cases, kit_reuse_case_count, kit_reuse_faults, kit_reuse_fault_count);
    if (any_box_shares()) {
        add(kit_sharing_cases, kit_sharing_case_count, kit_sharing_faults, kit_sharing_fault_count);
    }
    const struct kit kit = {
        .name = kit_box_kind,
        .cases = list.cases,
        .case_count = list.case_count,
        .faults = list.faults,
        .fault_count = list.fault_count,
        .subject = subject_at,
        .subject_name = subject_name,
        .traits = traits,
        .copy = kit_box_copy,
        .begin = begin,
        .end = end,
    };
    return HK_COLD.init(&hooks) == 0 ? kit_main(&kit, argc, argv) : 2;
}
