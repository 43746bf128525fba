/* SPDX-License-Identifier: MIT */
/* Misuse: a large block is resized after it was freed. */
#include <stdlib.h>

int main(void)
{
    void *volatile block = malloc(3 << 19);
    free(block);
    block = realloc(block, 2 << 20);
    return block == NULL;
}
