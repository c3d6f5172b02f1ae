/* See memory.h. */

#include "memory.h"

enum { LINE = 64, PAGE = 1 << 16, BEYOND = 256 };

extern unsigned char __heap_base;
static size_t end;

size_t EXPORT(mark)(void) {
    if (!end)
        end = ((size_t)&__heap_base + LINE - 1) / LINE * LINE;
    return end;
}

void EXPORT(release)(size_t to) {
    end = to;
}

void *EXPORT(take)(size_t size) {
    const size_t begin = mark();
    const uint64_t after = begin + ((uint64_t)size + LINE - 1) / LINE * LINE, needed = after + BEYOND;
    const uint64_t there = (uint64_t)__builtin_wasm_memory_size(0) * PAGE;
    if (needed > UINT32_MAX)
        return NULL;
    if (needed > there && __builtin_wasm_memory_grow(0, (size_t)((needed - there + PAGE - 1) / PAGE)) == (size_t)-1)
        return NULL;
    end = (size_t)after;
    return (void *)begin;
}

void *EXPORT(take_zeros)(size_t size) {
    void *memory = take(size);
    if (memory)
        __builtin_memset(memory, 0, size);
    return memory;
}
