/* A network of the coordinates: every pixel of a row through all layers, a tile at a time. Included once for each level.

   A layer is dense, or it is a list for each neuron of those pairs of inputs of which it uses one: by default nine weights
   in ten are not there. An entry costs a load of the inputs and a product, where a dense layer loads them for all of the
   neurons whose sums are in registers. */

#define SIREN_TILE (SIREN_V * LANES)

#if SIREN_V == 4
#define EACH_SIREN_VECTOR(DO) DO(0) DO(1) DO(2) DO(3)
#else
#define EACH_SIREN_VECTOR(DO) DO(0) DO(1) DO(2) DO(3) DO(4) DO(5)
#endif
#define SIREN_START(v) V even##v = vset1(0), odd##v = vset1(0);
#define SIREN_EVEN(v) even##v = vdp(even##v, vload(one + v * LANES), weight_one);
#define SIREN_ODD(v) odd##v = vdp(odd##v, vload(two + v * LANES), weight_two);
#define SIREN_KEEP(v) VKEEP(even##v); VKEEP(odd##v);
#define SIREN_STORE(v) vstore(out + v * LANES, vadd(even##v, odd##v));

/* Sums of one neuron over its entries, at a tile of positions: two sums for each, so that none waits for the other. */
static INLINE void NAME(siren_sums)(const int32_t *in, const int32_t *entry, const int32_t *end, int32_t *out) {
    EACH_SIREN_VECTOR(SIREN_START)
    for (; entry + 2 < end; entry += 4) {
        const int32_t *one = in + (size_t)entry[0] * SIREN_TILE, *two = in + (size_t)entry[2] * SIREN_TILE;
        const V weight_one = vset1(entry[1]), weight_two = vset1(entry[3]);
        EACH_SIREN_VECTOR(SIREN_EVEN)
        EACH_SIREN_VECTOR(SIREN_ODD)
        EACH_SIREN_VECTOR(SIREN_KEEP)
    }
    if (entry < end) {
        const int32_t *one = in + (size_t)entry[0] * SIREN_TILE;
        const V weight_one = vset1(entry[1]);
        EACH_SIREN_VECTOR(SIREN_EVEN)
    }
    EACH_SIREN_VECTOR(SIREN_STORE)
}

/* A layer at a tile of positions, of `kind` TURNS or SUMS; `sums`: two tiles. What follows its weights and its counts. */
static INLINE void NAME(siren_layer)(const int kind, Layer *layer, int dense, const int32_t **counts, const int32_t *in,
                                     const int32_t *own, int32_t *sums, int32_t *out) {
    if (dense) {
        for (size_t i = 0; i < SIREN_TILE; i += TILE)
            NAME(layer)(kind, layer, in + i, own, out + i, SIREN_TILE);
        layer->weights += (size_t)layer->neurons * (size_t)layer->pairs;
        return;
    }
    for (int n = 0; n < layer->neurons; n += 2)
        for (int k = 0; k < 2; k++) {
            const int32_t *end = layer->weights + 2 * *(*counts)++;
            NAME(siren_sums)(in, layer->weights, end, sums + k * SIREN_TILE);
            layer->weights = end;
            for (size_t i = 0; k && i < SIREN_TILE; i += LANES)
                NAME(finish)(kind, vload(sums + i), vload(sums + SIREN_TILE + i), layer, out + i, n, SIREN_TILE);
        }
}

/* Samples of one channel out of its sums, n of them. */
static INLINE void NAME(siren_channel)(const Siren *s, int channel, const int32_t *sums, int32_t *to, size_t n) {
    for (size_t i = 0; i < n; i++) {
        const uint64_t product = (uint64_t)sums[i] * (uint64_t)s->last_multiplier;
        const int64_t total = (int64_t)(product + (uint64_t)s->last_bias[channel]) >> 24;
        to[i * (size_t)s->channels] = total < 0 ? 0 : total > s->peak ? s->peak : (int32_t)total;
    }
}

/* Rows first … last − 1. `scratch`: SIREN_SCRATCH integers. */
static void NAME(siren_rows)(const Siren *s, int32_t *scratch) {
    int32_t *sums = scratch, *in = sums + 2 * SIREN_TILE_MAX, *out = in + s->widest / 2 * SIREN_TILE_MAX;
    int32_t *results = out + s->widest / 2 * SIREN_TILE_MAX, *own = results + CHANNELS_MAX * SIREN_TILE_MAX;
    for (int k = 0; k < s->widest / 2; k++)
        own[k] = k * SIREN_TILE;
    for (size_t y = s->first; y < s->last; y++) {
        for (size_t begin = 0; begin < s->width; begin += SIREN_TILE) {
            const size_t x = begin + SIREN_TILE > s->width && s->width > SIREN_TILE ? s->width - SIREN_TILE : begin;
            for (int n = 0; n < s->neurons[0]; n += 2) { /* the first layer: phases of the column and of the row */
                const uint32_t *column = s->columns + n * s->stride + x, *row = s->rows + n * s->height + y;
                for (size_t i = 0; i < SIREN_TILE; i += LANES) {
                    const V a = vadd(vload((const int32_t *)column + i), vset1((int32_t)row[0]));
                    const V b = vadd(vload((const int32_t *)column + s->stride + i), vset1((int32_t)row[s->height]));
                    vstore(in + n / 2 * SIREN_TILE + i, vpairs(vsine(a), vsine(b)));
                }
            }
            const int32_t *counts = s->counts;
            Layer layer = {s->weights, s->bias, 0, s->neurons[0] / 2, 0, 0};
            for (int k = 1; k < s->layers; k++) {
                layer.neurons = s->neurons[k], layer.multiplier = s->multipliers[k - 1];
                NAME(siren_layer)(TURNS, &layer, s->dense[k - 1], &counts, in, own, sums, out);
                layer.bias += layer.neurons, layer.pairs = layer.neurons / 2;
                int32_t *swap = in;
                in = out, out = swap;
            }
            layer.neurons = (s->channels + 3) / 4 * 4;
            NAME(siren_layer)(SUMS, &layer, s->dense[s->layers - 1], &counts, in, own, sums, results);
            const size_t wide = s->width - x < SIREN_TILE ? s->width - x : SIREN_TILE;
            int32_t *to = s->out + (y * s->width + x) * (size_t)s->channels;
            for (int channel = 0; channel < s->channels; channel++)
                NAME(siren_channel)(s, channel, results + channel * SIREN_TILE, to + channel, wide);
        }
    }
}
