/* Vectors of 32-bit integers: the only place with instructions of a processor. Included once for each level.

   VECTOR_LEVEL: PLAIN, SSE2, NEON, AVX2, VNNI or WASM. Besides V and its functions, each level says

   LANES   integers in a V
   TILE_V  vectors of neighbouring positions that are evaluated together
   TILE_N  neurons that are: TILE_V · TILE_N sums stay in registers
   SIREN_V vectors of neighbouring pixels that a siren evaluates together, two sums each

   vspread(to, v) writes every second integer of `to`, where the processor can; otherwise there is none.
   vset(…) has its LANES arguments in it, the first one lowest; vtotal(v) is the sum of them.
   vdp(sum, x, w) adds to each sum the products of two pairs of int16: `pmaddwd` and `paddd`, or `vpdpwssd`. */

#undef V
#undef VKEEP
#undef LANES
#undef TILE_V
#undef SIREN_V
#undef TILE_N
#undef TILE
#undef vload
#undef vstore
#undef vset
#undef vset1
#undef vtotal
#undef vadd
#undef vmul
#undef vand
#undef vsra
#undef vsll
#undef vdp
#undef vmin
#undef vmax
#undef vpairs
#undef vsine
#undef vspread
#undef F
#undef fset1
#undef fmul
#undef fmadd
#undef fabsolute
#undef to_float
#undef to_nearest

#if VECTOR_LEVEL == VECTOR_SSE2

#define V __m128i
#define LANES 4
#define TILE_V 2
#define TILE_N 4
#define SIREN_V 4
#define vload(p) _mm_loadu_si128((const __m128i *)(p))
#define vstore(p, v) _mm_storeu_si128((__m128i *)(p), v)
#define vset1(i) _mm_set1_epi32(i)
#define vset(...) _mm_setr_epi32(__VA_ARGS__)
static INLINE int32_t NAME(vtotal)(V v) {
    v = _mm_add_epi32(v, _mm_shuffle_epi32(v, 0x4e));
    return _mm_cvtsi128_si32(_mm_add_epi32(v, _mm_shuffle_epi32(v, 0xb1)));
}
#define vtotal NAME(vtotal)
#define vadd(a, b) _mm_add_epi32(a, b)
static INLINE V NAME(vmul)(V a, V b) {
    V even = _mm_mul_epu32(a, b), odd = _mm_mul_epu32(_mm_srli_epi64(a, 32), _mm_srli_epi64(b, 32));
    return _mm_unpacklo_epi32(_mm_shuffle_epi32(even, 8), _mm_shuffle_epi32(odd, 8));
}
#define vmul NAME(vmul)
#define vand(a, b) _mm_and_si128(a, b)
#define vsll(a, n) _mm_slli_epi32(a, n)
#define vsra(a, n) _mm_sra_epi32(a, _mm_cvtsi32_si128(n))
#define vdp(sum, x, w) _mm_add_epi32(sum, _mm_madd_epi16(x, w))
static INLINE V NAME(vmin)(V a, V b) {
    V less = _mm_cmplt_epi32(a, b);
    return _mm_or_si128(_mm_and_si128(less, a), _mm_andnot_si128(less, b));
}
static INLINE V NAME(vmax)(V a, V b) {
    V more = _mm_cmpgt_epi32(a, b);
    return _mm_or_si128(_mm_and_si128(more, a), _mm_andnot_si128(more, b));
}
#define vmin NAME(vmin)
#define vmax NAME(vmax)
#define vpairs(low, high) _mm_or_si128(_mm_and_si128(low, _mm_set1_epi32(0xffff)), _mm_slli_epi32(high, 16))
#define F __m128
#define fset1(x) _mm_set1_ps(x)
#define fmul(a, b) _mm_mul_ps(a, b)
#define fmadd(a, b, c) _mm_add_ps(_mm_mul_ps(a, b), c)
#define fabsolute(a) _mm_and_ps(a, _mm_castsi128_ps(_mm_set1_epi32(INT32_MAX)))
#define to_float(v) _mm_cvtepi32_ps(v)
#define to_nearest(f) _mm_cvtps_epi32(f)

#elif VECTOR_LEVEL == VECTOR_AVX2

#define V __m256i
#define LANES 8
#define TILE_V 2
#define TILE_N 4
#define SIREN_V 4
#define vload(p) _mm256_loadu_si256((const __m256i *)(p))
#define vstore(p, v) _mm256_storeu_si256((__m256i *)(p), v)
#define vset1(i) _mm256_set1_epi32(i)
#define vset(...) _mm256_setr_epi32(__VA_ARGS__)
static INLINE int32_t NAME(vtotal)(V v) {
    __m128i half = _mm_add_epi32(_mm256_castsi256_si128(v), _mm256_extracti128_si256(v, 1));
    half = _mm_add_epi32(half, _mm_shuffle_epi32(half, 0x4e));
    return _mm_cvtsi128_si32(_mm_add_epi32(half, _mm_shuffle_epi32(half, 0xb1)));
}
#define vtotal NAME(vtotal)
#define vadd(a, b) _mm256_add_epi32(a, b)
#define vmul(a, b) _mm256_mullo_epi32(a, b)
#define vand(a, b) _mm256_and_si256(a, b)
#define vsll(a, n) _mm256_slli_epi32(a, n)
#define vsra(a, n) _mm256_sra_epi32(a, _mm_cvtsi32_si128(n))
#define vdp(sum, x, w) _mm256_add_epi32(sum, _mm256_madd_epi16(x, w))
#define vmin(a, b) _mm256_min_epi32(a, b)
#define vmax(a, b) _mm256_max_epi32(a, b)
#define vpairs(low, high) _mm256_blend_epi16(low, _mm256_slli_epi32(high, 16), 0xaa)
#define F __m256
#define fset1(x) _mm256_set1_ps(x)
#define fmul(a, b) _mm256_mul_ps(a, b)
#define fmadd(a, b, c) _mm256_fmadd_ps(a, b, c)
#define fabsolute(a) _mm256_and_ps(a, _mm256_castsi256_ps(_mm256_set1_epi32(INT32_MAX)))
#define to_float(v) _mm256_cvtepi32_ps(v)
#define to_nearest(f) _mm256_cvtps_epi32(f)

#elif VECTOR_LEVEL == VECTOR_VNNI

#define V __m512i
#define LANES 16
#define TILE_V 3
#define TILE_N 8
#define SIREN_V 6
#define vload(p) _mm512_loadu_si512(p)
#define vstore(p, v) _mm512_storeu_si512(p, v)
#define vset1(i) _mm512_set1_epi32(i)
#define vadd(a, b) _mm512_add_epi32(a, b)
#define vmul(a, b) _mm512_mullo_epi32(a, b)
#define vand(a, b) _mm512_and_si512(a, b)
#define vsll(a, n) _mm512_slli_epi32(a, n)
#define vsra(a, n) _mm512_sra_epi32(a, _mm_cvtsi32_si128(n))
#define vdp(sum, x, w) _mm512_dpwssd_epi32(sum, x, w)
#define vmin(a, b) _mm512_min_epi32(a, b)
#define vmax(a, b) _mm512_max_epi32(a, b)
#define vpairs(low, high) _mm512_mask_blend_epi16(0xaaaaaaaa, low, _mm512_slli_epi32(high, 16))
#define F __m512
#define fset1(x) _mm512_set1_ps(x)
#define fmul(a, b) _mm512_mul_ps(a, b)
#define fmadd(a, b, c) _mm512_fmadd_ps(a, b, c)
#define fabsolute(a) _mm512_abs_ps(a)
#define to_float(v) _mm512_cvtepi32_ps(v)
#define to_nearest(f) _mm512_cvtps_epi32(f)
static INLINE void NAME(vspread)(int32_t *to, V v) {
    _mm512_mask_storeu_epi32(to, 0x5555, _mm512_cvtepu32_epi64(_mm512_castsi512_si256(v)));
    _mm512_mask_storeu_epi32(to + LANES, 0x5555, _mm512_cvtepu32_epi64(_mm512_extracti64x4_epi64(v, 1)));
}
#define vspread NAME(vspread)

#elif VECTOR_LEVEL == VECTOR_NEON

#define V int32x4_t
#define LANES 4
#define TILE_V 2
#define TILE_N 8
#define SIREN_V 4
#define vload(p) vld1q_s32((const int32_t *)(p))
#define vstore(p, v) vst1q_s32((int32_t *)(p), v)
#define vset1(i) vdupq_n_s32(i)
#define vset(...) vld1q_s32((const int32_t[]){__VA_ARGS__})
#define vtotal(v) vaddvq_s32(v)
#define vadd(a, b) vaddq_s32(a, b)
#define vmul(a, b) vmulq_s32(a, b)
#define vand(a, b) vandq_s32(a, b)
#define vsll(a, n) vshlq_n_s32(a, n)
#define vsra(a, n) vshlq_s32(a, vdupq_n_s32(-(n)))
static INLINE V NAME(vdp)(V sum, V x, V w) {
    int16x8_t a = vreinterpretq_s16_s32(x), b = vreinterpretq_s16_s32(w);
    V low = vmull_s16(vget_low_s16(a), vget_low_s16(b)), high = vmull_high_s16(a, b);
    return vaddq_s32(sum, vpaddq_s32(low, high));
}
#define vdp NAME(vdp)
#define vmin(a, b) vminq_s32(a, b)
#define vmax(a, b) vmaxq_s32(a, b)
#define vpairs(low, high) vsliq_n_s32(low, high, 16)
#define F float32x4_t
#define fset1(x) vdupq_n_f32(x)
#define fmul(a, b) vmulq_f32(a, b)
#define fmadd(a, b, c) vfmaq_f32(c, a, b)
#define fabsolute(a) vabsq_f32(a)
#define to_float(v) vcvtq_f32_s32(v)
#define to_nearest(f) vcvtnq_s32_f32(f)

#elif VECTOR_LEVEL == VECTOR_WASM

#define V v128_t
#define LANES 4
#define TILE_V 2
#define TILE_N 4
#define SIREN_V 4
#define vload(p) wasm_v128_load(p)
#define vstore(p, v) wasm_v128_store(p, v)
#define vset1(i) wasm_i32x4_splat(i)
#define vset(...) wasm_i32x4_make(__VA_ARGS__)
static INLINE int32_t NAME(vtotal)(V v) {
    v = wasm_i32x4_add(v, wasm_i32x4_shuffle(v, v, 2, 3, 0, 1));
    return wasm_i32x4_extract_lane(wasm_i32x4_add(v, wasm_i32x4_shuffle(v, v, 1, 0, 3, 2)), 0);
}
#define vtotal NAME(vtotal)
#define vadd(a, b) wasm_i32x4_add(a, b)
#define vmul(a, b) wasm_i32x4_mul(a, b)
#define vand(a, b) wasm_v128_and(a, b)
#define vsll(a, n) wasm_i32x4_shl(a, n)
#define vsra(a, n) wasm_i32x4_shr(a, n)
#define vdp(sum, x, w) wasm_i32x4_add(sum, wasm_i32x4_dot_i16x8(x, w))
#define vmin(a, b) wasm_i32x4_min(a, b)
#define vmax(a, b) wasm_i32x4_max(a, b)
#define vpairs(low, high) wasm_v128_or(wasm_v128_and(low, vset1(0xffff)), wasm_i32x4_shl(high, 16))
#define F v128_t
#define fset1(x) wasm_f32x4_splat(x)
#define fmul(a, b) wasm_f32x4_mul(a, b)
#define fmadd(a, b, c) wasm_f32x4_add(wasm_f32x4_mul(a, b), c)
#define fabsolute(a) wasm_f32x4_abs(a)
#define to_float(v) wasm_f32x4_convert_i32x4(v)
#define to_nearest(f) wasm_i32x4_trunc_sat_f32x4(wasm_f32x4_nearest(f))

#else /* plain C */

#define LANES 4
#define TILE_V 1
#define TILE_N 4
#define SIREN_V 4
typedef struct {
    int32_t i[LANES];
} NAME(vector);
#define V NAME(vector)
#define EACH(expression)                        \
    V r;                                        \
    for (int k = 0; k < LANES; k++)             \
        r.i[k] = (int32_t)(expression);         \
    return r
static INLINE V NAME(vload)(const int32_t *p) { EACH(p[k]); }
static INLINE void NAME(vstore)(int32_t *p, V v) { memcpy(p, v.i, sizeof v.i); }
static INLINE V NAME(vset1)(int32_t i) { EACH(i); }
static INLINE int32_t NAME(vtotal)(V v) { return v.i[0] + v.i[1] + v.i[2] + v.i[3]; }
static INLINE V NAME(vadd)(V a, V b) { EACH((uint32_t)a.i[k] + (uint32_t)b.i[k]); }
static INLINE V NAME(vmul)(V a, V b) { EACH((uint32_t)a.i[k] * (uint32_t)b.i[k]); }
static INLINE V NAME(vsll)(V a, int n) { EACH((uint32_t)a.i[k] << n); }
static INLINE V NAME(vsra)(V a, int n) { EACH(a.i[k] >> n); }
static INLINE V NAME(vdp)(V s, V x, V w) {
    EACH((uint32_t)s.i[k] + (uint32_t)((int16_t)x.i[k] * (int16_t)w.i[k]) +
         (uint32_t)((x.i[k] >> 16) * (w.i[k] >> 16)));
}
static INLINE V NAME(vmin)(V a, V b) { EACH(a.i[k] < b.i[k] ? a.i[k] : b.i[k]); }
static INLINE V NAME(vmax)(V a, V b) { EACH(a.i[k] > b.i[k] ? a.i[k] : b.i[k]); }
static INLINE V NAME(vpairs)(V low, V high) { EACH((uint32_t)high.i[k] << 16 | (uint16_t)low.i[k]); }
static INLINE V NAME(vsine)(V phase) { EACH(sine_table[(uint32_t)phase.i[k] >> 20]); }
#undef EACH
#define vload NAME(vload)
#define vstore NAME(vstore)
#define vset(...) {{__VA_ARGS__}}
#define vset1 NAME(vset1)
#define vtotal NAME(vtotal)
#define vadd NAME(vadd)
#define vmul NAME(vmul)
#define vsll NAME(vsll)
#define vsra NAME(vsra)
#define vdp NAME(vdp)
#define vmin NAME(vmin)
#define vmax NAME(vmax)
#define vpairs NAME(vpairs)

#endif

#ifdef F
/* The sine table's entry of a phase, whose upper 12 bits count. Within a quarter of a turn of where it is 0 it is
   a polynomial of the ninth degree, rounded: its error is below 0.00008, no entry is closer than 0.0001 to a half, and
   all of them are compared with the table when the module is loaded. */
static INLINE V NAME(vsine)(V phase) {
    V beyond = vadd(vand(phase, vset1(-(1 << 20))), vset1((1 << 19) - (1 << 30))); /* where it is 1 */
    F x = fmadd(fabsolute(to_float(beyond)), fset1(-0x1p-30f), fset1(1)); /* -1 to 1, in quarters of a turn */
    F z = fmul(x, x);
    F p = fset1(0x1.3bb208p-4f);
    p = fmadd(p, z, fset1(-0x1.319a3p+1f));
    p = fmadd(p, z, fset1(0x1.45c43ep+5f));
    p = fmadd(p, z, fset1(-0x1.4a1658p+8f));
    p = fmadd(p, z, fset1(0x1.9156a4p+9f));
    return to_nearest(fmul(x, p));
}
#endif
#define vsine NAME(vsine)
#define TILE (TILE_V * LANES)

/* A value that must be in a register at this point: without it gcc keeps copies of all sums on the stack. */
#if defined(__GNUC__) && VECTOR_LEVEL == VECTOR_VNNI
#define VKEEP(v) __asm__("" : "+v"(v))
#elif defined(__GNUC__) && (VECTOR_LEVEL == VECTOR_SSE2 || VECTOR_LEVEL == VECTOR_AVX2)
#define VKEEP(v) __asm__("" : "+x"(v))
#elif defined(__GNUC__) && VECTOR_LEVEL == VECTOR_NEON
#define VKEEP(v) __asm__("" : "+w"(v))
#else
#define VKEEP(v)
#endif
