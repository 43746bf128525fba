/* SPDX-License-Identifier: MIT */
/* Headers, canaries, and what is said when one of them is not as it was. The check word lies in the
 * second half of the header: a free block is linked by its first word, so that the mark of a freed
 * block outlasts the free. */
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

static void *stamp(char *plain, size_t front, size_t size)
{
    if (!plain) {
        return NULL;
    }
    char *block = plain + front;
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

static __attribute__((noreturn)) void stop(const char *what, void *block)
{
    hk_fatal_at(what, block, hk_page_of(block)->block_size);
}

/* The header is not what it was: say how it most likely came to that. */
static __attribute__((noreturn)) void explain(void *block)
{
    if (header_of(block)->check == mix(block, freed)) {
        stop("header: block was freed before", block);
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

void *hk_headed_malloc(size_t size)
{
    return stamp(hk_fast_malloc(padded(size, FRONT)), FRONT, size);
}

void hk_headed_free(void *block)
{
    if (block) {
        char *plain = plain_of(verify(block) + 1);
        header_of(block)->check = mix(block, freed);
        hk_fast_free(plain);
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
    return stamp(hk_bare_aligned(front, padded(size, front)), front, size);
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
    uint64_t check = header->check;
    size_t front = (size_t)1 << header->front;
    header->check = mix(block, freed); /* in case the block moves */
    char *plain = hk_bare_realloc((char *)block - front, padded(size, front));
    if (!plain) {
        header->check = check;
        return NULL;
    }
    return stamp(plain, front, size);
}

size_t hk_headed_usable_size(void *block)
{
    struct header *header = verify(block);
    size_t front = (size_t)1 << header->front;
    /* what lies behind the canary is not to be written to */
    return CANARY > 0 ? header->size : hk_bare_usable_size((char *)block - front) - front;
}
