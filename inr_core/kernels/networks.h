/* Networks on integers: the layers of the latent model's networks and of sirens. Included once for each level.

   Maps and activations are pairs: two channels as two int16 in 32 bits, at neighbouring positions one after the other.
   So a vector holds a pair of inputs at some positions, a pair of weights is the same for all of them, and a neighbour
   is the same vector a position further on. A tile of positions goes through all layers of a network at once: what is
   between them stays in the first cache, and of a layer's sums, those of TILE_N neurons stay in registers.

   A layer's weights are packed by fours of neurons: for each four, for each pair of inputs, four pairs of weights. */

/* What becomes of the sums a and b of neurons i and i + 1 at a vector of positions, `kind` says:
   RELU, SINE   activations, as pairs, [neurons / 2], `spread` apart
   TURNS        these too, of sums that are multiplied before the bias is added
   KEYS         a scale and a mean: keys, as these
   CLIPPED      two residuals, [neurons], as these
   SUMS         themselves */
static INLINE void NAME(finish)(const int kind, V a, V b, const Layer *layer, int32_t *out, int i, size_t spread) {
    int32_t *pair = out + (size_t)i / 2 * spread;
    if (kind == TURNS) {
        const V multiplier = vset1((int32_t)layer->multiplier);
        a = vadd(vmul(a, multiplier), vset1(layer->bias[i])), b = vadd(vmul(b, multiplier), vset1(layer->bias[i + 1]));
        vstore(pair, vpairs(vsine(a), vsine(b)));
        return;
    }
    if (kind != SUMS)
        a = vsra(a, layer->shift), b = vsra(b, layer->shift);
    if (kind == RELU) {
        const V zero = vset1(0), most = vset1(RELU_MAX);
        vstore(pair, vpairs(vmin(vmax(a, zero), most), vmin(vmax(b, zero), most)));
    } else if (kind == SINE) {
        vstore(pair, vpairs(vsine(vsll(a, 20)), vsine(vsll(b, 20))));
    } else if (kind == KEYS) {
        const V zero = vset1(0);
        a = vmin(vmax(a, zero), vset1(SCALES - 1));
        b = vmin(vmax(b, zero), vset1((1 << MEAN_BITS) - 1));
        vstore(pair, vadd(vsll(a, MEAN_BITS), b));
    } else {
        const V low = vset1(-RESIDUAL_MAX), high = vset1(RESIDUAL_MAX);
        vstore(out + (size_t)i * spread, kind == SUMS ? a : vmin(vmax(a, low), high));
        vstore(out + (size_t)(i + 1) * spread, kind == SUMS ? b : vmin(vmax(b, low), high));
    }
}

/* Four or eight neurons of a layer, from the first on, at a tile of positions; pair k of its inputs is at x + offset[k].
   Written out by macros, since compilers leave arrays of sums in memory: sum i_v is of neuron i at vector v. */
#if TILE_V == 1
#define EACH_VECTOR(DO, i) DO(i, 0)
#elif TILE_V == 2
#define EACH_VECTOR(DO, i) DO(i, 0) DO(i, 1)
#else
#define EACH_VECTOR(DO, i) DO(i, 0) DO(i, 1) DO(i, 2)
#endif
#define EACH_OF_4(DO) DO(0) DO(1) DO(2) DO(3)
#define EACH_OF_8(DO) EACH_OF_4(DO) DO(4) DO(5) DO(6) DO(7)
#define EACH_PAIR_OF_4(DO) DO(0, 1) DO(2, 3)
#define EACH_PAIR_OF_8(DO) EACH_PAIR_OF_4(DO) DO(4, 5) DO(6, 7)
#define INPUT(_, v) const V x##v = vload(at + v * LANES);
#define SUM(i, v) V sum##i##_##v = bias##i;
#define START(i) const V bias##i = vset1(biased ? layer->bias[first + i] : 0); EACH_VECTOR(SUM, i)
#define ADD(i, v) sum##i##_##v = vdp(sum##i##_##v, x##v, weight##i);
#define MULTIPLY(i) { const V weight##i = vset1(w[i / 4 * four + i % 4]); EACH_VECTOR(ADD, i) }
#define KEEP_2(i, v) VKEEP(sum##i##_##v);
#define KEEP(i) EACH_VECTOR(KEEP_2, i)
#define FINISH_2(v, a, b) NAME(finish)(kind, sum##a##_##v, sum##b##_##v, layer, out + v * LANES, first + a, spread);
#if TILE_V == 1
#define FINISH(a, b) FINISH_2(0, a, b)
#elif TILE_V == 2
#define FINISH(a, b) FINISH_2(0, a, b) FINISH_2(1, a, b)
#else
#define FINISH(a, b) FINISH_2(0, a, b) FINISH_2(1, a, b) FINISH_2(2, a, b)
#endif
#define NEURONS(name, EACH, EACH_PAIR)                                                                               \
    static INLINE void NAME(name)(const int kind, const Layer *layer, int first, const int32_t *x,                   \
                                  const int32_t *offset, int32_t *out, size_t spread) {                              \
        const int biased = kind != TURNS && kind != SUMS;                                                            \
        const size_t four = 4 * (size_t)layer->pairs;                                                                \
        const int32_t *w = layer->weights + (size_t)first * (size_t)layer->pairs, *end = w + four;                   \
        EACH(START)                                                                                                  \
        do {                                                                                                         \
            const int32_t *at = x + *offset++;                                                                       \
            EACH_VECTOR(INPUT, _)                                                                                    \
            EACH(MULTIPLY)                                                                                           \
            EACH(KEEP)                                                                                               \
            w += 4;                                                                                                  \
        } while (w < end);                                                                                                        \
        EACH_PAIR(FINISH)                                                                                            \
    }
NEURONS(four, EACH_OF_4, EACH_PAIR_OF_4)
#if TILE_N == 8
NEURONS(eight, EACH_OF_8, EACH_PAIR_OF_8)
#endif

static INLINE void NAME(layer)(const int kind, const Layer *layer, const int32_t *x, const int32_t *offset,
                               int32_t *out, size_t spread) {
    int first = 0;
#if TILE_N == 8
    for (; first + 8 <= layer->neurons; first += 8)
        NAME(eight)(kind, layer, first, x, offset, out, spread);
#endif
    for (; first < layer->neurons; first += 4)
        NAME(four)(kind, layer, first, x, offset, out, spread);
}

/* Offsets of a 3×3 neighbourhood in each of `pairs` maps: by map, then row, then column. */
static INLINE void NAME(neighbours)(int32_t *offset, int pairs, size_t plane, const size_t row[3]) {
    for (int k = 0; k < pairs; k++)
        for (int y = 0; y < 3; y++)
            for (int x = 0; x < 3; x++)
                *offset++ = (int32_t)(k * plane + row[y] + x);
}

/* Keys of all bands at rows × stride positions from row `first` on: of each row, the last two mean nothing.
   `scratch`: PARITY_SCRATCH integers. */
static void NAME(parity_keys)(const ParityNetwork *p, int32_t *scratch) {
    const Layer *one = &p->layers[0], *two = &p->layers[1], *three = &p->layers[2];
    int32_t *a = scratch, *b = a + MAX_NEURONS / 2 * TILE_MAX, *last = b + MAX_NEURONS / 2 * TILE_MAX;
    int32_t *near = last + MAX_NEURONS / 2 * TILE_MAX, *own = near + one->pairs;
    const size_t row[3] = {0, p->stride, 2 * p->stride};
    NAME(neighbours)(near, one->pairs / 9, p->plane, row);
    for (int k = 0; k < MAX_NEURONS / 2; k++)
        own[k] = k * TILE;
    const size_t positions = p->rows * p->stride;
    for (size_t at = 0; at < positions; at += TILE) {
        NAME(layer)(RELU, one, p->maps + p->first * p->stride + at, near, a, TILE);
        NAME(layer)(RELU, two, a, own, b, TILE);
        if (positions - at >= TILE) {
            NAME(layer)(KEYS, three, b, own, p->keys + at, p->key_plane);
            continue;
        }
        NAME(layer)(KEYS, three, b, own, last, TILE); /* what follows is another band's */
        for (int k = 0; k < three->neurons / 2; k++)
            memcpy(p->keys + k * p->key_plane + at, last + k * TILE, (positions - at) * sizeof *last);
    }
}

/* Channel `channel` of what the cell sees, at n positions of a grid from `at` on. */
static INLINE void NAME(cell_channel)(const Cell *c, int channel, size_t at, size_t n, int32_t *RESTRICT to) {
    const size_t grid = c->width * c->height;
    if (channel < c->planes) {
        const int16_t *from = c->high + (size_t)channel * grid + at;
        for (size_t i = 0; i < n; i++)
            to[i] = from[i];
        return;
    }
    channel -= c->planes;
    const int32_t *from = c->values + (size_t)channel * grid + at, gain = c->gains[channel];
    for (size_t i = 0; i < n; i++) {
        int32_t v = from[i] < -VALUE_MAX ? -VALUE_MAX : from[i] > VALUE_MAX ? VALUE_MAX : from[i];
        v = (v * gain + (1 << 13)) >> 14;
        to[i] = v < -CELL_MAX ? -CELL_MAX : v > CELL_MAX ? CELL_MAX : v;
    }
}

/* What it sees in row y, columns low … high − 1 and one on either side, as pairs. */
static INLINE void NAME(cell_inputs)(const Cell *c, size_t y, size_t low, size_t high, int32_t *to, size_t spread) {
    int32_t first[CELL_COLUMNS + 4], second[CELL_COLUMNS + 4];
    const size_t begin = low ? low - 1 : 0, end = high < c->width ? high + 1 : c->width, n = end - begin;
    const size_t at = y * c->width + begin, skipped = low ? 0 : 1;
    for (int pair = 0; pair < 2 * c->planes; pair++, to += spread) {
        NAME(cell_channel)(c, 2 * pair, at, n, first);
        NAME(cell_channel)(c, 2 * pair + 1, at, n, second);
        for (size_t i = 0; i < n; i++)
            to[i + skipped] = PAIR(first[i], second[i]);
        if (!low) /* repeated at the picture's edges */
            to[0] = to[1];
        if (high == c->width)
            to[high - low + 1] = to[high - low];
    }
}

/* Add the residuals of a row of tiles, [4 · planes][TILE], to the finer planes: n positions from row y, column x on. */
static INLINE void NAME(cell_add)(const Cell *c, const int32_t *residual, size_t y, size_t x, size_t n) {
    const int32_t factor = c->factor, shift = c->shift > 0 ? c->shift : 0, up = c->shift < 0 ? -c->shift : 0;
    const int32_t half = shift ? (int32_t)(1u << (shift - 1)) : 0;
    for (int k = 0; k < 2 * c->planes; k++, residual += 2 * TILE) { /* pairs of columns: plane k / 2, row k % 2 */
        const size_t row = 2 * y + k % 2;
        if (row >= c->out_height)
            continue;
        uint32_t *out = (uint32_t *)c->out + ((size_t)(k / 2) * c->out_height + row) * c->out_width + 2 * x;
        const size_t whole = 2 * (x + n) <= c->out_width ? n : n - 1;
        const int32_t *left = residual, *right = residual + TILE;
        for (size_t i = 0; i < whole; i++) {
            out[2 * i] += (uint32_t)(((left[i] * factor + half) >> shift) * (1 << up));
            out[2 * i + 1] += (uint32_t)(((right[i] * factor + half) >> shift) * (1 << up));
        }
        if (whole < n)
            out[2 * whole] += (uint32_t)(((left[whole] * factor + half) >> shift) * (1 << up));
    }
}

/* Add the cell's residuals to the planes that the wavelet made, for rows first … last − 1 of the coarser grid.

   The picture goes by in blocks of columns; of each, the last three rows of inputs and of the second layer's activations
   are kept. `scratch`: CELL_SCRATCH integers and the rings. */
static void NAME(cell_rows)(const Cell *c, int32_t *scratch) {
    const Layer *one = &c->layers[0], *two = &c->layers[1], *three = &c->layers[2];
    const int inputs = 2 * c->planes, hidden = two->neurons / 2;
    int32_t *near = scratch, *own = near + 9 * MAX_NEURONS / 2, *a = own + MAX_NEURONS / 2;
    int32_t *residual = a + MAX_NEURONS / 2 * TILE_MAX, *maps = residual + 12 * TILE_MAX;
    for (int k = 0; k < MAX_NEURONS / 2; k++)
        own[k] = k * TILE;
    for (size_t left = 0; left < c->width; left += CELL_COLUMNS) {
        const size_t right = left + CELL_COLUMNS < c->width ? left + CELL_COLUMNS : c->width;
        const size_t low = left ? left - 1 : 0, high = right < c->width ? right + 1 : c->width, begin = left ? 0 : 1;
        const size_t wide = CELL_ROW, spread = 3 * wide;
        int32_t *b = maps + inputs * spread;
        size_t next = c->first ? c->first - 1 : 0, filled = next ? next - 1 : 0;
        for (size_t y = c->first; y < c->last; y++) {
            for (; next <= y + 1 && next < c->height; next++) {
                for (; filled <= next + 1 && filled < c->height; filled++)
                    NAME(cell_inputs)(c, filled, low, high, maps + filled % 3 * wide, spread);
                const size_t rows[3] = {(next ? next - 1 : 0) % 3 * wide, next % 3 * wide,
                                        (next + 1 < c->height ? next + 1 : next) % 3 * wide};
                NAME(neighbours)(near, inputs, spread, rows);
                int32_t *row = b + next % 3 * wide;
                for (size_t x = 0; x < high - low; x += TILE) {
                    NAME(layer)(SINE, one, maps + x, near, a, TILE);
                    NAME(layer)(SINE, two, a, own, row + begin + x, spread);
                }
                for (int k = 0; k < hidden; k++, row += spread) { /* repeated at the picture's edges */
                    if (!left)
                        row[0] = row[1];
                    if (right == c->width)
                        row[right - left + 1] = row[right - left];
                }
            }
            const size_t rows[3] = {(y ? y - 1 : 0) % 3 * wide, y % 3 * wide,
                                    (y + 1 < c->height ? y + 1 : y) % 3 * wide};
            NAME(neighbours)(near, hidden, spread, rows);
            for (size_t x = 0; x < right - left; x += TILE) {
                NAME(layer)(CLIPPED, three, b + x, near, residual, TILE);
                NAME(cell_add)(c, residual, y, left + x, right - left - x < TILE ? right - left - x : TILE);
            }
        }
    }
}
