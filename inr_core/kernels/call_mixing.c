/* The mixing coder from Python. */

#include "calls.h"

#include "mixing.h"

const char mix_pixels_doc[] = PyDoc_STR(
    "mix_pixels(height, width, planes, bits, asks, squash, stretch, rates, pixels, data, out) -> size\n\n"
    "Read `data` into `pixels`, uint64 (height, width), or write them to `out` if it is not empty. `size`: of the\n"
    "bytes, as far as they have to be there; more than `out` has: they did not fit.");

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

PyObject *mix_pixels(PyObject *self, PyObject *args) {
    enum { AT_ONCE = 1 << 15 }; /* pixels between looks for signals */
    enum { SQUASH, STRETCH, RATES, PIXELS, DATA, OUT };
    Call call = {0};
    Mixing m = {0};
    uint64_t *given;
    int ok = 1;
    (void)self;
    if (!PyArg_ParseTuple(args, "nniiiy*y*y*w*y*w*", SIZE(m.height), SIZE(m.width), &m.planes, &m.bits, &m.asks,
                          BUFFER(SQUASH), BUFFER(STRETCH), BUFFER(RATES), BUFFER(PIXELS), BUFFER(DATA), BUFFER(OUT)))
        return NULL;
    m.coder.high = UINT32_MAX, m.coder.size = length(&call, DATA, 1);
    if (!within("height", m.height, 1, 65535) || !within("width", m.width, 1, 65535) ||
        !within("pixels", m.height * m.width, 1, 1 << 30) || !within("planes", m.planes, 1, 4) ||
        !within("bits", m.bits, 1, 16) || !TAKE("squash", SQUASH, m.tables.squash, LOGITS) ||
        !TAKE("stretch", STRETCH, m.tables.stretch, STRETCHED) || !TAKE("rates", RATES, m.tables.rates, COUNTS) ||
        !check_mixing(&m.tables) || !TAKE("pixels", PIXELS, given, m.height * m.width) ||
        !TAKE("data", DATA, m.coder.from, m.coder.size))
        goto end;
    if (call.buffers[OUT].len) {
        m.coder.size = length(&call, OUT, 1);
        if (!TAKE("out", OUT, m.coder.to, m.coder.size))
            goto end;
    }
    ALONE(ok = start_mixing(&m);)
    if (!ok) {
        PyErr_NoMemory();
        goto end;
    }
    if (m.coder.to)
        ALONE(take_pixels(&m, given);)
    begin_coding(&m.coder);
    const size_t rows = 1 + AT_ONCE / m.width;
    for (size_t y = 0; y < m.height; y += rows) {
        ALONE(code_rows(&m, y, y + rows < m.height ? y + rows : m.height);)
        if (PyErr_CheckSignals()) /* Ctrl-C is heard, although a strip may take ten seconds */
            goto end;
        if (!m.coder.to && m.coder.at > m.coder.size + 4) /* no writer's data: what is left need not be read */
            break;
    }
    end_coding(&m.coder);
    if (!m.coder.to)
        ALONE(give_pixels(&m, given);)
end:;
    end_mixing(&m);
    PyObject *none = finished(&call);
    Py_XDECREF(none);
    return none ? PyLong_FromSize_t(m.coder.at) : NULL;
}
