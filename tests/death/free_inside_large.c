/* SPDX-License-Identifier: MIT */
/* Misuse: an address far inside a large block is freed. */
#include <stdlib.h>

int main(void)
{
    char *volatile block = malloc(3 << 19);
    free(block + (300 << 10));
    return 0;
}
