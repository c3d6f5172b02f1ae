/* Calls of what makes samples of planes and planes of samples, and gives samples other sizes. */

#include "calls.h"

/* Whether samples of this depth, `step` of a pixel, have room for as many planes from `channel` on. */
static int check_samples(int bit_depth, size_t planes, size_t step, size_t channel) {
    return within("bit_depth", bit_depth, 8, 16) && within("bit_depth % 8", bit_depth % 8, 0, 0) &&
           within("planes", planes, 1, 3) && within("planes % 2", planes % 2, 1, 1) &&
           within("step", step, planes, 16) && within("channel", channel, 0, step - planes);
}

const char colour_doc[] = PyDoc_STR(
    "colour(level, from, planes, plane, first, last, bit_depth, out, step, channel)\n\n"
    "Planes of values first … last − 1 → samples from `channel` of `step` on; see kernels.colour.");

PyObject *colour(PyObject *self, PyObject *args) {
    enum { FROM, OUT };
    Call call = {0};
    Colour p = {0};
    int level, bit_depth;
    size_t first, last, channel;
    (void)self;
    if (PyArg_ParseTuple(args, "iy*nnnniw*nn", &level, BUFFER(FROM), SIZE(p.planes), SIZE(p.plane), SIZE(first),
                         SIZE(last), &bit_depth, BUFFER(OUT), SIZE(p.step), SIZE(channel)) &&
        has_level(&call, level) && check_samples(bit_depth, p.planes, p.step, channel) &&
        within("plane", p.plane, 1, PY_SSIZE_T_MAX / 64) && within("last", last, 1, p.plane) &&
        within("first", first, 0, last - 1) && TAKE("from", FROM, p.from, p.planes * p.plane) &&
        holds("out", BUFFER(OUT), last * p.step, (size_t)bit_depth / 8)) {
        p.wide = bit_depth == 16;
        p.from += first, p.count = last - first;
        p.out = (char *)call.buffers[OUT].buf + (first * p.step + channel) * ((size_t)bit_depth / 8);
        ALONE(call.kernels->colour(&p);)
    }
    return finished(&call);
}

const char uncolour_doc[] = PyDoc_STR("uncolour(level, samples, count, step, channel, planes, bit_depth, out)\n\n"
                                      "See kernels.colour.to_planes.");

PyObject *uncolour(PyObject *self, PyObject *args) {
    enum { FROM, OUT };
    Call call = {0};
    Uncolour p = {0};
    int level, bit_depth;
    size_t channel;
    (void)self;
    if (PyArg_ParseTuple(args, "iy*nnnniw*", &level, BUFFER(FROM), SIZE(p.count), SIZE(p.step), SIZE(channel),
                         SIZE(p.planes), &bit_depth, BUFFER(OUT)) &&
        has_level(&call, level) && check_samples(bit_depth, p.planes, p.step, channel) &&
        within("count", p.count, 1, PY_SSIZE_T_MAX / 64) &&
        holds("samples", BUFFER(FROM), p.count * p.step, (size_t)bit_depth / 8) &&
        TAKE("out", OUT, p.out, p.count * p.planes)) {
        p.wide = bit_depth == 16;
        p.from = (const char *)call.buffers[FROM].buf + channel * ((size_t)bit_depth / 8);
        ALONE(call.kernels->uncolour(&p);)
    }
    return finished(&call);
}

/* Whether no sum of weights and samples is beyond 32 bits, and no total is 0; otherwise ValueError. */
static int check_weights(const Resample *p) {
    const int32_t *weight = p->weights;
    for (size_t y = 0; y < p->size; y++) {
        int64_t total = 0, largest = 0;
        for (size_t i = 0; i < p->taps; i++, weight++) {
            total += *weight;
            largest += *weight < 0 ? -(int64_t)*weight : *weight;
        }
        if (total < 1 || largest > INT32_MAX / (p->wide ? 65535 : 255)) {
            PyErr_Format(PyExc_ValueError, "weights %zu: expected a sum from 1 on, and sums below 2^31", y);
            return 0;
        }
    }
    return 1;
}

const char resample_doc[] = PyDoc_STR("resample(level, samples, rows, width, bytes, firsts, weights, size, taps, out)"
                                      "\n\nSee kernels.resample.");

PyObject *resample(PyObject *self, PyObject *args) {
    enum { FROM, FIRSTS, WEIGHTS, OUT };
    Call call = {0};
    Resample p = {0};
    int level, bytes;
    (void)self;
    if (PyArg_ParseTuple(args, "iy*nniy*y*nnw*", &level, BUFFER(FROM), SIZE(p.rows), SIZE(p.width), &bytes,
                         BUFFER(FIRSTS), BUFFER(WEIGHTS), SIZE(p.size), SIZE(p.taps), BUFFER(OUT)) &&
        has_level(&call, level) && within("bytes", bytes, 1, 2) && within("rows", p.rows, 1, SIDE_MAX) &&
        within("width", p.width, 1, PY_SSIZE_T_MAX / SIDE_MAX) && within("size", p.size, 1, SIDE_MAX) &&
        within("taps", p.taps, 1, INT32_MAX) && holds("samples", BUFFER(FROM), p.rows * p.width, (size_t)bytes) &&
        TAKE("firsts", FIRSTS, p.firsts, p.size) && TAKE("weights", WEIGHTS, p.weights, p.size * p.taps) &&
        holds("out", BUFFER(OUT), p.size * p.width, (size_t)bytes)) {
        p.wide = bytes == 2;
        p.from = call.buffers[FROM].buf, p.out = call.buffers[OUT].buf;
        if (check_weights(&p))
            ALONE(call.kernels->resample(&p);)
    }
    return finished(&call);
}
