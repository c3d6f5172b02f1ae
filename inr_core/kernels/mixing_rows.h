/* The mixing coder row by row, once for each level of instructions: its sums, and what is learnt from them, are vectors.
   See mixing.h. */

#undef INPUTS_OF
#if LANES == 8
#define INPUTS_OF(x) {vset(x(0), x(1), x(2), x(3), x(4), x(5), x(6), BIAS)}
#else
#define INPUTS_OF(x) {vset(x(0), x(1), x(2), x(3)), vset(x(4), x(5), x(6), BIAS)}
#endif

/* An answer that is awaited: what its probability was made of. */
typedef struct {
    V inputs[INPUTS / LANES];
    int32_t *weights[SETS], *shares, logits[SETS], out[SETS], p;
} NAME(Awaited);

static INLINE uint32_t NAME(mixed)(NAME(Awaited) *a, const Mixer *m, const MixingTables *t, size_t row0, size_t row1,
                                   size_t row2, size_t second) {
    const size_t rows[SETS] = {row0, row1, row2};
    int32_t total = 0;
    a->shares = m->shares[second];
    UNROLL
    for (int s = 0; s < SETS; s++) {
        int32_t *w = a->weights[s] = m->weights[rows[s]];
        V sum = vsra(vmul(vload(w), a->inputs[0]), 8);
        for (int k = 1; k < INPUTS / LANES; k++)
            sum = vadd(sum, vsra(vmul(vload(w + k * LANES), a->inputs[k]), 8));
        a->logits[s] = logit_of(vtotal(sum) >> 8);
        a->out[s] = t->squash[a->logits[s] + LOGIT_MAX];
        total += (a->shares[s] * a->logits[s]) >> 8;
    }
    a->p = t->squash[logit_of(total >> 8) + LOGIT_MAX];
    return (uint32_t)a->p;
}

static INLINE void NAME(learn)(const NAME(Awaited) *a, int bit) {
    UNROLL
    for (int s = 0; s < SETS; s++) {
        const V error = vset1(((bit << 16) - a->out[s]) * RATE);
        for (int k = 0; k < INPUTS / LANES; k++) {
            int32_t *w = a->weights[s] + k * LANES;
            const V by = vsra(vadd(vmul(a->inputs[k], error), vset1(0x8000)), 16);
            vstore(w, vmax(vmin(vadd(vload(w), by), vset1(WEIGHT_MAX)), vset1(-WEIGHT_MAX)));
        }
    }
    const int32_t error = ((bit << 16) - a->p) * SECOND_RATE >> 4;
    for (int s = 0; s < SETS; s++)
        a->shares[s] = moved(a->shares[s], a->logits[s] * error);
}

/* Code whether the block at x is flat; if it is, it is made, and the match goes on. */
static int NAME(code_flat)(Mixing *m, size_t here, size_t x, Match *match, uint32_t *broken) {
    uint64_t *now = m->pixels + here;
    uint8_t *ranks = m->ranks[0] + EDGE + x, *depth = m->depth + EDGE + x;
    const uint64_t w = now[-1];
    uint32_t state = 0, above = 0;
    if (match->length && match->at + BLOCK <= here) {
        state = match->length >= 32 ? 3 : 1;
        for (size_t k = 0; k < BLOCK; k++)
            if (m->pixels[match->at + k] != w)
                state = 2;
    }
    for (size_t k = 0; k < BLOCK; k++)
        above |= m->ranks[1][EDGE + x + k] != 0;
    const uint32_t run = m->run1[x + EDGE - 3], far = (run >= BLOCK + 22) + 2u * (run >= BLOCK + 86);
    const uint32_t d = depth[0], recent = *broken;
    const uint32_t contexts[FLAT_CONTEXTS] = {
        hash((state * 2 + above) * 4 + far, 1), hash(d, depth[BLOCK - 1] + 1000u),
        hash(recent & 63, state * 64 + far),    hash(hash(folded(w), d), recent & 3),
        hash((uint32_t)x, folded(w) + d),       hash(recent & 7, d * 4 + state),
    };
    uint32_t *counter[CONTEXTS] = {0};
    for (int i = 0; i < FLAT_CONTEXTS; i++)
        counter[i] = m->flats[i] + (contexts[i] >> (32 - FLAT_BITS));
#define LOGIT(i) ((i) < FLAT_CONTEXTS ? stretched(&m->tables, *counter[i]) : 0)
    NAME(Awaited) awaited = {.inputs = INPUTS_OF(LOGIT)};
#undef LOGIT
    int flat = 1;
    const uint32_t p = NAME(mixed)(&awaited, &m->flat, &m->tables, state * 4 + far, 16 + (recent & 31),
                                   48 + (d < 31 ? d : 31), 0);
    if (m->reduction)
        flat = may_be_flat(m, here, w, p);
    for (size_t k = 0; m->coder.to && !m->reduction && k < BLOCK; k++)
        flat &= now[k] == w;
    flat = code_bit(&m->coder, flat, p);
    NAME(learn)(&awaited, flat);
    for (int i = 0; i < FLAT_CONTEXTS; i++)
        count(&m->tables, counter[i], flat, LIMIT);
    *broken = recent << 1 | !flat;
    if (!flat)
        return 0;
    for (size_t k = 0; k < BLOCK; k++) {
        now[k] = w, ranks[k] = 0;
        depth[k] += depth[k] < 255;
    }
    if (state & 1)
        match->at += BLOCK, match->length += BLOCK;
    else
        match->length = 0;
    return 1;
}

/* How likely candidate k is right, and the counters that say so. */
static INLINE uint32_t NAME(asked)(const Mixing *m, const Neighbours *a, const Questions *q, uint32_t k,
                                   uint32_t **counter, NAME(Awaited) *awaited) {
    const uint64_t c = q->list[k].pixel;
    const uint32_t fc = folded(c), source = q->list[k].source, trust = q->list[k].trust;
    const uint32_t like =
        (uint32_t)((c == a->w) | (c == a->n) << 1 | (c == a->nw) << 2 | (c == a->ne) << 3 | (c == a->ww) << 4 |
                   (c == a->nn) << 5 | (c == a->nee) << 6 | (c == a->nne) << 7 | (c == a->nnw) << 8 |
                   (c == a->nww) << 9);
    const uint32_t matched = !q->length ? 0 : c == q->expected ? q->length : q->length + 5;
    const uint32_t contexts[CONTEXTS] = {
        hash(like, a->equal * 8 + k),
        hash(a->h4, fc + 1),
        hash(hash(a->fn, a->fne), hash(a->fnn, fc)),
        hash(hash(a->fw, a->fww), hash(a->fwww, fc)),
        hash(matched * 1024 + like, k + 8 + q->due * 16),
        hash(hash(a->fn, fc), like + 78),
        hash((source * 8 + k) * 4 + trust, (q->rw * 8 + q->rn) * 512 + a->equal),
    };
    uint32_t known = 0;
    for (int i = 0; i < CONTEXTS; i++)
        counter[i] = m->questions[i] + (contexts[i] >> (32 - m->seen_bits));
#define LOGIT(i) stretched(&m->tables, *counter[i])
    *awaited = (NAME(Awaited)){.inputs = INPUTS_OF(LOGIT)};
#undef LOGIT
    for (int i = 1; i < 4; i++)
        known += *counter[i] % COUNTS != 0;
    return NAME(mixed)(awaited, &m->question, &m->tables, (k * 8 + source) * 16 + trust * 4 + known,
                       1024 + at_most_3(k) * 1024 + q->recent, 5120 + matched * 128 + (like & 15) * 8 + k, k);
}

/* Ask for each candidate whether it is the pixel. Gives the rank of the one that is, NO_HIT if none. */
static uint32_t NAME(code_questions)(Mixing *m, const Neighbours *a, const Questions *q, uint64_t *pixel) {
    for (uint32_t k = 0; k < q->count; k++) {
        uint32_t *counter[CONTEXTS];
        NAME(Awaited) awaited;
        const uint32_t p = NAME(asked)(m, a, q, k, counter, &awaited);
        const int right = code_bit(&m->coder, *pixel == q->list[k].pixel, p);
        NAME(learn)(&awaited, right);
        for (int i = 0; i < CONTEXTS; i++)
            count(&m->tables, counter[i], right, i == 0 || i == CONTEXTS - 1 ? SLOW_LIMIT : LIMIT);
        if (right) {
            *pixel = q->list[k].pixel;
            return k;
        }
    }
    return NO_HIT;
}

/* How likely a bit of a sample is 1, by the counters at `place` of the slots. */
static INLINE uint32_t NAME(bit_asked)(const Mixing *m, const Sample *s, int bit, uint32_t prefix, uint32_t place,
                                       uint32_t **slot, NAME(Awaited) *awaited) {
    uint32_t known = 0;
    for (int i = 0; i < CONTEXTS; i++)
        known += slot[i][place] % COUNTS != 0;
#define LOGIT(i) stretched(&m->tables, slot[i][place])
    *awaited = (NAME(Awaited)){.inputs = INPUTS_OF(LOGIT)};
#undef LOGIT
    return NAME(mixed)(awaited, &m->sample, &m->tables, s->plane * 256 + (prefix & 255),
                       1024 + s->plane * 1024 + (uint32_t)(bit & 7) * 128 + s->nearby, 5120 + s->plane * 64 + known,
                       (size_t)bit);
}

/* Code a pixel's samples bit by bit, the highest first: the second plane, the first, the others. */
static uint64_t NAME(code_samples)(Mixing *m, const Neighbours *a, uint64_t pixel) {
    Made made = {0};
    while (made.planes < m->planes) {
        const Sample s = sample_of(m, a, &made);
        const int32_t given = (int32_t)(pixel >> s.shift & 65535);
        uint32_t *slot[CONTEXTS] = {0}, *next[CONTEXTS][2] = {0}, prefix = 1, place = 1;
        for (int i = 0; i < CONTEXTS; i++)
            slot[i] = slot_of(m, i, s.contexts[i], prefix);
        for (int bit = m->bits - 1; bit >= 0; bit--) {
            if ((bit & 3) == 3 && bit < m->bits - 1) {
                for (int i = 0; i < CONTEXTS; i++)
                    slot[i] = next[i][prefix & 1];
                place = 1;
            }
            NAME(Awaited) awaited;
            const uint32_t p = NAME(bit_asked)(m, &s, bit, prefix, place, slot, &awaited);
            for (uint32_t one = 0; (bit & 3) == 0 && bit && one < 2; one++)
                for (int i = 0; i < CONTEXTS; i++) {
                    next[i][one] = slot_of(m, i, s.contexts[i], prefix * 2 + one);
                    FETCH(next[i][one]);
                }
            const int one = code_bit(&m->coder, given >> bit & 1, p);
            NAME(learn)(&awaited, one);
            for (int i = 0; i < CONTEXTS; i++)
                count(&m->tables, &slot[i][place], one, i == 0 ? SLOW_LIMIT : LIMIT);
            prefix = prefix * 2 + (uint32_t)one, place = place * 2 + (uint32_t)one;
        }
        sample_made(&made, &s, (int32_t)(prefix & ((1u << m->bits) - 1)));
    }
    return made.made;
}

#include "reducing_rows.h"

/* Code rows first … last − 1: those in `pixels` where the coder writes, or into it, until it gives up. */
static void NAME(mix_rows)(Mixing *m, size_t first, size_t last) {
    const uint64_t of_samples = (uint64_t)m->planes * (uint64_t)(m->bits + LOOKING_SAMPLE);
    for (size_t y = first; y < last && !gives_up(m); y++) {
        uint64_t asked = 0;
        const size_t begin = (y + ABOVE_ROWS) * m->stride + EDGE;
        uint64_t *row = m->pixels + begin, *up = row - m->stride;
        for (int k = 1; k <= EDGE; k++)
            row[-k] = up[0];
        for (size_t k = 0; y && k < EDGE; k++)
            up[m->width + k] = up[m->width - 1];
        count_runs(up - EDGE, m->stride, m->run1);
        count_runs(up - m->stride - EDGE, m->stride, m->run2);
        Match match = {0, 0};
        uint8_t *const ranks = m->ranks[1];
        m->ranks[1] = m->ranks[0], m->ranks[0] = ranks;
        uint32_t due = 0, broken = 0; /* pixels in which a block ends to be flat */
        for (size_t x = 0; x < m->width; x++) {
            const size_t here = begin + x;
            if (!due && in_flat_area(m, row + x, x)) {
                asked++;
                if (NAME(code_flat)(m, here, x, &match, &broken)) {
                    x += BLOCK - 1;
                    continue;
                }
                due = BLOCK;
            }
            const Neighbours a = neighbours_of(row + x, m->stride, m->asks);
            if (m->asks && !match.length) {
                const uint32_t place = m->places[a.longest >> (32 - m->seen_bits)];
                if (place)
                    match = (Match){place, 1};
            }
            Questions questions;
            if (m->asks)
                questions = questions_of(m, x, &a, match, due);
            uint64_t pixel = m->reduction ? NAME(reduced)(m, here, &a, &questions) : row[x];
            uint32_t rank = NO_HIT;
            if (m->asks)
                rank = NAME(code_questions)(m, &a, &questions, &pixel);
            if (m->asks)
                asked += LOOKING + (rank == NO_HIT ? questions.count : rank + 1);
            if (rank == NO_HIT)
                pixel = NAME(code_samples)(m, &a, pixel), asked += of_samples;
            row[x] = pixel;
            m->ranks[0][EDGE + x] = (uint8_t)rank;
            if (due)
                due = pixel == a.w ? due - 1 : 0;
            uint8_t *depth = m->depth + EDGE + x;
            *depth = pixel != a.n ? 0 : (uint8_t)(*depth + (*depth < 255));
            if (m->asks)
                remember(m, here, &a, &match);
        }
        m->asked += asked;
    }
}
