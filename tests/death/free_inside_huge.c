/* SPDX-License-Identifier: MIT */
/* Misuse: an address inside a block of many MiB is freed. */
#include <stdlib.h>

int main(void)
{
    char *volatile block = malloc(20 << 20);
    free(block + (64 << 10));
    return 0;
}
