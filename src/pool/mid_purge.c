/* SPDX-License-Identifier: MIT */
/* Give back the memory of free blocks in shared pages that are in use. The blocks are taken out of
 * their page meanwhile, so that nobody is handed one, and no lock is held across the system call.
 */
#include "pool/mid.h"

#include "coldbox/seat.h"

enum { WORTH = 4096 }; /* bytes: the smallest OS page there is */

/* -> length of the run of bits of `map` that begins at `index`. */
static size_t run_length(uint64_t map, size_t index)
{
    uint64_t rest = ~(map >> index);
    return rest ? (size_t)__builtin_ctzll(rest) : 64;
}

/* -> bits of the blocks in runs that are worth a system call. */
static uint64_t worthy(const struct hk_mid_desc *desc)
{
    uint64_t map = desc->free & ~desc->clean & hk_mid_bits(desc->carved);
    uint64_t found = 0;
    for (size_t i = 0; i < 64 && map >> i; i++) {
        size_t run = map >> i & 1 ? run_length(map, i) : 0;
        if (run * desc->block_size >= WORTH) {
            found |= hk_mid_bits(run) << i;
        }
        i += run;
    }
    return found;
}

/* Take what is worth it out of a page in use. -> its bits. */
static uint64_t claim(struct hk_mid_desc *desc, struct hk_lock *lock, size_t bin)
{
    hk_lock_take(lock);
    uint64_t bits = 0;
    /* the descriptor may have got another page since it was met */
    if (hk_mid_is_listed_locked(desc, bin)) {
        bits = worthy(desc);
        hk_mid_claim_locked(desc, bits);
    }
    hk_lock_give(lock);
    return bits;
}

/* Give back the memory of the blocks in *bits, and take those off for which the OS refuses. ->
 * bytes. */
static size_t purge_runs(struct hk_mid_desc *desc, uint64_t *bits)
{
    struct hk_page *page = hk_mid_page(desc);
    size_t size = desc->block_size;
    size_t bytes = 0;
    for (size_t i = 0; i < 64 && *bits >> i; i++) {
        size_t run = *bits >> i & 1 ? run_length(*bits, i) : 0;
        if (run && !HK_COLD.purge(page, i * size, run * size, &bytes)) {
            *bits &= ~(hk_mid_bits(run) << i);
        }
        i += run;
    }
    return bytes;
}

size_t hk_mid_purge(struct hk_heap *heap)
{
    struct hk_mid_walk walk = {NULL, 0};
    size_t bytes = 0;
    for (struct hk_mid_desc *desc = hk_mid_next(&walk); desc; desc = hk_mid_next(&walk)) {
        size_t bin = atomic_load_explicit(&desc->bin, memory_order_relaxed);
        struct hk_lock *lock = hk_mid_lock(bin);
        uint64_t bits = claim(desc, lock, bin);
        if (bits) {
            uint64_t gone = bits;
            bytes += purge_runs(desc, &gone);
            hk_lock_take(lock);
            bool empty = hk_mid_put_locked(desc, bits);
            desc->clean |= gone;
            hk_lock_give(lock);
            bytes += empty ? hk_mid_retire(heap, desc) : 0;
        }
    }
    return bytes;
}
