/* What a writer changes of a picture so that it takes fewer bits: at each pixel it takes what has the least square error
   plus `trade` times the bits that the coder, as it is by then, would need. reducing.py says what that is for.

   A pixel that stays as its neighbours are, where the picture begins something new, leaves the next pixel of that with
   the same choice: what is saved is saved once, and the errors of all of them are the price. So an error counts for
   the pixels to the right and below that are like this one, too (`weights`). */

#ifndef REDUCING_H
#define REDUCING_H

#include "mixing.h"

enum {
    RUN = 64,      /* pixels of the same colour, to the right and below, at most, for which an error counts */
    COSTS = 4096,
    BLOCK_BITS = 6 /* that a block takes at least where it is not flat */
};

#define NEVER (INT64_MAX / 4)

static inline int may_not_become(const Mixing *m, int32_t wanted, int32_t made) {
    const Reduction *r = m->reduction;
    return wanted != made && (wanted == r->low || made == r->low || wanted == r->high || made == r->high);
}

/* 2^16 times the square error, once. */
static inline int64_t error_of(const Mixing *m, uint64_t wanted, uint64_t made) {
    const int kept = m->reduction->kept;
    int64_t error = 0;
    if (m->planes == 1 && may_not_become(m, (int32_t)wanted, (int32_t)made))
        return NEVER;
    if (kept >= 0 && ((wanted ^ made) >> 16 * kept & 65535))
        return NEVER;
    if (kept >= 0 && !(wanted >> 16 * kept & 65535)) /* nobody sees it */
        return 0;
    for (int k = 0; k < m->planes; k++) {
        const int64_t e = (int64_t)(wanted >> 16 * k & 65535) - (int64_t)(made >> 16 * k & 65535);
        error += e * e;
    }
    return error << 16;
}

/* What answering costs, by the probability of a yes. */
static inline int64_t cost_of(const Mixing *m, int yes, uint32_t p) {
    const uint32_t rank = (yes ? p : 65536 - p) >> 4;
    return m->reduction->trade * m->reduction->costs[rank < COSTS ? rank : COSTS - 1];
}

/* Whether the block at `here`, which may be flat with a probability of p, is to be. */
static inline int may_be_flat(const Mixing *m, size_t here, uint64_t w, uint32_t p) {
    const int64_t most = cost_of(m, 0, p) - cost_of(m, 1, p) + m->reduction->trade * BLOCK_BITS * 256;
    int64_t error = 0;
    for (size_t k = 0; k < BLOCK; k++) {
        const int64_t own = error_of(m, m->reduction->wanted[here + k], w);
        if (own && own >= most - error)
            return 0;
        error += own;
    }
    return 1;
}

static inline int begins_slot(const Mixing *m, int bit) {
    return bit == m->bits - 1 || (bit & 3) == 3;
}

static inline int32_t outside(int32_t value, int32_t low, int32_t high) {
    return value < low ? low - value : value > high ? value - high : 0;
}

#endif
