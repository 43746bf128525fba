/* SPDX-License-Identifier: MIT */
/* Misuse: an aligned block of the pool is freed twice. */
#include <stdlib.h>

int main(void)
{
    void *volatile block = aligned_alloc(256, 5000);
    free(block);
    free(block);
    return 0;
}
