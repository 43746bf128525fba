/* SPDX-License-Identifier: MIT */
/* Headers, canaries, and what is said when one of them is not as it was. A block that is freed is
 * marked by its check word. Where blocks are scrubbed, one whose header is not the start of its
 * plain block has the mark there: those who hold a free block leave its second word alone
 * (common/mark.h). So the mark lasts until the block is handed out again, or its memory goes back
 * to the OS. */
#include "gate/header.h"

#include "gate/fast.h"

#include <errno.h>
#include <stdint.h>
#include <string.h>

struct header {
    uint64_t size : 48; /* requested */
    uint64_t bin : 8;   /* class of the plain block, or HK_BIN_NONE */
    uint64_t front : 8; /* log2 of the bytes from the plain block to the application's */
    uint64_t check;
};

enum {
    FRONT = 16,
    CANARY = HK_HEADER == HK_HEADER_FULL ? 8 : 0,
};

_Static_assert(sizeof(struct header) == FRONT, "the smallest space in front is one header");

/* What the address is mixed with, beside a header's content. */
static const uint64_t freed = 0xf4eed0f4eed00001;
static const uint64_t canary = 0xca4a4900ca4a4903;

static struct header *header_of(void *block)
{
    return (struct header *)block - 1;
}

/* -> a word that depends on the address, on `what`, and on where the library lies. */
static uint64_t mix(const void *block, uint64_t what)
{
    uint64_t word = (uint64_t)(uintptr_t)block ^ (uint64_t)(uintptr_t)&hk_headed_free << 16;
    word = (word ^ what) * 0x9e3779b97f4a7c15;
    word = (word ^ word >> 32) * 0xd6e8feb86659fd93;
    return word ^ word >> 29;
}

static uint64_t content(const struct header *header)
{
    uint64_t word;
    memcpy(&word, header, sizeof word);
    return word;
}

/* -> bytes of a plain block for `size` behind `front`; SIZE_MAX, which no request gets: too much.
 */
static size_t padded(size_t size, size_t front)
{
    size_t room = PTRDIFF_MAX - CANARY;
    return front <= room && size <= room - front ? front + size + CANARY : SIZE_MAX;
}

/* -> true: a box's, not one large block. */
static bool is_boxed(const void *plain)
{
    return hk_kind_is_leased(hk_page_of(plain)->kind);
}

static void *stamp(char *plain, size_t front, size_t size)
{
    if (!plain) {
        return NULL;
    }
    char *block = plain + front;
    if (front > FRONT && is_boxed(plain)) {
        ((struct header *)plain)->check = 0; /* it may be that of a freed block */
    }
    struct header *header = header_of(block);
    header->size = size;
    header->bin = hk_page_of(plain)->bin_index;
    header->front = (uint64_t)__builtin_ctzll(front);
    header->check = mix(block, content(header));
    if (CANARY > 0) {
        uint64_t word = mix(block, canary);
        memcpy(block + size, &word, sizeof word);
    }
    return block;
}

static char *plain_of(void *block)
{
    return (char *)block - ((size_t)1 << header_of(block)->front);
}

/* Where pool_zero=header: zero the first line that the application gets of a plain block. */
static void *scrub_line(char *plain, size_t front)
{
    if (HK_POOL_ZERO == HK_POOL_ZERO_HEADER && plain && hk_page_of(plain)->kind == HK_KIND_POOL) {
        size_t room = hk_page_of(plain)->block_size - front;
        memset(plain + front, 0, room < HK_SCRUB_HEADER ? room : HK_SCRUB_HEADER);
    }
    return plain;
}

/* Mark the plain block of an aligned one, whose header is scrubbed. */
static __attribute__((noinline, unused)) void mark_first(char *plain, uint64_t front)
{
    if (is_boxed(plain)) {
        struct header *first = (struct header *)plain;
        first->front = front;
        first->check = mix(first + 1, freed);
    }
}

/* Mark a block as freed. -> the plain block. */
HK_INLINE char *mark(struct header *header, void *block)
{
    uint64_t front = header->front;
    char *plain = (char *)block - ((size_t)1 << front);
    header->check = mix(block, freed);
    if (HK_POOL_ZERO != HK_POOL_ZERO_OFF && HK_UNLIKELY(plain != (char *)header)) {
        mark_first(plain, front);
    }
    return plain;
}

/* -> what the plain block begins with that `block` lies in, or NULL: no box's. */
static const struct header *first_around(const void *block)
{
    if (!is_boxed(block)) {
        return NULL;
    }
    const struct hk_page *page = hk_page_of(block);
    const char *start = hk_page_start(page - page->back);
    size_t offset = (size_t)((const char *)block - start);
    return (const struct header *)(start + offset / page->block_size * page->block_size);
}

static __attribute__((noreturn)) void stop(const char *what, void *block)
{
    hk_fatal_at(what, block, hk_page_of(block)->block_size);
}

/* The header is not what it was: say how it most likely came to that. */
static __attribute__((noinline, cold, noreturn)) void explain(void *block)
{
    const struct header *header = header_of(block);
    const struct header *first = first_around(block);
    unsigned kind = hk_page_of(block)->kind;
    if (header->check == mix(block, freed) || (first && first->check == mix(first + 1, freed))) {
        stop("header: block was freed before", block);
    }
    if (first && first != header && first->check == mix(first + 1, content(first))) {
        stop("header: not the start of a block", block);
    }
    if (!hk_kind_is_leased(kind) && kind != HK_KIND_SPAN && kind != HK_KIND_HUGE) {
        /* the slices of a large block behind its first are described like free ones */
        stop("header: not allocated: freed before, or not the start of a block", block);
    }
    if (!header->check && !content(header)) {
        /* as memory that was given back reads, or that was never written */
        stop("header: freed before, overwritten, or not the start of a block", block);
    }
    stop("header: overwritten, or not the start of a block", block);
}

/* -> the block's header, which is as it was written; else the process ends. */
static struct header *verify(void *block)
{
    HK_REQUIRE(HK_COLD.owns(block), "header: not a block of this allocator");
    HK_REQUIRE((uintptr_t)block % HK_ALIGN == 0, "header: not the start of a block");
    struct header *header = header_of(block);
    if (header->check != mix(block, content(header))) {
        explain(block);
    }
    if (header->bin != hk_page_of(plain_of(block))->bin_index) {
        stop("header: block is of another class than its page", block);
    }
    uint64_t word = mix(block, canary);
    if (CANARY > 0 && memcmp((char *)block + header->size, &word, sizeof word) != 0) {
        stop("header: bytes behind the block were overwritten", block);
    }
    return header;
}

void *hk_bare_malloc(size_t size)
{
    return hk_fast_malloc(size);
}

void hk_bare_free(void *block)
{
    hk_fast_free(block);
}

HK_INLINE void free_marked(void *block)
{
    if (HK_POOL_ZERO != HK_POOL_ZERO_OFF && hk_page_of(block)->kind == HK_KIND_POOL) {
        size_t rest = hk_page_of(block)->block_size - FRONT;
        if (HK_POOL_ZERO == HK_POOL_ZERO_FULL) {
            memset((char *)block + FRONT, 0, rest);
        } else {
            scrub_line(block, (size_t)1 << ((struct header *)block)->front);
        }
    }
    hk_fast_free(block);
}

void hk_marked_free(void *block)
{
    free_marked(block);
}

void *hk_headed_malloc(size_t size)
{
    return stamp(scrub_line(hk_fast_malloc(padded(size, FRONT)), FRONT), FRONT, size);
}

void hk_headed_free(void *block)
{
    if (block) {
        free_marked(mark(verify(block), block));
    }
}

void *hk_headed_calloc(size_t count, size_t size)
{
    size_t total;
    if (__builtin_mul_overflow(count, size, &total)) {
        return hk_gate_no_memory();
    }
    return stamp(hk_fast_calloc(1, padded(total, FRONT)), FRONT, total);
}

void *hk_headed_aligned(size_t align, size_t size)
{
    size_t front = align > FRONT ? align : FRONT;
    return stamp(scrub_line(hk_bare_aligned(front, padded(size, front)), front), front, size);
}

void *hk_headed_realloc(void *block, size_t size)
{
    if (!block) {
        return hk_headed_malloc(size);
    }
    if (size == 0) {
        hk_headed_free(block);
        return NULL;
    }
    struct header *header = verify(block);
    size_t old = header->size;
    size_t front = (size_t)1 << header->front;
    char *plain = mark(header, block); /* in case the block moves */
    memset((char *)block + old, 0, CANARY);
    char *to = hk_bare_realloc(plain, padded(size, front));
    if (!to) {
        stamp(plain, front, old);
        return NULL;
    }
    return stamp(to, front, size);
}

size_t hk_headed_usable_size(void *block)
{
    struct header *header = verify(block);
    size_t front = (size_t)1 << header->front;
    /* what lies behind the canary is not to be written to */
    return CANARY > 0 ? header->size : hk_bare_usable_size((char *)block - front) - front;
}
