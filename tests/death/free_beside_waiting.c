/* SPDX-License-Identifier: MIT */
/* Misuse: a block of several MiB, of a size that comes again, is freed by an address some bytes
 * off.
 */
#include <stdlib.h>

int main(void)
{
    for (int i = 0; i < 3; i++) {
        void *volatile pair = malloc(3 << 20);
        free(pair);
    }
    char *volatile block = malloc(3 << 20);
    free(block + 8);
    return 0;
}
