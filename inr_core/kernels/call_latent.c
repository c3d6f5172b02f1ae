/* Calls of the latent model's networks and planes. */

#include "calls.h"

/* A layer out of its packed weights and biases, whose inputs are `pairs` pairs. */
static int make_layer(Layer *layer, const char *name, const Py_buffer *weights, const Py_buffer *bias, int shift,
                      int pairs) {
    const Py_ssize_t neurons = bias->len / 4;
    if (!within(name, neurons, 4, MAX_NEURONS) || !within(name, neurons % 4, 0, 0) || !within(name, shift, 0, 30) ||
        !holds(name, bias, (size_t)neurons, 4) || !holds(name, weights, (size_t)neurons * (size_t)pairs, 4))
        return 0;
    *layer = (Layer){weights->buf, bias->buf, (int)neurons, pairs, shift, 0};
    return 1;
}

/* Sizes of the finer planes of a grid, each side twice as long or one less. */
static int check_finer(size_t height, size_t width, size_t out_height, size_t out_width) {
    return within("out_height", out_height, 2 * height - 1, 2 * height) &&
           within("out_width", out_width, 2 * width - 1, 2 * width);
}

const char parity_keys_doc[] = PyDoc_STR(
    "parity_keys(level, maps, pairs, plane, stride, w1, b1, s1, w2, b2, s2, w3, b3, s3, first, rows, keys, "
    "key_plane)\n\nKeys of a parity network at rows of a grid; see kernels.parities.");

PyObject *parity_keys(PyObject *self, PyObject *args) {
    enum { MAPS, W1, B1, W2, B2, W3, B3, OUT };
    Call call = {0};
    ParityNetwork p = {0};
    int level, shifts[3];
    size_t pairs;
    (void)self;
    if (PyArg_ParseTuple(args, "iy*nnny*y*iy*y*iy*y*innw*n", &level, BUFFER(MAPS), SIZE(pairs), SIZE(p.plane),
                         SIZE(p.stride), BUFFER(W1), BUFFER(B1), &shifts[0], BUFFER(W2), BUFFER(B2), &shifts[1],
                         BUFFER(W3), BUFFER(B3), &shifts[2], SIZE(p.first), SIZE(p.rows), BUFFER(OUT),
                         SIZE(p.key_plane)) &&
        has_level(&call, level) && within("pairs", pairs, 1, MAX_PAIRS) && within("stride", p.stride, 3, SIDE_MAX) &&
        within("first", p.first, 0, SIDE_MAX) && within("rows", p.rows, 1, SIDE_MAX) &&
        make_layer(&p.layers[0], "layer 1", BUFFER(W1), BUFFER(B1), shifts[0], 9 * (int)pairs) &&
        make_layer(&p.layers[1], "layer 2", BUFFER(W2), BUFFER(B2), shifts[1], p.layers[0].neurons / 2) &&
        make_layer(&p.layers[2], "layer 3", BUFFER(W3), BUFFER(B3), shifts[2], p.layers[1].neurons / 2)) {
        const size_t positions = (p.rows * p.stride + TILE_MAX - 1) / TILE_MAX * TILE_MAX; /* whole tiles are read */
        if (within("plane", p.plane, (p.first + p.rows + 2) * p.stride, INT32_MAX / MAX_PAIRS) &&
            within("key_plane", p.key_plane, p.rows * p.stride, PY_SSIZE_T_MAX / 4096) &&
            TAKE("maps", MAPS, p.maps, (pairs - 1) * p.plane + (p.first + 2) * p.stride + positions + 2) &&
            TAKE("keys", OUT, p.keys, (size_t)p.layers[2].neurons / 2 * p.key_plane) &&
            has_scratch(&call, PARITY_SCRATCH)) {
            ALONE(call.kernels->parity_keys(&p, call.scratch);)
        }
    }
    return finished(&call);
}

const char cell_rows_doc[] = PyDoc_STR(
    "cell_rows(level, high, values, gains, planes, height, width, first, last, w1, b1, s1, wm, bm, sm, w2, b2, s2, "
    "factor, shift, out, out_height, out_width)\n\nAdd the cell's residuals; see kernels.cell.");

/* Whether the gains of bands are such that products fit 32 bits. */
static int check_gains(const Cell *c, int bands) {
    for (int band = 0; band < bands; band++)
        if (!within("gains", c->gains[band], 1, 8191))
            return 0;
    return 1;
}

PyObject *cell_rows(PyObject *self, PyObject *args) {
    enum { HIGH, VALUES, GAINS, W1, B1, W2, B2, W3, B3, OUT };
    Call call = {0};
    Cell c = {0};
    int level, shifts[3];
    size_t planes;
    (void)self;
    if (PyArg_ParseTuple(args, "iy*y*y*nnnnny*y*iy*y*iy*y*iiiw*nn", &level, BUFFER(HIGH), BUFFER(VALUES), BUFFER(GAINS),
                         SIZE(planes), SIZE(c.height), SIZE(c.width), SIZE(c.first), SIZE(c.last), BUFFER(W1),
                         BUFFER(B1), &shifts[0], BUFFER(W2), BUFFER(B2), &shifts[1], BUFFER(W3), BUFFER(B3), &shifts[2],
                         &c.factor, &c.shift, BUFFER(OUT), SIZE(c.out_height), SIZE(c.out_width)) &&
        has_level(&call, level) && check_grid(planes, c.height, c.width, c.first, c.last) &&
        check_finer(c.height, c.width, c.out_height, c.out_width) && within("factor", c.factor, 1, 511) &&
        within("shift", c.shift, -4, 30) && (c.planes = (int)planes) &&
        make_layer(&c.layers[0], "layer 1", BUFFER(W1), BUFFER(B1), shifts[0], 9 * 2 * c.planes) &&
        make_layer(&c.layers[1], "layer 2", BUFFER(W2), BUFFER(B2), shifts[1], c.layers[0].neurons / 2) &&
        make_layer(&c.layers[2], "layer 3", BUFFER(W3), BUFFER(B3), shifts[2], 9 * c.layers[1].neurons / 2) &&
        within("outputs", c.layers[2].neurons, 4 * c.planes, 4 * c.planes) &&
        TAKE("high", HIGH, c.high, planes * c.height * c.width) &&
        TAKE("values", VALUES, c.values, 3 * planes * c.height * c.width) &&
        TAKE("gains", GAINS, c.gains, 3 * planes) && check_gains(&c, 3 * c.planes) &&
        TAKE("out", OUT, c.out, planes * c.out_height * c.out_width) &&
        /* what lies beyond a row's end is multiplied too: it is 0, or of another row */
        has_scratch(&call, CELL_SCRATCH + (size_t)(3 * CELL_ROW * (2 * c.planes + c.layers[1].neurons / 2))))
        ALONE(call.kernels->cell_rows(&c, call.scratch);)
    return finished(&call);
}

const char highpass_doc[] = PyDoc_STR("highpass(level, planes, count, height, width, first, last, factor, out)\n\n"
                                      "See kernels.highpass.");

PyObject *highpass(PyObject *self, PyObject *args) {
    enum { FROM, OUT };
    Call call = {0};
    Highpass p = {0};
    int level;
    (void)self;
    if (PyArg_ParseTuple(args, "iy*nnnnndw*", &level, BUFFER(FROM), SIZE(p.planes), SIZE(p.height), SIZE(p.width),
                         SIZE(p.first), SIZE(p.last), &p.factor, BUFFER(OUT)) &&
        has_level(&call, level) && check_grid(p.planes, p.height, p.width, p.first, p.last) &&
        TAKE("planes", FROM, p.from, p.planes * p.height * p.width) &&
        TAKE("out", OUT, p.out, p.planes * p.height * p.width) && has_scratch(&call, p.width + 4))
        ALONE(call.kernels->highpass(&p, call.scratch);)
    return finished(&call);
}

const char wavelet_rows_doc[] = PyDoc_STR(
    "wavelet_rows(level, low, values, factors, offsets, planes, height, width, first, last, out, out_height, "
    "out_width)\n\nSee kernels.wavelet.");

PyObject *wavelet_rows(PyObject *self, PyObject *args) {
    enum { LOWS, VALUES, FACTORS, OFFSETS, OUT };
    Call call = {0};
    Wavelet p = {0};
    int level;
    (void)self;
    if (PyArg_ParseTuple(args, "iy*y*y*y*nnnnnw*nn", &level, BUFFER(LOWS), BUFFER(VALUES), BUFFER(FACTORS),
                         BUFFER(OFFSETS), SIZE(p.planes), SIZE(p.height), SIZE(p.width), SIZE(p.first), SIZE(p.last),
                         BUFFER(OUT), SIZE(p.out_height), SIZE(p.out_width)) &&
        has_level(&call, level) && check_grid(p.planes, p.height, p.width, p.first, p.last) &&
        check_finer(p.height, p.width, p.out_height, p.out_width) &&
        TAKE("low", LOWS, p.low, p.planes * p.height * p.width) &&
        TAKE("values", VALUES, p.values, 3 * p.planes * p.height * p.width) &&
        TAKE("factors", FACTORS, p.factors, 3 * p.planes) && TAKE("offsets", OFFSETS, p.offsets, 3 * p.planes) &&
        TAKE("out", OUT, p.out, p.planes * p.out_height * p.out_width) && has_scratch(&call, LIFTING_SCRATCH(p.width)))
        ALONE(call.kernels->wavelet_rows(&p, call.scratch);)
    return finished(&call);
}

const char forward_doc[] = PyDoc_STR("forward(level, planes, count, height, width, low, details)\n\n"
                                     "See kernels.wavelet.forward.");

PyObject *forward(PyObject *self, PyObject *args) {
    enum { FROM, LOWS, DETAILS };
    Call call = {0};
    Forward p = {0};
    int level;
    (void)self;
    if (PyArg_ParseTuple(args, "iy*nnnw*w*", &level, BUFFER(FROM), SIZE(p.planes), SIZE(p.height), SIZE(p.width),
                         BUFFER(LOWS), BUFFER(DETAILS)) &&
        has_level(&call, level) && check_grid(p.planes, p.height, p.width, 0, p.height)) {
        p.low_height = (p.height + 1) / 2, p.low_width = (p.width + 1) / 2;
        if (TAKE("planes", FROM, p.from, p.planes * p.height * p.width) &&
            TAKE("low", LOWS, p.low, p.planes * p.low_height * p.low_width) &&
            TAKE("details", DETAILS, p.details, 3 * p.planes * p.low_height * p.low_width) &&
            has_scratch(&call, LIFTING_SCRATCH(p.low_width)))
            ALONE(call.kernels->forward(&p, call.scratch);)
    }
    return finished(&call);
}

const char quantise_doc[] = PyDoc_STR("quantise(level, coefficients, step, kept, out)\n\nSee latent.steps.");

PyObject *quantise(PyObject *self, PyObject *args) {
    enum { FROM, OUT };
    Call call = {0};
    Quantise q = {0};
    int level;
    (void)self;
    if (PyArg_ParseTuple(args, "iy*ddw*", &level, BUFFER(FROM), &q.step, &q.kept, BUFFER(OUT)) &&
        has_level(&call, level)) {
        q.count = length(&call, FROM, 4);
        if (q.step == 0 || !(q.kept >= 0 && q.kept <= 1))
            PyErr_SetString(PyExc_ValueError, "quantise: expected a step that is not 0, and kept of 0 to 1");
        else if (TAKE("coefficients", FROM, q.from, q.count) && TAKE("out", OUT, q.out, q.count))
            ALONE(call.kernels->quantise(&q);)
    }
    return finished(&call);
}
