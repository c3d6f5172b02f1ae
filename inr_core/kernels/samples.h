/* Samples: of planes, to planes, at another size. Plain loops, included once for each level so that the compiler may use
   its vectors. */

/* Planes → samples of one component, every `step` bytes or words of `out`. */
static void NAME(colour)(const Colour *p) {
    const uint32_t down = p->wide ? 14 : 20, peak = p->wide ? 65535 : 255;
    const uint32_t offset = ((p->wide ? 32768u : 8160u) << 14) + (1u << (down - 1));
    int32_t rgb[3][COLOUR_BLOCK];
    for (size_t at = 0; at < p->count; at += COLOUR_BLOCK) {
        const size_t n = p->count - at < COLOUR_BLOCK ? p->count - at : COLOUR_BLOCK;
        const int32_t *from[3];
        for (size_t k = 0; k < p->planes; k++)
            from[k] = p->from + k * p->plane + at;
#define CLIPPED_PLANE(k) (from[k][i] < -PLANE_MAX ? -PLANE_MAX : from[k][i] > PLANE_MAX ? PLANE_MAX : from[k][i])
#define SAMPLE(total, to)                                                       \
    do {                                                                        \
        int32_t sample = (int32_t)(total) >> down;                              \
        to = sample < 0 ? 0 : sample > (int32_t)peak ? (int32_t)peak : sample; \
    } while (0)
        if (p->planes == 1) {
            for (size_t i = 0; i < n; i++)
                SAMPLE(((uint32_t)CLIPPED_PLANE(0) << 14) + offset, rgb[0][i]);
        } else {
            for (size_t i = 0; i < n; i++) {
                const uint32_t luma = ((uint32_t)CLIPPED_PLANE(0) << 14) + offset;
                const int32_t cb = CLIPPED_PLANE(1), cr = CLIPPED_PLANE(2);
                SAMPLE(luma + (uint32_t)(cr * RED_CR), rgb[0][i]);
                SAMPLE(luma + (uint32_t)(cb * GREEN_CB + cr * GREEN_CR), rgb[1][i]);
                SAMPLE(luma + (uint32_t)(cb * BLUE_CB), rgb[2][i]);
            }
        }
#undef SAMPLE
#undef CLIPPED_PLANE
        for (size_t k = 0; k < p->planes; k++) {
            if (p->wide) {
                uint16_t *to = (uint16_t *)p->out + at * p->step + k;
                for (size_t i = 0; i < n; i++)
                    to[i * p->step] = (uint16_t)rgb[k][i];
            } else {
                uint8_t *to = (uint8_t *)p->out + at * p->step + k;
                for (size_t i = 0; i < n; i++)
                    to[i * p->step] = (uint8_t)rgb[k][i];
            }
        }
    }
}

/* Samples of one component, every `step` of `from`, → planes: luma and chroma, or one plane as it is. */
static void NAME(uncolour)(const Uncolour *p) {
    const int32_t shift = p->wide ? 0 : 6, middle = p->wide ? 32768 : 8160;
    int32_t rgb[3][COLOUR_BLOCK];
    for (size_t at = 0; at < p->count; at += COLOUR_BLOCK) {
        const size_t n = p->count - at < COLOUR_BLOCK ? p->count - at : COLOUR_BLOCK;
        for (size_t k = 0; k < p->planes; k++)
            for (size_t i = 0; i < n; i++) {
                const size_t place = (at + i) * p->step + k;
                const int32_t sample = p->wide ? ((const uint16_t *)p->from)[place] : ((const uint8_t *)p->from)[place];
                rgb[k][i] = sample * (1 << shift) - middle;
            }
        int32_t *out = p->out + at;
        if (p->planes == 1) {
            memcpy(out, rgb[0], n * sizeof *out);
            continue;
        }
        for (size_t k = 0; k < 3; k++, out += p->count) {
            const int32_t red = TO_YCC[k][0], green = TO_YCC[k][1], blue = TO_YCC[k][2];
            for (size_t i = 0; i < n; i++)
                out[i] = (red * rgb[0][i] + green * rgb[1][i] + blue * rgb[2][i] + (1 << 13)) >> 14;
        }
    }
}

/* Rows of samples at another height: sums of rows with weights, over these weights' total, rounded half up. The sums
   fit 32 bits, and a quotient of doubles is never rounded to a whole number that it does not reach. */
static void NAME(resample)(const Resample *p) {
    int32_t sums[COLOUR_BLOCK];
    const double peak = p->wide ? 65535 : 255;
    for (size_t y = 0; y < p->size; y++) {
        const int32_t *weights = p->weights + y * p->taps;
        int32_t total = 0;
        for (size_t k = 0; k < p->taps; k++)
            total += weights[k];
        const double half = total, whole = 2.0 * total;
        for (size_t at = 0; at < p->width; at += COLOUR_BLOCK) {
            const size_t n = p->width - at < COLOUR_BLOCK ? p->width - at : COLOUR_BLOCK;
            memset(sums, 0, sizeof sums);
            for (size_t k = 0; k < p->taps; k++) {
                const int64_t row = p->firsts[y] + (int64_t)k, last = (int64_t)p->rows - 1;
                const size_t from = (size_t)(row < 0 ? 0 : row > last ? last : row) * p->width + at;
                const int32_t weight = weights[k];
                if (!weight)
                    continue;
                if (p->wide) {
                    const uint16_t *sample = (const uint16_t *)p->from + from;
                    for (size_t i = 0; i < n; i++)
                        sums[i] += weight * sample[i];
                } else {
                    const uint8_t *sample = (const uint8_t *)p->from + from;
                    for (size_t i = 0; i < n; i++)
                        sums[i] += weight * sample[i];
                }
            }
            for (size_t i = 0; i < n; i++) {
                double mean = (2.0 * sums[i] + half) / whole;
                mean = mean < 0 ? 0 : mean;
                sums[i] = (int32_t)(mean > peak ? peak : mean);
            }
            if (p->wide) {
                uint16_t *to = (uint16_t *)p->out + y * p->width + at;
                for (size_t i = 0; i < n; i++)
                    to[i] = (uint16_t)sums[i];
            } else {
                uint8_t *to = (uint8_t *)p->out + y * p->width + at;
                for (size_t i = 0; i < n; i++)
                    to[i] = (uint8_t)sums[i];
            }
        }
    }
}
