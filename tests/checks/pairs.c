/* SPDX-License-Identifier: MIT */
/* The driver of the instruction count: `pairs COUNT SIZE` allocates and frees SIZE bytes COUNT
 * times. */
#include <stdlib.h>

int main(int argc, char **argv)
{
    if (argc != 3) {
        return 2;
    }
    long count = atol(argv[1]);
    size_t size = (size_t)atol(argv[2]);

    for (long i = 0; i < count; i++) {
        void *block = malloc(size);
        __asm__ volatile("" : : "r"(block) : "memory"); /* or the pair would be optimised away */
        free(block);
    }
    return 0;
}
