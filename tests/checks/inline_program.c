/* SPDX-License-Identifier: MIT */
/* A program with the fast paths in it: blocks of constant and other sizes, from either side to
 * either. */
#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define LONG_TEXT "a text of more than forty-eight characters, less than 64"

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

static bool differ(void *const *block, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        for (size_t j = 0; j < i; j++) {
            if (block[i] == block[j]) {
                return false;
            }
        }
    }
    return true;
}

/* Compilers know functions that allocate, and that these change no memory which a program sees. */
static bool mixes_with_malloc(void)
{
    void *block[] = {hakmem_malloc(64),    malloc(64),        hakmem_malloc(64),
                     calloc(1, 64),        hakmem_malloc(64), strdup(LONG_TEXT),
                     hakmem_calloc(1, 64), malloc(64),        hakmem_malloc(64)};
    free(block[0]);
    hakmem_free(block[1]);
    free(block[2]);
    block[0] = hakmem_malloc(64);
    block[1] = malloc(64);
    block[2] = hakmem_malloc(64);
    bool all = differ(block, sizeof block / sizeof *block);
    for (size_t i = 0; i < sizeof block / sizeof *block; i++) {
        (i & 1 ? free : hakmem_free)(block[i]);
    }
    return all;
}

/* At the edges of classes: each block is as long as was asked for, and nobody else's. */
#define EDGES(DO)  DO(1024) DO(1025) DO(1152) DO(1153) DO(8192) DO(8193) DO(32769) DO(262144)
#define TAKE(size) {hakmem_malloc(size), size},

static bool edges_are_long_enough(void)
{
    struct {
        unsigned char *block;
        size_t size;
    } edge[] = {EDGES(TAKE) EDGES(TAKE)};
    const size_t count = sizeof edge / sizeof *edge;
    bool right = true;
    for (size_t i = 0; i < count; i++) {
        right &= malloc_usable_size(edge[i].block) >= edge[i].size;
        memset(edge[i].block, (int)i, edge[i].size);
    }
    for (size_t i = 0; i < count; i++) {
        const unsigned char *block = edge[i].block;
        right &= block[0] == i && memcmp(block, block + 1, edge[i].size - 1) == 0;
        hakmem_free(edge[i].block);
    }
    return right;
}

struct node {
    struct node *next;
    long value;
};

/* What the program stores in a block, and the link in it once it is free, do not get mixed up. */
static long sum_of_lists(long rounds)
{
    long sum = 0;
    for (long i = 0; i < rounds; i++) {
        struct node *first = hakmem_malloc(sizeof *first);
        first->next = NULL;
        first->value = i;
        struct node *second = hakmem_malloc(sizeof *second);
        second->next = first;
        second->value = 1;
        sum += second->next->value + second->value;
        first->next = second;
        hakmem_free(first);
        second->next = NULL;
        hakmem_free(second);
    }
    return sum;
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
    for (int i = 0; i < 100; i++) {
        if (!mixes_with_malloc()) {
            (void)fprintf(stderr, "a block is out twice\n");
            return 1;
        }
    }
    if (!edges_are_long_enough()) {
        (void)fprintf(stderr, "a block is shorter than was asked for, or not alone\n");
        return 1;
    }
    if (sum_of_lists(COUNT) != COUNT * (COUNT - 1L) / 2 + COUNT) {
        (void)fprintf(stderr, "a list is not what it was\n");
        return 1;
    }
    puts("fits");
    return 0;
}
