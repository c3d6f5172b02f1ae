/* Planes of whole numbers ↔ bits, by probabilities that a small network learns while it codes. mixing.py is the
   definition, with the same names; read it first.

   What it costs: a question or a bit of a sample looks up seven counters, makes three sums of eight products, and
   changes all of these again: 60 to 100 ns. A flat block of 16 pixels is one question, so that a screen of a megapixel
   takes 0.2 s; a photograph has 24 bits a pixel. Counters of a sample's four bits stand in one line of the cache, which
   is fetched one bit before it is known to be the one.

   Here is what all levels of instructions share; what asks, answers and learns is in mixing_rows.h. */

#ifndef MIXING_H
#define MIXING_H

#include "native.h"

#if defined(__GNUC__)
#define FETCH(p) __builtin_prefetch(p)
#elif defined(_M_X64)
#define FETCH(p) _mm_prefetch((const char *)(p), _MM_HINT_T0)
#else
#define FETCH(p) (void)(p)
#endif

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
    LOOKING = 2,      /* questions that finding the candidates of a pixel takes as long as */
    LOOKING_SAMPLE = 3, /* the same of a sample */
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
static INLINE int code_bit(BitCoder *c, int bit, uint32_t p) {
    const uint32_t middle = c->low + (uint32_t)((uint64_t)(c->high - c->low) * p >> 16);
    if (!c->to)
        bit = c->window <= middle;
    c->high = bit ? middle : c->high; /* what nobody can foretell is not branched by */
    c->low = bit ? c->low : middle + 1;
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

static INLINE void begin_coding(BitCoder *c) {
    for (int k = 0; !c->to && k < 4; k++, c->at++)
        c->window = c->window << 8 | (c->at < c->size ? c->from[c->at] : 0);
}

/* As few bytes as are needed if zeros follow; `at` is how many there are, or, of a reader, how many at least. */
static inline void end_coding(BitCoder *c) {
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
    int32_t (*shares)[4];
} Mixer;

static INLINE int32_t logit_of(int32_t sum) {
    return sum > LOGIT_MAX ? LOGIT_MAX : sum < -LOGIT_MAX ? -LOGIT_MAX : sum;
}

static INLINE int32_t moved(int32_t weight, int32_t by) {
    const int32_t v = weight + ((by + 0x8000) >> 16);
    return v > WEIGHT_MAX ? WEIGHT_MAX : v < -WEIGHT_MAX ? -WEIGHT_MAX : v;
}

/* What a counter says; 0 of one that has seen nothing yet, for it is in the middle. */
static INLINE int32_t stretched(const MixingTables *t, uint32_t counter) {
    return t->stretch[counter >> 20];
}

static INLINE void count(const MixingTables *t, uint32_t *counter, int bit, uint32_t limit) {
    const uint32_t n = *counter % COUNTS;
    int32_t p = (int32_t)(*counter >> 10);
    p += (int32_t)((int64_t)((bit ? 0x3fffff : 0) - p) * t->rates[n] >> 16);
    *counter = (uint32_t)p << 10 | (n < limit ? n + 1 : limit);
}

static INLINE uint32_t hash(uint32_t a, uint32_t b) {
    uint32_t h = a * 0x2c1b3c6du ^ b * 0x297a2d39u;
    h ^= h >> 15;
    h *= 0x85ebca6bu;
    return h ^ h >> 13;
}

static INLINE uint32_t folded(uint64_t pixel) {
    return (uint32_t)(pixel ^ pixel >> 29);
}

typedef struct {
    uint32_t at;        /* where that pixel is */
    uint8_t times, tag; /* how often it came; of the hash */
} Seen;

/* What a writer may change (reducing.h). */
typedef struct {
    const uint64_t *wanted; /* pixels as they should be, laid out like those that are coded */
    const uint16_t *weights; /* the same: how often an error counts */
    const uint16_t *costs;  /* (4096,) of what had a probability, in 2^-8 bits, by its highest 12 bits */
    int64_t trade;          /* 2^-8 of the square error that a bit is worth */
    int kept, low, high;    /* the plane that stays, an alpha; of a single one, values that do; -1: none */
} Reduction;

struct Mixing {
    MixingTables tables;
    BitCoder coder;
    size_t width, height, stride;
    int planes, bits, asks;
    uint64_t asked, most; /* questions so far, as mixing.py counts them, and beyond how many a reader gives up */
    int seen_bits, slot_bits;
    uint64_t *pixels; /* (height + ABOVE_ROWS, stride), the caller's; what is around the picture is 0 at first */
    uint8_t *ranks[2]; /* (stride,): of the candidate that was right, in this row and in the one above */
    uint16_t *run1, *run2;
    uint8_t *depth; /* (stride,): of rows in which a column has not changed */
    Seen *seen[NEIGHBOURHOODS];
    uint32_t *places; /* of what followed a neighbourhood */
    uint32_t *questions[CONTEXTS], *slots[CONTEXTS], *flats[FLAT_CONTEXTS];
    Mixer question, sample, flat;
    const Reduction *reduction; /* NULL: the pixels are coded as they are */
    void *memory; /* of all of these but the pixels */
    size_t size, used;
};

/* Whether a reader had better give up: too much was asked, or no writer's bytes are left. */
static INLINE int gives_up(const Mixing *m) {
    return !m->coder.to && (m->asked > m->most || m->coder.at > m->coder.size + 4);
}

/* How many pixels to the right of each are as it is, up to 255. */
static INLINE void count_runs(const uint64_t *row, size_t stride, uint16_t *runs) {
    runs[stride - 1] = 0;
    for (size_t x = stride - 1; x-- > 0;)
        runs[x] = row[x] != row[x + 1] ? 0 : runs[x + 1] < 255 ? (uint16_t)(runs[x + 1] + 1) : 255;
}

/* Whether a pixel begins a block that is likely to be flat: so are its neighbours to the left and above. */
static INLINE int in_flat_area(const Mixing *m, const uint64_t *row, size_t x) {
    const uint64_t *up = row - m->stride, *up2 = up - m->stride, w = row[-1];
    return x + BLOCK <= m->width && w == row[-2] && w == row[-3] && w == up[-3] && w == up2[-2] &&
           m->run1[x + EDGE - 3] >= BLOCK + 6 && m->run2[x + EDGE - 2] >= BLOCK + 3;
}

typedef struct {
    size_t at; /* of the pixel that is expected, in all pixels */
    uint32_t length;
} Match;

typedef struct {
    uint64_t w, n, nw, ne, ww, nn, nee, nww, nne, nnw, www;
    uint32_t fw, fn, fnw, fne, fww, fnn, fwww;
    uint32_t hashes[NEIGHBOURHOODS], h4, longest; /* of 16, 12, 10, 6, 4 and 2 neighbours; of 20 */
    uint32_t equal;                               /* which of them are equal */
} Neighbours;

/* `asks`: with the hashes that candidates and matches are found by. */
static INLINE Neighbours neighbours_of(const uint64_t *now, size_t stride, int asks) {
    const uint64_t *up = now - stride, *up2 = up - stride, *up3 = up2 - stride;
    Neighbours a = {
        .w = now[-1], .n = up[0], .nw = up[-1], .ne = up[1], .ww = now[-2], .nn = up2[0], .nee = up[2], .nww = up[-2],
        .nne = up2[1], .nnw = up2[-1], .www = now[-3],
    };
    a.fw = folded(a.w), a.fn = folded(a.n), a.fnw = folded(a.nw), a.fne = folded(a.ne), a.fww = folded(a.ww);
    a.fnn = folded(a.nn), a.fwww = folded(a.www);
    if (!asks)
        return a;
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

static INLINE void propose(Candidate *list, uint32_t *count, uint64_t pixel, uint32_t source, uint32_t trust) {
    if (*count == CANDIDATES)
        return;
    for (uint32_t k = 0; k < *count; k++)
        if (list[k].pixel == pixel)
            return;
    list[(*count)++] = (Candidate){pixel, source, trust};
}

/* Where the counters of a context's next four bits are. */
static INLINE uint32_t *slot_of(const Mixing *m, int i, uint32_t context, uint32_t prefix) {
    return m->slots[i] + (size_t)(hash(context, prefix) >> (32 - m->slot_bits)) * SLOT;
}

static INLINE uint32_t at_most_3(uint32_t v) {
    return v < 3 ? v : 3;
}

static INLINE int32_t limited(int32_t v, int32_t top) {
    return v < 0 ? 0 : v > top ? top : v;
}

static INLINE uint32_t apart(int32_t a, int32_t b) {
    return (uint32_t)(a < b ? b - a : a - b);
}

/* What all questions about a pixel have in common. */
typedef struct {
    Candidate list[CANDIDATES];
    uint32_t count, length, due, rw, rn, recent; /* due: until blocks may be flat again; the rest: ranks nearby */
    uint64_t expected;
} Questions;

static inline Questions questions_of(const Mixing *m, size_t x, const Neighbours *a, Match match, uint32_t due) {
    const uint8_t *ranks = m->ranks[0] + EDGE + x, *above = m->ranks[1] + EDGE + x;
    const uint32_t rw = ranks[-1], rn = above[0], rne = above[1], rnw = above[-1], rww = ranks[-2];
    Questions q;
    q.count = 0, q.due = due, q.rw = rw, q.rn = rn;
    q.expected = match.length ? m->pixels[match.at] : 0;
    q.length = match.length == 0   ? 0
               : match.length < 8  ? 1
               : match.length < 16 ? 2
               : match.length < 32 ? 3
               : match.length < 64 ? 4
                                   : 5;
    q.recent = at_most_3(rw) * 256 + at_most_3(rn) * 64 + at_most_3(rne) * 16 + at_most_3(rnw) * 4 + at_most_3(rww);
    if (match.length >= 16)
        propose(q.list, &q.count, q.expected, FROM_MATCH, match.length >= 32 ? 3 : 2);
    for (uint32_t i = 0; i < NEIGHBOURHOODS; i++) {
        const Seen *seen = m->seen[i] + (a->hashes[i] >> (32 - m->seen_bits));
        if (seen->times && seen->tag == (uint8_t)a->hashes[i])
            propose(q.list, &q.count, m->pixels[seen->at], i, at_most_3(seen->times));
    }
    propose(q.list, &q.count, a->w, FROM_NEIGHBOUR, 0);
    propose(q.list, &q.count, a->n, FROM_NEIGHBOUR, 1);
    propose(q.list, &q.count, a->ne, FROM_NEIGHBOUR, 2);
    propose(q.list, &q.count, a->nw, FROM_NEIGHBOUR, 3);
    return q;
}

/* Of a pixel's samples, as far as they are coded. */
typedef struct {
    int planes;
    int32_t value, value_w, value_n, value_nw; /* of the plane before, here and next to here */
    uint32_t done;
    uint64_t made;
} Made;

/* The next sample. */
typedef struct {
    int shift; /* of its plane */
    int32_t w, n, nw;
    uint32_t plane, nearby, contexts[CONTEXTS];
} Sample;

#define OF_PLANE(pixel) ((int32_t)((pixel) >> shift & 65535))

static inline Sample sample_of(const Mixing *m, const Neighbours *a, const Made *made) {
    static const int orders[4][4] = {{0}, {0, 1}, {1, 0, 2}, {1, 0, 2, 3}};
    const int32_t top = (int32_t)((1u << m->bits) - 1);
    const int shift = 16 * orders[m->planes - 1][made->planes], coarse = m->bits > 6 ? m->bits - 6 : 0;
    const int32_t w = OF_PLANE(a->w), n = OF_PLANE(a->n), nw = OF_PLANE(a->nw), ne = OF_PLANE(a->ne);
    const int32_t ww = OF_PLANE(a->ww), nn = OF_PLANE(a->nn), value = made->value;
    int32_t left = w, above = n, slope = w + n - nw, step = 0; /* step: from where the plane before was expected */
    if (made->planes) {
        const int32_t expected = made->value_w + made->value_n - made->value_nw;
        left += value - made->value_w, above += value - made->value_n, slope += value - expected;
        step = value - limited(expected, top);
    }
    left = limited(left, top), above = limited(above, top), slope = limited(slope, top);
    const uint32_t plane = (uint32_t)made->planes, before = (uint32_t)value, done = made->done;
    const uint32_t change = (apart(w, nw) + apart(n, nw) + apart(ne, n)) >> (2 + (m->bits > 8 ? m->bits - 8 : 0));
    const uint32_t rough = change < 15 ? change : 15;
    const uint32_t split = apart(left, above) >> (m->bits > 4 ? m->bits - 4 : 0);
    const uint32_t edge = apart(nw, n) >> (m->bits > 3 ? m->bits - 3 : 0);
    return (Sample){
        .shift = shift,
        .w = w,
        .n = n,
        .nw = nw,
        .plane = plane,
        .nearby = (split & 15) * 8 + (edge & 7),
        .contexts =
            {
                hash(plane * 65536 + before, done * 3 + 1),
                hash((uint32_t)slope, plane * 3 + 0x300),
                hash(a->fn, hash(done, 0x600 + plane)),
                hash((uint32_t)((left >> coarse) * 64 + (above >> coarse)), 0x900 + plane),
                hash(hash((uint32_t)ww, (uint32_t)w), hash(before, 0xb00 + plane)),
                hash((uint32_t)limited(((w + ne) >> 1) + ((n - nn) >> 1) + step, top), 0x1200 + plane * 16 + rough),
                hash((uint32_t)left, hash(before, 0xd00 + plane)),
            },
    };
}

/* The sample has this value: the next plane's follows. */
static inline void sample_made(Made *made, const Sample *s, int32_t value) {
    made->planes++;
    made->value = value, made->value_w = s->w, made->value_n = s->n, made->value_nw = s->nw;
    made->made |= (uint64_t)value << s->shift;
    made->done = made->done * 65536 + (uint32_t)value + 1;
}

/* What followed the neighbourhoods is as it is now; where pixels are asked for. */
static INLINE void remember(Mixing *m, size_t here, const Neighbours *a, Match *match) {
    const uint64_t pixel = m->pixels[here];
    for (int i = 0; i < NEIGHBOURHOODS; i++) {
        Seen *seen = m->seen[i] + (a->hashes[i] >> (32 - m->seen_bits));
        const uint8_t tag = (uint8_t)a->hashes[i];
        const int same = seen->tag == tag && seen->times && m->pixels[seen->at] == pixel;
        if (seen->tag != tag || seen->times == 0 || (!same && seen->times <= 3))
            *seen = (Seen){(uint32_t)here, 1, tag};
        else if (!same)
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

#endif
