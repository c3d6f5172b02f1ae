/* Compiled kernels: what NumPy does in the other files of this folder, with the same results, in one pass each.

   How a level of 768 × 512 pixels is made, and what it costs. Multiply-adds a pixel, all levels together: 8,000 of the
   priors that come with the package, of which 2,500 are luma's phase networks, 2,100 chroma's, 3,400 the cell's; so
   3.2 · 10^9 for the picture, 20 ms at the rate of VNNI (156 · 10^9 a second and core), 53 at that of AVX2's pmaddwd
   (60 · 10^9). That is the floor; everything else is to be small beside it:

   - Networks read and write pairs of channels, so that a product needs no shuffling (networks.h). A tile of 8, 16 or 48
     positions goes through all layers while it is in the first cache. Maps are 2.5 MB for the finest grid, read once.
   - Symbols are read parity by parity from the keys of all its positions; values, and features as the next networks
     want them, are written in the same pass (symbols.h): 0.5 million symbols at 3 ns.
   - The cell keeps three rows of its second layer and adds what comes of it to the rows of the inverse wavelet, which
     keeps four (planes.h). 10^7 sines are a polynomial of their phase.

   Sums are exact in 32 bits: the format bounds Σ|weight| · |input| by 2^24. Weights and inputs must fit 16 bits; the
   caller uses NumPy for networks that do not.

   Levels of instructions are chosen at run time: plain C, baseline (SSE2 or NEON), avx2, vnni (AVX-512). Every function
   checks that its buffers are as large as its sizes say before it touches them, and works without the GIL. Only the
   stable ABI of Python 3.11 is used, and nothing of NumPy's. */

#ifndef SOURCES
#define SOURCES 0u /* CRC-32 of the C files: kernels/switch.py does not use a library of others than are beside it */
#endif

#define PY_SSIZE_T_CLEAN
#ifndef Py_LIMITED_API
#define Py_LIMITED_API 0x030B0000
#endif
#include <Python.h>

#include <math.h>

#include "native.h"

#if defined(__BYTE_ORDER__) && __BYTE_ORDER__ != __ORDER_LITTLE_ENDIAN__
#error "pairs of int16 are expected to have their first one in the low half of 32 bits"
#endif

static int16_t sine_table[SINE_MASK + 1];

#define JOINED(a, b) a##_##b
#define NAMED(a, b) JOINED(a, b)
#define NAME(name) NAMED(name, SUFFIX)

#define VECTOR_PLAIN 0
#define VECTOR_SSE2 1
#define VECTOR_NEON 2
#define VECTOR_AVX2 3
#define VECTOR_VNNI 4

#if defined(__x86_64__) || defined(_M_X64)
#define X86 1
#include <immintrin.h>
#elif defined(__aarch64__) || defined(_M_ARM64)
#define ARM 1
#include <arm_neon.h>
#endif

#if defined(_MSC_VER) && !defined(__clang__)
#define TARGET(features)
#define END_TARGET
#elif defined(__clang__)
#define DO_PRAGMA(text) _Pragma(#text)
#define TARGET(features) DO_PRAGMA(clang attribute push(__attribute__((target(features))), apply_to = function))
#define END_TARGET _Pragma("clang attribute pop")
#else
#define DO_PRAGMA(text) _Pragma(#text)
#define TARGET(features) _Pragma("GCC push_options") DO_PRAGMA(GCC target(features))
#define END_TARGET _Pragma("GCC pop_options")
#endif

#define VECTOR_LEVEL VECTOR_PLAIN
#define SUFFIX plain
#include "level.h"

#ifdef X86
#define VECTOR_LEVEL VECTOR_SSE2
#define SUFFIX baseline
#include "level.h"

TARGET("avx2,fma")
#define VECTOR_LEVEL VECTOR_AVX2
#define SUFFIX avx2
#include "level.h"
END_TARGET

TARGET("avx2,fma,avx512f,avx512bw,avx512dq,avx512vl,avx512vnni")
#define VECTOR_LEVEL VECTOR_VNNI
#define SUFFIX vnni
#include "level.h"
END_TARGET
#endif

#ifdef ARM
#define VECTOR_LEVEL VECTOR_NEON
#define SUFFIX baseline
#include "level.h"
#endif

#include "symbols.h"

static Kernels levels[] = {
    LEVEL_ROW(plain),
#if defined(X86) || defined(ARM)
    LEVEL_ROW(baseline),
#endif
#ifdef X86
    LEVEL_ROW(avx2),
    LEVEL_ROW(vnni),
#endif
};
enum { LEVELS = sizeof levels / sizeof *levels };

/* Whether the processor and the system have what a level needs. */
static int supported(const char *name) {
#ifdef X86
    if (!strcmp(name, "avx2") || !strcmp(name, "vnni")) {
        const int wide = !strcmp(name, "vnni");
#if defined(_MSC_VER) && !defined(__clang__)
        int id[4];
        __cpuid(id, 1);
        const int saved = id[2] >> 27 & 1, fma = id[2] >> 12 & 1;
        const uint64_t states = saved ? _xgetbv(0) : 0;
        __cpuidex(id, 7, 0);
        const int avx2 = id[1] >> 5 & 1;
        const int needed = (1 << 16) | (1 << 17) | (1 << 30) | (int)(1u << 31);
        const int avx512 = (id[1] & needed) == needed && (id[2] >> 11 & 1);
        return fma && avx2 && (states & 6) == 6 && (!wide || (avx512 && (states & 0xe0) == 0xe0));
#else
        __builtin_cpu_init();
        return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") &&
               (!wide || (__builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
                          __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl") &&
                          __builtin_cpu_supports("avx512vnni")));
#endif
    }
#endif
    (void)name;
    return 1;
}

static void choose_levels(void) {
    static int32_t phases[SINE_MASK + 1], sines[SINE_MASK + 1];
    for (int k = 0; k <= SINE_MASK; k++) {
        phases[k] = k;
        sine_table[k] = (int16_t)floor(511 * sin((k + 0.5) * (2 * 3.14159265358979323846 / (SINE_MASK + 1))) + 0.5);
    }
    for (int level = 0; level < LEVELS; level++) {
        if (!supported(levels[level].name))
            continue;
        levels[level].sines(phases, sines);
        int same = 1;
        for (int k = 0; k <= SINE_MASK; k++)
            same &= sines[k] == sine_table[k];
        levels[level].available = same;
    }
}

/* Arguments */

/* a · b, or the largest size where that is too large. */
static size_t product(size_t a, size_t b) {
    return b && a > SIZE_MAX / b ? SIZE_MAX : a * b;
}

/* Whether a buffer holds `count` items of `size` bytes, aligned; otherwise ValueError. */
static int holds(const char *name, const Py_buffer *buffer, size_t count, size_t size) {
    const size_t bytes = product(count, size);
    if ((size_t)buffer->len < bytes || bytes == SIZE_MAX) {
        PyErr_Format(PyExc_ValueError, "%s: expected at least %zu bytes, got %zd", name, bytes, buffer->len);
        return 0;
    }
    if ((uintptr_t)buffer->buf % (size > 8 ? 4 : size)) {
        PyErr_Format(PyExc_ValueError, "%s: expected memory aligned to %zu bytes", name, size);
        return 0;
    }
    return 1;
}

/* Whether low ≤ value ≤ high; otherwise ValueError. */
static int within(const char *name, Py_ssize_t value, Py_ssize_t low, Py_ssize_t high) {
    if (low <= value && value <= high)
        return 1;
    PyErr_Format(PyExc_ValueError, "%s: expected %zd to %zd, got %zd", name, low, high, value);
    return 0;
}

static const Kernels *kernels(int level) {
    if (!within("level", level, 0, LEVELS - 1))
        return NULL;
    if (!levels[level].available) {
        PyErr_Format(PyExc_ValueError, "level: this machine has no %s", levels[level].name);
        return NULL;
    }
    return &levels[level];
}

/* `count` integers of 32 bits, all 0, from the beginning of a cache line on; or MemoryError. */
static void *allocate(size_t count) {
    const size_t bytes = product(count, 4), line = 64;
    char *memory = bytes < SIZE_MAX - 2 * line ? calloc(bytes + 2 * line, 1) : NULL;
    if (!memory) {
        PyErr_NoMemory();
        return NULL;
    }
    char *aligned = memory + 2 * line - (uintptr_t)memory % line;
    memcpy(aligned - sizeof memory, &memory, sizeof memory);
    return aligned;
}

static void discard(void *aligned) {
    char *memory;
    if (!aligned)
        return;
    memcpy(&memory, (char *)aligned - sizeof memory, sizeof memory);
    free(memory);
}

static void release(Py_buffer *buffers, size_t count) {
    for (size_t k = 0; k < count; k++)
        if (buffers[k].obj)
            PyBuffer_Release(&buffers[k]);
}

/* A layer out of its packed weights and biases, whose inputs are `pairs` pairs. */
static int make_layer(Layer *layer, const char *name, const Py_buffer *weights, const Py_buffer *bias, int shift,
                      Py_ssize_t pairs) {
    const Py_ssize_t neurons = bias->len / 4;
    if (!within(name, neurons, 4, MAX_NEURONS) || !within(name, neurons % 4, 0, 0) || !within(name, shift, 0, 30) ||
        !holds(name, bias, (size_t)neurons, 4) || !holds(name, weights, product((size_t)neurons, (size_t)pairs), 4))
        return 0;
    *layer = (Layer){weights->buf, bias->buf, (int)neurons, (int)pairs, shift};
    return 1;
}

enum { SIDE_MAX = 1 << 20 };

PyDoc_STRVAR(phase_keys_doc,
             "phase_keys(level, maps, pairs, plane, stride, w1, b1, s1, w2, b2, s2, w3, b3, s3, first, rows, keys, "
             "key_plane, at)\n\nKeys of a phase network at rows of a grid; see kernels.phases.");

static PyObject *phase_keys(PyObject *self, PyObject *args) {
    enum { MAPS, W1, B1, W2, B2, W3, B3, OUT, BUFFERS };
    Py_buffer b[BUFFERS] = {{0}};
    Phases p = {0};
    int level, s1, s2, s3;
    Py_ssize_t pairs, plane, stride, first, rows, key_plane, out_at;
    (void)self;
    if (!PyArg_ParseTuple(args, "iy*nnny*y*iy*y*iy*y*innw*nn", &level, &b[MAPS], &pairs, &plane, &stride, &b[W1], &b[B1],
                          &s1, &b[W2], &b[B2], &s2, &b[W3], &b[B3], &s3, &first, &rows, &b[OUT], &key_plane, &out_at))
        return NULL;
    const Kernels *k = kernels(level);
    int32_t *scratch = NULL;
    if (!k || !within("pairs", pairs, 1, MAX_PAIRS) || !within("stride", stride, 3, SIDE_MAX) ||
        !within("first", first, 0, SIDE_MAX) || !within("rows", rows, 1, SIDE_MAX) ||
        !make_layer(&p.layers[0], "layer 1", &b[W1], &b[B1], s1, 9 * pairs) ||
        !make_layer(&p.layers[1], "layer 2", &b[W2], &b[B2], s2, p.layers[0].neurons / 2) ||
        !make_layer(&p.layers[2], "layer 3", &b[W3], &b[B3], s3, p.layers[1].neurons / 2))
        goto end;
    const Py_ssize_t positions = (rows * stride + TILE_MAX - 1) / TILE_MAX * TILE_MAX;
    if (!within("plane", plane, (first + rows + 2) * stride, INT32_MAX / MAX_PAIRS) ||
        !within("key_plane", key_plane, rows * stride, PY_SSIZE_T_MAX / 4096) ||
        !within("at", out_at, 0, key_plane - rows * stride) ||
        !holds("maps", &b[MAPS], (size_t)((pairs - 1) * plane + (first + 2) * stride + positions + 2), 4) ||
        !holds("keys", &b[OUT], product((size_t)p.layers[2].neurons / 2, (size_t)key_plane), 4))
        goto end;
    scratch = allocate(PHASE_SCRATCH);
    if (!scratch)
        goto end;
    p.maps = b[MAPS].buf, p.plane = (size_t)plane, p.stride = (size_t)stride;
    p.first = (size_t)first, p.rows = (size_t)rows, p.keys = (int32_t *)b[OUT].buf + out_at, p.key_plane = (size_t)key_plane;
    Py_BEGIN_ALLOW_THREADS
    k->phase_keys(&p, scratch);
    Py_END_ALLOW_THREADS
end:
    discard(scratch);
    release(b, BUFFERS);
    if (PyErr_Occurred())
        return NULL;
    Py_RETURN_NONE;
}

/* Sizes of a range of rows of planes; ValueError where they make no sense. */
static int check_grid(Py_ssize_t planes, Py_ssize_t height, Py_ssize_t width, Py_ssize_t first, Py_ssize_t last) {
    return within("planes", planes, 1, 3) && within("height", height, 1, SIDE_MAX) &&
           within("width", width, 1, SIDE_MAX) && within("last", last, 1, height) && within("first", first, 0, last - 1);
}

/* Sizes of the finer planes of a grid, each side twice as long or one less. */
static int check_finer(const Py_buffer *out, Py_ssize_t planes, Py_ssize_t height, Py_ssize_t width,
                       Py_ssize_t out_height, Py_ssize_t out_width) {
    return within("out_height", out_height, 2 * height - 1, 2 * height) &&
           within("out_width", out_width, 2 * width - 1, 2 * width) &&
           holds("out", out, product((size_t)(planes * out_height), (size_t)out_width), 4);
}

PyDoc_STRVAR(cell_rows_doc,
             "cell_rows(level, high, values, gains, planes, height, width, first, last, w1, b1, s1, wm, bm, sm, w2, b2, "
             "s2, factor, shift, out, out_height, out_width)\n\nAdd the cell's residuals; see kernels.cell.");

static PyObject *cell_rows(PyObject *self, PyObject *args) {
    enum { HIGH, VALUES, GAINS, W1, B1, WM, BM, W2, B2, OUT, BUFFERS };
    Py_buffer b[BUFFERS] = {{0}};
    Cell c = {0};
    int level, s1, sm, s2, factor, shift;
    Py_ssize_t planes, height, width, first, last, out_height, out_width;
    int32_t *scratch = NULL;
    (void)self;
    if (!PyArg_ParseTuple(args, "iy*y*y*nnnnny*y*iy*y*iy*y*iiiw*nn", &level, &b[HIGH], &b[VALUES], &b[GAINS], &planes,
                          &height, &width, &first, &last, &b[W1], &b[B1], &s1, &b[WM], &b[BM], &sm, &b[W2], &b[B2], &s2,
                          &factor, &shift, &b[OUT], &out_height, &out_width))
        return NULL;
    const Kernels *k = kernels(level);
    if (!k || !check_grid(planes, height, width, first, last) ||
        !check_finer(&b[OUT], planes, height, width, out_height, out_width) ||
        !make_layer(&c.layers[0], "layer 1", &b[W1], &b[B1], s1, 9 * 2 * planes) ||
        !make_layer(&c.layers[1], "layer 2", &b[WM], &b[BM], sm, c.layers[0].neurons / 2) ||
        !make_layer(&c.layers[2], "layer 3", &b[W2], &b[B2], s2, 9 * c.layers[1].neurons / 2) ||
        !within("outputs", c.layers[2].neurons, 4 * planes, 4 * planes) || !within("factor", factor, 1, 511) ||
        !within("shift", shift, -4, 30))
        goto end;
    const size_t grid = product((size_t)height, (size_t)width);
    if (!holds("high", &b[HIGH], product((size_t)planes, grid), 2) ||
        !holds("values", &b[VALUES], product((size_t)(3 * planes), grid), 4) ||
        !holds("gains", &b[GAINS], (size_t)(3 * planes), 4))
        goto end;
    c.gains = b[GAINS].buf;
    for (Py_ssize_t i = 0; i < 3 * planes; i++)
        if (!within("gains", c.gains[i], 1, 8191))
            goto end;
    /* what lies beyond a row's end is multiplied too: it is 0, or of another row */
    scratch = allocate(CELL_SCRATCH + (size_t)(3 * CELL_ROW * (2 * planes + c.layers[1].neurons / 2)));
    if (!scratch)
        goto end;
    c.planes = (int)planes, c.height = (size_t)height, c.width = (size_t)width;
    c.first = (size_t)first, c.last = (size_t)last, c.high = b[HIGH].buf, c.values = b[VALUES].buf;
    c.factor = factor, c.shift = shift, c.out = b[OUT].buf;
    c.out_height = (size_t)out_height, c.out_width = (size_t)out_width;
    Py_BEGIN_ALLOW_THREADS
    k->cell_rows(&c, scratch);
    Py_END_ALLOW_THREADS
end:
    discard(scratch);
    release(b, BUFFERS);
    if (PyErr_Occurred())
        return NULL;
    Py_RETURN_NONE;
}

PyDoc_STRVAR(highpass_doc, "highpass(level, planes, count, height, width, first, last, factor, out)\n\n"
                           "See kernels.highpass.");

static PyObject *highpass(PyObject *self, PyObject *args) {
    enum { FROM, OUT, BUFFERS };
    Py_buffer b[BUFFERS] = {{0}};
    int level;
    double factor;
    Py_ssize_t planes, height, width, first, last;
    uint32_t *scratch = NULL;
    (void)self;
    if (!PyArg_ParseTuple(args, "iy*nnnnndw*", &level, &b[FROM], &planes, &height, &width, &first, &last, &factor,
                          &b[OUT]))
        return NULL;
    const Kernels *k = kernels(level);
    if (!k || !check_grid(planes, height, width, first, last))
        goto end;
    const size_t count = product(product((size_t)planes, (size_t)height), (size_t)width);
    if (!holds("planes", &b[FROM], count, 4) || !holds("out", &b[OUT], count, 2))
        goto end;
    scratch = allocate((size_t)width + 4);
    if (!scratch)
        goto end;
    const Highpass p = {(size_t)planes, (size_t)width, (size_t)height, (size_t)first, (size_t)last,
                        b[FROM].buf,    factor,        b[OUT].buf};
    Py_BEGIN_ALLOW_THREADS
    k->highpass(&p, scratch);
    Py_END_ALLOW_THREADS
end:
    discard(scratch);
    release(b, BUFFERS);
    if (PyErr_Occurred())
        return NULL;
    Py_RETURN_NONE;
}

PyDoc_STRVAR(wavelet_rows_doc, "wavelet_rows(level, low, values, factors, offsets, planes, height, width, first, last, "
                               "out, out_height, out_width)\n\nSee kernels.wavelet.");

static PyObject *wavelet_rows(PyObject *self, PyObject *args) {
    enum { LOWS, VALUES, FACTORS, OFFSETS, OUT, BUFFERS };
    Py_buffer b[BUFFERS] = {{0}};
    int level;
    Py_ssize_t planes, height, width, first, last, out_height, out_width;
    uint32_t *scratch = NULL;
    (void)self;
    if (!PyArg_ParseTuple(args, "iy*y*y*y*nnnnnw*nn", &level, &b[LOWS], &b[VALUES], &b[FACTORS], &b[OFFSETS], &planes,
                          &height, &width, &first, &last, &b[OUT], &out_height, &out_width))
        return NULL;
    const Kernels *k = kernels(level);
    if (!k || !check_grid(planes, height, width, first, last) ||
        !check_finer(&b[OUT], planes, height, width, out_height, out_width))
        goto end;
    const size_t grid = product((size_t)height, (size_t)width);
    if (!holds("low", &b[LOWS], product((size_t)planes, grid), 4) ||
        !holds("values", &b[VALUES], product((size_t)(3 * planes), grid), 4) ||
        !holds("factors", &b[FACTORS], (size_t)(3 * planes), 8) ||
        !holds("offsets", &b[OFFSETS], (size_t)(3 * planes), 8))
        goto end;
    scratch = allocate(18 * (size_t)width + 64);
    if (!scratch)
        goto end;
    const Wavelet p = {(size_t)planes, (size_t)width, (size_t)height, (size_t)first,  (size_t)last,      b[LOWS].buf,
                       b[VALUES].buf,  b[FACTORS].buf, b[OFFSETS].buf, b[OUT].buf,    (size_t)out_width, (size_t)out_height};
    Py_BEGIN_ALLOW_THREADS
    k->wavelet_rows(&p, scratch);
    Py_END_ALLOW_THREADS
end:
    discard(scratch);
    release(b, BUFFERS);
    if (PyErr_Occurred())
        return NULL;
    Py_RETURN_NONE;
}

PyDoc_STRVAR(colour_doc, "colour(level, from, planes, plane, first, last, bit_depth, out, step, channel)\n\n"
                         "Planes of values first … last − 1 → samples from `channel` of `step` on; see kernels.colour.");

static PyObject *colour(PyObject *self, PyObject *args) {
    enum { FROM, OUT, BUFFERS };
    Py_buffer b[BUFFERS] = {{0}};
    int level, bit_depth;
    Py_ssize_t planes, plane, first, last, step, channel;
    (void)self;
    if (!PyArg_ParseTuple(args, "iy*nnnniw*nn", &level, &b[FROM], &planes, &plane, &first, &last, &bit_depth, &b[OUT],
                          &step, &channel))
        return NULL;
    const Kernels *k = kernels(level);
    const int wide = bit_depth == 16;
    if (!k || !within("bit_depth", bit_depth, 8, 16) || !within("bit_depth % 8", bit_depth % 8, 0, 0) ||
        !within("planes", planes % 2, 1, 1) || !within("planes", planes, 1, 3) || !within("step", step, planes, 16) ||
        !within("channel", channel, 0, step - planes) || !within("plane", plane, 1, PY_SSIZE_T_MAX / 64) ||
        !within("last", last, 1, plane) || !within("first", first, 0, last - 1) ||
        !holds("from", &b[FROM], product((size_t)planes, (size_t)plane), 4) ||
        !holds("out", &b[OUT], product((size_t)last, (size_t)step), wide ? 2 : 1))
        goto end;
    const size_t begin = (size_t)(first * step + channel);
    const Colour p = {(size_t)planes,
                      (size_t)plane,
                      (size_t)(last - first),
                      (size_t)step,
                      (const int32_t *)b[FROM].buf + first,
                      wide ? 0 : 6,
                      wide ? 32768 : 8160,
                      wide,
                      (char *)b[OUT].buf + begin * (wide ? 2 : 1)};
    Py_BEGIN_ALLOW_THREADS
    k->colour(&p);
    Py_END_ALLOW_THREADS
end:
    release(b, BUFFERS);
    if (PyErr_Occurred())
        return NULL;
    Py_RETURN_NONE;
}

PyDoc_STRVAR(siren_rows_doc,
             "siren_rows(level, columns, rows, stride, width, height, first, last, neurons, counts, entries, "
             "multipliers, bias, last_multiplier, last_bias, peak, out)\n\nSee kernels.siren.");

/* Whether a siren's counts and entries are within its layers and buffers; otherwise ValueError. */
static int check_siren(Siren *s, size_t counts, size_t entries, size_t biases) {
    size_t neuron = 0, used = 0, outputs = 0;
    for (int layer = 0; layer < s->layers; layer++) {
        if (!within("neurons", s->neurons[layer], 2, SIREN_WIDTH_MAX) ||
            !within("neurons", s->neurons[layer] % 2, 0, 0))
            return 0;
        s->widest = s->neurons[layer] > s->widest ? s->neurons[layer] : s->widest;
        outputs += layer ? (size_t)s->neurons[layer] : 0;
    }
    if (!within("biases", (Py_ssize_t)biases, (Py_ssize_t)outputs, PY_SSIZE_T_MAX) ||
        !within("counts", (Py_ssize_t)counts, (Py_ssize_t)outputs + s->channels, PY_SSIZE_T_MAX))
        return 0;
    for (int layer = 1; layer <= s->layers; layer++) {
        const int n = layer < s->layers ? s->neurons[layer] : s->channels, pairs = s->neurons[layer - 1] / 2;
        for (int k = 0; k < n; k++, neuron++) {
            if (!within("count", s->counts[neuron], 0, pairs) || used + (size_t)s->counts[neuron] > entries) {
                PyErr_Format(PyExc_ValueError, "entries: expected more than %zu for neuron %zu", entries, neuron);
                return 0;
            }
            for (int i = 0; i < s->counts[neuron]; i++, used++)
                if (!within("entry", s->entries[2 * used], 0, pairs - 1))
                    return 0;
        }
    }
    return 1;
}

static PyObject *siren_rows(PyObject *self, PyObject *args) {
    enum { COLUMNS, ROWS, NEURONS_OF, COUNTS, ENTRIES, MULTIPLIERS, BIAS, LAST_BIAS, OUT, BUFFERS };
    Py_buffer b[BUFFERS] = {{0}};
    Siren s = {0};
    int level, peak;
    long long multiplier;
    Py_ssize_t stride, width, height, first, last;
    int32_t *scratch = NULL;
    (void)self;
    if (!PyArg_ParseTuple(args, "iy*y*nnnnny*y*y*y*y*Ly*iw*", &level, &b[COLUMNS], &b[ROWS], &stride, &width, &height,
                          &first, &last, &b[NEURONS_OF], &b[COUNTS], &b[ENTRIES], &b[MULTIPLIERS], &b[BIAS], &multiplier,
                          &b[LAST_BIAS], &peak, &b[OUT]))
        return NULL;
    const Kernels *k = kernels(level);
    const size_t layers = (size_t)b[NEURONS_OF].len / 4, channels = (size_t)b[LAST_BIAS].len / 8;
    const size_t counts = (size_t)b[COUNTS].len / 4, entries = (size_t)b[ENTRIES].len / 8, biases = (size_t)b[BIAS].len / 4;
    if (!k || !check_grid(1, height, width, first, last) || !within("layers", (Py_ssize_t)layers, 1, LAYERS_MAX) ||
        !within("channels", (Py_ssize_t)channels, 1, 16) || !within("peak", peak, 0, 65535) ||
        !within("multiplier", (Py_ssize_t)multiplier, 1, (Py_ssize_t)UINT32_MAX) ||
        !within("stride", stride, width < SIREN_TILE_MAX ? SIREN_TILE_MAX : width, SIDE_MAX + SIREN_TILE_MAX) ||
        !holds("neurons", &b[NEURONS_OF], layers, 4) || !holds("counts", &b[COUNTS], counts, 4) ||
        !holds("entries", &b[ENTRIES], entries, 8) || !holds("multipliers", &b[MULTIPLIERS], layers - 1, 4) ||
        !holds("bias", &b[BIAS], biases, 4) || !holds("last_bias", &b[LAST_BIAS], channels, 8) ||
        !holds("out", &b[OUT], product(product((size_t)height, (size_t)width), channels), 4))
        goto end;
    s.layers = (int)layers, s.channels = (int)channels, s.neurons = b[NEURONS_OF].buf, s.counts = b[COUNTS].buf;
    s.entries = b[ENTRIES].buf;
    if (!check_siren(&s, counts, entries, biases) ||
        !holds("columns", &b[COLUMNS], product((size_t)s.neurons[0], (size_t)stride), 4) ||
        !holds("rows", &b[ROWS], product((size_t)s.neurons[0], (size_t)height), 4))
        goto end;
    scratch = allocate(((size_t)s.widest + 2) * SIREN_TILE_MAX);
    if (!scratch)
        goto end;
    s.columns = b[COLUMNS].buf, s.rows = b[ROWS].buf, s.stride = (size_t)stride;
    s.width = (size_t)width, s.height = (size_t)height, s.first = (size_t)first, s.last = (size_t)last;
    s.multipliers = b[MULTIPLIERS].buf, s.bias = b[BIAS].buf;
    s.last_multiplier = multiplier, s.last_bias = b[LAST_BIAS].buf, s.peak = peak, s.out = b[OUT].buf;
    Py_BEGIN_ALLOW_THREADS
    k->siren_rows(&s, scratch);
    Py_END_ALLOW_THREADS
end:
    discard(scratch);
    release(b, BUFFERS);
    if (PyErr_Occurred())
        return NULL;
    Py_RETURN_NONE;
}

PyDoc_STRVAR(forward_doc, "forward(level, planes, count, height, width, low, details)\n\nSee wavelet.forward.");

static PyObject *forward(PyObject *self, PyObject *args) {
    enum { FROM, LOWS, DETAILS, BUFFERS };
    Py_buffer b[BUFFERS] = {{0}};
    int level;
    Py_ssize_t planes, height, width;
    uint32_t *scratch = NULL;
    (void)self;
    if (!PyArg_ParseTuple(args, "iy*nnnw*w*", &level, &b[FROM], &planes, &height, &width, &b[LOWS], &b[DETAILS]))
        return NULL;
    const Kernels *k = kernels(level);
    if (!k || !check_grid(planes, height, width, 0, height))
        goto end;
    const size_t w = ((size_t)width + 1) / 2, h = ((size_t)height + 1) / 2, low = product((size_t)planes * h, w);
    if (!holds("planes", &b[FROM], product((size_t)(planes * height), (size_t)width), 4) ||
        !holds("low", &b[LOWS], low, 4) || !holds("details", &b[DETAILS], product(low, 3), 4))
        goto end;
    scratch = allocate(18 * w + 64);
    if (!scratch)
        goto end;
    const Forward p = {(size_t)planes, (size_t)width, (size_t)height, w, h, b[FROM].buf, b[LOWS].buf, b[DETAILS].buf};
    Py_BEGIN_ALLOW_THREADS
    k->forward(&p, scratch);
    Py_END_ALLOW_THREADS
end:
    discard(scratch);
    release(b, BUFFERS);
    if (PyErr_Occurred())
        return NULL;
    Py_RETURN_NONE;
}

PyDoc_STRVAR(quantise_doc, "quantise(level, coefficients, step, kept, out)\n\nSee latents.quantise.");

static PyObject *quantise(PyObject *self, PyObject *args) {
    enum { FROM, OUT, BUFFERS };
    Py_buffer b[BUFFERS] = {{0}};
    int level;
    double step, kept;
    (void)self;
    if (!PyArg_ParseTuple(args, "iy*ddw*", &level, &b[FROM], &step, &kept, &b[OUT]))
        return NULL;
    const Kernels *k = kernels(level);
    const size_t count = (size_t)b[FROM].len / 4;
    if (!k || !holds("coefficients", &b[FROM], count, 4) || !holds("out", &b[OUT], count, 4))
        goto end;
    if (step == 0 || !(kept >= 0 && kept <= 1)) {
        PyErr_SetString(PyExc_ValueError, "quantise: expected a step that is not 0, and kept of 0 to 1");
        goto end;
    }
    Py_BEGIN_ALLOW_THREADS
    k->quantise(b[FROM].buf, count, step, kept, b[OUT].buf);
    Py_END_ALLOW_THREADS
end:
    release(b, BUFFERS);
    if (PyErr_Occurred())
        return NULL;
    Py_RETURN_NONE;
}

PyDoc_STRVAR(uncolour_doc, "uncolour(level, samples, count, step, channel, planes, bit_depth, out)\n\n"
                           "See latent_pixels.to_planes.");

static PyObject *uncolour(PyObject *self, PyObject *args) {
    enum { FROM, OUT, BUFFERS };
    Py_buffer b[BUFFERS] = {{0}};
    int level, bit_depth;
    Py_ssize_t count, step, channel, planes;
    (void)self;
    if (!PyArg_ParseTuple(args, "iy*nnnniw*", &level, &b[FROM], &count, &step, &channel, &planes, &bit_depth, &b[OUT]))
        return NULL;
    const Kernels *k = kernels(level);
    const int wide = bit_depth == 16;
    if (!k || !within("bit_depth", bit_depth, 8, 16) || !within("bit_depth % 8", bit_depth % 8, 0, 0) ||
        !within("planes", planes, 1, 3) || !within("planes", planes % 2, 1, 1) || !within("step", step, planes, 16) ||
        !within("channel", channel, 0, step - planes) || !within("count", count, 1, PY_SSIZE_T_MAX / 64) ||
        !holds("samples", &b[FROM], product((size_t)count, (size_t)step), wide ? 2 : 1) ||
        !holds("out", &b[OUT], product((size_t)count, (size_t)planes), 4))
        goto end;
    const Uncolour p = {(size_t)planes, (size_t)count, (size_t)step, (const char *)b[FROM].buf + channel * (wide ? 2 : 1),
                        wide, b[OUT].buf};
    Py_BEGIN_ALLOW_THREADS
    k->uncolour(&p);
    Py_END_ALLOW_THREADS
end:
    release(b, BUFFERS);
    if (PyErr_Occurred())
        return NULL;
    Py_RETURN_NONE;
}

PyDoc_STRVAR(resample_doc, "resample(level, samples, rows, width, bytes, firsts, weights, size, taps, out)\n\n"
                           "See inr_core.kernels.resample.");

static PyObject *resample(PyObject *self, PyObject *args) {
    enum { FROM, FIRSTS, WEIGHTS, OUT, BUFFERS };
    Py_buffer b[BUFFERS] = {{0}};
    int level, bytes;
    Py_ssize_t rows, width, size, taps;
    (void)self;
    if (!PyArg_ParseTuple(args, "iy*nniy*y*nnw*", &level, &b[FROM], &rows, &width, &bytes, &b[FIRSTS], &b[WEIGHTS], &size,
                          &taps, &b[OUT]))
        return NULL;
    const Kernels *k = kernels(level);
    if (!k || !within("bytes", bytes, 1, 2) || !within("rows", rows, 1, SIDE_MAX) ||
        !within("width", width, 1, PY_SSIZE_T_MAX / SIDE_MAX) || !within("size", size, 1, SIDE_MAX) ||
        !within("taps", taps, 1, INT32_MAX) || !holds("samples", &b[FROM], product((size_t)rows, (size_t)width), (size_t)bytes) ||
        !holds("firsts", &b[FIRSTS], (size_t)size, 8) ||
        !holds("weights", &b[WEIGHTS], product((size_t)size, (size_t)taps), 4) ||
        !holds("out", &b[OUT], product((size_t)size, (size_t)width), (size_t)bytes))
        goto end;
    const int32_t *weights = b[WEIGHTS].buf;
    for (Py_ssize_t y = 0; y < size; y++) {
        int64_t total = 0, largest = 0;
        for (Py_ssize_t i = 0; i < taps; i++, weights++) {
            total += *weights;
            largest += *weights < 0 ? -(int64_t)*weights : *weights;
        }
        if (total < 1 || largest > INT32_MAX / (bytes == 2 ? 65535 : 255)) {
            PyErr_Format(PyExc_ValueError, "weights %zd: expected a sum from 1 on, and sums below 2^31", y);
            goto end;
        }
    }
    const Resample p = {(size_t)rows, (size_t)width, (size_t)size,   (size_t)taps, b[FROM].buf,
                        bytes == 2,   b[FIRSTS].buf, b[WEIGHTS].buf, b[OUT].buf};
    Py_BEGIN_ALLOW_THREADS
    k->resample(&p);
    Py_END_ALLOW_THREADS
end:
    release(b, BUFFERS);
    if (PyErr_Occurred())
        return NULL;
    Py_RETURN_NONE;
}

PyDoc_STRVAR(encode_doc, "encode(starts, freqs, states, words) -> how many words, at the end of `words`\n\n"
                         "See rangecoder.encode.");

static PyObject *encode(PyObject *self, PyObject *args) {
    enum { STARTS, FREQS, STATES, WORDS, BUFFERS };
    Py_buffer b[BUFFERS] = {{0}};
    size_t used = 0;
    (void)self;
    if (!PyArg_ParseTuple(args, "y*y*w*w*", &b[STARTS], &b[FREQS], &b[STATES], &b[WORDS]))
        return NULL;
    const size_t count = (size_t)b[FREQS].len / 2, lanes = (size_t)b[STATES].len / 8;
    if (!within("lanes", (Py_ssize_t)lanes, 1, 1024) || !within("lanes", (Py_ssize_t)(lanes & (lanes - 1)), 0, 0) ||
        !holds("starts", &b[STARTS], count, 2) || !holds("freqs", &b[FREQS], count, 2) ||
        !holds("states", &b[STATES], lanes, 8) || !holds("words", &b[WORDS], count, 2))
        goto end;
    const uint16_t *starts = b[STARTS].buf, *freqs = b[FREQS].buf;
    int bad = 0;
    for (size_t i = 0; i < count; i++)
        bad |= !freqs[i] | (starts[i] + freqs[i] > PROB_SCALE);
    if (bad) {
        PyErr_SetString(PyExc_ValueError, "encode: expected intervals of at least 1 inside 0 … 32768");
        goto end;
    }
    Py_BEGIN_ALLOW_THREADS
    used = encode_symbols(starts, freqs, count, lanes, b[STATES].buf, b[WORDS].buf, count);
    Py_END_ALLOW_THREADS
end:
    release(b, BUFFERS);
    return PyErr_Occurred() ? NULL : PyLong_FromSize_t(used);
}

/* The tables of symbols out of their buffers. */
static int make_tables(Tables *t, const Py_buffer *rows, const Py_buffer *entries, const Py_buffer *first) {
    const size_t count = (size_t)entries->len / sizeof(Entry);
    if (!holds("rows", rows, TABLE_ROWS, sizeof(Row)) || !within("entries", (Py_ssize_t)count, TABLE_ROWS, 1 << 16) ||
        !holds("entries", entries, count, sizeof(Entry)) || !holds("first", first, (size_t)TABLE_ROWS << FIRST_BITS, 2))
        return 0;
    *t = (Tables){rows->buf, entries->buf, (uint32_t)count, first->buf};
    return 1;
}

static int check_tables(const Tables *t) {
    for (size_t k = 0; k < TABLE_ROWS; k++) {
        const Row *r = &t->rows[k];
        if (r->raw_bits > 16 || r->largest < 0 || r->largest > 127 || r->offset < 0 ||
            (uint32_t)r->offset + 2u * (uint32_t)r->largest + 1 + TAILS > t->count) {
            PyErr_Format(PyExc_ValueError, "rows: row %zu does not fit the entries", k);
            return 0;
        }
    }
    return 1;
}

PyDoc_STRVAR(code_parity_doc,
             "code_parity(mode, keys, key_plane, key_stride, rows, entries, first, bands, shape, recon, magnitudes, "
             "values, features, own, own_plane, own_stride, …)\n\n"
             "Symbols of one parity of a grid; see kernels.symbols. False where they cannot be read.");

static PyObject *code_parity(PyObject *self, PyObject *args) {
    enum { ALL_KEYS, ROWS, ENTRIES, FIRST, RECON, MAGNITUDES, VALUES, FEATURES, OWN, STATES, WORDS, RAW, CURSOR, DETAILS,
           OUT_ENTRIES, OUT_RAW, BUFFERS };
    Py_buffer b[BUFFERS] = {{0}};
    Parity p = {0};
    int mode, bands, parity, all, result = DONE;
    int32_t *scratch = NULL;
    Py_ssize_t key_plane, key_stride, height, width, first, rows, columns, own_plane, own_stride;
    (void)self;
    if (!PyArg_ParseTuple(args, "iiiiy*nny*y*y*nnnnny*y*w*w*w*nnw*y*y*w*w*w*w*", &mode, &bands, &parity, &all,
                          &b[ALL_KEYS], &key_plane, &key_stride, &b[ROWS], &b[ENTRIES], &b[FIRST], &height, &width,
                          &first, &rows, &columns, &b[RECON], &b[MAGNITUDES], &b[VALUES], &b[FEATURES], &b[OWN],
                          &own_plane, &own_stride, &b[STATES], &b[WORDS], &b[RAW], &b[CURSOR], &b[DETAILS],
                          &b[OUT_ENTRIES], &b[OUT_RAW]))
        return NULL;
    if (!within("mode", mode, READ, ZEROS) || !within("bands", bands, 3, 6) || !within("bands", bands % 3, 0, 0) ||
        !within("parity", parity, 0, 3) || !within("height", height, 1, SIDE_MAX) ||
        !within("width", width, 1, SIDE_MAX) || !within("first", first, 0, SIDE_MAX) ||
        !within("rows", rows, 1, (height - (parity >> 1) + 1) / 2 - first) ||
        !within("columns", columns, 1, (width - (parity & 1) + 1) / 2) ||
        !within("key_stride", key_stride, columns, SIDE_MAX) ||
        !within("key_plane", key_plane, rows * key_stride, PY_SSIZE_T_MAX / 64) ||
        !holds("keys", &b[ALL_KEYS], product((size_t)bands, (size_t)key_plane), 4) ||
        !make_tables(&p.tables, &b[ROWS], &b[ENTRIES], &b[FIRST]) || !check_tables(&p.tables))
        goto end;
    const size_t grid = product((size_t)height, (size_t)width), cells = product((size_t)bands, grid);
    if (!holds("recon", &b[RECON], SCALES, 4) || !holds("magnitudes", &b[MAGNITUDES], 256, 2) ||
        !holds("values", &b[VALUES], cells, 4) || !holds("features", &b[FEATURES], product(3, grid), 4) ||
        !holds("cursor", &b[CURSOR], 4, 8))
        goto end;
    if (b[OWN].len) {
        if (!within("own_stride", own_stride, columns + 2, SIDE_MAX) ||
            !within("own_plane", own_plane, (first + rows + 2) * own_stride, PY_SSIZE_T_MAX / 64) ||
            !holds("own", &b[OWN], product(3, (size_t)own_plane), 4))
            goto end;
        p.own = b[OWN].buf, p.own_plane = (size_t)own_plane, p.own_stride = (size_t)own_stride;
    }
    int64_t *cursor = b[CURSOR].buf; /* READ: position, count, word, raw bit; WRITE: entries, raw values */
    if (mode == READ) {
        const size_t lanes = (size_t)b[STATES].len / 8, words = (size_t)b[WORDS].len / 2;
        if (!within("lanes", (Py_ssize_t)lanes, cursor[0] < cursor[1], 1024) || !within("lanes", (Py_ssize_t)(lanes & (lanes - 1)), 0, 0) ||
            !holds("states", &b[STATES], lanes, 8) || !within("position", (Py_ssize_t)cursor[0], 0, (Py_ssize_t)cursor[1]) ||
            !within("word", (Py_ssize_t)cursor[2], 0, (Py_ssize_t)words) ||
            !within("raw bit", (Py_ssize_t)cursor[3], 0, 8 * b[RAW].len))
            goto end;
        p.reader = (Reader){b[STATES].buf, lanes, cursor[0], cursor[1], b[WORDS].buf, (size_t)cursor[2], words, b[RAW].buf,
                            (size_t)b[RAW].len, cursor[3]};
    } else if (mode == WRITE) {
        p.room = (size_t)b[OUT_ENTRIES].len / 2;
        p.written = (size_t)cursor[0], p.raw_written = (size_t)cursor[1];
        if (!holds("details", &b[DETAILS], cells, 4) || !holds("out_entries", &b[OUT_ENTRIES], p.room, 2) ||
            !holds("out_raw", &b[OUT_RAW], p.room, 4) || !within("written", (Py_ssize_t)cursor[0], 0, (Py_ssize_t)p.room) ||
            !within("raw written", (Py_ssize_t)cursor[1], 0, (Py_ssize_t)cursor[0]))
            goto end;
        p.details = b[DETAILS].buf, p.out_entries = b[OUT_ENTRIES].buf, p.out_raw = b[OUT_RAW].buf;
    }
    p.keys = b[ALL_KEYS].buf, p.key_plane = (size_t)key_plane, p.key_stride = (size_t)key_stride;
    p.width = (size_t)width, p.height = (size_t)height, p.first = (size_t)first, p.rows = (size_t)rows;
    p.columns = (size_t)columns, p.x = parity & 1, p.y = (size_t)parity >> 1, p.all = all;
    scratch = allocate(product(4 * (size_t)bands, (size_t)columns));
    if (!scratch)
        goto end;
    p.recon = b[RECON].buf, p.magnitudes = b[MAGNITUDES].buf, p.values = b[VALUES].buf, p.features = b[FEATURES].buf;
    Py_BEGIN_ALLOW_THREADS
    switch (mode * 2 + (bands == 6)) {
    case READ * 2: result = code_parity_of(&p, 3, READ, scratch); break;
    case READ * 2 + 1: result = code_parity_of(&p, 6, READ, scratch); break;
    case WRITE * 2: result = code_parity_of(&p, 3, WRITE, scratch); break;
    case WRITE * 2 + 1: result = code_parity_of(&p, 6, WRITE, scratch); break;
    case ZEROS * 2: result = code_parity_of(&p, 3, ZEROS, scratch); break;
    case ZEROS * 2 + 1: result = code_parity_of(&p, 6, ZEROS, scratch); break;
    }
    Py_END_ALLOW_THREADS
    if (mode == READ)
        cursor[0] = p.reader.position, cursor[2] = (int64_t)p.reader.word, cursor[3] = p.reader.raw_bit;
    else if (mode == WRITE)
        cursor[0] = (int64_t)p.written, cursor[1] = (int64_t)p.raw_written;
end:
    discard(scratch);
    release(b, BUFFERS);
    if (PyErr_Occurred())
        return NULL;
    return PyBool_FromLong(result == DONE);
}

static PyObject *level_names(PyObject *self, PyObject *args) {
    (void)self, (void)args;
    PyObject *names = PyList_New(0);
    for (int level = 0; names && level < LEVELS; level++) {
        PyObject *pair = Py_BuildValue("(si)", levels[level].name, levels[level].available);
        if (!pair || PyList_Append(names, pair) < 0)
            Py_CLEAR(names);
        Py_XDECREF(pair);
    }
    return names;
}

static PyMethodDef methods[] = {
    {"levels", level_names, METH_NOARGS, PyDoc_STR("levels() -> [(name, whether this machine has it)]")},
    {"phase_keys", phase_keys, METH_VARARGS, phase_keys_doc},
    {"cell_rows", cell_rows, METH_VARARGS, cell_rows_doc},
    {"highpass", highpass, METH_VARARGS, highpass_doc},
    {"wavelet_rows", wavelet_rows, METH_VARARGS, wavelet_rows_doc},
    {"colour", colour, METH_VARARGS, colour_doc},
    {"forward", forward, METH_VARARGS, forward_doc},
    {"quantise", quantise, METH_VARARGS, quantise_doc},
    {"uncolour", uncolour, METH_VARARGS, uncolour_doc},
    {"resample", resample, METH_VARARGS, resample_doc},
    {"encode", encode, METH_VARARGS, encode_doc},
    {"siren_rows", siren_rows, METH_VARARGS, siren_rows_doc},
    {"code_parity", code_parity, METH_VARARGS, code_parity_doc},
    {NULL, NULL, 0, NULL},
};

static int prepare(PyObject *module) {
    choose_levels();
    PyObject *sources = PyLong_FromUnsignedLong(SOURCES);
    const int failed = !sources || PyModule_AddObjectRef(module, "SOURCES", sources) < 0;
    Py_XDECREF(sources);
    return failed ? -1 : PyModule_AddIntConstant(module, "SIREN_TILE_MAX", SIREN_TILE_MAX);
}

static PyModuleDef_Slot slots[] = {{Py_mod_exec, (void *)prepare}, {0, NULL}};

static struct PyModuleDef definition = {
    PyModuleDef_HEAD_INIT, "native", "Compiled kernels; see the other modules of this folder.", 0, methods, slots,
    NULL, NULL, NULL,
};

PyMODINIT_FUNC PyInit_native(void) {
    return PyModuleDef_Init(&definition);
}
