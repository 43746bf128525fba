/* SPDX-License-Identifier: MIT */
/* A program with the fast paths in it: blocks of constant and other sizes, from either side to
 * either. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void *take(void);
void *take_some(size_t size);

void *take(void)
{
    return hakmem_malloc(64);
}

void *take_some(size_t size)
{
    return hakmem_malloc(size);
}

static void fill(void **block, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        void *made[] = {take(), take_some(i + 1), hakmem_malloc(100000), malloc(64),
                        hakmem_malloc(0)};
        block[i] = made[i % 5];
        for (size_t j = 0; j < 5; j++) {
            if (j != i % 5) {
                hakmem_free(made[j]);
            }
        }
        memset(block[i], 0xa5, i % 5 == 4 ? 0 : i % 5 == 1 ? i + 1 : 64);
    }
}

int main(void)
{
    enum { COUNT = 2000 };
    static void *block[COUNT];
    fill(block, COUNT);
    for (size_t i = 0; i < COUNT; i++) {
        unsigned char *zero = hakmem_calloc(10, 10);
        if (!zero || zero[0] || zero[99]) {
            (void)fprintf(stderr, "calloc is not zero\n");
            return 1;
        }
        free(zero);
        (i & 1 ? free : hakmem_free)(block[i]);
    }
    hakmem_free(NULL);
    puts("fits");
    return 0;
}
