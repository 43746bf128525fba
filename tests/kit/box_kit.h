/* SPDX-License-Identifier: MIT */
/* What the kits of the tiny hot boxes and of the pools share: both contracts differ only in what
 * `alloc` is asked with (a bin's offset, or a size) and in `resize`. The same cases run over the
 * fake and over the real cold side, in the pointer form and in the TLS form of bins.h. */
#ifndef HK_KIT_BOX_KIT_H
#define HK_KIT_BOX_KIT_H

#include "kit/kit.h"

#include "coldbox/seat.h"
#include "common/self.h"
#include "hotbox/hotbox.h"

#ifndef KIT_FAKE_COLD
#define KIT_FAKE_COLD 0
#endif
#ifndef KIT_POOL
#define KIT_POOL 0
#endif

/* A box of either kind. */
struct kit_box {
    char name[32];
    uint8_t kind;
    bool owns_pages;
    void (*init)(struct hk_heap *heap);
    void *(*alloc)(struct hk_heap *heap, size_t request);
    void *(*refill)(struct hk_heap *heap, size_t request);
    bool (*free_local)(struct hk_heap *heap, struct hk_page *page, void *block);
    void (*spill)(struct hk_heap *heap, struct hk_page *page, void *block);
    bool (*resize)(struct hk_heap *heap, struct hk_page *page, void *block, size_t size);
    void (*splice)(struct hk_heap *heap, struct hk_page *page, void *first, void *last,
                   size_t count);
    void (*attach)(struct hk_heap *heap, struct hk_page *page);
    size_t (*collect)(struct hk_heap *heap, enum hk_collect how);
    void (*abandon)(struct hk_heap *heap);
    void (*stat)(struct hk_heap *heap, struct hk_hot_stat *out);
    const char *(*check)(struct hk_heap *heap);
};

/* Traits of a box: whose its pages are; it is a pool whose blocks shall all be zero (pool_zero); it
 * is asked for what is idle, as all are but pools that share their pages. */
enum { KIT_OWNS = 1, KIT_SHARES = 2, KIT_SCRUBS = 4, KIT_AGES = 8 };

enum { KIT_BLOCKS = 64 }; /* fewer don't see a block handed out again after a while */

enum { KIT_BOXES_MOST = 32 };

/* The program's kind of box (hotbox_kit.c, pool_kit.c). */
extern const char kit_box_kind[];
extern const size_t kit_request_count;

/* -> the i-th of the kind's requests. */
size_t kit_request(size_t index);

/* -> bytes that a block for the request has at least. */
size_t kit_request_size(size_t request);

/* -> the i-th known box of the kind, or NULL. */
const struct kit_box *kit_known_box(size_t index);

/* A heap of the calling thread, ready for the box; the box's hooks serve it until the end. */
struct hk_heap *kit_open(const struct kit_box *box);

/* The same; the heap has also adopted every page that dead threads have left. */
struct hk_heap *kit_open_heir(const struct kit_box *box);

/* The thread gives the heap up. */
void kit_close(const struct kit_box *box, struct hk_heap *heap);

/* -> a block by the fast path, else by the slow one; NULL: out of memory. */
void *kit_take(const struct kit_box *box, struct hk_heap *heap, size_t request);
void kit_give(const struct kit_box *box, struct hk_heap *heap, void *block);

/* Take KIT_BLOCKS blocks, none NULL, and give them back. */
void kit_take_all(const struct kit_box *box, struct hk_heap *heap, size_t request,
                  void *blocks[KIT_BLOCKS]);
void kit_give_all(const struct kit_box *box, struct hk_heap *heap, void *blocks[KIT_BLOCKS]);

/* A case: of KIT_BLOCKS blocks of each class every 8th stays, with its content, while the rest is
 * free and collect runs `calls` times; the heap follows `policy`, or NULL. */
void kit_live_blocks_outlast(const struct kit_box *box, enum hk_collect how, int calls,
                             const struct hk_policy *policy);

/* -> what the pages of the box have for an owner. */
uintptr_t kit_owner(const struct kit_box *box, const struct hk_heap *heap);

/* Fill a block with a pattern of `index`; ask whether it is still there. */
void kit_fill(void *block, size_t size, size_t index);
bool kit_holds(const void *block, size_t size, size_t index);

/* -> pages and spans leased now by all heaps, bytes; leases granted so far. */
size_t kit_leased(void);
uint64_t kit_leases(void);

/* Blocks that the application holds, by the box's own account. */
size_t kit_live(const struct kit_box *box, struct hk_heap *heap);

/* box_cases_*.c */
extern const struct kit_case kit_serve_cases[];
extern const size_t kit_serve_case_count;
extern const struct kit_case kit_home_cases[];
extern const size_t kit_home_case_count;
extern const struct kit_case kit_life_cases[];
extern const size_t kit_life_case_count;
extern const struct kit_case kit_idle_cases[];
extern const size_t kit_idle_case_count;
extern const struct kit_case kit_reuse_cases[];
extern const size_t kit_reuse_case_count;
extern const struct kit_case kit_sharing_cases[]; /* only where a known box shares its pages */
extern const size_t kit_sharing_case_count;

/* broken/box_faults*.c: see struct kit. */
extern const struct kit_fault kit_serve_faults[];
extern const size_t kit_serve_fault_count;
extern const struct kit_fault kit_life_faults[];
extern const size_t kit_life_fault_count;
extern const struct kit_fault kit_idle_faults[];
extern const size_t kit_idle_fault_count;
extern const struct kit_fault kit_reuse_faults[];
extern const size_t kit_reuse_fault_count;
extern const struct kit_fault kit_sharing_faults[];
extern const size_t kit_sharing_fault_count;
void *kit_box_copy(const void *subject);

#endif
