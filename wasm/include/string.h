/* Of the C library, what the kernels use: WebAssembly has its own instructions for both. */

#ifndef STRING_H
#define STRING_H

#include <stddef.h>

#define memcpy(to, from, size) __builtin_memcpy(to, from, size)
#define memset(to, value, size) __builtin_memset(to, value, size)

#endif
