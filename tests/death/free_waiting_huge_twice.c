/* SPDX-License-Identifier: MIT */
/* Misuse: a block of several MiB is freed twice, and waits for the next of its size. */
#include <stdlib.h>

int main(void)
{
    for (int i = 0; i < 3; i++) {
        void *volatile pair = malloc(3 << 20);
        free(pair);
    }
    void *volatile block = malloc(3 << 20);
    free(block);
    free(block);
    return 0;
}
