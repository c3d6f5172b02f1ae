/* All kernels of one level. */

#undef EACH_SIREN_VECTOR
#undef SIREN_START
#undef SIREN_EVEN
#undef SIREN_ODD
#undef SIREN_KEEP
#undef SIREN_STORE
#undef SIREN_TILE
#undef ADD
#undef EACH_OF_4
#undef EACH_OF_8
#undef EACH_PAIR_OF_4
#undef EACH_PAIR_OF_8
#undef EACH_VECTOR
#undef FINISH
#undef FINISH_2
#undef INPUT
#undef MULTIPLY
#undef NEURONS
#undef START
#undef SUM

#include "vectors.h"

#if LANES <= 8 /* no more than the mixing coder has inputs */
#include "mixing_rows.h"
#endif
#include "networks.h"
#include "samples.h"
#include "shown.h"
#include "siren.h"
#include "wavelet.h"

static void NAME(sines)(const int32_t *phases, int32_t *sines) {
    for (int k = 0; k <= SINE_MASK; k += LANES)
        vstore(sines + k, vsine(vload(phases + k)));
}

/* The rate of the inner product, for benches: */
#define WEIGHT(i) const V weight##i = vset1(at[i]);
#define ZERO_2(i, v) V sum##i##_##v = vset1(0);
#define ZERO(i) EACH_VECTOR(ZERO_2, i)
#define VARYING(_, v) V x##v = vload(at + v * LANES);
#define KEEP_INPUT(_, v) VKEEP(x##v);
#define MULTIPLY_AGAIN(i) EACH_VECTOR(ADD, i)
#define STORE_2(i, v) vstore(to + (i * TILE_V + v) * LANES, sum##i##_##v);
#define STORE(i) EACH_VECTOR(STORE_2, i)

/* As many multiply-adds as the processor can: `repeats` tiles of four neurons with everything in registers. Returns how
   many. `at` and `to`: 4 · TILE_MAX integers. */
static size_t NAME(products)(const int32_t *at, size_t repeats, int32_t *to) {
    EACH_VECTOR(VARYING, _)
    EACH_OF_4(WEIGHT)
    EACH_OF_4(ZERO)
    for (size_t k = 0; k < repeats; k++) {
        EACH_VECTOR(KEEP_INPUT, _)
        EACH_OF_4(MULTIPLY_AGAIN)
        EACH_OF_4(KEEP)
    }
    EACH_OF_4(STORE)
    return repeats * 4 * TILE * 2;
}
#undef WEIGHT
#undef ZERO_2
#undef ZERO
#undef VARYING
#undef KEEP_INPUT
#undef MULTIPLY_AGAIN
#undef STORE_2
#undef STORE

#undef VECTOR_LEVEL
#undef SUFFIX
#undef LEVEL_ROW
#define LEVEL_ROW(suffix, mixing)                                                                              \
    {                                                                                                          \
        #suffix, 0, parity_keys_##suffix, cell_rows_##suffix, highpass_##suffix, wavelet_rows_##suffix,         \
            colour_##suffix, forward_##suffix, quantise_##suffix, uncolour_##suffix, resample_##suffix,        \
            siren_rows_##suffix, sines_##suffix, products_##suffix, show_##suffix, mix_rows_##mixing \
    }
