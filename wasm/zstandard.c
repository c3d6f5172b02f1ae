/* Zstandard frames of a known size, by RFC 8878: exactly one, without a dictionary, with nothing behind it.

   Every read is within the bytes that there are, every write within the size that was declared. A bit string that is
   read backwards has to end where it begins. Written for files of some megabytes: it is as simple as it is strict. */

#include "memory.h"

enum {
    BLOCK_MAX = 1 << 17,
    LITERALS_MAX = BLOCK_MAX,
    HUFFMAN_BITS = 12,
    SYMBOLS_MAX = 256,
    FSE_BITS = 9,
    LENGTHS = 0, /* the three tables of sequences: of literals' lengths, offsets, matches' lengths */
    OFFSETS = 1,
    MATCHES = 2,
};

typedef struct {
    const uint8_t *data;
    size_t size;
} Bytes;

typedef struct { /* bits from the end of the bytes to their begin */
    const uint8_t *data;
    int64_t size, at; /* bits that are left; below 0: more were read than there are, which were 0 */
} Backwards;

typedef struct {
    uint16_t base;
    uint8_t symbol, bits;
} FseEntry;

typedef struct {
    FseEntry entries[1 << FSE_BITS];
    int log, there;
} Fse;

typedef struct {
    uint8_t symbols[1 << HUFFMAN_BITS], lengths[1 << HUFFMAN_BITS];
    int log; /* 0: there is none yet */
} Huffman;

typedef struct {
    uint8_t *out;
    size_t size, made;
    uint32_t offsets[3]; /* the last three */
    Fse tables[3];
    Huffman huffman;
    uint8_t literals[LITERALS_MAX + 32];
    size_t literals_size;
    size_t block_max;
} Frame;

static uint64_t little(const uint8_t *data, size_t n) {
    uint64_t value = 0;
    for (size_t k = 0; k < n; k++)
        value |= (uint64_t)data[k] << 8 * k;
    return value;
}

static int highest(uint32_t value) {
    return 31 - __builtin_clz(value);
}

static uint32_t peek(const Backwards *b, int n) {
    if (!n)
        return 0;
    const int64_t low = b->at - n, first = low < 0 ? 0 : low;
    uint64_t window = 0;
    const int64_t byte = first >> 3;
    const int64_t last = (b->size >> 3) - byte;
    if (last >= 8)
        __builtin_memcpy(&window, b->data + byte, 8);
    else
        window = little(b->data + byte, (size_t)(last < 0 ? 0 : last));
    window >>= first & 7;
    if (low < 0) { /* bits before the first are 0 */
        const int there = (int)(b->at < 0 ? 0 : b->at);
        return (uint32_t)((window & ((1ull << there) - 1)) << (n - there));
    }
    return (uint32_t)(window & ((1ull << n) - 1));
}

static uint32_t bits(Backwards *b, int n) {
    const uint32_t value = peek(b, n);
    b->at -= n;
    return value;
}

/* Begin behind the highest bit of the last byte, which marks the end. */
static int start(Backwards *b, const uint8_t *data, size_t size) {
    if (!size || !data[size - 1])
        return REFUSED;
    *b = (Backwards){data, 8 * (int64_t)size, 8 * (int64_t)size - 8 + highest(data[size - 1])};
    return MADE;
}

/* The table of `count` probabilities, −1 for less than 1, which sum to 2^log. */
static int build_fse(Fse *fse, const int16_t *shares, int count, int log) {
    const uint32_t size = 1u << log, step = (size >> 1) + (size >> 3) + 3;
    uint16_t next[SYMBOLS_MAX];
    uint32_t high = size, at = 0;
    for (int s = 0; s < count; s++) {
        next[s] = (uint16_t)(shares[s] < 0 ? 1 : shares[s]);
        if (shares[s] < 0)
            fse->entries[--high].symbol = (uint8_t)s;
    }
    for (int s = 0; s < count; s++)
        for (int k = 0; k < shares[s]; k++) {
            fse->entries[at].symbol = (uint8_t)s;
            do
                at = (at + step) & (size - 1);
            while (at >= high);
        }
    if (at)
        return REFUSED;
    for (uint32_t k = 0; k < size; k++) {
        FseEntry *e = &fse->entries[k];
        const uint32_t state = next[e->symbol]++;
        e->bits = (uint8_t)(log - highest(state));
        e->base = (uint16_t)((state << e->bits) - size);
    }
    fse->log = log, fse->there = 1;
    return MADE;
}

/* Read a table's description off the front of the bytes. */
static int read_fse(Fse *fse, Bytes *from, int most_symbol, int most_log) {
    int16_t shares[SYMBOLS_MAX];
    int64_t at = 0, end = 8 * (int64_t)from->size;
    int count = 0;
#define TAKE(n, value)                                                                    \
    do {                                                                                  \
        uint32_t found = 0;                                                               \
        for (int k = 0; k < (n); k++) {                                                   \
            const int64_t bit = at + k;                                                   \
            found |= bit < end ? (uint32_t)(from->data[bit >> 3] >> (bit & 7) & 1) << k : 0; \
        }                                                                                 \
        at += (n);                                                                        \
        value = found;                                                                    \
    } while (0)
    uint32_t value;
    TAKE(4, value);
    const int log = (int)value + 5;
    if (log > most_log)
        return REFUSED;
    int32_t left = 1 << log;
    while (left > 0 && count <= most_symbol) {
        const int n = highest((uint32_t)left + 1) + 1;
        TAKE(n, value);
        const uint32_t mask = (1u << (n - 1)) - 1, short_ones = (1u << n) - 1 - ((uint32_t)left + 1);
        if ((value & mask) < short_ones) {
            at--;
            value &= mask;
        } else if (value > mask)
            value -= short_ones;
        const int32_t share = (int32_t)value - 1;
        left -= share < 0 ? -share : share;
        shares[count++] = (int16_t)share;
        while (share == 0) { /* more that are 0 */
            uint32_t zeros;
            TAKE(2, zeros);
            for (uint32_t k = 0; k < zeros; k++) {
                if (count > most_symbol)
                    return REFUSED;
                shares[count++] = 0;
            }
            if (zeros < 3)
                break;
        }
    }
#undef TAKE
    if (left || at > end)
        return REFUSED;
    const size_t used = (size_t)((at + 7) >> 3);
    from->data += used, from->size -= used;
    return build_fse(fse, shares, count, log);
}

/* The tables of sequences where none are described. */
static const int16_t DEFAULT_LENGTHS[36] = {4, 3, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 1, 1,  1,  2,  2,
                                            2, 2, 2, 2, 2, 2, 2, 3, 2, 1, 1, 1, 1, 1, -1, -1, -1, -1};
static const int16_t DEFAULT_OFFSETS[29] = {1, 1, 1, 1, 1, 1, 2, 2, 2, 1, 1, 1, 1, 1, 1,
                                            1, 1, 1, 1, 1, 1, 1, 1, 1, -1, -1, -1, -1, -1};
static const int16_t DEFAULT_MATCHES[53] = {1, 4, 3, 2, 2, 2, 2, 2, 2, 1, 1, 1, 1, 1, 1, 1, 1,  1,
                                            1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1,  1,
                                            1, 1, 1, 1, 1, 1, 1, 1, 1, 1, -1, -1, -1, -1, -1, -1, -1};

/* Weights → the table: symbols of weight w have codes of log + 1 − w bits. */
static int build_huffman(Huffman *h, uint8_t *weights, int count) {
    uint32_t sum = 0, ones = 0;
    for (int k = 0; k < count; k++) {
        if (weights[k] > HUFFMAN_BITS)
            return REFUSED;
        sum += weights[k] ? 1u << (weights[k] - 1) : 0;
    }
    if (!sum)
        return REFUSED;
    const int log = highest(sum) + 1;
    const uint32_t rest = (1u << log) - sum;
    if (log > HUFFMAN_BITS || (rest & (rest - 1)))
        return REFUSED;
    weights[count++] = (uint8_t)(highest(rest) + 1); /* that of the last symbol is what is missing */
    for (int k = 0; k < count; k++)
        ones += weights[k] == 1;
    if (ones < 2 || ones % 2)
        return REFUSED;
    uint32_t at = 0;
    for (int w = 1; w <= log; w++)
        for (int s = 0; s < count; s++)
            for (uint32_t k = 0; weights[s] == w && k < 1u << (w - 1); k++, at++)
                h->symbols[at] = (uint8_t)s, h->lengths[at] = (uint8_t)(log + 1 - w);
    h->log = log;
    return MADE;
}

static int read_huffman(Huffman *h, Bytes *from) {
    uint8_t weights[SYMBOLS_MAX + 1];
    int count = 0;
    if (!from->size)
        return REFUSED;
    const uint8_t head = *from->data++;
    from->size--;
    if (head >= 128) {
        count = head - 127;
        const size_t used = (size_t)(count + 1) / 2;
        if (used > from->size)
            return REFUSED;
        for (int k = 0; k < count; k++)
            weights[k] = k % 2 ? from->data[k / 2] & 15 : from->data[k / 2] >> 4;
        from->data += used, from->size -= used;
        return build_huffman(h, weights, count);
    }
    if (head > from->size)
        return REFUSED;
    Bytes own = {from->data, head};
    from->data += head, from->size -= head;
    Fse fse;
    Backwards b;
    if (read_fse(&fse, &own, 255, 6) != MADE || start(&b, own.data, own.size) != MADE)
        return REFUSED;
    uint32_t states[2];
    for (int k = 0; k < 2; k++)
        states[k] = bits(&b, fse.log);
    if (b.at < 0)
        return REFUSED;
    for (int k = 0;; k ^= 1) { /* in turns, until a state wants bits that are not there: then the other says one more */
        const FseEntry e = fse.entries[states[k]];
        if (count >= SYMBOLS_MAX - 2)
            return REFUSED;
        weights[count++] = e.symbol;
        states[k] = e.base + bits(&b, e.bits);
        if (b.at < 0) {
            weights[count++] = fse.entries[states[k ^ 1]].symbol;
            return build_huffman(h, weights, count);
        }
    }
}

static int read_stream(const Huffman *h, const uint8_t *data, size_t size, uint8_t *to, size_t count) {
    Backwards b;
    if (start(&b, data, size) != MADE)
        return REFUSED;
    for (size_t k = 0; k < count; k++) {
        const uint32_t code = peek(&b, h->log);
        to[k] = h->symbols[code];
        b.at -= h->lengths[code];
    }
    return b.at == 0 ? MADE : REFUSED;
}

/* The literals of a block, off the front of its bytes. */
static int read_literals(Frame *f, Bytes *from) {
    if (!from->size)
        return REFUSED;
    const int type = from->data[0] & 3, form = from->data[0] >> 2 & 3;
    const int coded = type >= 2, streams = coded && form ? 4 : 1;
    const size_t head = coded ? (size_t)(form < 2 ? 3 : form + 2) : (size_t)(form == 1 ? 2 : form == 3 ? 3 : 1);
    if (head > from->size)
        return REFUSED;
    const uint64_t packed = little(from->data, head);
    size_t size, stored;
    if (coded) {
        const int n = form < 2 ? 10 : form == 2 ? 14 : 18;
        size = (size_t)(packed >> 4 & ((1u << n) - 1));
        stored = (size_t)(packed >> (4 + n) & ((1u << n) - 1));
    } else {
        size = (size_t)(form % 2 ? packed >> 4 : packed >> 3);
        stored = type == 1 ? 1 : size;
    }
    from->data += head, from->size -= head;
    if (size > f->block_max || stored > from->size)
        return REFUSED;
    Bytes own = {from->data, stored};
    from->data += stored, from->size -= stored;
    f->literals_size = size;
    if (!coded) {
        if (type == 1)
            __builtin_memset(f->literals, own.data[0], size);
        else
            __builtin_memcpy(f->literals, own.data, size);
        return MADE;
    }
    if (type == 2 ? read_huffman(&f->huffman, &own) != MADE : !f->huffman.log)
        return REFUSED;
    if (streams == 1)
        return size ? read_stream(&f->huffman, own.data, own.size, f->literals, size) : REFUSED;
    const size_t quarter = (size + 3) / 4;
    if (own.size < 10 || size < 6 || 3 * quarter > size)
        return REFUSED;
    const uint8_t *data = own.data + 6, *end = own.data + own.size;
    for (int k = 0; k < 4; k++) {
        const size_t n = k < 3 ? (size_t)little(own.data + 2 * k, 2) : (size_t)(end - data);
        if (n > (size_t)(end - data) ||
            read_stream(&f->huffman, data, n, f->literals + k * quarter, k < 3 ? quarter : size - 3 * quarter) != MADE)
            return REFUSED;
        data += n;
    }
    return MADE;
}

static int read_table(Frame *f, int which, int mode, Bytes *from) {
    static const int MOST[3] = {35, 31, 52}, LOGS[3] = {9, 8, 9}, DEFAULT_LOGS[3] = {6, 5, 6};
    static const int COUNTS[3] = {36, 29, 53};
    static const int16_t *const DEFAULTS[3] = {DEFAULT_LENGTHS, DEFAULT_OFFSETS, DEFAULT_MATCHES};
    Fse *fse = &f->tables[which];
    if (mode == 0)
        return build_fse(fse, DEFAULTS[which], COUNTS[which], DEFAULT_LOGS[which]);
    if (mode == 1) {
        if (!from->size || from->data[0] > MOST[which])
            return REFUSED;
        fse->entries[0] = (FseEntry){0, from->data[0], 0};
        fse->log = 0, fse->there = 1;
        from->data++, from->size--;
        return MADE;
    }
    if (mode == 2)
        return read_fse(fse, from, MOST[which], LOGS[which]);
    return fse->there ? MADE : REFUSED;
}

/* Lengths of codes 16 and above, of literals; 32 and above, of matches. */
static const uint32_t LENGTH_BASES[20] = {16, 18, 20, 22, 24, 28, 32, 40, 48, 64, 128, 256, 512, 1024, 2048, 4096,
                                          8192, 16384, 32768, 65536};
static const uint8_t LENGTH_BITS[20] = {1, 1, 1, 1, 2, 2, 3, 3, 4, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16};
static const uint32_t MATCH_BASES[21] = {35, 37, 39, 41, 43, 47, 51, 59, 67, 83, 99, 131, 259, 515, 1027, 2051, 4099,
                                         8195, 16387, 32771, 65539};
static const uint8_t MATCH_BITS[21] = {1, 1, 1, 1, 2, 2, 3, 3, 4, 4, 5, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16};

/* Append literals, and what stands `offset` bytes before. */
static int append(Frame *f, const uint8_t *literals, size_t count, uint32_t offset, size_t match) {
    if (count + match > f->size - f->made)
        return REFUSED;
    __builtin_memcpy(f->out + f->made, literals, count);
    f->made += count;
    if (!match)
        return MADE;
    if (!offset || offset > f->made)
        return REFUSED;
    uint8_t *to = f->out + f->made;
    const uint8_t *from = to - offset;
    if (offset >= match)
        __builtin_memcpy(to, from, match);
    else
        for (size_t k = 0; k < match; k++)
            to[k] = from[k];
    f->made += match;
    return MADE;
}

static uint32_t offset_of(Frame *f, uint32_t value, size_t literals) {
    uint32_t *last = f->offsets, offset;
    if (value > 3)
        offset = value - 3;
    else {
        const uint32_t k = value - 1 + !literals;
        if (k == 0)
            return last[0];
        offset = k < 3 ? last[k] : last[0] - 1;
        if (k == 1) {
            last[1] = last[0];
            return last[0] = offset;
        }
    }
    last[2] = last[1], last[1] = last[0];
    return last[0] = offset;
}

static int read_block(Frame *f, Bytes from) {
    if (read_literals(f, &from) != MADE || !from.size)
        return REFUSED;
    size_t count = from.data[0], head = 1;
    if (count >= 128) {
        head = count == 255 ? 3 : 2;
        if (from.size < head)
            return REFUSED;
        count = count == 255 ? (size_t)little(from.data + 1, 2) + 0x7f00 : ((count - 128) << 8) + from.data[1];
    }
    from.data += head, from.size -= head;
    if (!count)
        return from.size ? REFUSED : append(f, f->literals, f->literals_size, 0, 0);
    if (!from.size)
        return REFUSED;
    const uint8_t modes = *from.data++;
    from.size--;
    if (modes & 3)
        return REFUSED;
    for (int k = 0; k < 3; k++)
        if (read_table(f, k, modes >> (6 - 2 * k) & 3, &from) != MADE)
            return REFUSED;
    Backwards b;
    if (start(&b, from.data, from.size) != MADE)
        return REFUSED;
    uint32_t states[3];
    for (int k = 0; k < 3; k++)
        states[k] = bits(&b, f->tables[k].log);
    size_t at = 0;
    for (size_t n = 0; n < count; n++) {
        FseEntry e[3];
        for (int k = 0; k < 3; k++)
            e[k] = f->tables[k].entries[states[k]];
        const uint32_t code = e[LENGTHS].symbol, matches = e[MATCHES].symbol;
        uint64_t value = 1ull << e[OFFSETS].symbol;
        value += bits(&b, e[OFFSETS].symbol);
        size_t match = matches < 32 ? matches + 3 : MATCH_BASES[matches - 32] + bits(&b, MATCH_BITS[matches - 32]);
        size_t literals = code < 16 ? code : LENGTH_BASES[code - 16] + bits(&b, LENGTH_BITS[code - 16]);
        if (b.at < 0 || value > UINT32_MAX || literals > f->literals_size - at)
            return REFUSED;
        if (append(f, f->literals + at, literals, offset_of(f, (uint32_t)value, literals), match) != MADE)
            return REFUSED;
        at += literals;
        if (n + 1 < count)
            for (int t = 0; t < 3; t++) {
                const int k = t == 0 ? LENGTHS : t == 1 ? MATCHES : OFFSETS;
                states[k] = e[k].base + bits(&b, e[k].bits);
            }
    }
    if (b.at != 0)
        return REFUSED;
    return append(f, f->literals + at, f->literals_size - at, 0, 0);
}

/* XXH64 with a seed of 0, of which a frame's checksum is the low half. */
static uint64_t turned(uint64_t v, int n) {
    return v << n | v >> (64 - n);
}

static uint64_t checksum(const uint8_t *data, size_t size) {
    const uint64_t p1 = 0x9e3779b185ebca87, p2 = 0xc2b2ae3d27d4eb4f, p3 = 0x165667b19e3779f9, p4 = 0x85ebca77c2b2ae63,
                   p5 = 0x27d4eb2f165667c5;
    const uint8_t *end = data + size;
    uint64_t h;
    if (size >= 32) {
        uint64_t v[4] = {p1 + p2, p2, 0, 0 - p1};
        for (; end - data >= 32; data += 32)
            for (int k = 0; k < 4; k++)
                v[k] = turned(v[k] + little(data + 8 * k, 8) * p2, 31) * p1;
        h = turned(v[0], 1) + turned(v[1], 7) + turned(v[2], 12) + turned(v[3], 18);
        for (int k = 0; k < 4; k++)
            h = (h ^ turned(v[k] * p2, 31) * p1) * p1 + p4;
    } else
        h = p5;
    h += size;
    for (; end - data >= 8; data += 8)
        h = turned(h ^ turned(little(data, 8) * p2, 31) * p1, 27) * p1 + p4;
    if (end - data >= 4) {
        h = turned(h ^ little(data, 4) * p1, 23) * p2 + p3;
        data += 4;
    }
    for (; data < end; data++)
        h = turned(h ^ *data * p5, 11) * p1;
    h = (h ^ h >> 33) * p2;
    h = (h ^ h >> 29) * p3;
    return h ^ h >> 32;
}

typedef struct {
    size_t head; /* bytes */
    uint64_t window, content;
    int declared, checked;
} FrameHead;

static int read_head(const uint8_t *data, size_t size, FrameHead *h) {
    static const uint8_t IDS[4] = {0, 1, 2, 4}, SIZES[4] = {0, 2, 4, 8};
    if (size < 6 || little(data, 4) != 0xfd2fb528)
        return REFUSED;
    const uint8_t flags = data[4];
    const int single = flags >> 5 & 1;
    const size_t ids = IDS[flags & 3], sizes = single && !(flags >> 6) ? 1 : SIZES[flags >> 6];
    size_t at = 5;
    h->head = at + !single + ids + sizes;
    if (flags & 8 || h->head > size)
        return REFUSED;
    if (!single) {
        const int log = 10 + (data[at] >> 3);
        if (log > 31)
            return REFUSED;
        h->window = (1ull << log) + ((1ull << log) >> 3) * (data[at] & 7);
        at++;
    }
    if (little(data + at, ids)) /* a dictionary */
        return REFUSED;
    h->declared = sizes > 0, h->checked = flags >> 2 & 1;
    h->content = little(data + at + ids, sizes) + (sizes == 2 ? 256 : 0);
    if (single)
        h->window = h->content;
    return MADE;
}

/* The size that a frame declares, −1 if none, or if it is no frame. */
double EXPORT(declared_size)(const uint8_t *data, size_t size) {
    FrameHead h;
    return read_head(data, size, &h) == MADE && h.declared ? (double)h.content : -1;
}

/* Expand a frame that declares `out_size` bytes. REFUSED: it is none. */
int EXPORT(expand)(const uint8_t *data, size_t size, uint8_t *out, size_t out_size) {
    FrameHead h;
    if (read_head(data, size, &h) != MADE || !h.declared || h.content != out_size)
        return REFUSED;
    const size_t before = mark();
    Frame *f = take_zeros(sizeof *f);
    if (!f)
        return NO_MEMORY;
    f->out = out, f->size = out_size;
    f->offsets[0] = 1, f->offsets[1] = 4, f->offsets[2] = 8;
    f->block_max = h.window < BLOCK_MAX ? (size_t)h.window : BLOCK_MAX;
    size_t at = h.head;
    int last = 0, done = MADE;
    while (!last && done == MADE) {
        done = REFUSED;
        if (size - at < 3)
            break;
        const uint32_t head = (uint32_t)little(data + at, 3), type = head >> 1 & 3, length = head >> 3;
        const size_t stored = type == 1 ? 1 : length;
        at += 3, last = head & 1;
        if (stored > size - at || type == 3 || length > f->block_max)
            break;
        if (type == 2)
            done = read_block(f, (Bytes){data + at, length});
        else if (length <= f->size - f->made) {
            if (type == 1)
                __builtin_memset(f->out + f->made, data[at], length);
            else
                __builtin_memcpy(f->out + f->made, data + at, length);
            f->made += length, done = MADE;
        }
        at += stored;
    }
    if (done == MADE)
        done = f->made == f->size && size - at == (h.checked ? 4u : 0u) &&
               (!h.checked || little(data + at, 4) == (uint32_t)checksum(out, out_size));
    release(before);
    return done;
}
