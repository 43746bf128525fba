/* SPDX-License-Identifier: MIT */
/* What the cases of the cold side's kit share. Its boxes are the real one and the fake; above them
 * stands a stub that only notes what comes back. */
#ifndef HK_KIT_COLD_KIT_H
#define HK_KIT_COLD_KIT_H

#include "kit/kit.h"

#include "coldbox/cold.h"
#include "fakes/cold_fake.h"

enum { STUB_BLOCKS = 8192 };

/* What the hooks have seen since kit_forget. */
struct stub {
    void *block[STUB_BLOCKS]; /* that came home, in order */
    size_t block_count;
    size_t attached;   /* pages */
    size_t shed;       /* calls */
    const char *wrong; /* first thing that a hook was given wrong */
    bool skew_page;    /* a fault: pretend that splice gets another descriptor */
};

extern struct stub kit_stub;

void kit_forget(void);

/* The stub's hook of that name, for faults. */
void kit_shed(struct hk_heap *heap);

/* A heap, and its end: every page is given back first. */
struct hk_heap *kit_heap(const struct hk_cold *cold);
void kit_end_heap(const struct hk_cold *cold, struct hk_heap *heap);

/* Lease a page of 1024-byte blocks, growing; never NULL. */
struct hk_page *kit_lease(const struct hk_cold *cold, struct hk_heap *heap, uint8_t slices);
void *kit_block(struct hk_page *page, size_t index);

struct hk_cold_stat kit_stat(const struct hk_cold *cold);

/* -> how often a block came home. */
size_t kit_times_home(const void *block);

/* cold_cases_*.c, broken/cold_faults.c */
extern const struct kit_case kit_page_cases[];
extern const size_t kit_page_case_count;
extern const struct kit_case kit_heap_cases[];
extern const size_t kit_heap_case_count;
extern const struct kit_case kit_large_cases[];
extern const size_t kit_large_case_count;
extern const struct kit_case kit_shared_cases[];
extern const size_t kit_shared_case_count;
extern const struct kit_case kit_live_cases[];
extern const size_t kit_live_case_count;
extern const struct kit_fault kit_cold_faults[];
extern const size_t kit_cold_fault_count;
extern const struct kit_fault kit_shared_faults[];
extern const size_t kit_shared_fault_count;
extern const struct kit_fault kit_large_faults[];
extern const size_t kit_large_fault_count;
extern const struct kit_fault kit_live_faults[];
extern const size_t kit_live_fault_count;
void *kit_cold_copy(const void *subject);

#endif
