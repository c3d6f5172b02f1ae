/* Planes of whole numbers ↔ bits, by probabilities that a small network learns while it codes. mixing.py is the
   definition, with the same names; read it first.

   What it costs: a question or a bit of a sample looks up seven counters, makes three sums of eight products, and
   changes all of these again: 120 to 200 ns. A flat block of 16 pixels is one question, so that a screen of a megapixel
   takes 0.2 s; a photograph has 24 bits a pixel. Counters of a sample's four bits stand in one line of the cache. */

enum {
    EDGE = 8, /* pixels beyond the left and right ends of a row */
    ABOVE_ROWS = 3,
    INPUTS = 8,
    SETS = 3,
    CONTEXTS = 7,
    FLAT_CONTEXTS = 6,
    CANDIDATES = 6,
    NEIGHBOURHOODS = 6,
    BLOCK = 16, /* pixels of a flat block */
    FLAT_BITS = 12,
    SLOT = 16, /* counters of four bits of a sample */
    LOGIT_MAX = 2047,
    LOGITS = 2 * LOGIT_MAX + 1,
    STRETCHED = 4096,
    BIAS = 256,
    WEIGHT_MAX = (1 << 19) - 1,
    RATE = 5, /* of the weights: five times the error */
    SECOND_RATE = 3, /* of those of the second layer, in sixteenths */
    LIMIT = 250,
    SLOW_LIMIT = 1000,
    COUNTS = 1024,
    QUESTION_ROWS = 1024 + 4096 + 2048,
    SAMPLE_ROWS = 1024 + 4096 + 256,
    FLAT_ROWS = 16 + 32 + 32,
    NO_HIT = 7,
    FROM_MATCH = 7,
    FROM_NEIGHBOUR = 6,
};

typedef struct {
    const uint16_t *squash; /* (LOGITS,) */
    const int16_t *stretch; /* (STRETCHED,) */
    const uint32_t *rates;  /* (COUNTS,) */
} MixingTables;

typedef struct {
    uint32_t low, high, window;
    uint8_t *to; /* NULL: reading */
    const uint8_t *from;
    size_t size, at; /* of the bytes; how many have been written, or read and a few zeros after them */
} BitCoder;

/* 1 or 0, of which 1 has a probability of p / 65536; `bit` where it is known. */
static inline int code_bit(BitCoder *c, int bit, uint32_t p) {
    const uint32_t middle = c->low + (uint32_t)((uint64_t)(c->high - c->low) * p >> 16);
    if (!c->to)
        bit = c->window <= middle;
    if (bit)
        c->high = middle;
    else
        c->low = middle + 1;
    while (!((c->low ^ c->high) >> 24)) {
        if (!c->to)
            c->window = c->window << 8 | (c->at < c->size ? c->from[c->at] : 0);
        else if (c->at < c->size)
            c->to[c->at] = (uint8_t)(c->high >> 24);
        c->at++;
        c->low <<= 8;
        c->high = c->high << 8 | 255;
    }
    return bit;
}

static void begin_coding(BitCoder *c) {
    for (int k = 0; !c->to && k < 4; k++, c->at++)
        c->window = c->window << 8 | (c->at < c->size ? c->from[c->at] : 0);
}

/* As few bytes as are needed if zeros follow; `at` is how many there are, or, of a reader, how many at least. */
static void end_coding(BitCoder *c) {
    if (!c->to) {
        c->at -= 4;
        return;
    }
    int bytes = 0;
    while (bytes < 4 && (bytes ? c->high >> (32 - 8 * bytes) << (32 - 8 * bytes) : 0) < c->low)
        bytes++;
    for (int k = 0; k < bytes; k++, c->at++)
        if (c->at < c->size)
            c->to[c->at] = (uint8_t)(c->high >> (24 - 8 * k));
}

typedef struct {
    int32_t (*weights)[INPUTS]; /* by row */
    int32_t (*second)[4];
    int32_t *chosen[SETS], *chosen_second;
    int32_t logit[SETS];
    int32_t inputs[INPUTS];
    int32_t p, out[SETS];
} Mixer;

static inline int32_t logit_of(int32_t sum) {
    return sum > LOGIT_MAX ? LOGIT_MAX : sum < -LOGIT_MAX ? -LOGIT_MAX : sum;
}

static inline uint32_t mixed(Mixer *m, const MixingTables *t, size_t row0, size_t row1, size_t row2, size_t second) {
    const size_t rows[SETS] = {row0, row1, row2};
    int32_t total = 0;
    m->chosen_second = m->second[second];
    for (int s = 0; s < SETS; s++) {
        int32_t *w = m->chosen[s] = m->weights[rows[s]];
        int32_t sum = 0;
        for (int i = 0; i < INPUTS; i++)
            sum += (w[i] * m->inputs[i]) >> 8;
        m->logit[s] = logit_of(sum >> 8);
        m->out[s] = t->squash[m->logit[s] + LOGIT_MAX];
        total += (m->chosen_second[s] * m->logit[s]) >> 8;
    }
    m->p = t->squash[logit_of(total >> 8) + LOGIT_MAX];
    return (uint32_t)m->p;
}

static inline int32_t moved(int32_t weight, int32_t by) {
    const int32_t v = weight + ((by + 0x8000) >> 16);
    return v > WEIGHT_MAX ? WEIGHT_MAX : v < -WEIGHT_MAX ? -WEIGHT_MAX : v;
}

static inline void learn(Mixer *m, int bit) {
    for (int s = 0; s < SETS; s++) {
        const int32_t error = ((bit << 16) - m->out[s]) * RATE;
        for (int i = 0; i < INPUTS; i++)
            m->chosen[s][i] = moved(m->chosen[s][i], m->inputs[i] * error);
    }
    const int32_t error = ((bit << 16) - m->p) * SECOND_RATE >> 4;
    for (int s = 0; s < SETS; s++)
        m->chosen_second[s] = moved(m->chosen_second[s], m->logit[s] * error);
}

static inline int32_t stretched(const MixingTables *t, uint32_t counter) {
    return counter % COUNTS ? t->stretch[counter >> 20] : 0;
}

static inline void count(const MixingTables *t, uint32_t *counter, int bit, uint32_t limit) {
    const uint32_t n = *counter % COUNTS;
    int32_t p = (int32_t)(*counter >> 10);
    p += (int32_t)((int64_t)((bit ? 0x3fffff : 0) - p) * t->rates[n] >> 16);
    *counter = (uint32_t)p << 10 | (n < limit ? n + 1 : limit);
}

static inline uint32_t hash(uint32_t a, uint32_t b) {
    uint32_t h = a * 0x2c1b3c6du ^ b * 0x297a2d39u;
    h ^= h >> 15;
    h *= 0x85ebca6bu;
    return h ^ h >> 13;
}

static inline uint32_t folded(uint64_t pixel) {
    return (uint32_t)(pixel ^ pixel >> 29);
}

typedef struct {
    uint64_t pixel;
    uint8_t times, tag; /* how often it came; of the hash */
} Seen;

typedef struct {
    MixingTables tables;
    BitCoder coder;
    size_t width, height, stride;
    int planes, bits, asks;
    int seen_bits, slot_bits;
    uint64_t *pixels; /* (height + ABOVE_ROWS, stride) */
    uint8_t *ranks;   /* the same: of the candidate that was right */
    uint16_t *run1, *run2;
    uint8_t *depth; /* (stride,): of rows in which a column has not changed */
    Seen *seen[NEIGHBOURHOODS];
    uint32_t *places; /* of what followed a neighbourhood */
    uint32_t *questions[CONTEXTS], *slots[CONTEXTS], *flats[FLAT_CONTEXTS];
    Mixer question, sample, flat;
} Mixing;

/* Zeros, n · size bytes, at the begin of a line of the cache; NULL: there is no memory. */
static void *cleared(size_t n, size_t size) {
    const size_t line = 64;
    if (n > (SIZE_MAX >> 1) / size)
        return NULL;
    char *memory = calloc(n * size + 2 * line, 1);
    if (!memory)
        return NULL;
    char *aligned = memory + 2 * line - (uintptr_t)memory % line;
    memcpy(aligned - sizeof memory, &memory, sizeof memory);
    return aligned;
}

static void freed(void *aligned) {
    char *memory = NULL;
    if (aligned)
        memcpy(&memory, (char *)aligned - sizeof memory, sizeof memory);
    free(memory);
}

static uint32_t *counters(size_t n) {
    uint32_t *c = cleared(n, sizeof *c);
    for (size_t i = 0; c && i < n; i++)
        c[i] = 0x80000000u;
    return c;
}

static int start_mixer(Mixer *m, size_t rows, size_t second) {
    m->weights = cleared(rows, sizeof *m->weights);
    m->second = cleared(second, sizeof *m->second);
    if (!m->weights || !m->second)
        return 0;
    for (size_t i = 0; i < rows; i++)
        for (int j = 0; j < INPUTS; j++)
            m->weights[i][j] = 14418; /* 0.22 */
    for (size_t i = 0; i < second; i++)
        for (int j = 0; j < 4; j++)
            m->second[i][j] = 21845; /* a third */
    for (int i = 0; i < INPUTS; i++)
        m->inputs[i] = i == INPUTS - 1 ? BIAS : 0;
    return 1;
}

static int bits_between(size_t area, int less, int least, int most) {
    int n = 0;
    while (n < 40 && (area - 1) >> n)
        n++;
    n -= less;
    return n < least ? least : n > most ? most : n;
}

static void end_mixing(Mixing *m) {
    freed(m->pixels), freed(m->ranks), freed(m->run1), freed(m->run2), freed(m->depth), freed(m->places);
    for (int i = 0; i < NEIGHBOURHOODS; i++)
        freed(m->seen[i]);
    for (int i = 0; i < CONTEXTS; i++)
        freed(m->questions[i]), freed(m->slots[i]);
    for (int i = 0; i < FLAT_CONTEXTS; i++)
        freed(m->flats[i]);
    Mixer *mixers[] = {&m->question, &m->sample, &m->flat};
    for (int i = 0; i < 3; i++)
        freed(mixers[i]->weights), freed(mixers[i]->second);
}

/* All memory, with nothing learnt; 0: there is none. */
static int start_mixing(Mixing *m) {
    m->stride = m->width + 2 * EDGE;
    const size_t all = (m->height + ABOVE_ROWS) * m->stride;
    m->seen_bits = bits_between(m->width * m->height, 2, 8, 17);
    m->slot_bits = bits_between(m->width * m->height, 3, 6, 16);
    const size_t seen = (size_t)1 << m->seen_bits, slots = (size_t)SLOT << m->slot_bits;
    int ok = (m->pixels = cleared(all, sizeof *m->pixels)) != NULL;
    ok = ok && (m->ranks = cleared(all, 1)) != NULL && (m->depth = cleared(m->stride, 1)) != NULL;
    ok = ok && (m->run1 = cleared(m->stride, 2)) != NULL && (m->run2 = cleared(m->stride, 2)) != NULL;
    ok = ok && (m->places = cleared(seen, sizeof *m->places)) != NULL;
    for (int i = 0; i < NEIGHBOURHOODS; i++)
        ok = ok && (m->seen[i] = cleared(seen, sizeof *m->seen[i])) != NULL;
    for (int i = 0; i < CONTEXTS; i++)
        ok = ok && (!m->asks || (m->questions[i] = counters(seen)) != NULL) && (m->slots[i] = counters(slots)) != NULL;
    for (int i = 0; i < FLAT_CONTEXTS; i++)
        ok = ok && (m->flats[i] = counters((size_t)1 << FLAT_BITS)) != NULL;
    return ok && start_mixer(&m->question, QUESTION_ROWS, CANDIDATES) && start_mixer(&m->sample, SAMPLE_ROWS, 16) &&
           start_mixer(&m->flat, FLAT_ROWS, 1);
}

/* How many pixels to the right of each are as it is, up to 255. */
static void count_runs(const uint64_t *row, size_t stride, uint16_t *runs) {
    runs[stride - 1] = 0;
    for (size_t x = stride - 1; x-- > 0;)
        runs[x] = row[x] != row[x + 1] ? 0 : runs[x + 1] < 255 ? (uint16_t)(runs[x + 1] + 1) : 255;
}

/* Whether a pixel begins a block that is likely to be flat: so are its neighbours to the left and above. */
static inline int in_flat_area(const Mixing *m, const uint64_t *row, size_t x) {
    const uint64_t *up = row - m->stride, *up2 = up - m->stride, w = row[-1];
    return x + BLOCK <= m->width && w == row[-2] && w == row[-3] && w == up[-3] && w == up2[-2] &&
           m->run1[x + EDGE - 3] >= BLOCK + 6 && m->run2[x + EDGE - 2] >= BLOCK + 3;
}

typedef struct {
    size_t at; /* of the pixel that is expected, in all pixels */
    uint32_t length;
} Match;

/* Code whether the block at x is flat; if it is, it is made, and the match goes on. */
static int code_flat(Mixing *m, size_t here, size_t x, Match *match, uint32_t *broken) {
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
    uint32_t *counter[FLAT_CONTEXTS];
    for (int i = 0; i < FLAT_CONTEXTS; i++) {
        counter[i] = m->flats[i] + (contexts[i] >> (32 - FLAT_BITS));
        m->flat.inputs[i] = stretched(&m->tables, *counter[i]);
    }
    int flat = 1;
    for (size_t k = 0; m->coder.to && k < BLOCK; k++)
        flat &= now[k] == w;
    const uint32_t p = mixed(&m->flat, &m->tables, state * 4 + far, 16 + (recent & 31), 48 + (d < 31 ? d : 31), 0);
    flat = code_bit(&m->coder, flat, p);
    learn(&m->flat, flat);
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

typedef struct {
    uint64_t w, n, nw, ne, ww, nn, nee, nww, nne, nnw, www;
    uint32_t fw, fn, fnw, fne, fww, fnn, fwww;
    uint32_t hashes[NEIGHBOURHOODS], h4, longest; /* of 16, 12, 10, 6, 4 and 2 neighbours; of 20 */
    uint32_t equal;                               /* which of them are equal */
} Neighbours;

static inline Neighbours neighbours_of(const uint64_t *now, size_t stride) {
    const uint64_t *up = now - stride, *up2 = up - stride, *up3 = up2 - stride;
    Neighbours a = {
        .w = now[-1], .n = up[0], .nw = up[-1], .ne = up[1], .ww = now[-2], .nn = up2[0], .nee = up[2], .nww = up[-2],
        .nne = up2[1], .nnw = up2[-1], .www = now[-3],
    };
    a.fw = folded(a.w), a.fn = folded(a.n), a.fnw = folded(a.nw), a.fne = folded(a.ne), a.fww = folded(a.ww);
    a.fnn = folded(a.nn), a.fwww = folded(a.www);
    const uint32_t h2 = hash(a.fw, a.fn) + 0x1234567;
    a.h4 = hash(hash(a.fnw, a.fne), h2);
    const uint32_t h6 = hash(hash(a.fww, a.fnn), a.h4);
    const uint32_t h10 = hash(hash(hash(folded(a.nee), folded(a.nww)), hash(folded(a.nne), folded(a.nnw))), h6);
    const uint32_t h12 = hash(hash(a.fwww, folded(up[3])), h10);
    const uint32_t h16 = hash(hash(hash(folded(up[-3]), folded(up[4])), hash(folded(up2[2]), folded(up2[-2]))), h12);
    a.longest = hash(hash(hash(folded(now[-4]), folded(up3[0])), hash(folded(now[-5]), folded(up[5]))), h16);
    const uint32_t hashes[NEIGHBOURHOODS] = {h16, h12, h10, h6, a.h4, h2};
    memcpy(a.hashes, hashes, sizeof hashes);
    a.equal = (uint32_t)((a.w == a.n) | (a.w == a.nw) << 1 | (a.n == a.nw) << 2 | (a.n == a.ne) << 3 |
                         (a.w == a.ww) << 4 | (a.n == a.nn) << 5 | (a.ne == a.nee) << 6 | (a.nw == a.nww) << 7 |
                         (a.w == a.ne) << 8);
    return a;
}

typedef struct {
    uint64_t pixel;
    uint32_t source, trust;
} Candidate;

static inline void propose(Candidate *list, uint32_t *count, uint64_t pixel, uint32_t source, uint32_t trust) {
    if (*count == CANDIDATES)
        return;
    for (uint32_t k = 0; k < *count; k++)
        if (list[k].pixel == pixel)
            return;
    list[(*count)++] = (Candidate){pixel, source, trust};
}

static inline uint32_t at_most_3(uint32_t v) {
    return v < 3 ? v : 3;
}

/* Ask for each candidate whether it is the pixel at `here`. Gives the rank of the one that is, NO_HIT if none. */
static uint32_t code_questions(Mixing *m, size_t here, const Neighbours *a, Match match, uint32_t due, uint64_t *pixel) {
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
        for (int i = 0; i < CONTEXTS; i++)
            m->question.inputs[i] = stretched(&m->tables, *counter[i]);
        for (int i = 1; i < 4; i++)
            known += *counter[i] % COUNTS != 0;
        const uint32_t p = mixed(&m->question, &m->tables, (k * 8 + source) * 16 + trust * 4 + known,
                                 1024 + at_most_3(k) * 1024 + recent, 5120 + matched * 128 + (like & 15) * 8 + k, k);
        const int right = code_bit(&m->coder, *pixel == c, p);
        learn(&m->question, right);
        for (int i = 0; i < CONTEXTS; i++)
            count(&m->tables, counter[i], right, i == 0 || i == CONTEXTS - 1 ? SLOW_LIMIT : LIMIT);
        if (right) {
            *pixel = c;
            return k;
        }
    }
    return NO_HIT;
}

static inline int32_t limited(int32_t v, int32_t top) {
    return v < 0 ? 0 : v > top ? top : v;
}

static inline uint32_t apart(int32_t a, int32_t b) {
    return (uint32_t)(a < b ? b - a : a - b);
}

#define OF_PLANE(pixel) ((int32_t)((pixel) >> shift & 65535))

/* Code a pixel's samples bit by bit, the highest first: the second plane, the first, the others. */
static uint64_t code_samples(Mixing *m, const Neighbours *a, uint64_t pixel) {
    static const int orders[4][4] = {{0}, {0, 1}, {1, 0, 2}, {1, 0, 2, 3}};
    const int32_t top = (int32_t)((1u << m->bits) - 1);
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
            hash(hash((uint32_t)nw, (uint32_t)ne), hash(before, 0x900 + plane)),
            hash(hash((uint32_t)ww, (uint32_t)w), hash(before, 0xb00 + plane)),
            hash((uint32_t)limited(((w + ne) >> 1) + ((n - nn) >> 1) + step, top), 0x1200 + plane * 16 + rough),
            hash((uint32_t)left, hash(before, 0xd00 + plane)),
        };
        const uint32_t split = apart(left, above) >> (m->bits > 4 ? m->bits - 4 : 0);
        const uint32_t edge = apart(nw, n) >> (m->bits > 3 ? m->bits - 3 : 0);
        const uint32_t nearby = (split & 15) * 8 + (edge & 7);
        uint32_t *slot[CONTEXTS] = {0}, prefix = 1, place = 1;
        for (int bit = m->bits - 1; bit >= 0; bit--) {
            if (bit == m->bits - 1 || (bit & 3) == 3) {
                for (int i = 0; i < CONTEXTS; i++)
                    slot[i] = m->slots[i] + ((size_t)(hash(contexts[i], prefix) >> (32 - m->slot_bits)) * SLOT);
                place = 1;
            }
            uint32_t known = 0;
            for (int i = 0; i < CONTEXTS; i++) {
                m->sample.inputs[i] = stretched(&m->tables, slot[i][place]);
                known += slot[i][place] % COUNTS != 0;
            }
            const uint32_t p = mixed(&m->sample, &m->tables, plane * 256 + (prefix & 255),
                                     1024 + plane * 1024 + (uint32_t)(bit & 7) * 128 + nearby,
                                     5120 + plane * 64 + known, (size_t)bit);
            const int one = code_bit(&m->coder, given >> bit & 1, p);
            learn(&m->sample, one);
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

/* What followed the neighbourhoods is as it is now. */
static inline void remember(Mixing *m, size_t here, const Neighbours *a, Match *match) {
    const uint64_t pixel = m->pixels[here];
    for (int i = 0; i < NEIGHBOURHOODS; i++) {
        Seen *seen = m->seen[i] + (a->hashes[i] >> (32 - m->seen_bits));
        const uint8_t tag = (uint8_t)a->hashes[i];
        if (seen->tag != tag || seen->times == 0 || (seen->pixel != pixel && seen->times <= 3))
            *seen = (Seen){pixel, 1, tag};
        else if (seen->pixel != pixel)
            seen->times >>= 1;
        else if (seen->times < 255)
            seen->times++;
    }
    if (match->length && m->pixels[match->at] == pixel)
        match->at++, match->length++;
    else
        match->length = 0;
    m->places[a->longest >> (32 - m->seen_bits)] = (uint32_t)here;
}

/* Code rows first … last − 1: those in `pixels` where the coder writes, or into it. */
static void code_rows(Mixing *m, size_t first, size_t last) {
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
                if (code_flat(m, here, x, &match, &broken)) {
                    x += BLOCK - 1;
                    continue;
                }
                due = BLOCK;
            }
            const Neighbours a = neighbours_of(row + x, m->stride);
            if (!match.length) {
                const uint32_t place = m->places[a.longest >> (32 - m->seen_bits)];
                if (place)
                    match = (Match){place, 1};
            }
            uint64_t pixel = row[x];
            uint32_t rank = NO_HIT;
            if (m->asks)
                rank = code_questions(m, here, &a, match, due, &pixel);
            if (rank == NO_HIT)
                pixel = code_samples(m, &a, pixel);
            row[x] = pixel;
            m->ranks[here] = (uint8_t)rank;
            if (due)
                due = pixel == a.w ? due - 1 : 0;
            uint8_t *depth = m->depth + EDGE + x;
            *depth = pixel != a.n ? 0 : (uint8_t)(*depth + (*depth < 255));
            remember(m, here, &a, &match);
        }
    }
}

/* Pixels as the caller has them ↔ with room around them. */
static void take_pixels(Mixing *m, const uint64_t *given) {
    for (size_t y = 0; y < m->height; y++)
        memcpy(m->pixels + (y + ABOVE_ROWS) * m->stride + EDGE, given + y * m->width, 8 * m->width);
}

static void give_pixels(const Mixing *m, uint64_t *to) {
    for (size_t y = 0; y < m->height; y++)
        memcpy(to + y * m->width, m->pixels + (y + ABOVE_ROWS) * m->stride + EDGE, 8 * m->width);
}
