/* SPDX-License-Identifier: MIT */
/* Misuse: a large block is freed twice. */
#include <stdlib.h>

int main(void)
{
    void *volatile block = malloc(3 << 19);
    free(block);
    free(block);
    return 0;
}
