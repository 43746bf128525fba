/* SPDX-License-Identifier: MIT */
/* Memory for metadata: pieces are zero, aligned and never the same. */
#include "unit/cold_unit.h"

#include "coldbox/meta.h"

#include <string.h>

enum { PIECES = 400 };

static void pieces_are_aligned_zero_and_apart(void **state)
{
    (void)state;
    static unsigned char *pieces[PIECES];
    for (size_t i = 0; i < PIECES; i++) {
        size_t size = 1 + i * 37 % 5000;
        pieces[i] = hk_meta_alloc(size);
        assert_non_null(pieces[i]);
        assert_int_equal((uintptr_t)pieces[i] % HK_CACHE_LINE, 0);
        for (size_t b = 0; b < size; b++) {
            assert_int_equal(pieces[i][b], 0);
        }
        memset(pieces[i], (int)(i % 255 + 1), size);
    }
    for (size_t i = 0; i < PIECES; i++) {
        size_t size = 1 + i * 37 % 5000;
        assert_int_equal(pieces[i][0], i % 255 + 1);
        assert_int_equal(pieces[i][size - 1], i % 255 + 1);
    }
}

static void large_piece_gets_its_own_chunk(void **state)
{
    (void)state;
    size_t before = hk_meta_bytes();
    char *piece = hk_meta_alloc(1 << 20);
    assert_non_null(piece);
    piece[(1 << 20) - 1] = 1;
    assert_true(hk_meta_bytes() >= before + (1 << 20));
}

static void piece_given_back_is_used_again(void **state)
{
    (void)state;
    unsigned char *piece = hk_meta_alloc(3000);
    memset(piece, 0xff, 3000);
    hk_meta_free(piece, 3000);
    unsigned char *again = hk_meta_alloc(3000);
    assert_ptr_equal(again, piece);
    for (size_t b = 0; b < 3000; b++) {
        assert_int_equal(again[b], 0);
    }
}

static void refused_chunk_is_null(void **state)
{
    (void)state;
    hk_os_fake_fail(HK_OS_MAP, 1, true);
    assert_null(hk_meta_alloc(2 << 20));
    hk_os_fake_fail(HK_OS_MAP, 0, false);
    assert_non_null(hk_meta_alloc(2 << 20));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(pieces_are_aligned_zero_and_apart),
        cmocka_unit_test(large_piece_gets_its_own_chunk),
        cmocka_unit_test(piece_given_back_is_used_again),
        cmocka_unit_test_setup(refused_chunk_is_null, calm_os),
    };
    return cmocka_run_group_tests_name("meta", tests, NULL, NULL);
}
