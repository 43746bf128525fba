/* SPDX-License-Identifier: MIT */
/* Hot box v2 across fork: a thread may be left behind at any instruction of a free, and takes its
 * bins along. Each store of the free is done here or not, in every combination, and the heir has to
 * be right. */
#include "unit/v2_unit.h"

#include <string.h>

enum { PUSHED = 1, COUNTED = 2, ALL = 3 };

/* The page under test, its blocks that the application holds, and those that nobody will ever free:
 * in the bin of the thread that is left behind, or in its hands. */
struct scene {
    struct hk_heap *self;
    struct hk_page *page;
    void *blocks[2 * V2_CAPACITY];
    size_t count; /* of blocks[]; those of `page` first */
    void *lost[V2_CAPACITY];
    size_t lost_count;
};

static void drop_first(struct scene *scene)
{
    scene->count -= 1;
    memmove(scene->blocks, scene->blocks + 1, scene->count * sizeof *scene->blocks);
}

static void lose(struct scene *scene, void *block)
{
    scene->lost[scene->lost_count++] = block;
}

/* -> pages that the lost blocks lie in: of the one class, so at most two. */
static size_t lost_pages(const struct scene *scene)
{
    size_t here = 0;
    for (size_t i = 0; i < scene->lost_count; i++) {
        here += hk_page_of(scene->lost[i]) == scene->page;
    }
    return (here > 0) + (here < scene->lost_count);
}

/* Set the scene with `page` in `state`, a thread in the middle of a free of one of its blocks. */
static void set(struct scene *scene, enum hk_v2_state state, unsigned done)
{
    memset(scene, 0, sizeof *scene);
    scene->self = v2_open();
    struct hk_heap *victim = v2_open();
    scene->count = state == HK_V2_CURRENT ? 10 : V2_CAPACITY + 1;
    v2_take_all(victim, scene->blocks, scene->count);
    scene->page = hk_page_of(scene->blocks[0]);
    while (hk_v2_state(scene->page) != state) {
        v2_give(victim, scene->blocks[0]);
        drop_first(scene);
    }
    struct hk_v2_node *node = hk_v2_node(scene->page);
    void *in_hand = scene->blocks[0];
    drop_first(scene);
    *(void **)in_hand = *node->where;
    *node->where = done & PUSHED ? in_hand : *node->where;
    node->countdown -= (done & COUNTED) != 0;
    for (void *block = scene->page->bin->head; block; block = *(void **)block) {
        lose(scene, block);
    }
    if (!(done & PUSHED)) {
        lose(scene, in_hand);
    }
    HK_COLD.prefork();
    HK_COLD.child(scene->self);
    assert_int_equal(hk_page_owner(scene->page), HK_OWNER_ORPHAN);
}

/* The heir takes over; then the application's last blocks are freed, and the lost ones by us. */
static void inherit(struct scene *scene)
{
    while (HK_COLD.adopt(scene->self)) {
    }
    hk_hotbox_v2.collect(scene->self, HK_COLLECT_KEEP);
    assert_null(hk_hotbox_v2.check(scene->self));
    assert_int_equal(v2_stat(scene->self).blocks_out, scene->count + scene->lost_count);

    v2_give_all(scene->self, scene->blocks, scene->count);
    hk_hotbox_v2.collect(scene->self, HK_COLLECT_ALL);

    assert_null(hk_hotbox_v2.check(scene->self));
    assert_int_equal(v2_stat(scene->self).blocks_out, scene->lost_count);
    assert_int_equal(v2_stat(scene->self).pages, lost_pages(scene));
    assert_null(HK_COLD.check());
    v2_give_all(scene->self, scene->lost, scene->lost_count);
    hk_hotbox_v2.collect(scene->self, HK_COLLECT_ALL);
    assert_int_equal(v2_stat(scene->self).pages, 0);
    v2_close(scene->self);
}

static const enum hk_v2_state states[] = {HK_V2_CURRENT, HK_V2_PARTIAL, HK_V2_FULL};

static void free_may_be_left_at_any_store(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof states / sizeof *states; i++) {
        for (unsigned done = 0; done <= ALL; done++) {
            struct scene scene;
            set(&scene, states[i], done);
            inherit(&scene);
        }
    }
}

/* The blocks of the page are freed by others before anybody has adopted it. */
static void orphan_may_empty_before_it_is_counted(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof states / sizeof *states; i++) {
        for (unsigned done = 0; done <= ALL; done++) {
            struct scene scene;
            set(&scene, states[i], done);

            for (size_t b = 0; b < scene.count; b++) {
                HK_COLD.post(NULL, hk_page_of(scene.blocks[b]), scene.blocks[b]);
            }
            scene.count = 0;

            /* of the page that was current the bin went along; else the count decides */
            bool stays = states[i] == HK_V2_CURRENT || !(done & COUNTED);
            assert_int_equal(hk_page_owner(scene.page), stays ? HK_OWNER_ORPHAN : HK_OWNER_NONE);
            scene.lost_count -= !stays && !(done & PUSHED); /* the last one */
            inherit(&scene);
        }
    }
}

static void orphan_may_be_trimmed_before_it_is_counted(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof states / sizeof *states; i++) {
        for (unsigned done = 0; done <= ALL; done++) {
            struct scene scene;
            set(&scene, states[i], done);

            HK_COLD.trim(NULL, 0);

            inherit(&scene);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(free_may_be_left_at_any_store),
        cmocka_unit_test(orphan_may_empty_before_it_is_counted),
        cmocka_unit_test(orphan_may_be_trimmed_before_it_is_counted),
    };
    return cmocka_run_group_tests_name("v2_fork", tests, v2_start, NULL);
}
