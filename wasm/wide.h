/* The latent model's networks where a file's own weights do not fit 16 bits: plain loops over weights of 32 bits, in the
   order [neuron][pair of inputs][2]. No encoder writes such files, so these are as slow as they are short. Sums are exact:
   none reaches 2^24. */

static INLINE int32_t wide_sum(const int32_t *weights, const int32_t *x, const int32_t *offset, int pairs, int32_t bias) {
    uint32_t sum = (uint32_t)bias;
    for (int k = 0; k < pairs; k++) {
        const int32_t pair = x[offset[k]];
        sum += (uint32_t)weights[2 * k] * (uint32_t)(int16_t)pair + (uint32_t)weights[2 * k + 1] * (uint32_t)(pair >> 16);
    }
    return (int32_t)sum;
}

/* The sums of a layer's neuron, shifted. */
static INLINE int32_t wide_neuron(const Layer *layer, const int32_t *weights, int neuron, const int32_t *x,
                                  const int32_t *offset) {
    const int32_t *own = weights + (size_t)neuron * 2 * (size_t)layer->pairs;
    return wide_sum(own, x, offset, layer->pairs, layer->bias[neuron]) >> layer->shift;
}

static INLINE int32_t wide_clip(int32_t v, int32_t low, int32_t high) {
    return v < low ? low : v > high ? high : v;
}

/* As parity_keys. */
static void wide_keys(const ParityNetwork *p, const int32_t *const *weights, int32_t *scratch) {
    const Layer *one = &p->layers[0], *two = &p->layers[1], *three = &p->layers[2];
    int32_t *near = scratch, *own = near + one->pairs, *a = own + MAX_NEURONS / 2, *b = a + MAX_NEURONS / 2;
    const size_t row[3] = {0, p->stride, 2 * p->stride};
    neighbours_simd(near, one->pairs / 9, p->plane, row);
    for (int k = 0; k < MAX_NEURONS / 2; k++)
        own[k] = k;
    for (size_t at = 0; at < p->rows * p->stride; at++) {
        const int32_t *x = p->maps + p->first * p->stride + at;
        for (int n = 0; n < one->neurons; n += 2)
            a[n / 2] = PAIR(wide_clip(wide_neuron(one, weights[0], n, x, near), 0, RELU_MAX),
                            wide_clip(wide_neuron(one, weights[0], n + 1, x, near), 0, RELU_MAX));
        for (int n = 0; n < two->neurons; n += 2)
            b[n / 2] = PAIR(wide_clip(wide_neuron(two, weights[1], n, a, own), 0, RELU_MAX),
                            wide_clip(wide_neuron(two, weights[1], n + 1, a, own), 0, RELU_MAX));
        for (int n = 0; n < three->neurons; n += 2) {
            const int32_t scale = wide_clip(wide_neuron(three, weights[2], n, b, own), 0, SCALES - 1);
            const int32_t mean = wide_clip(wide_neuron(three, weights[2], n + 1, b, own), 0, (1 << MEAN_BITS) - 1);
            p->keys[(size_t)n / 2 * p->key_plane + at] = (scale << MEAN_BITS) + mean;
        }
    }
}

static INLINE int32_t wide_sine(int32_t v) {
    return sine_table[v & SINE_MASK];
}

/* As cell_rows, of all rows. */
static int wide_cell(const Cell *c, const int32_t *const *weights) {
    const Layer *one = &c->layers[0], *two = &c->layers[1], *three = &c->layers[2];
    const size_t w = c->width, h = c->height, stride = w + 2, plane = stride * (h + 2);
    const size_t inputs = 2 * (size_t)c->planes, hidden = (size_t)two->neurons / 2;
    int32_t *maps = take(inputs * plane * sizeof *maps), *b = take(hidden * plane * sizeof *b);
    int32_t *row = take(w * sizeof *row), *near = take(9 * MAX_NEURONS * sizeof *near);
    int32_t *own = take(MAX_NEURONS * sizeof *own), *a = take(MAX_NEURONS * sizeof *a);
    if (!maps || !b || !row || !near || !own || !a)
        return NO_MEMORY;
    const size_t rows[3] = {0, stride, 2 * stride};
    for (int k = 0; k < MAX_NEURONS; k++)
        own[k] = k;
    for (size_t k = 0; k < inputs; k++) /* with edges that repeat those of the picture */
        for (size_t y = 0; y < h + 2; y++) {
            const size_t from = y ? y <= h ? y - 1 : h - 1 : 0;
            int32_t *to = maps + k * plane + y * stride + 1;
            cell_channel_simd(c, (int)(2 * k), from * w, w, row);
            for (size_t x = 0; x < w; x++)
                to[x] = row[x];
            cell_channel_simd(c, (int)(2 * k + 1), from * w, w, row);
            for (size_t x = 0; x < w; x++)
                to[x] = PAIR(to[x], row[x]);
            to[-1] = to[0], to[w] = to[w - 1];
        }
    neighbours_simd(near, (int)inputs, plane, rows);
    for (size_t y = 0; y < h; y++)
        for (size_t x = 0; x < w; x++) {
            for (int n = 0; n < one->neurons; n += 2)
                a[n / 2] = PAIR(wide_sine(wide_neuron(one, weights[0], n, maps + y * stride + x, near)),
                                wide_sine(wide_neuron(one, weights[0], n + 1, maps + y * stride + x, near)));
            for (int n = 0; n < two->neurons; n += 2)
                b[n / 2 * plane + (y + 1) * stride + x + 1] = PAIR(wide_sine(wide_neuron(two, weights[1], n, a, own)),
                                                                   wide_sine(wide_neuron(two, weights[1], n + 1, a, own)));
        }
    for (size_t k = 0; k < hidden; k++) {
        int32_t *map = b + k * plane;
        for (size_t y = 1; y <= h; y++)
            map[y * stride] = map[y * stride + 1], map[y * stride + w + 1] = map[y * stride + w];
        memcpy(map, map + stride, stride * sizeof *map);
        memcpy(map + (h + 1) * stride, map + h * stride, stride * sizeof *map);
    }
    neighbours_simd(near, (int)hidden, plane, rows);
    int32_t residual[12 * TILE_MAX];
    for (size_t y = 0; y < h; y++)
        for (size_t x = 0; x < w; x++) {
            for (int n = 0; n < three->neurons; n++)
                residual[n * TILE] =
                    wide_clip(wide_neuron(three, weights[2], n, b + y * stride + x, near), -RESIDUAL_MAX, RESIDUAL_MAX);
            cell_add_simd(c, residual, y, x, 1);
        }
    return MADE;
}
