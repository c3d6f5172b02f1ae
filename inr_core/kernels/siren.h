/* A network of the coordinates: every pixel of a row through all layers, a tile at a time. Included once for each level.

   Weights are sparse: a neuron has a list of those pairs of inputs of which it uses one. An entry costs a load of the
   inputs and a product, no more than an entry of a dense layer, and by default nine weights in ten are not there. */

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

/* Rows first … last − 1. `scratch`: two buffers of activations, [pairs][SIREN_TILE_MAX], and two tiles. */
static void NAME(siren_rows)(const Siren *s, int32_t *scratch) {
    int32_t *sums = scratch, *in = sums + 2 * SIREN_TILE_MAX, *out = in + s->widest / 2 * SIREN_TILE_MAX;
    for (size_t y = s->first; y < s->last; y++) {
        for (size_t begin = 0; begin < s->width; begin += SIREN_TILE) {
            const size_t x = begin + SIREN_TILE > s->width && s->width > SIREN_TILE ? s->width - SIREN_TILE : begin;
            for (int n = 0; n < s->neurons[0]; n += 2) { /* the first layer: phases of the column and of the row */
                const uint32_t *column = s->columns + n * s->stride + x, *row = s->rows + n * s->height + y;
                for (size_t i = 0; i < SIREN_TILE; i += LANES) {
                    const V a = vadd(vload((const int32_t *)column + i), vset1((int32_t)row[0]));
                    const V b = vadd(vload((const int32_t *)column + s->stride + i), vset1((int32_t)row[s->height]));
                    vstore(in + n / 2 * SIREN_TILE + i, vpairs(vsine(vsra(a, 20)), vsine(vsra(b, 20))));
                }
            }
            const int32_t *entry = s->entries, *count = s->counts;
            const uint32_t *bias = s->bias;
            for (int layer = 1; layer < s->layers; layer++) {
                const V multiplier = vset1((int32_t)s->multipliers[layer - 1]);
                for (int n = 0; n < s->neurons[layer]; n += 2, count += 2, bias += 2) {
                    NAME(siren_sums)(in, entry, entry + 2 * count[0], sums);
                    entry += 2 * count[0];
                    NAME(siren_sums)(in, entry, entry + 2 * count[1], sums + SIREN_TILE);
                    entry += 2 * count[1];
                    const V low = vset1((int32_t)bias[0]), high = vset1((int32_t)bias[1]);
                    for (size_t i = 0; i < SIREN_TILE; i += LANES) {
                        const V a = vadd(vmul(vload(sums + i), multiplier), low);
                        const V b = vadd(vmul(vload(sums + SIREN_TILE + i), multiplier), high);
                        vstore(out + n / 2 * SIREN_TILE + i, vpairs(vsine(vsra(a, 20)), vsine(vsra(b, 20))));
                    }
                }
                int32_t *swap = in;
                in = out, out = swap;
            }
            const size_t wide = s->width - x < SIREN_TILE ? s->width - x : SIREN_TILE;
            for (int channel = 0; channel < s->channels; channel++, entry += 2 * *count++) {
                NAME(siren_sums)(in, entry, entry + 2 * *count, sums);
                int32_t *to = s->out + (y * s->width + x) * (size_t)s->channels + channel;
                for (size_t i = 0; i < wide; i++) {
                    const uint64_t sum = (uint64_t)sums[i] * (uint64_t)s->last_multiplier;
                    const int64_t total = (int64_t)(sum + (uint64_t)s->last_bias[channel]) >> 24;
                    to[i * (size_t)s->channels] = total < 0 ? 0 : total > s->peak ? s->peak : (int32_t)total;
                }
            }
        }
    }
}
