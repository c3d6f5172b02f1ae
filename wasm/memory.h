/* Memory that is taken from a stack: what was taken after a mark is given back together. */

#ifndef MEMORY_H
#define MEMORY_H

#include <stddef.h>
#include <stdint.h>

#define EXPORT(name) __attribute__((export_name(#name))) name

enum { NO_MEMORY = -1, REFUSED = 0, MADE = 1 }; /* what functions that the page calls give back */

/* So many bytes, from the begin of a line of the cache on, and as many readable ones behind them as kernels read
   beyond ends. NULL: there is no such memory. */
void *take(size_t size);

/* The same, all of them 0. */
void *take_zeros(size_t size);

/* Where the stack ends, and back to there. */
size_t mark(void);
void release(size_t end);

#endif
