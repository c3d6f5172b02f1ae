/* Of the C library, nothing: memory is the caller's, see memory.h. */
