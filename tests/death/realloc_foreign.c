/* SPDX-License-Identifier: MIT */
/* Misuse: memory that another allocator mapped is resized. */
#include <stddef.h>
#include <stdlib.h>
#include <sys/mman.h>

/* Large enough for the library to find readable memory wherever it looks for its own data. */
enum { SIZE = 32 << 20 };

int main(void)
{
    char *volatile memory =
        mmap(NULL, SIZE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    free(malloc(1));
    memory = realloc(memory + SIZE / 2, 100);
    return memory == NULL;
}
