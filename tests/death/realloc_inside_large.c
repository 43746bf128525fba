/* SPDX-License-Identifier: MIT */
/* Misuse: an address inside a large block is resized. */
#include <stdlib.h>

int main(void)
{
    char *volatile block = malloc(1 << 20);
    block = realloc(block + (128 << 10), 100);
    return block == NULL;
}
