/* SPDX-License-Identifier: MIT */
/* Misuse: a large block is freed by an address some bytes off. */
#include <stdlib.h>

int main(void)
{
    char *volatile block = malloc(3 << 19);
    free(block + 8);
    return 0;
}
