/* What the mixing coder remembers, and where: all of it in one piece of memory. See mixing.h. */

#ifndef MIXING_MEMORY_H
#define MIXING_MEMORY_H

#include "mixing.h"

/* The next `size` bytes of the coder's memory, from the begin of a line of the cache on. */
static inline void *part(Mixing *m, size_t size) {
    const size_t line = 64, at = m->used;
    m->used += (size + line - 1) / line * line;
    return m->memory ? (char *)m->memory + line - (uintptr_t)m->memory % line + at : NULL;
}

static inline uint32_t *counters(Mixing *m, size_t n) {
    uint32_t *c = part(m, n * sizeof *c);
    for (size_t i = 0; c && i < n; i++)
        c[i] = 0x80000000u;
    return c;
}

static inline void start_mixer(Mixing *m, Mixer *mixer, size_t rows, size_t shares) {
    mixer->weights = part(m, rows * sizeof *mixer->weights);
    mixer->shares = part(m, shares * sizeof *mixer->shares);
    for (size_t i = 0; m->memory && i < rows * INPUTS; i++)
        mixer->weights[i / INPUTS][i % INPUTS] = 14418; /* 0.22 */
    for (size_t i = 0; m->memory && i < shares * 4; i++)
        mixer->shares[i / 4][i % 4] = 21845; /* a third */
}

static inline int bits_between(uint64_t area, int less, int least, int most) {
    int n = 0;
    while (n < 40 && (area - 1) >> n)
        n++;
    n -= less;
    return n < least ? least : n > most ? most : n;
}

/* Everything has its place in the memory, if there is any yet, with nothing learnt; `used` is how much that takes. */
static inline void lay_out(Mixing *m) {
    const size_t seen = (size_t)1 << m->seen_bits, slots = (size_t)SLOT << m->slot_bits;
    m->used = 0;
    for (int i = 0; i < CONTEXTS; i++)
        m->slots[i] = counters(m, slots);
    for (int i = 0; m->asks && i < CONTEXTS; i++)
        m->questions[i] = counters(m, seen);
    for (int i = 0; m->asks && i < NEIGHBOURHOODS; i++)
        m->seen[i] = part(m, seen * sizeof *m->seen[i]);
    m->places = m->asks ? part(m, seen * sizeof *m->places) : NULL;
    m->ranks[0] = part(m, m->stride);
    m->ranks[1] = part(m, m->stride);
    m->depth = part(m, m->stride);
    m->run1 = part(m, m->stride * sizeof *m->run1);
    m->run2 = part(m, m->stride * sizeof *m->run2);
    for (int i = 0; i < FLAT_CONTEXTS; i++)
        m->flats[i] = counters(m, (size_t)1 << FLAT_BITS);
    start_mixer(m, &m->question, QUESTION_ROWS, CANDIDATES);
    start_mixer(m, &m->sample, SAMPLE_ROWS, 16);
    start_mixer(m, &m->flat, FLAT_ROWS, 1);
}

/* Bytes that the memory of the coder of a picture takes, whose sizes of tables are set here. */
static inline size_t mixing_size(Mixing *m) {
    const uint64_t area = (uint64_t)m->width * m->height;
    m->seen_bits = bits_between(area, 2, 8, 17);
    m->slot_bits = bits_between(area, 3, 6, 16);
    lay_out(m);
    return m->used + 64;
}

#endif
