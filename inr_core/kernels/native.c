/* Compiled kernels: what NumPy does in the other files of this folder, with the same results, in one pass each.

   How a level of 768 × 512 pixels is made, and what it costs. Multiply-adds a pixel, all levels together: 8,000 of
   prior 2, of which 2,500 are luma's parity networks, 2,100 chroma's, 3,400 the cell's (16,100 of prior 1); so
   3.2 · 10^9 for the picture, 20 ms at the rate of VNNI (156 · 10^9 a second and core), 53 at that of AVX2's pmaddwd
   (60 · 10^9). That is the floor; everything else is to be small beside it:

   - Networks read and write pairs of channels, so that a product needs no shuffling (networks.h). A tile of 8, 16 or 48
     positions goes through all layers while it is in the first cache. Maps are 2.5 MB for the finest grid, read once.
   - Symbols are read parity by parity from the keys of all its positions; values, and features as the next networks
     want them, are written row by row (symbols.h, shown.h): 0.5 million symbols at 3 ns.
   - The cell keeps three rows of its second layer and adds what comes of it to the rows of the inverse wavelet, which
     keeps four (wavelet.h). 10^7 sines are a polynomial of their phase.

   Sums are exact in 32 bits: the format bounds Σ|weight| · |input| by 2^24. Weights and inputs must fit 16 bits; the
   caller uses NumPy for networks that do not.

   Levels of instructions are chosen at run time: plain C, baseline (SSE2 or NEON), avx2, vnni (AVX-512). Every function
   checks that its buffers are as large as its sizes say before it touches them, and works without the GIL. Only the
   stable ABI of Python 3.11 is used, and nothing of NumPy's. */

/* Files: what Python calls is in call_….c, by checks that arguments.h has; levels.c makes the kernels of each level out of
   level.h, which includes networks.h, wavelet.h, samples.h, shown.h and siren.h with the vectors of vectors.h. */

#include "calls.h"

#ifndef SOURCES
#define SOURCES 0u /* CRC-32 of the C files: kernels/switch.py does not use a library of others than are beside it */
#endif

static PyObject *level_names(PyObject *self, PyObject *args) {
    (void)self, (void)args;
    PyObject *names = PyList_New(0);
    for (int level = 0; names && level < LEVELS_MAX && levels[level].name; level++) {
        PyObject *pair = Py_BuildValue("(si)", levels[level].name, levels[level].available);
        if (!pair || PyList_Append(names, pair) < 0)
            Py_CLEAR(names);
        Py_XDECREF(pair);
    }
    return names;
}

/* Multiply-adds and nothing else, to know what a machine's best would be. */
static PyObject *products(PyObject *self, PyObject *args) {
    static const int32_t from[4 * TILE_MAX] = {1};
    int32_t to[4 * TILE_MAX];
    Call call = {0};
    int level;
    size_t repeats, done = 0;
    (void)self;
    if (PyArg_ParseTuple(args, "in", &level, SIZE(repeats)) && has_level(&call, level) &&
        within("repeats", repeats, 0, INT32_MAX))
        ALONE(done = call.kernels->products(from, repeats, to);)
    PyObject *none = finished(&call);
    Py_XDECREF(none);
    return none ? PyLong_FromSize_t(done) : NULL;
}

#define METHOD(name) {#name, name, METH_VARARGS, name##_doc}
static PyMethodDef methods[] = {
    {"levels", level_names, METH_NOARGS, PyDoc_STR("levels() -> [(name, whether this machine has it)]")},
    {"products", products, METH_VARARGS, PyDoc_STR("products(level, repeats) -> how many multiply-adds were done")},
    METHOD(parity_keys),
    METHOD(cell_rows),
    METHOD(highpass),
    METHOD(wavelet_rows),
    METHOD(forward),
    METHOD(quantise),
    METHOD(colour),
    METHOD(uncolour),
    METHOD(resample),
    METHOD(siren_rows),
    METHOD(code_parity),
    METHOD(encode),
    METHOD(decode),
    METHOD(mix_pixels),
    METHOD(reduce_pixels),
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
