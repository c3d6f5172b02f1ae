/* The call of a siren's forward pass. */

#include "calls.h"

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
    if (!within("biases", biases, outputs, PY_SSIZE_T_MAX) ||
        !within("counts", counts, outputs + (size_t)s->channels, PY_SSIZE_T_MAX))
        return 0;
    for (int layer = 1; layer <= s->layers; layer++) {
        const int n = layer < s->layers ? s->neurons[layer] : s->channels, pairs = s->neurons[layer - 1] / 2;
        for (int k = 0; k < n; k++, neuron++) {
            if (!within("count", s->counts[neuron], 0, pairs))
                return 0;
            if (used + (size_t)s->counts[neuron] > entries) {
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

const char siren_rows_doc[] = PyDoc_STR(
    "siren_rows(level, columns, rows, stride, width, height, first, last, neurons, counts, entries, multipliers, bias, "
    "last_multiplier, last_bias, peak, out)\n\nSee kernels.siren.");

PyObject *siren_rows(PyObject *self, PyObject *args) {
    enum { COLUMNS, ROWS, NEURONS_OF, COUNTS, ENTRIES, MULTIPLIERS, BIAS, LAST_BIAS, OUT };
    Call call = {0};
    Siren s = {0};
    int level, peak;
    long long multiplier;
    (void)self;
    if (!PyArg_ParseTuple(args, "iy*y*nnnnny*y*y*y*y*Ly*iw*", &level, BUFFER(COLUMNS), BUFFER(ROWS), SIZE(s.stride),
                          SIZE(s.width), SIZE(s.height), SIZE(s.first), SIZE(s.last), BUFFER(NEURONS_OF),
                          BUFFER(COUNTS), BUFFER(ENTRIES), BUFFER(MULTIPLIERS), BUFFER(BIAS), &multiplier,
                          BUFFER(LAST_BIAS), &peak, BUFFER(OUT)))
        return NULL;
    const size_t layers = length(&call, NEURONS_OF, 4), channels = length(&call, LAST_BIAS, 8);
    const size_t counts = length(&call, COUNTS, 4), entries = length(&call, ENTRIES, 8), biases = length(&call, BIAS, 4);
    if (has_level(&call, level) && check_grid(1, s.height, s.width, s.first, s.last) &&
        within("layers", layers, 1, LAYERS_MAX) && within("channels", channels, 1, 16) &&
        within("peak", peak, 0, 65535) && within("multiplier", multiplier, 1, UINT32_MAX) &&
        within("stride", s.stride, s.width < SIREN_TILE_MAX ? SIREN_TILE_MAX : s.width, SIDE_MAX + SIREN_TILE_MAX) &&
        TAKE("neurons", NEURONS_OF, s.neurons, layers) && TAKE("counts", COUNTS, s.counts, counts) &&
        TAKE("entries", ENTRIES, s.entries, 2 * entries) && TAKE("bias", BIAS, s.bias, biases) &&
        TAKE("multipliers", MULTIPLIERS, s.multipliers, layers - 1) &&
        TAKE("last_bias", LAST_BIAS, s.last_bias, channels) && (s.layers = (int)layers) &&
        (s.channels = (int)channels) && check_siren(&s, counts, entries, biases) &&
        TAKE("columns", COLUMNS, s.columns, (size_t)s.neurons[0] * s.stride) &&
        TAKE("rows", ROWS, s.rows, (size_t)s.neurons[0] * s.height) &&
        TAKE("out", OUT, s.out, s.height * s.width * channels) &&
        has_scratch(&call, ((size_t)s.widest + 2) * SIREN_TILE_MAX)) {
        s.last_multiplier = multiplier, s.peak = peak;
        ALONE(call.kernels->siren_rows(&s, call.scratch);)
    }
    return finished(&call);
}
