/* SPDX-License-Identifier: MIT */
/* Misuse: a block is freed again when the memory of its page's free blocks has been given up. */
#include <malloc.h>
#include <stdlib.h>

enum { BLOCKS = 64 };

int main(void)
{
    static void *volatile block[BLOCKS];
    for (int i = 0; i < BLOCKS; i++) {
        block[i] = malloc(5000);
    }
    /* one in sixteen keeps its page */
    for (int i = 0; i < BLOCKS; i++) {
        if (i % 16) {
            free(block[i]);
        }
    }
    malloc_trim(0);
    free(block[BLOCKS / 2 + 5]);
    return 0;
}
