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

#include "networks.h"
#include "planes.h"
#include "siren.h"

static void NAME(sines)(const int32_t *phases, int32_t *sines) {
    for (int k = 0; k <= SINE_MASK; k += LANES)
        vstore(sines + k, vsine(vload(phases + k)));
}

#undef VECTOR_LEVEL
#undef SUFFIX
#undef LEVEL_ROW
#define LEVEL_ROW(suffix)                                                                                      \
    {                                                                                                          \
        #suffix, 0, phase_keys_##suffix, cell_rows_##suffix, highpass_##suffix, wavelet_rows_##suffix,         \
            colour_##suffix, forward_##suffix, quantise_##suffix, uncolour_##suffix, resample_##suffix, siren_rows_##suffix, sines_##suffix                                                                    \
    }
