/* The mixing coder from Python. */

#include "calls.h"

#ifdef __linux__
#include <sys/mman.h>
#endif

#include "mixing_memory.h"
#include "reducing.h"

const char mix_pixels_doc[] = PyDoc_STR(
    "mix_pixels(level, height, width, planes, bits, asks, squash, stretch, rates, pixels, data, out, left) -> size\n\n"
    "Read `data` into `pixels`, uint64 (height + 3, width + 16), or write them to `out` if it is not empty. Its first three\n"
    "rows, and the first and last eight of each, are 0 at first, and the coder's. `size`: of the bytes, as far as they\n"
    "have to be there; more than `out` has: they did not fit. `left`, int64 (1,) or empty: of what may be asked, shared by\n"
    "calls in other threads. What is asked in reading is taken off; below 0, it was given up.");

const char reduce_pixels_doc[] = PyDoc_STR(
    "reduce_pixels(level, height, width, planes, bits, asks, squash, stretch, rates, costs, trade, kept, low, high, pixels,\n"
    "out) -> size\n\n"
    "Write `pixels`, laid out as those of mix_pixels, to `out`, changed where that costs less: they are then those that\n"
    "were written. `costs`, uint16 (4096,): of what had a probability, in 2^-8 bits. `trade`: 2^-8 of the square error\n"
    "that a bit is worth. `kept`: the plane that stays, an alpha; `low`, `high`: of a single one, values that stay and\n"
    "that no other becomes; -1: none. `size`: of the bytes; more than `out` has: they did not fit.");

/* Zeros, by pages that are as large as the system has them: the coder is all over them. NULL: there is no memory. */
static void *pages(size_t size) {
#ifdef __linux__
    void *memory = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (memory == MAP_FAILED)
        return NULL;
#ifdef MADV_HUGEPAGE
    madvise(memory, size, MADV_HUGEPAGE);
#endif
    return memory;
#else
    return calloc(size, 1);
#endif
}

static void no_pages(void *memory, size_t size) {
#ifdef __linux__
    if (memory)
        munmap(memory, size);
#else
    (void)size;
    free(memory);
#endif
}

/* 0: there is no memory. */
static int start_mixing(Mixing *m) {
    m->size = mixing_size(m);
    m->memory = pages(m->size);
    if (m->memory)
        lay_out(m);
    return m->memory != NULL;
}

/* Whether logits and rates of counters are such that products with them fit; otherwise ValueError. */
static int check_mixing(const MixingTables *t) {
    for (int k = 0; k < STRETCHED; k++)
        if (!within("stretch", t->stretch[k], -LOGIT_MAX, LOGIT_MAX))
            return 0;
    for (int k = 0; k < COUNTS; k++)
        if (!within("rates", t->rates[k], 0, 1 << 16))
            return 0;
    return 1;
}

/* The pixels there are become those that are wanted; `columns` is of the width. */
static void weigh(const Mixing *m, uint64_t *wanted, uint16_t *weights, uint8_t *columns) {
    memcpy(wanted, m->pixels, (m->height + ABOVE_ROWS) * m->stride * sizeof *wanted);
    for (size_t y = m->height; y-- > 0;) {
        const size_t begin = (y + ABOVE_ROWS) * m->stride + EDGE;
        int right = 0; /* pixels of the same colour, itself among them */
        for (size_t x = m->width; x-- > 0;) {
            const uint64_t *at = wanted + begin + x;
            right = x + 1 < m->width && at[0] == at[1] ? right + (right < RUN) : 1;
            const int below = y + 1 < m->height && at[0] == at[m->stride] ? columns[x] + (columns[x] < RUN) : 1;
            columns[x] = (uint8_t)below;
            weights[begin + x] = (uint16_t)(right * below);
        }
    }
}

/* Whether the sizes of a picture and the level are such that they can be coded; otherwise ValueError. */
static int check_sizes(const Mixing *m, int bits) {
    return within("height", m->height, 1, 65535) && within("width", m->width, 1, 65535) &&
           within("pixels", m->height * m->width, 1, 1 << 30) && within("planes", m->planes, 1, 4) &&
           within("bits", m->bits, 1, bits);
}

/* Start, code all pixels, and end; an exception: there is no memory, or Ctrl-C. left: NULL, or of what may be asked. */
static void code_all(const Call *call, Mixing *m, Reduction *reduction, int64_t *left) {
    enum { AT_ONCE = 1 << 15 }; /* pixels between looks for signals */
    const size_t all = (m->height + ABOVE_ROWS) * m->stride;
    uint64_t *wanted = reduction ? malloc(all * sizeof *wanted) : NULL;
    uint16_t *weights = reduction ? calloc(all, sizeof *weights) : NULL;
    uint8_t *columns = reduction ? calloc(m->width, 1) : NULL;
    int ok;
    ALONE(ok = start_mixing(m);)
    if (!ok || (reduction && (!wanted || !weights || !columns))) {
        PyErr_NoMemory();
        goto end;
    }
    if (reduction) {
        ALONE(weigh(m, wanted, weights, columns);)
        reduction->wanted = wanted, reduction->weights = weights;
        m->reduction = reduction;
    }
    begin_coding(&m->coder);
    const size_t rows = 1 + AT_ONCE / m->width;
    for (size_t y = 0; y < m->height; y += rows) {
        m->asked = 0, m->most = !left ? UINT64_MAX : *left > 0 ? (uint64_t)*left : 0;
        ALONE(call->kernels->mix_rows(m, y, y + rows < m->height ? y + rows : m->height);)
        if (left) /* others may have taken from it, each of them once for as many pixels, and holding the GIL */
            *left -= (int64_t)m->asked;
        if (PyErr_CheckSignals()) /* Ctrl-C is heard, although a strip may take ten seconds */
            goto end;
        if (gives_up(m) || (left && *left < 0))
            break;
    }
    end_coding(&m->coder);
end:
    no_pages(m->memory, m->size);
    free(wanted), free(weights), free(columns);
}

PyObject *mix_pixels(PyObject *self, PyObject *args) {
    enum { SQUASH, STRETCH, RATES, PIXELS, DATA, OUT, LEFT };
    Call call = {0};
    Mixing m = {0};
    int64_t *left = NULL;
    int level;
    (void)self;
    if (!PyArg_ParseTuple(args, "inniiiy*y*y*w*y*w*w*", &level, SIZE(m.height), SIZE(m.width), &m.planes, &m.bits, &m.asks,
                          BUFFER(SQUASH), BUFFER(STRETCH), BUFFER(RATES), BUFFER(PIXELS), BUFFER(DATA), BUFFER(OUT),
                          BUFFER(LEFT)))
        return NULL;
    m.coder.high = UINT32_MAX, m.coder.size = length(&call, DATA, 1), m.stride = m.width + 2 * EDGE;
    if (!has_level(&call, level) || !check_sizes(&m, 16) || !TAKE("squash", SQUASH, m.tables.squash, LOGITS) ||
        !TAKE("stretch", STRETCH, m.tables.stretch, STRETCHED) || !TAKE("rates", RATES, m.tables.rates, COUNTS) ||
        !check_mixing(&m.tables) || !TAKE("pixels", PIXELS, m.pixels, (m.height + ABOVE_ROWS) * m.stride) ||
        !TAKE("data", DATA, m.coder.from, m.coder.size))
        goto end;
    if (call.buffers[OUT].len) {
        m.coder.size = length(&call, OUT, 1);
        if (!TAKE("out", OUT, m.coder.to, m.coder.size))
            goto end;
    }
    if (call.buffers[LEFT].len && (!TAKE("left", LEFT, left, 1) || !within("left", *left, INT64_MIN / 2, INT64_MAX)))
        goto end;
    code_all(&call, &m, NULL, left);
end:;
    PyObject *none = finished(&call);
    Py_XDECREF(none);
    return none ? PyLong_FromSize_t(m.coder.at) : NULL;
}

PyObject *reduce_pixels(PyObject *self, PyObject *args) {
    enum { SQUASH, STRETCH, RATES, COSTS_OF, PIXELS, OUT };
    Call call = {0};
    Mixing m = {0};
    Reduction reduction = {0};
    int level, trade;
    (void)self;
    if (!PyArg_ParseTuple(args, "inniiiy*y*y*y*iiiiw*w*", &level, SIZE(m.height), SIZE(m.width), &m.planes, &m.bits,
                          &m.asks, BUFFER(SQUASH), BUFFER(STRETCH), BUFFER(RATES), BUFFER(COSTS_OF), &trade,
                          &reduction.kept, &reduction.low, &reduction.high, BUFFER(PIXELS), BUFFER(OUT)))
        return NULL;
    m.coder.high = UINT32_MAX, m.coder.size = length(&call, OUT, 1), m.stride = m.width + 2 * EDGE;
    reduction.trade = trade;
    if (has_level(&call, level) && check_sizes(&m, 8) && within("trade", trade, 0, 1 << 24) &&
        within("kept", reduction.kept, -1, m.planes - 1) && TAKE("squash", SQUASH, m.tables.squash, LOGITS) &&
        TAKE("stretch", STRETCH, m.tables.stretch, STRETCHED) && TAKE("rates", RATES, m.tables.rates, COUNTS) &&
        check_mixing(&m.tables) && TAKE("costs", COSTS_OF, reduction.costs, COSTS) &&
        TAKE("pixels", PIXELS, m.pixels, (m.height + ABOVE_ROWS) * m.stride) &&
        within("out", m.coder.size, 1, INT64_MAX) && TAKE("out", OUT, m.coder.to, m.coder.size))
        code_all(&call, &m, &reduction, NULL);
    PyObject *none = finished(&call);
    Py_XDECREF(none);
    return none ? PyLong_FromSize_t(m.coder.at) : NULL;
}
