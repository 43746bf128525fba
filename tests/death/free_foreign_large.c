/* SPDX-License-Identifier: MIT */
/* Misuse: memory that another allocator mapped is freed, and reads as a large block of this one:
 * whatever stands where the library would have its data. KIND is that of a span or a huge block. */
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>

enum {
    SUPERSLAB = 4 << 20,
    SLICE = 64 << 10,
    DESCRIPTORS = 4 * 8192, /* the places where those of a superslab may be */
    DESCRIPTOR = 64,
    KIND_AT = 21, /* zeros in front of it: the class of malloc(0), where that is looked at */
    OWNER_LARGE = 3,
};

int main(void)
{
    char *memory =
        mmap(NULL, 3 * SUPERSLAB, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    char *base = memory + (SUPERSLAB - (uintptr_t)memory % SUPERSLAB) % SUPERSLAB;
    for (size_t at = 0; at < DESCRIPTORS; at += DESCRIPTOR) {
        *(uint64_t *)(base + at) = OWNER_LARGE;
        base[at + KIND_AT] = KIND;
    }
    char *volatile block = base + SLICE;
    free(malloc(1));
    free(block);
    return 0;
}
