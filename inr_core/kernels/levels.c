/* The kernels of each level of instructions, and which of them this machine can use. */

#include <math.h>

#include "arguments.h"
#include "reducing.h"

#if defined(__BYTE_ORDER__) && __BYTE_ORDER__ != __ORDER_LITTLE_ENDIAN__
#error "pairs of int16 are expected to have their first one in the low half of 32 bits"
#endif

static int16_t sine_table[SINE_MASK + 1];

#define JOINED(a, b) a##_##b
#define NAMED(a, b) JOINED(a, b)
#define NAME(name) NAMED(name, SUFFIX)

#define VECTOR_PLAIN 0
#define VECTOR_SSE2 1
#define VECTOR_NEON 2
#define VECTOR_AVX2 3
#define VECTOR_VNNI 4
#define VECTOR_WASM 5 /* of another library: wasm/decoder.c */

#if defined(__x86_64__) || defined(_M_X64)
#define X86 1
#include <immintrin.h>
#elif defined(__aarch64__) || defined(_M_ARM64)
#define ARM 1
#include <arm_neon.h>
#endif

#if defined(_MSC_VER) && !defined(__clang__)
#define TARGET(features)
#define END_TARGET
#elif defined(__clang__)
#define DO_PRAGMA(text) _Pragma(#text)
#define TARGET(features) DO_PRAGMA(clang attribute push(__attribute__((target(features))), apply_to = function))
#define END_TARGET _Pragma("clang attribute pop")
#else
#define DO_PRAGMA(text) _Pragma(#text)
#define TARGET(features) _Pragma("GCC push_options") DO_PRAGMA(GCC target(features))
#define END_TARGET _Pragma("GCC pop_options")
#endif

#define VECTOR_LEVEL VECTOR_PLAIN
#define SUFFIX plain
#include "level.h"

#ifdef X86
#define VECTOR_LEVEL VECTOR_SSE2
#define SUFFIX baseline
#include "level.h"

TARGET("avx2,fma")
#define VECTOR_LEVEL VECTOR_AVX2
#define SUFFIX avx2
#include "level.h"
END_TARGET

TARGET("avx2,fma,avx512f,avx512bw,avx512dq,avx512vl,avx512vnni")
#define VECTOR_LEVEL VECTOR_VNNI
#define SUFFIX vnni
#include "level.h"
END_TARGET
#endif

#ifdef ARM
#define VECTOR_LEVEL VECTOR_NEON
#define SUFFIX baseline
#include "level.h"
#endif

Kernels levels[LEVELS_MAX] = {
    LEVEL_ROW(plain, plain),
#if defined(X86) || defined(ARM)
    LEVEL_ROW(baseline, baseline),
#endif
#ifdef X86
    LEVEL_ROW(avx2, avx2),
    LEVEL_ROW(vnni, avx2),
#endif
};

/* Whether the processor and the system have what a level needs. */
static int supported(const char *name) {
#ifdef X86
    if (!strcmp(name, "avx2") || !strcmp(name, "vnni")) {
        const int wide = !strcmp(name, "vnni");
#if defined(_MSC_VER) && !defined(__clang__)
        int id[4];
        __cpuid(id, 1);
        const int saved = id[2] >> 27 & 1, fma = id[2] >> 12 & 1;
        const uint64_t states = saved ? _xgetbv(0) : 0;
        __cpuidex(id, 7, 0);
        const int avx2 = id[1] >> 5 & 1;
        const int needed = (1 << 16) | (1 << 17) | (1 << 30) | (int)(1u << 31);
        const int avx512 = (id[1] & needed) == needed && (id[2] >> 11 & 1);
        return fma && avx2 && (states & 6) == 6 && (!wide || (avx512 && (states & 0xe0) == 0xe0));
#else
        __builtin_cpu_init();
        return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") &&
               (!wide || (__builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
                          __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl") &&
                          __builtin_cpu_supports("avx512vnni")));
#endif
    }
#endif
    (void)name;
    return 1;
}

void choose_levels(void) {
    static int32_t phases[SINE_MASK + 1], sines[SINE_MASK + 1];
    for (int k = 0; k <= SINE_MASK; k++) {
        phases[k] = (int32_t)((uint32_t)k << 20);
        sine_table[k] = (int16_t)floor(511 * sin((k + 0.5) * (2 * 3.14159265358979323846 / (SINE_MASK + 1))) + 0.5);
    }
    for (int level = 0; level < LEVELS_MAX && levels[level].name; level++) {
        if (!supported(levels[level].name))
            continue;
        levels[level].sines(phases, sines);
        int same = 1;
        for (int k = 0; k <= SINE_MASK; k++)
            same &= sines[k] == sine_table[k];
        levels[level].available = same;
    }
}

