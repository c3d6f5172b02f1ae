/* Symbols of the latent model: rANS, the tables' entries, and which symbols a parity has. No vectors: lanes of the coder
   run beside each other because a processor looks far enough ahead. */

/* The entry of a slot in a row: the one in which the slot's range begins, or a later one. */
static INLINE uint32_t entry_of(const Tables *t, uint32_t row, uint32_t slot) {
    uint32_t e = t->first[row << FIRST_BITS | slot >> (PROB_BITS - FIRST_BITS)];
    e = e < t->count ? e : t->count - 1;
    while (slot - t->entries[e].start >= t->entries[e].freq && e + 1 < t->count)
        e++;
    return e;
}

/* What an entry and its raw bits say. */
static INLINE int finish_symbol(Reader *r, const Entry *entry, int32_t *symbol) {
    *symbol = entry->base;
    if (!entry->width)
        return DONE;
    const int64_t bit = r->raw_bit, end = bit + entry->width;
    if (end > 8 * (int64_t)r->raw_bytes)
        return FAILED;
    uint32_t value = 0;
    for (int64_t byte = bit >> 3; byte <= (end - 1) >> 3; byte++) /* at most four */
        value = value << 8 | r->raw[byte];
    value = value >> (-end & 7) & ((1u << (entry->width & 31)) - 1);
    r->raw_bit = end;
    if (!entry->tail) {
        *symbol = (int32_t)((uint32_t)entry->base + value);
        return DONE;
    }
    const int32_t magnitude = (int32_t)(((uint32_t)entry->base + (value >> 1)) & INT32_MAX);
    *symbol = value & 1 ? -magnitude : magnitude;
    return *symbol < -SYMBOL_HALF || *symbol >= SYMBOL_HALF ? FAILED : DONE;
}

/* Read n symbols in rows of the tables: DONE, or FAILED where no writer made the bytes. */
static int read_symbols(Reader *reader, const Tables *t, const uint16_t *rows, size_t n, int32_t *symbols) {
    Reader r = *reader;
    const size_t lanes = r.lanes;
    const int64_t tail = r.count - (int64_t)lanes; /* from here on, symbols are their lane's last */
    int result = (int64_t)n > r.count - r.position ? FAILED : DONE;
    for (size_t i = 0; i < n && result == DONE;) {
        const size_t plain = r.position < tail ? (size_t)(tail - r.position) : 0, left = r.words - r.word;
        size_t quick = plain < left ? plain : left; /* as many cannot want for words */
        quick = quick < n - i ? quick : n - i;
        for (const size_t end = i + quick; i < end; i++) {
            int64_t *state = &r.states[(size_t)r.position++ & (lanes - 1)];
            uint32_t x = (uint32_t)*state, slot = x & (PROB_SCALE - 1);
            const Entry *entry = &t->entries[entry_of(t, rows[i], slot)];
            x = entry->freq * (x >> PROB_BITS) + slot - entry->start;
            const uint8_t *word = r.data + 2 * r.word;
            const uint32_t low = x < LOW; /* no branch: it could not be predicted */
            x = x << (low << 4) | ((word[0] | (uint32_t)word[1] << 8) & (0u - low));
            r.word += low;
            *state = x;
            result |= finish_symbol(&r, entry, &symbols[i]);
        }
        if (i < n && result == DONE) {
            int64_t *state = &r.states[(size_t)r.position & (lanes - 1)];
            uint32_t x = (uint32_t)*state, slot = x & (PROB_SCALE - 1);
            const Entry *entry = &t->entries[entry_of(t, rows[i], slot)];
            x = entry->freq * (x >> PROB_BITS) + slot - entry->start;
            if (r.position++ >= tail) {
                if (x != 2u * entry->freq)
                    result = FAILED;
            } else if (x < LOW) {
                if (r.word >= r.words) {
                    result = FAILED;
                    break;
                }
                const uint8_t *word = r.data + 2 * r.word++;
                x = x << 16 | word[0] | (uint32_t)word[1] << 8;
            }
            *state = x;
            if (r.position == r.count && r.word != r.words)
                result = FAILED;
            result |= finish_symbol(&r, entry, &symbols[i]);
            i++;
        }
    }
    *reader = r;
    return result;
}

/* The entry that codes a symbol in a row, and its raw bits; see SymbolTables.entries. */
static INLINE uint32_t find_entry(const Tables *t, uint32_t row, int32_t symbol, int32_t *raw) {
    const Row *r = &t->rows[row];
    const int32_t width = r->raw_bits, half = (1 << width) >> 1;
    const int32_t bucket = (symbol + half) >> width, size = bucket < 0 ? -bucket : bucket;
    if (size <= r->largest) {
        const uint32_t e = r->offset + (uint32_t)(2 * size - (size && (bucket < 0) == (row % MEANS < MEANS / 2)));
        *raw = (int32_t)((uint32_t)symbol - (uint32_t)t->entries[e].base);
        return e;
    }
    const int32_t magnitude = symbol < 0 ? -symbol : symbol;
    const int32_t number = 2 * (magnitude - (((r->largest + 1) << width) - half)) + (symbol < 0);
    uint32_t tail = 0;
    while (tail + 1 < TAILS && number >> width >= TAIL_STARTS[tail + 1])
        tail++;
    const uint32_t e = r->offset + 2 * (uint32_t)r->largest + 1 + tail;
    *raw = (int32_t)(2 * ((uint32_t)magnitude - (uint32_t)t->entries[e].base) + (symbol < 0));
    return e;
}

/* Append the entries of n symbols in rows of the tables, and their raw bits: DONE, or FAILED for one beyond the range. */
static int write_symbols(Parity *p, const uint16_t *rows, size_t n, const int32_t *symbols) {
    if (n > p->room - p->written)
        return FAILED;
    for (size_t i = 0; i < n; i++) {
        int32_t raw;
        if (symbols[i] < -SYMBOL_HALF || symbols[i] >= SYMBOL_HALF)
            return FAILED;
        const uint32_t e = find_entry(&p->tables, rows[i], symbols[i], &raw);
        p->out_entries[p->written++] = (uint16_t)e;
        p->out_raw[p->raw_written] = raw; /* there is room for as many as entries */
        p->raw_written += p->tables.entries[e].width > 0;
    }
    return DONE;
}

/* What networks see of a symbol. */
static INLINE void show_symbol(const Parity *p, int32_t symbol, int32_t *magnitude, int32_t *sign) {
    const uint32_t size = symbol < 0 ? 0u - (uint32_t)symbol : (uint32_t)symbol;
    *magnitude = p->magnitudes[size > 255 ? 255 : size];
    symbol = symbol < -SIGNED_MAX ? -SIGNED_MAX : symbol;
    *sign = (symbol > SIGNED_MAX ? SIGNED_MAX : symbol) * SIGNED_UNIT;
}

/* One parity of a grid: symbols by their keys, read, written, or all 0, in the order of rows, columns, bands. Writes
   values, what finer levels and later parities see. A block of a row at a time, which stays in the first cache: first
   which symbols are coded, then these, then what all of them say. */
static INLINE int code_parity_of(Parity *p, const Kernels *kernels, const int bands, const int mode, Block *block) {
    const Tables *t = &p->tables;
    const size_t grid = p->width * p->height;
    int32_t *q = block->symbols[0], *magnitudes = block->magnitudes[0], *signs = block->signs[0];
    uint8_t coded[TABLE_ROWS];
    for (int row = 0; row < TABLE_ROWS; row++)
        coded[row] = p->all || !t->rows[row].skipped;
    for (size_t y = 0; y < p->rows; y++)
        for (size_t begin = 0; begin < p->columns; begin += BLOCK_COLUMNS) {
            const size_t n = p->columns - begin < BLOCK_COLUMNS ? p->columns - begin : BLOCK_COLUMNS;
            const int32_t *keys = p->keys + y * p->key_stride + begin;
            const size_t at = (2 * (y + p->first) + p->y) * p->width + p->x + 2 * begin;
            size_t count = 0;
            for (size_t x = 0; x < n; x++) {
                UNROLL
                for (int b = 0; b < bands; b++) {
                    const uint32_t key = (uint32_t)keys[b * p->key_plane + x] & (KEYS_COUNT - 1);
                    const uint32_t eighths = (key & ((1 << MEAN_BITS) - 1)) + MEANS / 2; /* the mean + 256.5 steps */
                    const uint32_t row = (key >> MEAN_BITS) * MEANS + eighths % MEANS;
                    const int32_t rounded = (int32_t)(eighths / MEANS) - MEAN_HALF / MEANS;
                    block->rows[count] = (uint16_t)row;
                    block->places[count] = (uint16_t)(b * BLOCK_COLUMNS + x);
                    block->symbols[b][x] = rounded; /* what a symbol counts from; 0 where none is coded */
                    block->reach[b][x] = p->recon[key >> MEAN_BITS];
                    count += coded[row] | (rounded != 0);
                }
            }
            if (mode == READ) {
                if (read_symbols(&p->reader, t, block->rows, count, block->coded))
                    return FAILED;
                for (size_t i = 0; i < count; i++)
                    q[block->places[i]] = (int32_t)((uint32_t)q[block->places[i]] + (uint32_t)block->coded[i]);
            } else if (mode == WRITE) {
                for (size_t i = 0; i < count; i++) {
                    const size_t place = block->places[i], b = place / BLOCK_COLUMNS, x = place % BLOCK_COLUMNS;
                    const int32_t value = p->details[b * grid + at + 2 * x];
                    block->coded[i] = (int32_t)((uint32_t)value - (uint32_t)q[place]); /* refused where it is far away */
                    q[place] = value;
                }
                if (write_symbols(p, block->rows, count, block->coded))
                    return FAILED;
                for (int b = 0; b < bands; b++)
                    for (size_t x = 0; x < n; x++)
                        p->details[b * grid + at + 2 * x] = block->symbols[b][x];
            }
            for (int k = 0; k < bands * BLOCK_COLUMNS; k++)
                magnitudes[k] = p->magnitudes[0], signs[k] = 0;
            for (size_t i = 0; i < count; i++) {
                const size_t place = block->places[i];
                show_symbol(p, q[place], &magnitudes[place], &signs[place]);
            }
            kernels->show(p, bands, block, y, begin, n);
        }
    return DONE;
}

/* The same with both numbers of bands and all sources written out. */
static int code_any_parity(Parity *p, const Kernels *kernels, int bands, int mode, Block *block) {
    switch (mode * 2 + (bands == 6)) {
    case READ * 2: return code_parity_of(p, kernels, 3, READ, block);
    case READ * 2 + 1: return code_parity_of(p, kernels, 6, READ, block);
    case WRITE * 2: return code_parity_of(p, kernels, 3, WRITE, block);
    case WRITE * 2 + 1: return code_parity_of(p, kernels, 6, WRITE, block);
    case ZEROS * 2: return code_parity_of(p, kernels, 3, ZEROS, block);
    default: return code_parity_of(p, kernels, 6, ZEROS, block);
    }
}

/* Any rows of entries, as kernels/rans.py has them. */
typedef struct {
    const int64_t *bins, *edges, *starts, *freqs;
    size_t bins_count, count; /* of bins; of entries, at least one */
    int bin_bits;
} PlainRows;

/* The entry in which row << 15 | slot lies: the last one whose edge is not above it. */
static size_t search_entry(const PlainRows *t, int64_t edge) {
    size_t low = 0, high = t->count;
    while (high - low > 1) {
        const size_t middle = (low + high) / 2;
        if (t->edges[middle] <= edge)
            low = middle;
        else
            high = middle;
    }
    return low;
}

/* Decode symbols from `position` on, whose keys, rows << 15 − bin_bits, become bins or, behind all of these, entries. With
   `last` they are their lanes' last: no words follow, and the result is whether every lane ends as it should. Else
   it is the next word's place; one more than there are words where one is missing. */
static size_t decode_symbols(const PlainRows *t, int64_t *keys, size_t n, int64_t *states, size_t lanes,
                             size_t position, const int64_t *words, size_t words_count, size_t word, int last) {
    enum { SEARCHED = 0xffff };
    int ended = 1;
    for (size_t i = 0; i < n; i++) {
        int64_t *state = &states[(position + i) & (lanes - 1)];
        uint32_t x = (uint32_t)*state, freq;
        const uint32_t slot = x & (PROB_SCALE - 1);
        const size_t bin = (size_t)keys[i] + (slot >> t->bin_bits);
        const uint64_t packed = (uint64_t)t->bins[bin];
        if (packed == SEARCHED) {
            const size_t e = search_entry(t, (keys[i] << t->bin_bits) + slot);
            freq = (uint32_t)t->freqs[e];
            x = freq * (x >> PROB_BITS) + slot - (uint32_t)t->starts[e];
            keys[i] = (int64_t)(t->bins_count + e);
        } else {
            freq = (uint32_t)(packed >> 16);
            x = freq * (x >> PROB_BITS) + slot - (uint32_t)(packed & SEARCHED);
            keys[i] = (int64_t)bin;
        }
        if (last) {
            ended &= x == 2 * freq;
        } else if (x < LOW) {
            if (word >= words_count)
                return words_count + 1;
            x = x << 16 | (uint32_t)(words[word++] & SEARCHED);
        }
        *state = x;
    }
    return last ? (size_t)ended : word;
}

/* Code symbols backwards, of starts and frequencies, from states as coding each lane's last symbol leaves them. The words
   are the last ones of `room`, little-endian; the result is how many. Each symbol makes one at most. */
static size_t encode_symbols(const uint16_t *starts, const uint16_t *freqs, size_t count, size_t lanes, int64_t *states,
                             uint8_t *words, size_t room) {
    size_t used = 0;
    for (size_t t = count; t-- > 0;) {
        int64_t *state = &states[t & (lanes - 1)];
        const uint32_t freq = freqs[t];
        uint32_t x = (uint32_t)*state;
        if (x >= (uint64_t)freq << (32 - PROB_BITS)) {
            used++;
            words[2 * (room - used)] = (uint8_t)x;
            words[2 * (room - used) + 1] = (uint8_t)(x >> 8);
            x >>= 16;
        }
        const uint32_t whole = x / freq;
        *state = (int64_t)((uint64_t)whole << PROB_BITS) + (x - whole * freq) + starts[t];
    }
    return used;
}
