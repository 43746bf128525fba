/* SPDX-License-Identifier: MIT */
/* Hot box v1 across fork: a thread may be left behind at any instruction of a fast path. Each store
 * of alloc and free is done here or not, in every combination, and the heir has to be right. */
#include "unit/v1_unit.h"

#include <string.h>

enum { MOVED = 1, COUNTED = 2, REPORTED = 4, ALL = 7 };

/* The page under test, its blocks that the application holds, and one block in the hands of the
 * thread that is left behind. */
struct scene {
    struct hk_heap *self;
    struct hk_heap *victim;
    struct hk_page *page;
    void *blocks[2 * V1_CAPACITY];
    size_t count; /* of blocks[]; those of `page` first */
    void *in_hand;
};

/* Set the scene with `page` in `state`. */
static void set(struct scene *scene, enum hk_v1_state state)
{
    memset(scene, 0, sizeof *scene);
    scene->self = v1_open(0);
    while (HK_COLD.adopt(scene->self)) { /* what the last scene has left */
    }
    hk_hotbox_v1.collect(scene->self, HK_COLLECT_ALL);
    scene->victim = v1_open(0);
    scene->count = state == HK_V1_CURRENT ? 10 : V1_CAPACITY + 1;
    v1_take_all(scene->victim, scene->blocks, scene->count);
    scene->page = hk_page_of(scene->blocks[0]);
    while (hk_v1(scene->page)->state != state) {
        v1_give(scene->victim, scene->blocks[0]);
        scene->count -= 1;
        memmove(scene->blocks, scene->blocks + 1, scene->count * sizeof *scene->blocks);
    }
}

static void part_of_alloc(struct scene *scene, unsigned done)
{
    struct hk_v1 *own = hk_v1(scene->page);
    scene->in_hand = own->free;
    own->free = done & MOVED ? *(void **)own->free : own->free;
    own->countdown += (done & COUNTED) != 0;
    hk_v1_report(scene->page, (done & REPORTED) != 0);
}

static void part_of_free(struct scene *scene, unsigned done)
{
    struct hk_v1 *own = hk_v1(scene->page);
    scene->in_hand = scene->blocks[0];
    scene->count -= 1;
    memmove(scene->blocks, scene->blocks + 1, scene->count * sizeof *scene->blocks);
    *(void **)scene->in_hand = own->free;
    own->free = done & MOVED ? scene->in_hand : own->free;
    own->countdown -= (done & COUNTED) != 0;
    hk_v1_report(scene->page, -((done & REPORTED) != 0));
}

static void leave_behind(struct scene *scene)
{
    HK_COLD.prefork();
    HK_COLD.child(scene->self);
    assert_int_equal(hk_page_owner(scene->page), HK_OWNER_ORPHAN);
}

/* The heir takes over; then the application's last blocks are freed. `lost` blocks are out for
 * ever. */
static void inherit(struct scene *scene, size_t lost)
{
    while (HK_COLD.adopt(scene->self)) {
    }
    hk_hotbox_v1.collect(scene->self, HK_COLLECT_KEEP);
    assert_null(hk_hotbox_v1.check(scene->self));
    assert_int_equal(v1_stat(scene->self).blocks_out, scene->count + lost);

    v1_give_all(scene->self, scene->blocks, scene->count);
    hk_hotbox_v1.collect(scene->self, HK_COLLECT_ALL);

    assert_null(hk_hotbox_v1.check(scene->self));
    assert_int_equal(v1_stat(scene->self).blocks_out, lost);
    assert_int_equal(v1_stat(scene->self).pages, lost);
    assert_null(HK_COLD.check());
}

/* Forget the page whose block is lost for ever. */
static void clear(struct scene *scene, size_t lost)
{
    if (lost) {
        v1_give(scene->self, scene->in_hand);
    }
    v1_close(scene->self);
}

static void allocation_may_be_left_at_any_store(void **state)
{
    (void)state;
    for (unsigned done = 0; done <= ALL; done++) {
        struct scene scene;
        set(&scene, HK_V1_CURRENT);
        part_of_alloc(&scene, done);

        leave_behind(&scene);
        inherit(&scene, (done & MOVED) != 0);

        clear(&scene, (done & MOVED) != 0);
    }
}

static void free_may_be_left_at_any_store(void **state)
{
    static const enum hk_v1_state states[] = {HK_V1_CURRENT, HK_V1_PARTIAL, HK_V1_FULL};
    (void)state;
    for (size_t i = 0; i < sizeof states / sizeof *states; i++) {
        for (unsigned done = 0; done <= ALL; done++) {
            struct scene scene;
            set(&scene, states[i]);
            part_of_free(&scene, done);

            leave_behind(&scene);
            inherit(&scene, !(done & MOVED));

            clear(&scene, !(done & MOVED));
        }
    }
}

/* The blocks of the page are freed by others before anybody has adopted it. */
static void orphan_may_empty_before_it_is_counted(void **state)
{
    static const enum hk_v1_state states[] = {HK_V1_CURRENT, HK_V1_PARTIAL, HK_V1_FULL};
    (void)state;
    for (size_t i = 0; i < sizeof states / sizeof *states; i++) {
        for (unsigned done = 0; done <= ALL; done++) {
            struct scene scene;
            set(&scene, states[i]);
            part_of_free(&scene, done);
            leave_behind(&scene);

            for (size_t b = 0; b < scene.count; b++) {
                HK_COLD.post(NULL, hk_page_of(scene.blocks[b]), scene.blocks[b]);
            }
            scene.count = 0;

            /* counted as out where it was not counted, else as back wherever it is */
            bool stays = !(done & COUNTED);
            assert_int_equal(hk_page_owner(scene.page), stays ? HK_OWNER_ORPHAN : HK_OWNER_NONE);
            inherit(&scene, stays && !(done & MOVED));
            clear(&scene, stays && !(done & MOVED));
        }
    }
}

static void orphan_may_be_trimmed_before_it_is_counted(void **state)
{
    (void)state;
    for (unsigned done = 0; done <= ALL; done++) {
        struct scene scene;
        set(&scene, HK_V1_PARTIAL);
        part_of_free(&scene, done);
        leave_behind(&scene);

        HK_COLD.trim(NULL, 0);

        inherit(&scene, !(done & MOVED));
        clear(&scene, !(done & MOVED));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(allocation_may_be_left_at_any_store),
        cmocka_unit_test(free_may_be_left_at_any_store),
        cmocka_unit_test(orphan_may_empty_before_it_is_counted),
        cmocka_unit_test(orphan_may_be_trimmed_before_it_is_counted),
    };
    return cmocka_run_group_tests_name("v1_fork", tests, v1_start, NULL);
}
