/* What the symbols of a block of a parity say: values, and what networks see of them. Plain loops, included once for each
   level so that the compiler may use its vectors. */

/* Every second one of `to`. */
static INLINE void NAME(spread_out)(const int32_t *from, size_t n, int32_t *to) {
    size_t i = 0;
#ifdef vspread
    for (; i + LANES <= n; i += LANES)
        vspread(to + 2 * i, vload(from + i));
#endif
    for (; i < n; i++)
        to[2 * i] = from[i];
}

/* Values of one band in 1/64 of a step: a symbol, moved towards its mean, but no further than `reach`. */
static INLINE void NAME(values_of)(const int32_t *RESTRICT keys, const int32_t *RESTRICT symbols,
                                   const int32_t *RESTRICT reach, size_t n, int32_t *RESTRICT values) {
    for (size_t i = 0; i < n; i++) {
        const uint32_t value = 64 * (uint32_t)symbols[i], mean = ((uint32_t)keys[i] & ((1 << MEAN_BITS) - 1)) - MEAN_HALF;
        const int32_t back = (int32_t)(0u - (uint32_t)reach[i]);
        int32_t moved = (int32_t)(8 * mean - value);
        moved = moved < back ? back : moved;
        moved = moved > reach[i] ? reach[i] : moved;
        values[i] = (int32_t)(value + (uint32_t)moved);
    }
}

/* The low halves of pairs, and the high ones. */
static INLINE void NAME(pairs_of)(const int32_t *RESTRICT low, const int32_t *RESTRICT high, size_t n,
                                  int32_t *RESTRICT to) {
    for (size_t i = 0; i < n; i++)
        to[i] = PAIR(low[i], high[i]);
}

/* Of row y of the parity, n columns from x on. */
static void NAME(show)(const Parity *p, int bands, const Block *block, size_t y, size_t x, size_t n) {
    const size_t grid = p->width * p->height, own = (y + p->first + 1) * p->own_stride + 1;
    const size_t at = (2 * (y + p->first) + p->y) * p->width + p->x + 2 * x;
    int32_t made[BLOCK_COLUMNS];
    for (int b = 0; b < bands; b++) {
        const int32_t *keys = p->keys + b * p->key_plane + y * p->key_stride + x;
        NAME(values_of)(keys, block->symbols[b], block->reach[b], n, made);
        NAME(spread_out)(made, n, p->values + b * grid + at);
    }
    for (int k = 0; k < 3; k++) {
        int32_t *to = p->own ? p->own + k * p->own_plane + own + x : made;
        if (bands == 3) {
            NAME(pairs_of)(block->magnitudes[k], block->signs[k], n, made);
            if (p->own)
                memcpy(to, made, n * sizeof *made);
        } else {
            if (p->own)
                NAME(pairs_of)(block->signs[2 * k], block->signs[2 * k + 1], n, to);
            NAME(pairs_of)(block->magnitudes[2 * k], block->magnitudes[2 * k + 1], n, made);
        }
        NAME(spread_out)(made, n, p->features + k * grid + at);
    }
}
