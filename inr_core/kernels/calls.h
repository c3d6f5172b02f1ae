/* What Python calls: entry points and what they say of themselves, by the files call_….c. */

#include "arguments.h"

#define ENTRY_POINT(name)                              \
    extern const char name##_doc[];                    \
    PyObject *name(PyObject *self, PyObject *args);

ENTRY_POINT(parity_keys)
ENTRY_POINT(cell_rows)
ENTRY_POINT(highpass)
ENTRY_POINT(wavelet_rows)
ENTRY_POINT(forward)
ENTRY_POINT(quantise)
ENTRY_POINT(colour)
ENTRY_POINT(uncolour)
ENTRY_POINT(resample)
ENTRY_POINT(siren_rows)
ENTRY_POINT(code_parity)
ENTRY_POINT(encode)
ENTRY_POINT(decode)
ENTRY_POINT(mix_pixels)
ENTRY_POINT(reduce_pixels)
