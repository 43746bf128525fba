/* SPDX-License-Identifier: MIT */
/* Misuse: a large block is freed by an address some bytes off. */
#include <stdlib.h>

int main(void)
{
    char *volatile block = malloc(1 << 20);
    free(block + 8);
    return 0;
}
