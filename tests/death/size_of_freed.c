/* SPDX-License-Identifier: MIT */
/* Misuse: the usable size of a large block is asked for after it was freed. */
#include <malloc.h>
#include <stdlib.h>

int main(void)
{
    void *volatile block = malloc(3 << 19);
    free(block);
    return malloc_usable_size(block) == 0;
}
