/* Calls of the coder of symbols. */

#include "calls.h"

#include "symbols.h"

const char encode_doc[] = PyDoc_STR("encode(starts, freqs, states, words) -> how many words, at the end of `words`\n\n"
                                    "See entropy.rans.encode.");

/* Whether intervals are such as encode_symbols divides by; otherwise ValueError. */
static int check_intervals(const uint16_t *starts, const uint16_t *freqs, size_t count) {
    int bad = 0;
    for (size_t i = 0; i < count; i++)
        bad |= !freqs[i] | (starts[i] + freqs[i] > PROB_SCALE);
    if (bad)
        PyErr_SetString(PyExc_ValueError, "encode: expected intervals of at least 1 inside 0 … 32768");
    return !bad;
}

/* Whether there are as many lanes as a coder may have: a power of two, at least `low`; otherwise ValueError. */
static int check_lanes(size_t lanes, int low) {
    return within("lanes", lanes, low, 1024) && within("lanes & (lanes - 1)", lanes & (lanes - 1), 0, 0);
}

PyObject *encode(PyObject *self, PyObject *args) {
    enum { STARTS, FREQS, STATES, WORDS };
    Call call = {0};
    const uint16_t *starts, *freqs;
    int64_t *states;
    size_t used = 0;
    (void)self;
    if (!PyArg_ParseTuple(args, "y*y*w*w*", BUFFER(STARTS), BUFFER(FREQS), BUFFER(STATES), BUFFER(WORDS)))
        return NULL;
    const size_t count = length(&call, FREQS, 2), lanes = length(&call, STATES, 8);
    if (check_lanes(lanes, 1) && TAKE("starts", STARTS, starts, count) && TAKE("freqs", FREQS, freqs, count) &&
        TAKE("states", STATES, states, lanes) && holds("words", BUFFER(WORDS), count, 2) &&
        check_intervals(starts, freqs, count))
        ALONE(used = encode_symbols(starts, freqs, count, lanes, states, call.buffers[WORDS].buf, count);)
    PyObject *none = finished(&call);
    Py_XDECREF(none);
    return none ? PyLong_FromSize_t(used) : NULL;
}

const char decode_doc[] = PyDoc_STR(
    "decode(bins, edges, starts, freqs, bin_bits, keys, states, position, words, word, last) -> the next word's place, "
    "or whether every lane has ended\n\nSee kernels.rans.decode, and decode_last.");

/* Whether bins of all slots begin with every key; otherwise ValueError. */
static int check_keys(const PlainRows *t, const int64_t *keys, size_t count) {
    const uint64_t of_a_row = (uint64_t)PROB_SCALE >> t->bin_bits;
    int bad = of_a_row > t->bins_count;
    for (size_t i = 0; i < count; i++)
        bad |= (uint64_t)keys[i] > t->bins_count - of_a_row;
    if (bad)
        PyErr_SetString(PyExc_ValueError, "decode: expected keys of rows within the bins");
    return !bad;
}

PyObject *decode(PyObject *self, PyObject *args) {
    enum { BINS, EDGES, STARTS, FREQS, KEYS_OF, STATES, WORDS };
    Call call = {0};
    PlainRows t = {0};
    int64_t *keys, *states;
    const int64_t *words;
    Py_ssize_t position, word;
    int last;
    size_t result = 0;
    (void)self;
    if (!PyArg_ParseTuple(args, "y*y*y*y*iw*w*ny*ni", BUFFER(BINS), BUFFER(EDGES), BUFFER(STARTS), BUFFER(FREQS),
                          &t.bin_bits, BUFFER(KEYS_OF), BUFFER(STATES), &position, BUFFER(WORDS), &word, &last))
        return NULL;
    const size_t count = length(&call, KEYS_OF, 8), lanes = length(&call, STATES, 8), all = length(&call, WORDS, 8);
    t.bins_count = length(&call, BINS, 8), t.count = length(&call, EDGES, 8);
    if (check_lanes(lanes, 1) && within("bin_bits", t.bin_bits, 0, PROB_BITS) &&
        within("entries", (Py_ssize_t)t.count, 1, PY_SSIZE_T_MAX / 8) && TAKE("bins", BINS, t.bins, t.bins_count) &&
        TAKE("edges", EDGES, t.edges, t.count) && TAKE("starts", STARTS, t.starts, t.count) &&
        TAKE("freqs", FREQS, t.freqs, t.count) && TAKE("keys", KEYS_OF, keys, count) &&
        TAKE("states", STATES, states, lanes) && TAKE("words", WORDS, words, all) &&
        within("position", position, 0, PY_SSIZE_T_MAX / 2) && within("word", word, 0, (Py_ssize_t)all) &&
        check_keys(&t, keys, count))
        ALONE(result = decode_symbols(&t, keys, count, states, lanes, (size_t)position, words, all, (size_t)word, last);)
    PyObject *none = finished(&call);
    Py_XDECREF(none);
    return none ? PyLong_FromSize_t(result) : NULL;
}

/* Whether rows stay within the entries; otherwise ValueError. */
static int check_tables(const Tables *t) {
    for (size_t k = 0; k < TABLE_ROWS; k++) {
        const Row *r = &t->rows[k];
        if (r->raw_bits > 16 || r->largest < 0 || r->largest > 127 || r->offset < 0 ||
            (uint32_t)r->offset + 2u * (uint32_t)r->largest + 1 + TAILS > t->count) {
            PyErr_Format(PyExc_ValueError, "rows: row %zu does not fit the entries", k);
            return 0;
        }
    }
    return 1; /* `first` has too many to look at each time: entry_of stays within the entries */
}

/* What a parity reads from, of buffers and a cursor: position, count, word, raw bit. */
static int take_reader(Call *call, Reader *r, int states, int words, int raw, const int64_t *cursor) {
    const Py_buffer *b = call->buffers;
    *r = (Reader){b[states].buf, length(call, states, 8), cursor[0], cursor[1],          b[words].buf, (size_t)cursor[2],
                  length(call, words, 2), b[raw].buf,  (size_t)b[raw].len, cursor[3]};
    return check_lanes(r->lanes, r->position < r->count) && holds("states", &b[states], r->lanes, 8) &&
           within("position", r->position, 0, r->count) && within("word", r->word, 0, r->words) &&
           within("raw bit", r->raw_bit, 0, 8 * b[raw].len);
}

const char code_parity_doc[] = PyDoc_STR(
    "code_parity(level, mode, bands, parity, all, keys, key_plane, key_stride, rows, entries, first, height, width, "
    "first, rows, columns, recon, magnitudes, values, features, own, own_plane, own_stride, states, words, raw, "
    "cursor, details, entries, raws)\n\nSymbols of one parity of a grid; see latent.parity. False where they cannot be read.");

PyObject *code_parity(PyObject *self, PyObject *args) {
    enum { KEYS_OF, ROWS, ENTRIES, FIRST, RECON, MAGNITUDES, VALUES, FEATURES, OWN, STATES, WORDS, RAW, CURSOR, DETAILS,
           OUT_ENTRIES, OUT_RAW };
    Call call = {0};
    Parity p = {0};
    int level, mode, bands, parity, result = DONE;
    int64_t *cursor;
    (void)self;
    if (!PyArg_ParseTuple(args, "iiiiiy*nny*y*y*nnnnny*y*w*w*w*nnw*y*y*w*w*w*w*", &level, &mode, &bands, &parity, &p.all,
                          BUFFER(KEYS_OF), SIZE(p.key_plane), SIZE(p.key_stride), BUFFER(ROWS), BUFFER(ENTRIES),
                          BUFFER(FIRST), SIZE(p.height), SIZE(p.width), SIZE(p.first), SIZE(p.rows), SIZE(p.columns),
                          BUFFER(RECON), BUFFER(MAGNITUDES), BUFFER(VALUES), BUFFER(FEATURES), BUFFER(OWN),
                          SIZE(p.own_plane), SIZE(p.own_stride), BUFFER(STATES), BUFFER(WORDS), BUFFER(RAW),
                          BUFFER(CURSOR), BUFFER(DETAILS), BUFFER(OUT_ENTRIES), BUFFER(OUT_RAW)))
        return NULL;
    Tables *t = &p.tables;
    t->count = (uint32_t)length(&call, ENTRIES, sizeof(Entry)), p.room = length(&call, OUT_ENTRIES, 2);
    p.x = parity & 1, p.y = parity >> 1 & 1;
    const size_t cells = (size_t)bands * p.height * p.width;
    if (!has_level(&call, level) || !within("mode", mode, READ, ZEROS) || !within("bands", bands, 3, 6) || !within("bands % 3", bands % 3, 0, 0) ||
        !within("parity", parity, 0, 3) || !within("height", p.height, 1, SIDE_MAX) ||
        !within("width", p.width, 1, SIDE_MAX) || !within("first", p.first, 0, SIDE_MAX) ||
        !within("rows", p.rows, 1, (Py_ssize_t)(p.height - p.y + 1) / 2 - (Py_ssize_t)p.first) ||
        !within("columns", p.columns, 1, (Py_ssize_t)(p.width - p.x + 1) / 2) ||
        !within("key_stride", p.key_stride, p.columns, SIDE_MAX) ||
        !within("key_plane", p.key_plane, p.rows * p.key_stride, PY_SSIZE_T_MAX / 64) ||
        !TAKE("keys", KEYS_OF, p.keys, (size_t)bands * p.key_plane) || !TAKE("rows", ROWS, t->rows, TABLE_ROWS) ||
        !within("entries", length(&call, ENTRIES, sizeof(Entry)), TABLE_ROWS, 1 << 16) ||
        !TAKE("entries", ENTRIES, t->entries, t->count) || !TAKE("first", FIRST, t->first, FIRSTS) ||
        !check_tables(t) || !TAKE("recon", RECON, p.recon, SCALES) ||
        !TAKE("magnitudes", MAGNITUDES, p.magnitudes, 256) || !TAKE("values", VALUES, p.values, cells) ||
        !TAKE("features", FEATURES, p.features, 3 * p.height * p.width) || !TAKE("cursor", CURSOR, cursor, 4))
        goto end;
    if (call.buffers[OWN].len && (!within("own_stride", p.own_stride, p.columns + 2, SIDE_MAX) ||
                                  !within("own_plane", p.own_plane, (p.first + p.rows + 2) * p.own_stride,
                                          PY_SSIZE_T_MAX / 64) ||
                                  !TAKE("own", OWN, p.own, 3 * p.own_plane)))
        goto end;
    if (mode == READ && !take_reader(&call, &p.reader, STATES, WORDS, RAW, cursor))
        goto end;
    if (mode == WRITE) { /* the cursor: entries, raw values */
        p.written = (size_t)cursor[0], p.raw_written = (size_t)cursor[1];
        if (!TAKE("details", DETAILS, p.details, cells) || !TAKE("out_entries", OUT_ENTRIES, p.out_entries, p.room) ||
            !TAKE("out_raw", OUT_RAW, p.out_raw, p.room) || !within("written", p.written, 0, p.room) ||
            !within("raw written", p.raw_written, 0, p.written))
            goto end;
    }
    if (!has_scratch(&call, sizeof(Block) / 4))
        goto end;
    ALONE(result = code_any_parity(&p, call.kernels, bands, mode, call.scratch);)
    if (mode == READ)
        cursor[0] = p.reader.position, cursor[2] = (int64_t)p.reader.word, cursor[3] = p.reader.raw_bit;
    else if (mode == WRITE)
        cursor[0] = (int64_t)p.written, cursor[1] = (int64_t)p.raw_written;
end:;
    PyObject *none = finished(&call);
    Py_XDECREF(none);
    return none ? PyBool_FromLong(result == DONE) : NULL;
}
