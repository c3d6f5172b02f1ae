/* The maps that the parity networks see: what inr_core/latent/maps.py writes, in the same places.

   A map is a plane of pairs with a border of zeros, `stride` wide: (height + 2) × (width + 2) positions. Features are
   those of a level's grid: pairs of a magnitude and a sign of bands 0 … 2, then of two magnitudes of bands 3 … 8. */

typedef struct {
    int32_t *flat; /* all 0 */
    uint32_t plane, stride, height, width;
} Maps;

/* Place `number` of a map, inside its border. */
static INLINE int32_t *map_row(const Maps *m, size_t number, size_t y) {
    return m->flat + number * m->plane + (y + 1) * m->stride + 1;
}

static INLINE int32_t shown_high(int32_t v) {
    return v < -128 ? -128 : v > 128 ? 128 : v;
}

/* The four parities of a grid (h, w) as two maps: of even rows, then of odd ones; of clipped `high`, or, where that is
   NULL, of the low halves of `pairs`. */
static void split_parities(const Maps *m, size_t number, const int16_t *high, const int32_t *pairs, size_t h, size_t w) {
#define VALUE(at) (high ? shown_high(high[at]) : pairs[at])
    for (size_t y = 0; y < h; y++) {
        int32_t *to = map_row(m, number + y % 2, y / 2);
        for (size_t x = 0; x < w; x += 2) {
            const size_t at = y * w + x;
            to[x / 2] = PAIR(VALUE(at), x + 1 < w ? VALUE(at + 1) : 0);
        }
    }
#undef VALUE
}

/* The level above, which has the maps' own size. */
static void copy_parent(const Maps *m, size_t number, const int32_t *parent) {
    for (size_t k = 0; k < 3; k++)
        for (size_t y = 0; y < m->height; y++)
            memcpy(map_row(m, number + k, y), parent + (k * m->height + y) * m->width, m->width * sizeof *parent);
}

/* Of the level above that, each position four times: low halves of two planes, or both halves of one. */
static void double_grand(const Maps *m, size_t number, const int32_t *low, const int32_t *high) {
    const size_t width = (m->width + 1) / 2;
    for (size_t y = 0; y < m->height; y++) {
        int32_t *to = map_row(m, number, y);
        const size_t row = y / 2 * width;
        for (size_t x = 0; x < m->width; x++)
            to[x] = high == low ? low[row + x / 2] : PAIR(low[row + x / 2], high ? high[row + x / 2] : 0);
    }
}

/* Of the grid's planes `high`, and of features of the level above (3 or more planes) and of the one above that. */
void EXPORT(luma_maps)(const Maps *m, const int16_t *high, size_t h, size_t w, const int32_t *parent,
                       const int32_t *grand) {
    const size_t far = (size_t)((m->height + 1) / 2) * ((m->width + 1) / 2);
    if (parent)
        copy_parent(m, 0, parent);
    if (grand) {
        double_grand(m, 3, grand, grand + far);
        double_grand(m, 4, grand + 2 * far, NULL);
    }
    split_parities(m, 5, high, NULL, h, w);
}

/* The same; `features` are those of the level itself, as far as luma has them. */
void EXPORT(chroma_maps)(const Maps *m, const int16_t *high, size_t h, size_t w, const int32_t *features,
                         const int32_t *parent, const int32_t *grand) {
    const size_t near = (size_t)m->height * m->width, far = (size_t)((m->height + 1) / 2) * ((m->width + 1) / 2);
    for (size_t k = 0; k < 3; k++)
        split_parities(m, 2 * k, NULL, features + k * h * w, h, w);
    if (parent)
        copy_parent(m, 6, parent + 3 * near);
    for (size_t k = 0; grand && k < 3; k++)
        double_grand(m, 9 + k, grand + (3 + k) * far, grand + (3 + k) * far);
    for (size_t k = 0; k < 2; k++)
        split_parities(m, 12 + 2 * k, high + (k + 1) * h * w, NULL, h, w);
}
