/* A kernel's call from Python: its arguments, checked, and what is given back when it ends. Every entry point reads

       Call call = {0};
       if (PyArg_ParseTuple(args, …, BUFFER(NAME), …, SIZE(k.height), …) && has_level(&call, level) && within(…) &&
           TAKE("planes", FROM, k.from, count) && …)
           ALONE(call.kernels->name(&k))
       return finished(&call);

   Each check sets an exception where it fails, and no pointer of `k` is set before what it points to is known to be
   as large as the sizes say. */

#ifndef ARGUMENTS_H
#define ARGUMENTS_H

#define PY_SSIZE_T_CLEAN
#ifndef Py_LIMITED_API
#define Py_LIMITED_API 0x030B0000
#endif
#include <Python.h>

#include "native.h"

_Static_assert(sizeof(size_t) == 8, "products of three sizes below these limits are expected to fit a size");

enum { SIDE_MAX = 1 << 20, BUFFERS_MAX = 16 };

typedef struct {
    Py_buffer buffers[BUFFERS_MAX];
    const Kernels *kernels; /* of the level asked for */
    void *scratch;
} Call;

/* For PyArg_ParseTuple: a buffer by its place in `call`, and a size; a negative one is then larger than any limit. */
#define BUFFER(k) (&call.buffers[k])
#define SIZE(field) ((Py_ssize_t *)&(field))

/* Whether a buffer holds `count` of what `field` points to; then it points there. */
#define TAKE(name, k, field, count) \
    (holds(name, BUFFER(k), count, sizeof *(field)) && ((field) = call.buffers[k].buf, 1))

/* Do something without the GIL. */
#define ALONE(work) \
    {               \
        Py_BEGIN_ALLOW_THREADS work; \
        Py_END_ALLOW_THREADS \
    }

/* Whether low ≤ value ≤ high; otherwise ValueError. Sizes are given as they are, see SIZE. */
int within(const char *name, Py_ssize_t value, Py_ssize_t low, Py_ssize_t high);

/* Whether a buffer holds `count` items of `size` bytes, aligned; otherwise ValueError. */
int holds(const char *name, const Py_buffer *buffer, size_t count, size_t size);

/* Items of `size` bytes in a buffer. */
size_t length(const Call *call, int k, size_t size);

/* Whether there are kernels of this number, and this machine can use them; then they are the call's. */
int has_level(Call *call, int level);

/* Sizes of a range of rows of planes. */
int check_grid(size_t planes, size_t height, size_t width, size_t first, size_t last);

/* Scratch of `count` integers of 32 bits, all 0, from the beginning of a cache line on; otherwise MemoryError. */
int has_scratch(Call *call, size_t count);

/* The end of a call: None, or NULL where an exception is set. */
PyObject *finished(Call *call);

/* levels.c */
enum { LEVELS_MAX = 4 };
extern Kernels levels[LEVELS_MAX]; /* those without a name are other processors' */
void choose_levels(void);

#endif
