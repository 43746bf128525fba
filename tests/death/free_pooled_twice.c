/* SPDX-License-Identifier: MIT */
/* Misuse: a block of the pool is freed twice. */
#include <stdlib.h>

int main(void)
{
    void *volatile block = malloc(5000);
    free(block);
    free(block);
    return 0;
}
