/* SPDX-License-Identifier: MIT */
/* The driver of the instruction count: `pairs COUNT` allocates and frees 64 bytes COUNT times. */
#include <stdlib.h>

int main(int argc, char **argv)
{
    long count = argc > 1 ? atol(argv[1]) : 1;

    for (long i = 0; i < count; i++) {
        void *block = malloc(64);
        __asm__ volatile("" : : "r"(block) : "memory"); /* or the pair would be optimised away */
        free(block);
    }
    return 0;
}
