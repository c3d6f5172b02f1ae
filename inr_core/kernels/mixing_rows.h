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
    uint8_t *ranks = m->ranks + here, *depth = m->depth + EDGE + x;
    const uint64_t w = now[-1];
    uint32_t state = 0, above = 0;
    if (match->length && match->at + BLOCK <= here) {
        state = match->length >= 32 ? 3 : 1;
        for (size_t k = 0; k < BLOCK; k++)
            if (m->pixels[match->at + k] != w)
                state = 2;
    }
    for (size_t k = 0; k < BLOCK; k++)
        above |= ranks[k - m->stride] != 0;
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
    for (size_t k = 0; m->coder.to && k < BLOCK; k++)
        flat &= now[k] == w;
    const uint32_t p = NAME(mixed)(&awaited, &m->flat, &m->tables, state * 4 + far, 16 + (recent & 31),
                                   48 + (d < 31 ? d : 31), 0);
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

/* Ask for each candidate whether it is the pixel at `here`. Gives the rank of the one that is, NO_HIT if none. */
static uint32_t NAME(code_questions)(Mixing *m, size_t here, const Neighbours *a, Match match, uint32_t due,
                                     uint64_t *pixel) {
    const uint64_t expected = match.length ? m->pixels[match.at] : 0;
    const uint8_t *ranks = m->ranks + here, *above = ranks - m->stride;
    const uint32_t rw = ranks[-1], rn = above[0], rne = above[1], rnw = above[-1], rww = ranks[-2];
    const uint32_t length = match.length == 0   ? 0
                            : match.length < 8  ? 1
                            : match.length < 16 ? 2
                            : match.length < 32 ? 3
                            : match.length < 64 ? 4
                                                : 5;
    const uint32_t recent =
        at_most_3(rw) * 256 + at_most_3(rn) * 64 + at_most_3(rne) * 16 + at_most_3(rnw) * 4 + at_most_3(rww);
    Candidate list[CANDIDATES];
    uint32_t proposed = 0;
    if (match.length >= 16)
        propose(list, &proposed, expected, FROM_MATCH, match.length >= 32 ? 3 : 2);
    for (uint32_t i = 0; i < NEIGHBOURHOODS; i++) {
        const Seen *seen = m->seen[i] + (a->hashes[i] >> (32 - m->seen_bits));
        if (seen->times && seen->tag == (uint8_t)a->hashes[i])
            propose(list, &proposed, seen->pixel, i, at_most_3(seen->times));
    }
    propose(list, &proposed, a->w, FROM_NEIGHBOUR, 0);
    propose(list, &proposed, a->n, FROM_NEIGHBOUR, 1);
    propose(list, &proposed, a->ne, FROM_NEIGHBOUR, 2);
    propose(list, &proposed, a->nw, FROM_NEIGHBOUR, 3);
    for (uint32_t k = 0; k < proposed; k++) {
        const uint64_t c = list[k].pixel;
        const uint32_t fc = folded(c), source = list[k].source, trust = list[k].trust;
        const uint32_t like =
            (uint32_t)((c == a->w) | (c == a->n) << 1 | (c == a->nw) << 2 | (c == a->ne) << 3 | (c == a->ww) << 4 |
                       (c == a->nn) << 5 | (c == a->nee) << 6 | (c == a->nne) << 7 | (c == a->nnw) << 8 |
                       (c == a->nww) << 9);
        const uint32_t matched = !match.length ? 0 : c == expected ? length : length + 5;
        const uint32_t contexts[CONTEXTS] = {
            hash(like, a->equal * 8 + k),
            hash(a->h4, fc + 1),
            hash(hash(a->fn, a->fne), hash(a->fnn, fc)),
            hash(hash(a->fw, a->fww), hash(a->fwww, fc)),
            hash(matched * 1024 + like, k + 8 + due * 16),
            hash(hash(a->fn, fc), like + 78),
            hash((source * 8 + k) * 4 + trust, (rw * 8 + rn) * 512 + a->equal),
        };
        uint32_t *counter[CONTEXTS], known = 0;
        for (int i = 0; i < CONTEXTS; i++)
            counter[i] = m->questions[i] + (contexts[i] >> (32 - m->seen_bits));
#define LOGIT(i) stretched(&m->tables, *counter[i])
        NAME(Awaited) awaited = {.inputs = INPUTS_OF(LOGIT)};
#undef LOGIT
        for (int i = 1; i < 4; i++)
            known += *counter[i] % COUNTS != 0;
        const uint32_t p =
            NAME(mixed)(&awaited, &m->question, &m->tables, (k * 8 + source) * 16 + trust * 4 + known,
                        1024 + at_most_3(k) * 1024 + recent, 5120 + matched * 128 + (like & 15) * 8 + k, k);
        const int right = code_bit(&m->coder, *pixel == c, p);
        NAME(learn)(&awaited, right);
        for (int i = 0; i < CONTEXTS; i++)
            count(&m->tables, counter[i], right, i == 0 || i == CONTEXTS - 1 ? SLOW_LIMIT : LIMIT);
        if (right) {
            *pixel = c;
            return k;
        }
    }
    return NO_HIT;
}

#undef OF_PLANE
#define OF_PLANE(pixel) ((int32_t)((pixel) >> shift & 65535))

/* Code a pixel's samples bit by bit, the highest first: the second plane, the first, the others. */
static uint64_t NAME(code_samples)(Mixing *m, const Neighbours *a, uint64_t pixel) {
    static const int orders[4][4] = {{0}, {0, 1}, {1, 0, 2}, {1, 0, 2, 3}};
    const int32_t top = (int32_t)((1u << m->bits) - 1);
    const int coarse = m->bits > 6 ? m->bits - 6 : 0;
    int32_t value = 0, value_w = 0, value_n = 0, value_nw = 0; /* of the plane before, here and next to here */
    uint32_t done = 0;
    uint64_t made = 0;
    for (int q = 0; q < m->planes; q++) {
        const int shift = 16 * orders[m->planes - 1][q];

        const int32_t w = OF_PLANE(a->w), n = OF_PLANE(a->n), nw = OF_PLANE(a->nw), ne = OF_PLANE(a->ne);
        const int32_t ww = OF_PLANE(a->ww);
        const int32_t given = OF_PLANE(pixel);
        const int32_t nn = OF_PLANE(a->nn);
        int32_t left = w, above = n, slope = w + n - nw, step = 0; /* step: from where the plane before was expected */
        if (q) {
            left += value - value_w, above += value - value_n, slope += value - (value_w + value_n - value_nw);
            step = value - limited(value_w + value_n - value_nw, top);
        }
        left = limited(left, top), above = limited(above, top), slope = limited(slope, top);
        const uint32_t plane = (uint32_t)q, before = (uint32_t)value;
        const uint32_t change = (apart(w, nw) + apart(n, nw) + apart(ne, n)) >> (2 + (m->bits > 8 ? m->bits - 8 : 0));
        const uint32_t rough = change < 15 ? change : 15;
        const uint32_t contexts[CONTEXTS] = {
            hash(plane * 65536 + before, done * 3 + 1),
            hash((uint32_t)slope, plane * 3 + 0x300),
            hash(a->fn, hash(done, 0x600 + plane)),
            hash((uint32_t)((left >> coarse) * 64 + (above >> coarse)), 0x900 + plane),
            hash(hash((uint32_t)ww, (uint32_t)w), hash(before, 0xb00 + plane)),
            hash((uint32_t)limited(((w + ne) >> 1) + ((n - nn) >> 1) + step, top), 0x1200 + plane * 16 + rough),
            hash((uint32_t)left, hash(before, 0xd00 + plane)),
        };
        const uint32_t split = apart(left, above) >> (m->bits > 4 ? m->bits - 4 : 0);
        const uint32_t edge = apart(nw, n) >> (m->bits > 3 ? m->bits - 3 : 0);
        const uint32_t nearby = (split & 15) * 8 + (edge & 7);
        uint32_t *slot[CONTEXTS] = {0}, *next[CONTEXTS][2] = {0}, prefix = 1, place = 1, known;
        for (int i = 0; i < CONTEXTS; i++)
            slot[i] = slot_of(m, i, contexts[i], prefix);
        for (int bit = m->bits - 1; bit >= 0; bit--) {
            if ((bit & 3) == 3 && bit < m->bits - 1) {
                for (int i = 0; i < CONTEXTS; i++)
                    slot[i] = next[i][prefix & 1];
                place = 1;
            }
            known = 0;
            for (int i = 0; i < CONTEXTS; i++)
                known += slot[i][place] % COUNTS != 0;
#define LOGIT(i) stretched(&m->tables, slot[i][place])
            NAME(Awaited) awaited = {.inputs = INPUTS_OF(LOGIT)};
#undef LOGIT
            const uint32_t p = NAME(mixed)(&awaited, &m->sample, &m->tables, plane * 256 + (prefix & 255),
                                           1024 + plane * 1024 + (uint32_t)(bit & 7) * 128 + nearby,
                                           5120 + plane * 64 + known, (size_t)bit);
            for (uint32_t one = 0; (bit & 3) == 0 && bit && one < 2; one++)
                for (int i = 0; i < CONTEXTS; i++) {
                    next[i][one] = slot_of(m, i, contexts[i], prefix * 2 + one);
                    FETCH(next[i][one]);
                }
            const int one = code_bit(&m->coder, given >> bit & 1, p);
            NAME(learn)(&awaited, one);
            for (int i = 0; i < CONTEXTS; i++)
                count(&m->tables, &slot[i][place], one, i == 0 ? SLOW_LIMIT : LIMIT);
            prefix = prefix * 2 + (uint32_t)one, place = place * 2 + (uint32_t)one;
        }
        value = (int32_t)(prefix & (uint32_t)top);
        value_w = w, value_n = n, value_nw = nw;
        made |= (uint64_t)value << shift;
        done = done * 65536 + (uint32_t)value + 1;
    }
    return made;
}

/* Code rows first … last − 1: those in `pixels` where the coder writes, or into it. */
static void NAME(mix_rows)(Mixing *m, size_t first, size_t last) {
    for (size_t y = first; y < last; y++) {
        const size_t begin = (y + ABOVE_ROWS) * m->stride + EDGE;
        uint64_t *row = m->pixels + begin, *up = row - m->stride;
        for (int k = 1; k <= EDGE; k++)
            row[-k] = up[0];
        for (size_t k = 0; y && k < EDGE; k++)
            up[m->width + k] = up[m->width - 1];
        count_runs(up - EDGE, m->stride, m->run1);
        count_runs(up - m->stride - EDGE, m->stride, m->run2);
        Match match = {0, 0};
        uint32_t due = 0, broken = 0; /* pixels in which a block ends to be flat */
        for (size_t x = 0; x < m->width; x++) {
            const size_t here = begin + x;
            if (!due && in_flat_area(m, row + x, x)) {
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
            uint64_t pixel = row[x];
            uint32_t rank = NO_HIT;
            if (m->asks)
                rank = NAME(code_questions)(m, here, &a, match, due, &pixel);
            if (rank == NO_HIT)
                pixel = NAME(code_samples)(m, &a, pixel);
            row[x] = pixel;
            m->ranks[here] = (uint8_t)rank;
            if (due)
                due = pixel == a.w ? due - 1 : 0;
            uint8_t *depth = m->depth + EDGE + x;
            *depth = pixel != a.n ? 0 : (uint8_t)(*depth + (*depth < 255));
            if (m->asks)
                remember(m, here, &a, &match);
        }
    }
}
