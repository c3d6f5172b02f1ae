/* What the kernels share: the format's constants, and the arguments of each kernel. See native.c. */

#ifndef NATIVE_H
#define NATIVE_H

#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#if defined(_MSC_VER) && !defined(__clang__)
#define INLINE __forceinline
#define RESTRICT __restrict
#define UNROLL
#elif defined(__clang__)
#define INLINE inline __attribute__((always_inline))
#define RESTRICT restrict
#define UNROLL _Pragma("clang loop unroll(full)")
#else
#define INLINE inline __attribute__((always_inline))
#define RESTRICT restrict
#define UNROLL _Pragma("GCC unroll 16")
#endif

enum {
    /* the latent model: FORMAT.md has them by the same names, or without one */
    RELU_MAX = 1023,
    CELL_MAX = 256,
    VALUE_MAX = 2047,
    RESIDUAL_MAX = 16383,
    COEFFICIENT_MAX = 1 << 20,
    PLANE_MAX = 35000,
    SCALES = 64,
    MEANS = 8,
    MEAN_BITS = 9,
    MEAN_HALF = 256,
    KEYS_COUNT = SCALES << MEAN_BITS,
    TABLE_ROWS = SCALES * MEANS,
    SIGNED_MAX = 8,
    SIGNED_UNIT = 8,
    SINE_MASK = 4095,
    /* the wavelet, in 2^-13 */
    ALPHA = -12994,
    BETA = -434,
    GAMMA = 7233,
    DELTA = 3633,
    LOW_GAIN = 12397,
    HALO = 2,
    /* colour, in 2^-14 */
    RED_CR = 22970,
    GREEN_CB = -5638,
    GREEN_CR = -11700,
    BLUE_CB = 29032,
    /* the coder */
    PROB_BITS = 15,
    PROB_SCALE = 1 << PROB_BITS,
    LOW = 1 << 16,
    SYMBOL_HALF = 1 << 23,
    TAILS = 5,
    FIRST_BITS = 7, /* of the slots for which Tables.first says where to look */
    FIRSTS = TABLE_ROWS << FIRST_BITS,
    /* sizes */
    MAX_NEURONS = 256, /* of a layer */
    MAX_PAIRS = 64,    /* of input maps */
    TILE_MAX = 48,     /* positions evaluated together, at most */
    CELL_COLUMNS = 430, /* of a grid, evaluated row by row */
    COLOUR_BLOCK = 128, /* pixels converted together */
    BLOCK_COLUMNS = 128, /* of a parity, coded together */
    SIREN_TILE_MAX = 96,
    SIREN_WIDTH_MAX = 1 << 14, /* neurons of a siren's layer */
    CHANNELS_MAX = 16, /* of a siren */
    LAYERS_MAX = 1 << 10
};

static const int32_t TO_YCC[3][3] = {{4899, 9617, 1868}, {-2765, -5427, 8192}, {8192, -6860, -1332}}; /* in 2^-14 */
static const int32_t TAIL_STARTS[TAILS] = {0, 2, 10, 42, 298};

#define PAIR(low, high) ((int32_t)((uint32_t)(uint16_t)(low) | (uint32_t)(high) << 16))

typedef struct {
    const int32_t *weights, *bias; /* packed by fours of neurons, see networks.h; with half */
    int neurons, pairs, shift;
    uint32_t multiplier;
} Layer;

typedef struct {
    Layer layers[3];
    const int32_t *maps; /* [pairs][plane] */
    size_t plane, stride, first, rows;
    int32_t *keys; /* [bands, rounded up to even][key_plane] */
    size_t key_plane;
} ParityNetwork;

typedef struct {
    Layer layers[3];
    int planes;
    size_t width, height, first, last;
    const int16_t *high;   /* [planes][height][width] */
    const int32_t *values; /* [3 · planes][height][width] */
    const int32_t *gains;  /* [3 · planes] */
    int32_t factor;        /* of residuals, 2^-shift */
    int shift;
    int32_t *out; /* [planes][out_height][out_width] */
    size_t out_width, out_height;
} Cell;

typedef struct {
    size_t planes, width, height, first, last;
    const int32_t *from;
    double factor;
    int16_t *out;
} Highpass;

typedef struct {
    size_t planes, width, height, first, last;
    const int32_t *low, *values;
    const double *factors, *offsets;
    int32_t *out;
    size_t out_width, out_height;
} Wavelet;

typedef struct {
    size_t planes, width, height, low_width, low_height;
    const int32_t *from; /* [planes][height][width] */
    int32_t *low, *details; /* [planes][low_height][low_width], three times as many */
} Forward;

typedef struct {
    size_t count;
    const int32_t *from;
    double step, kept;
    int32_t *out;
} Quantise;

typedef struct {
    size_t planes, count, step;
    const void *from;
    int wide;
    int32_t *out; /* [planes][count] */
} Uncolour;

typedef struct {
    size_t planes, plane, count, step;
    const int32_t *from; /* [planes][plane], of which `count` are converted */
    int wide;
    void *out;
} Colour;

typedef struct {
    size_t rows, width, size, taps;
    const void *from; /* [rows][width] */
    int wide;
    const int64_t *firsts;  /* [size] rows, also beyond the first and the last */
    const int32_t *weights; /* [size][taps] */
    void *out;              /* [size][width] */
} Resample;

typedef struct {
    const uint32_t *columns, *rows; /* phases of the first layer, [neurons][stride] and [neurons][height] */
    size_t stride, width, height, first, last;
    int layers, channels, widest;
    const int32_t *neurons;      /* [layers] all but the last one's, whole fours */
    const int32_t *dense;        /* [layers] of all but the first: whether its weights are packed by fours of neurons */
    const int32_t *counts;       /* entries of each neuron of the other layers */
    const int32_t *weights;      /* by layer, as a Layer has them, or entries: a pair of inputs, a pair of weights */
    const uint32_t *multipliers; /* [layers − 1] */
    const int32_t *bias;         /* phases of all neurons but those of the first and the last layer */
    int64_t last_multiplier;
    const int64_t *last_bias; /* [channels] */
    int32_t peak;
    int32_t *out; /* [height][width][channels] */
} Siren;

enum { RELU, SINE, KEYS, CLIPPED, TURNS, SUMS }; /* what becomes of a layer's sums */

/* Integers of scratch. CELL_SCRATCH is without the rings: three rows of inputs and of activations, CELL_ROW wide. */
enum {
    PARITY_SCRATCH = 3 * MAX_NEURONS / 2 * TILE_MAX + 9 * MAX_PAIRS + MAX_NEURONS / 2,
    CELL_SCRATCH = (9 + 1 + TILE_MAX) * MAX_NEURONS / 2 + 13 * TILE_MAX,
    CELL_ROW = (CELL_COLUMNS + 4 + TILE_MAX + 15) / 16 * 16
};
#define SIREN_SCRATCH(widest) (((widest) + CHANNELS_MAX + 2) * SIREN_TILE_MAX + (widest) / 2)
#define LIFTING_SCRATCH(width) (18 * (width) + 64)

/* symbols.h */

enum { DONE, FAILED };
enum { READ, WRITE, ZEROS }; /* where symbols come from */

typedef struct {
    uint16_t start, freq;
    int32_t base;
    uint8_t width, tail;
    uint16_t unused;
} Entry;

typedef struct {
    int32_t offset; /* of its first entry */
    int16_t largest;
    uint8_t raw_bits, skipped;
} Row;

typedef struct {
    const Row *rows; /* [TABLE_ROWS] */
    const Entry *entries;
    uint32_t count; /* of entries */
    const uint16_t *first; /* [FIRSTS]: the entry in which some slots begin */
} Tables;

typedef struct {
    int64_t *states;
    size_t lanes; /* a power of two */
    int64_t position, count;
    const uint8_t *data; /* words, little-endian */
    size_t word, words;
    const uint8_t *raw;
    size_t raw_bytes;
    int64_t raw_bit;
} Reader;

typedef struct {
    Tables tables;
    Reader reader;
    const int32_t *keys; /* [bands][key_plane], rows `key_stride` apart */
    size_t key_plane, key_stride;
    size_t width, height, first, rows, columns; /* of the grid; of the parity: rows from `first` on */
    size_t x, y;                                /* of the parity: 0 or 1 */
    int all;                                    /* every symbol is coded */
    const int32_t *recon;                       /* [SCALES] */
    const int16_t *magnitudes;                  /* [256] */
    int32_t *values;                            /* [bands][height][width] */
    int32_t *features;                          /* [3][height][width], pairs */
    int32_t *own;                               /* [3][own_plane], pairs with a border, or NULL */
    size_t own_plane, own_stride;
    int32_t *details; /* [bands][height][width], when they are written */
    uint16_t *out_entries;
    int32_t *out_raw;
    size_t written, raw_written, room;
} Parity;

typedef struct { /* of a row of a parity: by band and column, and what is coded, in its order */
    int32_t symbols[6][BLOCK_COLUMNS], reach[6][BLOCK_COLUMNS];
    int32_t magnitudes[6][BLOCK_COLUMNS], signs[6][BLOCK_COLUMNS];
    int32_t coded[6 * BLOCK_COLUMNS];
    uint16_t rows[6 * BLOCK_COLUMNS], places[6 * BLOCK_COLUMNS];
} Block;

typedef struct Mixing Mixing; /* mixing.h */

/* The kernels that come once for each level. */
typedef struct {
    const char *name;
    int available;
    void (*parity_keys)(const ParityNetwork *, int32_t *);
    void (*cell_rows)(const Cell *, int32_t *);
    void (*highpass)(const Highpass *, uint32_t *);
    void (*wavelet_rows)(const Wavelet *, uint32_t *);
    void (*colour)(const Colour *);
    void (*forward)(const Forward *, uint32_t *);
    void (*quantise)(const Quantise *);
    void (*uncolour)(const Uncolour *);
    void (*resample)(const Resample *);
    void (*siren_rows)(const Siren *, int32_t *);
    void (*sines)(const int32_t *, int32_t *);
    size_t (*products)(const int32_t *, size_t, int32_t *);
    void (*show)(const Parity *, int, const Block *, size_t, size_t, size_t);
    void (*mix_rows)(Mixing *, size_t, size_t);
} Kernels;

#endif
