/* SPDX-License-Identifier: MIT */
/* Misuse: a block of several MiB is freed twice. */
#include <stdlib.h>

int main(void)
{
    void *volatile block = malloc(3 << 20);
    free(block);
    free(block);
    return 0;
}
