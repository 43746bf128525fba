/* SPDX-License-Identifier: MIT */
/* Transparent huge pages: what fresh memory is told by the option thp, and which superslabs ask for
 * them. A kernel that has to make room for huge pages first can take milliseconds for each: after
 * a slow one, small ones are better for a while. But there are machines on which small ones take
 * longer still, so these are looked at, too. */
#ifndef HK_COLDBOX_THP_H
#define HK_COLDBOX_THP_H

#include "coldbox/arena.h"

/* Say of fresh memory what the option thp says of all of it; auto says no, until a superslab asks.
 * any. */
HK_HIDDEN void hk_thp_advise(void *addr, size_t size);

/* -> true: small pages take so long here that a huge one is worth its memory sooner. any. */
HK_HIDDEN bool hk_thp_small_is_dear(void);

/* -> true: the unit (just taken) shall ask by hk_thp_ask; `dense`: it will be touched all over;
 * `clean`: nobody has touched it, so that it may be a sample instead. slabs.lock. */
HK_HIDDEN bool hk_thp_wants_locked(struct hk_units unit, bool dense, bool clean);

/* Learn what small pages take, by touching two of those under the header of a unit that has just
 * been taken, and that nobody has touched. Learns nothing where OS pages are larger than 4 KiB.
 * any. */
HK_HIDDEN void hk_thp_sample(struct hk_units unit);

/* -> true: the unit asked for huge pages. any. */
HK_HIDDEN bool hk_thp_has_asked(struct hk_units unit);

/* Ask for huge pages, touch the first one, and take the wish back if that was slow. any; takes
 * slabs.lock. */
HK_HIDDEN void hk_thp_ask(struct hk_units unit);

/* Parts of the unit, a superslab, are about to be given back: if it asked for huge pages, take the
 * wish back, or the kernel would gather the parts into one again. -> true: it had asked. any; takes
 * slabs.lock. */
HK_HIDDEN bool hk_thp_forgo(struct hk_units unit);

#endif
