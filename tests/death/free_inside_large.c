/* SPDX-License-Identifier: MIT */
/* Misuse: an address far inside a large block is freed. */
#include <stdlib.h>

int main(void)
{
    char *volatile block = malloc(1 << 20);
    free(block + (300 << 10));
    return 0;
}
