/* SPDX-License-Identifier: MIT */
/* Another interposer, as profilers and leak finders are: counts calls and passes them on to the
 * next malloc that the loader knows. What dlsym itself asks for meanwhile comes from a small store.
 */
#include <dlfcn.h>
#include <stdatomic.h>
#include <stddef.h>
#include <string.h>

static struct {
    void *(*allocate)(size_t);
    void *(*resize)(void *, size_t);
    void (*release)(void *);
} next;

static _Alignas(16) char store[8192];
static atomic_size_t stored;
static atomic_size_t allocations;
static atomic_size_t releases;

static void find(void *out, const char *name)
{
    void *symbol = dlsym(RTLD_NEXT, name);
    memcpy(out, &symbol, sizeof symbol);
}

static void *from_store(size_t size)
{
    size_t start = atomic_fetch_add(&stored, (size + 31) & ~(size_t)15);
    return start + size <= sizeof store ? store + start : NULL;
}

static int is_from_store(void *block)
{
    return (char *)block >= store && (char *)block < store + sizeof store;
}

static int ready(void)
{
    static _Thread_local int looking;
    if (!next.release && !looking) {
        looking = 1;
        find(&next.allocate, "malloc");
        find(&next.resize, "realloc");
        find(&next.release, "free");
        looking = 0;
    }
    return next.release != NULL;
}

void *malloc(size_t size)
{
    atomic_fetch_add(&allocations, 1);
    return ready() ? next.allocate(size) : from_store(size);
}

/* The content of a store's block is copied with the new size: the store is larger than any. */
void *realloc(void *block, size_t size)
{
    if (!ready() || is_from_store(block)) {
        void *moved = ready() ? next.allocate(size) : from_store(size);
        if (moved && block) {
            size_t left = (size_t)(store + sizeof store - (char *)block);
            memcpy(moved, block, size < left ? size : left);
        }
        return moved;
    }
    return next.resize(block, size);
}

void free(void *block)
{
    atomic_fetch_add(&releases, 1);
    if (ready() && !is_from_store(block)) {
        next.release(block);
    }
}

size_t counter_allocations(void);
size_t counter_allocations(void)
{
    return atomic_load(&allocations);
}

size_t counter_releases(void);
size_t counter_releases(void)
{
    return atomic_load(&releases);
}

/* -> the function that calls are passed on to. */
void *counter_next(void);
void *counter_next(void)
{
    void *address = NULL;
    if (ready()) {
        memcpy(&address, &next.allocate, sizeof address);
    }
    return address;
}
