/* SPDX-License-Identifier: MIT */
/* Misuse: a small block is freed again when its page has been given up. */
#include <malloc.h>
#include <stdlib.h>

int main(void)
{
    /* keeps the memory around the page */
    void *volatile neighbour = malloc(100);
    void *volatile block = malloc(3000);
    free(block);
    malloc_trim(0);
    free(block);
    free(neighbour);
    return 0;
}
