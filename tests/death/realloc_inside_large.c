/* SPDX-License-Identifier: MIT */
/* Misuse: an address inside a large block is resized. */
#include <stdlib.h>

int main(void)
{
    char *volatile block = malloc(3 << 19);
    block = realloc(block + (128 << 10), 100);
    return block == NULL;
}
