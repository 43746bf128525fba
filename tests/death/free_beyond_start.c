/* SPDX-License-Identifier: MIT */
/* Misuse: an address near the start of a large block is freed. */
#include <stdlib.h>

int main(void)
{
    char *volatile block = malloc(3 << 19);
    free(block + 4096);
    return 0;
}
