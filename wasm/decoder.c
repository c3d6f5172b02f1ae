/* The kernels of inr_core as a WebAssembly module: what the decoder in docs/viewer/decoder/ calls.

   These are the compiled kernels of the package (inr_core/kernels/), at a level of instructions of their own, without
   Python around them. JavaScript reads files, checks every size, and has everything in this module's memory. A function
   gives back MADE, REFUSED where no writer made the bytes, or NO_MEMORY. */

#include <wasm_simd128.h>

#include "native.h"

#include "memory.h"
#include "mixing_memory.h"
#include "reducing.h"

static int16_t sine_table[SINE_MASK + 1];

#define JOINED(a, b) a##_##b
#define NAMED(a, b) JOINED(a, b)
#define NAME(name) NAMED(name, SUFFIX)

#define VECTOR_PLAIN 0
#define VECTOR_SSE2 1
#define VECTOR_NEON 2
#define VECTOR_AVX2 3
#define VECTOR_VNNI 4
#define VECTOR_WASM 5

#define VECTOR_LEVEL VECTOR_WASM
#define SUFFIX simd
#include "level.h"

#include "symbols.h"

#include "maps.h"
#include "wide.h"

#ifndef SOURCES
#define SOURCES 0u
#endif

/* CRC-32 of what this is compiled of: a test compares it with the files. */
uint32_t EXPORT(sources)(void) {
    return SOURCES;
}

/* The table of sines, int16 (4096,). MADE if the kernels' polynomial has the same ones. */
int EXPORT(set_sines)(const int16_t *table) {
    static int32_t phases[SINE_MASK + 1], sines[SINE_MASK + 1];
    memcpy(sine_table, table, sizeof sine_table);
    for (int k = 0; k <= SINE_MASK; k++)
        phases[k] = (int32_t)((uint32_t)k << 20);
    sines_simd(phases, sines);
    for (int k = 0; k <= SINE_MASK; k++)
        if (sines[k] != sine_table[k])
            return REFUSED;
    return MADE;
}

/* Symbols of the latent model: the one reader that there is. */
static Reader reader;

void EXPORT(open_symbols)(int64_t *states, size_t lanes, uint32_t count, const uint8_t *words, size_t words_count,
                          const uint8_t *raw, size_t raw_bytes) {
    reader = (Reader){states, lanes, 0, count, words, 0, words_count, raw, raw_bytes, 0};
}

/* Symbols and raw bits that were read. */
double EXPORT(symbols_read)(void) {
    return (double)reader.position;
}

double EXPORT(raw_bits_read)(void) {
    return (double)reader.raw_bit;
}

/* The next `count` symbols, all in one row of the tables. */
int EXPORT(read_row)(const Tables *tables, uint32_t row, size_t count, int32_t *symbols) {
    enum { AT_ONCE = 1024 };
    uint16_t rows[AT_ONCE];
    for (int k = 0; k < AT_ONCE; k++)
        rows[k] = (uint16_t)row;
    for (size_t at = 0; at < count; at += AT_ONCE)
        if (read_symbols(&reader, tables, rows, count - at < AT_ONCE ? count - at : AT_ONCE, symbols + at) != DONE)
            return REFUSED;
    return MADE;
}

/* What planes (planes, height, width) hold beyond their blur: int16, the same shape. */
int EXPORT(highpass)(const int32_t *from, size_t planes, size_t height, size_t width, double factor, int16_t *out) {
    const size_t before = mark();
    uint32_t *scratch = take((width + 4) * sizeof *scratch);
    if (!scratch)
        return NO_MEMORY;
    const Highpass p = {planes, width, height, 0, height, from, factor, out};
    highpass_simd(&p, scratch);
    release(before);
    return MADE;
}

/* Everything that a network's symbols of a level are read with; JavaScript writes it. */
typedef struct {
    const Layer *layers;  /* [4 parities in their order][3] */
    const int32_t *const *wide; /* [4][3] weights of 32 bits, or NULL: all fit 16 */
    int32_t *maps;        /* [pairs][plane]; what all parities know, then three of each parity but the last */
    uint32_t known, plane, stride;
    const Tables *tables;
    const int32_t *recon;      /* [SCALES] */
    const int16_t *magnitudes; /* [256] */
    int32_t *values;           /* [bands][height][width] */
    int32_t *features;         /* [3][height][width] */
    uint32_t bands, height, width, all;
} Bands;

/* Read the symbols of 3 or 6 bands of a level, one parity after the other. */
int EXPORT(read_bands)(const Bands *b) {
    enum { AT_ONCE = 1 << 15 }; /* symbols, whose keys stay in the cache */
    static const uint8_t ORDER[4] = {0, 3, 1, 2};
    static const Kernels kernels = {.show = show_simd};
    const size_t before = mark(), outputs = b->bands + b->bands % 2;
    const size_t most = AT_ONCE / b->bands / b->stride, strip = most ? most : 1;
    int32_t *keys = take(outputs * (strip * b->stride + TILE_MAX) * sizeof *keys);
    int32_t *scratch = take(PARITY_SCRATCH * sizeof *scratch);
    Block *block = take(sizeof *block);
    int result = keys && scratch && block ? MADE : NO_MEMORY;
    for (int rank = 0; rank < 4 && result == MADE; rank++) {
        const size_t y = ORDER[rank] >> 1, x = ORDER[rank] & 1;
        const size_t rows = (b->height - y + 1) / 2, columns = (b->width - x + 1) / 2;
        for (size_t first = 0; first < rows && columns && result == MADE; first += strip) {
            const size_t n = rows - first < strip ? rows - first : strip;
            ParityNetwork p = {.maps = b->maps, .plane = b->plane, .stride = b->stride, .first = first, .rows = n,
                               .keys = keys, .key_plane = n * b->stride};
            memcpy(p.layers, b->layers + 3 * rank, sizeof p.layers);
            if (b->wide)
                wide_keys(&p, b->wide + 3 * rank, scratch);
            else
                parity_keys_simd(&p, scratch);
            Parity parity = {
                .tables = *b->tables, .reader = reader, .keys = keys, .key_plane = p.key_plane, .key_stride = b->stride,
                .width = b->width, .height = b->height, .first = first, .rows = n, .columns = columns, .x = x, .y = y,
                .all = (int)b->all, .recon = b->recon, .magnitudes = b->magnitudes, .values = b->values,
                .features = b->features,
                .own = rank < 3 ? b->maps + (b->known + 3 * (size_t)rank) * b->plane : NULL,
                .own_plane = b->plane, .own_stride = b->stride,
            };
            const int done = b->bands == 3 ? code_parity_of(&parity, &kernels, 3, READ, block)
                                           : code_parity_of(&parity, &kernels, 6, READ, block);
            result = done == DONE ? MADE : REFUSED;
            reader = parity.reader;
        }
    }
    release(before);
    return result;
}

/* What the planes of a finer grid are made of; JavaScript writes it. */
typedef struct {
    Layer layers[3];
    const int32_t *const *wide; /* [3], or NULL */
    const int32_t *low, *values; /* [planes][height][width], three times as many */
    const int16_t *high;
    const int32_t *gains;
    const double *factors, *offsets;
    uint32_t planes, height, width, out_height, out_width;
    int32_t factor, shift; /* of residuals */
    int32_t *out;
} Finer;

/* The inverse wavelet and what the cell adds. */
int EXPORT(finer)(const Finer *f) {
    const size_t before = mark();
    const size_t rings = (size_t)(3 * CELL_ROW) * (2 * f->planes + (uint32_t)f->layers[1].neurons / 2);
    uint32_t *lifting = take_zeros(LIFTING_SCRATCH((size_t)f->width) * sizeof *lifting);
    int32_t *scratch = take_zeros((CELL_SCRATCH + rings) * sizeof *scratch);
    if (!lifting || !scratch)
        return NO_MEMORY;
    const Wavelet w = {f->planes, f->width, f->height, 0, f->height, f->low, f->values, f->factors, f->offsets, f->out,
                       f->out_width, f->out_height};
    wavelet_rows_simd(&w, lifting);
    Cell c = {.planes = (int)f->planes, .width = f->width, .height = f->height, .first = 0, .last = f->height,
              .high = f->high, .values = f->values, .gains = f->gains, .factor = f->factor, .shift = f->shift,
              .out = f->out, .out_width = f->out_width, .out_height = f->out_height};
    memcpy(c.layers, f->layers, sizeof c.layers);
    int result = MADE;
    if (f->wide)
        result = wide_cell(&c, f->wide);
    else
        cell_rows_simd(&c, scratch);
    release(before);
    return result;
}

/* Planes → samples of one component, every `step` of bytes, or of words if `wide`. */
void EXPORT(colour)(const int32_t *from, size_t planes, size_t plane, size_t step, int wide, void *out) {
    const Colour p = {planes, plane, plane, step, from, wide, out};
    colour_simd(&p);
}

/* Phases that a siren's first layer has of coordinates (count,): [neurons][stride] from `weights`, every second one,
   and biases, or NULL. Products wrap; only bits 8 … 39 count. */
void EXPORT(first_phases)(const int32_t *weights, size_t neurons, uint32_t multiplier, const int32_t *coordinates,
                          size_t count, const uint32_t *bias, uint32_t *out, size_t stride) {
    for (size_t n = 0; n < neurons; n++)
        for (size_t i = 0; i < count; i++) {
            const uint64_t product = (uint64_t)(int64_t)weights[2 * n] * multiplier * (uint64_t)(int64_t)coordinates[i];
            out[n * stride + i] = (uint32_t)(product >> 8) + (bias ? bias[n] : 0);
        }
}

/* A strip of rows of a siren. */
int EXPORT(siren)(const Siren *siren) {
    const size_t before = mark();
    int32_t *scratch = take(SIREN_SCRATCH((size_t)siren->widest) * sizeof *scratch);
    if (!scratch)
        return NO_MEMORY;
    siren_rows_simd(siren, scratch);
    release(before);
    return MADE;
}

/* The mixing coder: `data` → samples [planes][height][width] of 16 bits. */
int EXPORT(mix)(size_t height, size_t width, int planes, int bits, int asks, const uint16_t *squash,
                const int16_t *stretch, const uint32_t *rates, const uint8_t *data, size_t size, uint16_t *out) {
    const size_t before = mark();
    Mixing m = {.tables = {squash, stretch, rates}, .height = height, .width = width, .stride = width + 2 * EDGE,
                .planes = planes, .bits = bits, .asks = asks, .most = UINT64_MAX};
    m.coder = (BitCoder){.high = UINT32_MAX, .from = data, .size = size};
    m.pixels = take_zeros((height + ABOVE_ROWS) * m.stride * sizeof *m.pixels);
    m.size = mixing_size(&m);
    m.memory = m.pixels ? take_zeros(m.size) : NULL;
    if (!m.memory) {
        release(before);
        return NO_MEMORY;
    }
    lay_out(&m);
    begin_coding(&m.coder);
    for (size_t y = 0; y < height && m.coder.at <= m.coder.size + 4; y++)
        mix_rows_simd(&m, y, y + 1);
    end_coding(&m.coder);
    const int right = m.coder.at <= size && size <= m.coder.at + 4;
    for (int k = 0; right && k < planes; k++)
        for (size_t y = 0; y < height; y++) {
            const uint64_t *row = m.pixels + (y + ABOVE_ROWS) * m.stride + EDGE;
            for (size_t x = 0; x < width; x++)
                *out++ = (uint16_t)(row[x] >> 16 * k);
        }
    release(before);
    return right ? MADE : REFUSED;
}
