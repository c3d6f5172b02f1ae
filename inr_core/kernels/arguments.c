/* Checks of arguments, see arguments.h. */

#include "arguments.h"

int within(const char *name, Py_ssize_t value, Py_ssize_t low, Py_ssize_t high) {
    if (low <= value && value <= high)
        return 1;
    PyErr_Format(PyExc_ValueError, "%s: expected %zd to %zd, got %zd", name, low, high, value);
    return 0;
}

int holds(const char *name, const Py_buffer *buffer, size_t count, size_t size) {
    if ((size_t)buffer->len / size < count) {
        PyErr_Format(PyExc_ValueError, "%s: expected at least %zu bytes, got %zd", name, count * size, buffer->len);
        return 0;
    }
    if ((uintptr_t)buffer->buf % (size > 8 ? 4 : size)) {
        PyErr_Format(PyExc_ValueError, "%s: expected memory aligned to %zu bytes", name, size);
        return 0;
    }
    return 1;
}

size_t length(const Call *call, int k, size_t size) {
    return (size_t)call->buffers[k].len / size;
}

int has_level(Call *call, int level) {
    int count = 0;
    while (count < LEVELS_MAX && levels[count].name)
        count++;
    if (!within("level", level, 0, count - 1))
        return 0;
    if (!levels[level].available) {
        PyErr_Format(PyExc_ValueError, "level: this machine has no %s", levels[level].name);
        return 0;
    }
    call->kernels = &levels[level];
    return 1;
}

int check_grid(size_t planes, size_t height, size_t width, size_t first, size_t last) {
    return within("planes", planes, 1, 3) && within("height", height, 1, SIDE_MAX) &&
           within("width", width, 1, SIDE_MAX) && within("last", last, 1, height) && within("first", first, 0, last - 1);
}

int has_scratch(Call *call, size_t count) {
    const size_t line = 64;
    char *memory = calloc(count + line / 2, 4);
    if (!memory) {
        PyErr_NoMemory();
        return 0;
    }
    char *aligned = memory + 2 * line - (uintptr_t)memory % line;
    memcpy(aligned - sizeof memory, &memory, sizeof memory);
    call->scratch = aligned;
    return 1;
}

PyObject *finished(Call *call) {
    if (call->scratch) {
        char *memory;
        memcpy(&memory, (char *)call->scratch - sizeof memory, sizeof memory);
        free(memory);
    }
    for (int k = 0; k < BUFFERS_MAX; k++)
        if (call->buffers[k].obj)
            PyBuffer_Release(&call->buffers[k]);
    if (PyErr_Occurred())
        return NULL;
    Py_RETURN_NONE;
}
