/* The call of a siren's forward pass. */

#include "calls.h"

/* Whether a siren's counts and weights are within its layers and buffers; otherwise ValueError. */
static int check_siren(Siren *s, size_t counts, size_t weights, size_t biases) {
    size_t counted = 0, used = 0, outputs = 0;
    for (int layer = 0; layer < s->layers; layer++) {
        if (!within("neurons", s->neurons[layer], 4, SIREN_WIDTH_MAX) ||
            !within("neurons", s->neurons[layer] % 4, 0, 0))
            return 0;
        s->widest = s->neurons[layer] > s->widest ? s->neurons[layer] : s->widest;
        outputs += layer ? (size_t)s->neurons[layer] : 0;
    }
    if (!within("biases", biases, outputs, PY_SSIZE_T_MAX))
        return 0;
    for (int layer = 1; layer <= s->layers; layer++) {
        const int neurons = layer < s->layers ? s->neurons[layer] : (s->channels + 3) / 4 * 4;
        const int pairs = s->neurons[layer - 1] / 2;
        if (s->dense[layer - 1]) {
            used += (size_t)neurons * (size_t)pairs;
            if (!within("weights", weights, used, PY_SSIZE_T_MAX))
                return 0;
            continue;
        }
        if (!within("counts", counts, counted + (size_t)neurons, PY_SSIZE_T_MAX))
            return 0;
        for (int k = 0; k < neurons; k++, counted++) {
            if (!within("count", s->counts[counted], 0, pairs) ||
                !within("weights", weights, used + 2 * (size_t)s->counts[counted], PY_SSIZE_T_MAX))
                return 0;
            for (int i = 0; i < s->counts[counted]; i++, used += 2)
                if (!within("entry", s->weights[used], 0, pairs - 1))
                    return 0;
        }
    }
    return 1;
}

const char siren_rows_doc[] = PyDoc_STR(
    "siren_rows(level, columns, rows, stride, width, height, first, last, neurons, counts, entries, multipliers, bias, "
    "last_multiplier, last_bias, peak, out)\n\nSee kernels.siren.");

PyObject *siren_rows(PyObject *self, PyObject *args) {
    enum { COLUMNS, ROWS, NEURONS_OF, DENSE, COUNTS, WEIGHTS, MULTIPLIERS, BIAS, LAST_BIAS, OUT };
    Call call = {0};
    Siren s = {0};
    int level, peak;
    long long multiplier;
    (void)self;
    if (!PyArg_ParseTuple(args, "iy*y*nnnnny*y*y*y*y*y*Ly*iw*", &level, BUFFER(COLUMNS), BUFFER(ROWS), SIZE(s.stride),
                          SIZE(s.width), SIZE(s.height), SIZE(s.first), SIZE(s.last), BUFFER(NEURONS_OF),
                          BUFFER(DENSE), BUFFER(COUNTS), BUFFER(WEIGHTS), BUFFER(MULTIPLIERS), BUFFER(BIAS),
                          &multiplier, BUFFER(LAST_BIAS), &peak, BUFFER(OUT)))
        return NULL;
    const size_t layers = length(&call, NEURONS_OF, 4), channels = length(&call, LAST_BIAS, 8);
    const size_t counts = length(&call, COUNTS, 4), weights = length(&call, WEIGHTS, 4), biases = length(&call, BIAS, 4);
    if (has_level(&call, level) && check_grid(1, s.height, s.width, s.first, s.last) &&
        within("layers", layers, 1, LAYERS_MAX) && within("channels", channels, 1, CHANNELS_MAX) &&
        within("peak", peak, 0, 65535) && within("multiplier", multiplier, 1, UINT32_MAX) &&
        within("stride", s.stride, s.width < SIREN_TILE_MAX ? SIREN_TILE_MAX : s.width, SIDE_MAX + SIREN_TILE_MAX) &&
        TAKE("neurons", NEURONS_OF, s.neurons, layers) && TAKE("dense", DENSE, s.dense, layers) &&
        TAKE("counts", COUNTS, s.counts, counts) && TAKE("weights", WEIGHTS, s.weights, weights) && TAKE("bias", BIAS, s.bias, biases) &&
        TAKE("multipliers", MULTIPLIERS, s.multipliers, layers - 1) &&
        TAKE("last_bias", LAST_BIAS, s.last_bias, channels) && (s.layers = (int)layers) &&
        (s.channels = (int)channels) && check_siren(&s, counts, weights, biases) &&
        TAKE("columns", COLUMNS, s.columns, (size_t)s.neurons[0] * s.stride) &&
        TAKE("rows", ROWS, s.rows, (size_t)s.neurons[0] * s.height) &&
        TAKE("out", OUT, s.out, s.height * s.width * channels) &&
        has_scratch(&call, SIREN_SCRATCH((size_t)s.widest))) {
        s.last_multiplier = multiplier, s.peak = peak;
        ALONE(call.kernels->siren_rows(&s, call.scratch);)
    }
    return finished(&call);
}
