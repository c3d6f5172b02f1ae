/* Planes of the latent model: high-pass, wavelet, quantisation. Plain loops, included once for each level so that the
   compiler may use its vectors. Products with a step are exact in doubles, see the places. */

/* What rows first … last − 1 of a plane hold beyond a 5×5 blur: clip(floor(z · factor + 1/2), ±CELL_MAX), where z is a
   32-bit integer and factor an integer below 2^17 times a power of two. `scratch`: width + 4 integers. */
static void NAME(highpass)(const Highpass *p, uint32_t *scratch) {
    const ptrdiff_t w = (ptrdiff_t)p->width, h = (ptrdiff_t)p->height;
    const double factor = p->factor;
    for (size_t plane = 0; plane < p->planes; plane++) {
        const int32_t *g = p->from + plane * p->width * p->height;
        for (ptrdiff_t y = (ptrdiff_t)p->first; y < (ptrdiff_t)p->last; y++) {
            const uint32_t *row[5];
            for (ptrdiff_t k = 0; k < 5; k++) {
                ptrdiff_t at = y + k - 2;
                row[k] = (const uint32_t *)g + (at < 0 ? 0 : at >= h ? h - 1 : at) * w;
            }
            uint32_t *RESTRICT sum = scratch + 2;
            for (ptrdiff_t x = 0; x < w; x++)
                sum[x] = row[0][x] + row[4][x] + 2 * (row[1][x] + row[2][x] + row[3][x]);
            sum[-2] = sum[-1] = sum[0];
            sum[w] = sum[w + 1] = sum[w - 1];
            int16_t *RESTRICT out = p->out + (plane * p->height + (size_t)y) * p->width;
            for (ptrdiff_t x = 0; x < w; x++) {
                uint32_t blurred = sum[x - 2] + sum[x + 2] + 2 * (sum[x - 1] + sum[x] + sum[x + 1]);
                double high = (int32_t)(64 * row[2][x] - blurred) * factor; /* 48 bits */
                high = high < -CELL_MAX ? -CELL_MAX : high;
                high = high > CELL_MAX ? CELL_MAX : high;
                out[x] = (int16_t)((int32_t)(high + (2 * CELL_MAX + 0.5)) - 2 * CELL_MAX); /* exact: floor */
            }
        }
    }
}

static INLINE uint32_t NAME(times)(int32_t factor, uint32_t sum) {
    return (uint32_t)((int32_t)((uint32_t)factor * sum + (1u << 12)) >> 13);
}

/* samples[i] −= factor · (before[i] + after[i]), one step of lifting. */
static INLINE void NAME(lift)(uint32_t *RESTRICT samples, const uint32_t *before, const uint32_t *after, size_t n,
                              int32_t factor) {
    for (size_t i = 0; i < n; i++)
        samples[i] -= NAME(times)(factor, before[i] + after[i]);
}

/* A line of n even and n odd samples, in place; there is room for one sample before the odd and one after the even. */
static INLINE void NAME(lift_row)(uint32_t *even, uint32_t *odd, size_t n) {
    odd[-1] = odd[0];
    NAME(lift)(even, odd - 1, odd, n, DELTA);
    even[n] = even[n - 1];
    NAME(lift)(odd, even, even + 1, n, GAMMA);
    odd[-1] = odd[0];
    NAME(lift)(even, odd - 1, odd, n, BETA);
    even[n] = even[n - 1];
    NAME(lift)(odd, even, even + 1, n, ALPHA);
}

static INLINE void NAME(interleave)(const uint32_t *RESTRICT even, const uint32_t *RESTRICT odd, size_t n,
                                    uint32_t *RESTRICT out) {
    for (size_t i = 0; i < n; i++) {
        out[2 * i] = even[i];
        out[2 * i + 1] = odd[i];
    }
}

/* Values of a band in 1/64 steps → coefficients, clip(floor(v · factor + 1/2), ±2^20). v is below 2^30 and factor an
   integer below 2^18 times 2^−n: with 48 bits, and an offset of at most 2^(48 − n), every sum is exact in a double. */
static INLINE void NAME(coefficients)(const int32_t *RESTRICT v, size_t n, double factor, double offset,
                                      uint32_t *RESTRICT out) {
    const int32_t whole = (int32_t)offset;
    for (size_t i = 0; i < n; i++) {
        double c = v[i] * factor;
        c = c < -COEFFICIENT_MAX ? -COEFFICIENT_MAX : c;
        c = c > COEFFICIENT_MAX ? COEFFICIENT_MAX : c;
        out[i] = (uint32_t)((int32_t)(c + (offset + 0.5)) - whole);
    }
}

/* Rows 2 · first … 2 · last − 1 of the finer planes by the inverse wavelet. Rows are lifted as they come, and columns
   are a step behind: of even and of odd rows the last four are kept. `scratch`: LIFTING_SCRATCH(width) integers. */
static void NAME(wavelet_rows)(const Wavelet *p, uint32_t *scratch) {
    const size_t w = p->width, h = p->height, grid = w * h;
    const size_t begin = p->first > HALO ? p->first - HALO : 0, end = p->last + HALO < h ? p->last + HALO : h;
    uint32_t *even = scratch + 16, *odd = even + w + 16, *rings = odd + w + 16;
    uint32_t *s[4], *d[4];
    for (size_t k = 0; k < 4; k++) {
        s[k] = rings + 4 * k * w;
        d[k] = s[k] + 2 * w;
    }
    for (size_t plane = 0; plane < p->planes; plane++) {
        const uint32_t *low = (const uint32_t *)p->low + plane * grid;
        const int32_t *band = p->values + 3 * plane * grid;
        const double *factor = p->factors + 3 * plane, *offset = p->offsets + 3 * plane;
        for (size_t y = begin; y < end + 2; y++) {
            if (y < end) {
                for (size_t x = 0; x < w; x++)
                    even[x] = NAME(times)(LOW_GAIN, low[y * w + x]);
                NAME(coefficients)(band + y * w, w, factor[0], offset[0], odd);
                NAME(lift_row)(even, odd, w);
                NAME(interleave)(even, odd, w, s[y % 4]);
                NAME(coefficients)(band + grid + y * w, w, factor[1], offset[1], even);
                NAME(coefficients)(band + 2 * grid + y * w, w, factor[2], offset[2], odd);
                NAME(lift_row)(even, odd, w);
                NAME(interleave)(even, odd, w, d[y % 4]);
                NAME(lift)(s[y % 4], d[(y > begin ? y - 1 : y) % 4], d[y % 4], 2 * w, DELTA);
            }
            if (y > begin && y - 1 < end) {
                const size_t k = y - 1;
                NAME(lift)(d[k % 4], s[k % 4], s[(y < end ? y : k) % 4], 2 * w, GAMMA);
                NAME(lift)(s[k % 4], d[(k > begin ? k - 1 : k) % 4], d[k % 4], 2 * w, BETA);
            }
            if (y > begin + 1) {
                const size_t k = y - 2;
                NAME(lift)(d[k % 4], s[k % 4], s[(k + 1 < end ? k + 1 : k) % 4], 2 * w, ALPHA);
                if (k < p->first || k >= p->last)
                    continue;
                uint32_t *out = (uint32_t *)p->out + (plane * p->out_height + 2 * k) * p->out_width;
                memcpy(out, s[k % 4], p->out_width * sizeof *out);
                if (2 * k + 1 < p->out_height)
                    memcpy(out + p->out_width, d[k % 4], p->out_width * sizeof *out);
            }
        }
    }
}

/* samples[i] += factor · (before[i] + after[i]), a step of lifting forwards. */
static INLINE void NAME(unlift)(uint32_t *RESTRICT samples, const uint32_t *before, const uint32_t *after, size_t n,
                                int32_t factor) {
    for (size_t i = 0; i < n; i++)
        samples[i] += NAME(times)(factor, before[i] + after[i]);
}

/* A row of 2n samples, forwards: its low and high half. There is room for one more low and one high before the first. */
static INLINE void NAME(split_row)(const uint32_t *RESTRICT row, size_t n, uint32_t *RESTRICT even,
                                   uint32_t *RESTRICT odd) {
    for (size_t i = 0; i < n; i++) {
        even[i] = row[2 * i];
        odd[i] = row[2 * i + 1];
    }
    even[n] = even[n - 1];
    NAME(unlift)(odd, even, even + 1, n, ALPHA);
    odd[-1] = odd[0];
    NAME(unlift)(even, odd - 1, odd, n, BETA);
    even[n] = even[n - 1];
    NAME(unlift)(odd, even, even + 1, n, GAMMA);
    odd[-1] = odd[0];
    NAME(unlift)(even, odd - 1, odd, n, DELTA);
}

/* Planes → low-pass and lifting coefficients: columns first, as rows come, and rows three steps behind. Of even and of
   odd rows the last four are kept. `scratch`: LIFTING_SCRATCH(low_width) integers. */
static void NAME(forward)(const Forward *p, uint32_t *scratch) {
    const size_t w = p->low_width, h = p->low_height, grid = w * h;
    uint32_t *even = scratch + 16, *odd = even + w + 16, *rings = odd + w + 16;
    uint32_t *s[4], *d[4];
    for (size_t k = 0; k < 4; k++) {
        s[k] = rings + 4 * k * w;
        d[k] = s[k] + 2 * w;
    }
    for (size_t plane = 0; plane < p->planes; plane++) {
        const int32_t *from = p->from + plane * p->width * p->height;
        int32_t *low = p->low + plane * grid, *band = p->details + 3 * plane * grid;
        for (size_t y = 0; y < h + 3; y++) {
            if (y < h) {
                const size_t last = 2 * y + 1 < p->height ? 2 * y + 1 : 2 * y; /* sides are padded to even ones */
                memcpy(s[y % 4], from + 2 * y * p->width, p->width * sizeof *from);
                memcpy(d[y % 4], from + last * p->width, p->width * sizeof *from);
                s[y % 4][2 * w - 1] = s[y % 4][p->width - 1];
                d[y % 4][2 * w - 1] = d[y % 4][p->width - 1];
            }
            if (y > 0 && y - 1 < h) {
                const size_t k = y - 1;
                NAME(unlift)(d[k % 4], s[k % 4], s[(y < h ? y : k) % 4], 2 * w, ALPHA);
                NAME(unlift)(s[k % 4], d[(k ? k - 1 : k) % 4], d[k % 4], 2 * w, BETA);
            }
            if (y > 1 && y - 2 < h) {
                const size_t k = y - 2;
                NAME(unlift)(d[k % 4], s[k % 4], s[(k + 1 < h ? k + 1 : k) % 4], 2 * w, GAMMA);
                NAME(unlift)(s[k % 4], d[(k ? k - 1 : k) % 4], d[k % 4], 2 * w, DELTA);
                NAME(split_row)(s[k % 4], w, even, odd);
                for (size_t x = 0; x < w; x++) { /* rounded to what the inverse scales back the nearest */
                    const int64_t total = (int64_t)(int32_t)even[x] * (1 << 13) + LOW_GAIN / 2;
                    low[k * w + x] = (int32_t)((total - (total < 0 ? LOW_GAIN - 1 : 0)) / LOW_GAIN);
                }
                memcpy(band + k * w, odd, w * sizeof *odd);
                NAME(split_row)(d[k % 4], w, even, odd);
                memcpy(band + grid + k * w, even, w * sizeof *even);
                memcpy(band + 2 * grid + k * w, odd, w * sizeof *odd);
            }
        }
    }
}

/* Coefficients in steps, of which those up to `kept` beyond a whole one go towards 0: sign · floor(|y| + kept). */
static void NAME(quantise)(const Quantise *q) {
    const int32_t *RESTRICT from = q->from;
    int32_t *RESTRICT out = q->out;
    for (size_t i = 0; i < q->count; i++) {
        const double y = from[i] / q->step;
        double size = (y < 0 ? -y : y) + q->kept;
        size = size < INT32_MAX ? size : INT32_MAX;
        const int32_t whole = (int32_t)size;
        out[i] = y < 0 ? -whole : whole;
    }
}
