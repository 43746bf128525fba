/* SPDX-License-Identifier: MIT */
/* Threads, findings and parcels. A parcel's bytes follow from its mark: any thread can check it. */
#include "stress/stress.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

static struct {
    _Atomic(const char *) finding;
    uint64_t seed;
} run;

size_t stress_scaled(size_t count)
{
    const char *scale = getenv("HK_STRESS_SCALE");
    double factor = scale ? strtod(scale, NULL) : 1.0;
    size_t scaled = (size_t)((double)count * factor);
    return scaled ? scaled : 1;
}

void stress_expect(bool holds, const char *what)
{
    const char *none = NULL;
    if (!holds) {
        atomic_compare_exchange_strong(&run.finding, &none, what);
    }
}

bool stress_found_nothing(void)
{
    return atomic_load(&run.finding) == NULL;
}

struct random stress_random(size_t index)
{
    return random_from(run.seed + index * 7919);
}

struct thread {
    pthread_t thread;
    void (*body)(size_t index);
    size_t index;
};

static void *thread_main(void *arg)
{
    struct thread *thread = arg;
    thread->body(thread->index);
    return NULL;
}

void stress_run(size_t threads, void (*body)(size_t index))
{
    struct thread thread[STRESS_THREADS_MOST];
    assert_true(threads <= STRESS_THREADS_MOST);
    run.seed = random_start().seed;
    for (size_t i = 0; i < threads; i++) {
        thread[i] = (struct thread){.body = body, .index = i};
        assert_int_equal(pthread_create(&thread[i].thread, NULL, thread_main, &thread[i]), 0);
    }
    for (size_t i = 0; i < threads; i++) {
        pthread_join(thread[i].thread, NULL);
    }
    const char *finding = atomic_load(&run.finding);
    if (finding) {
        fail_msg("%s (HK_TEST_SEED=%llu)", finding, (unsigned long long)run.seed);
    }
}

static unsigned char expected_byte(const struct parcel *parcel, size_t index)
{
    return (unsigned char)(parcel->mark + index * 167);
}

static void fill_from(struct parcel *parcel, size_t index)
{
    for (; index < parcel->size - sizeof *parcel; index++) {
        parcel->data[index] = expected_byte(parcel, index);
    }
}

static void check_bytes(const struct parcel *parcel, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (parcel->data[i] != expected_byte(parcel, i)) {
            stress_expect(false, "a block's content has changed");
            return;
        }
    }
}

struct parcel *parcel_make(struct random *random, size_t most)
{
    size_t size = sizeof(struct parcel) + random_size(random, most - sizeof(struct parcel));
    bool aligned = random_below(random, 8) == 0;
    size_t align = (size_t)16 << random_below(random, 10);
    struct parcel *parcel = aligned ? hk_aligned_alloc(align, size) : hk_malloc(size);
    stress_expect(parcel != NULL, "out of memory");
    if (parcel) {
        parcel->size = size;
        parcel->mark = random_next(random);
        fill_from(parcel, 0);
    }
    return parcel;
}

void parcel_check(const struct parcel *parcel)
{
    check_bytes(parcel, parcel->size - sizeof *parcel);
}

void parcel_end(struct parcel *parcel, struct random *random)
{
    parcel_check(parcel);
    if (random_below(random, 2)) {
        hk_free_sized(parcel, parcel->size);
    } else {
        hk_free(parcel);
    }
}

void parcel_end_left(parcel_place *place, size_t count)
{
    struct random random = random_from(0);
    for (size_t i = 0; i < count; i++) {
        struct parcel *parcel = atomic_exchange(&place[i], NULL);
        if (parcel) {
            parcel_end(parcel, &random);
        }
    }
}

struct parcel *parcel_resize(struct parcel *parcel, struct random *random, size_t most)
{
    size_t old = parcel->size;
    size_t size = sizeof *parcel + random_size(random, most - sizeof *parcel);
    struct parcel *resized = hk_realloc(parcel, size);
    stress_expect(resized != NULL, "out of memory in realloc");
    if (!resized) {
        return parcel;
    }
    size_t kept = (size < old ? size : old) - sizeof *parcel;
    check_bytes(resized, kept);
    resized->size = size;
    fill_from(resized, kept);
    return resized;
}
