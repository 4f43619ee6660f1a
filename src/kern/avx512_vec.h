/* SPDX-License-Identifier: MIT
 *
 * The vector of AVX-512 F, BW, DQ and VL: 16 floats, 32 registers, masks for the tails. For the
 * templates (kernels_tmpl.h says what they ask for); included by one .c file per extension, each
 * compiled with its own flags, and by nothing else.
 */
#ifndef FOVEA_KERN_AVX512_VEC_H
#define FOVEA_KERN_AVX512_VEC_H

#include <immintrin.h>
#include <stddef.h>
#include <stdint.h>

#define VEC 16
#define ROWS 6
#define COLUMNS 4

typedef __m512 vec;

static inline vec vec_set1(float a)
{
    return _mm512_set1_ps(a);
}

static inline vec vec_load(const float *p)
{
    return _mm512_loadu_ps(p);
}

static inline void vec_store(float *p, vec a)
{
    _mm512_storeu_ps(p, a);
}

static inline __mmask16 first_lanes(size_t n)
{
    return (__mmask16)((1u << n) - 1);
}

static inline vec vec_load_part(const float *p, size_t n, vec fill)
{
    return _mm512_mask_loadu_ps(fill, first_lanes(n), p);
}

static inline void vec_store_part(float *p, vec a, size_t n)
{
    _mm512_mask_storeu_ps(p, first_lanes(n), a);
}

static inline vec vec_load_f16(const uint16_t *p)
{
    return _mm512_cvtph_ps(_mm256_loadu_si256((const __m256i *)p));
}

static inline void vec_store_f16(uint16_t *p, vec a)
{
    _mm256_storeu_si256((__m256i *)p,
                        _mm512_cvtps_ph(a, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC));
}

static inline vec vec_load_bf16(const uint16_t *p)
{
    __m512i bits = _mm512_cvtepu16_epi32(_mm256_loadu_si256((const __m256i *)p));
    return _mm512_castsi512_ps(_mm512_slli_epi32(bits, 16));
}

static inline vec vec_add(vec a, vec b)
{
    return _mm512_add_ps(a, b);
}

static inline vec vec_sub(vec a, vec b)
{
    return _mm512_sub_ps(a, b);
}

static inline vec vec_mul(vec a, vec b)
{
    return _mm512_mul_ps(a, b);
}

static inline vec vec_div(vec a, vec b)
{
    return _mm512_div_ps(a, b);
}

static inline vec vec_fma(vec a, vec b, vec c)
{
    return _mm512_fmadd_ps(a, b, c);
}

static inline vec vec_fnma(vec a, vec b, vec c)
{
    return _mm512_fnmadd_ps(a, b, c);
}

static inline vec vec_abs(vec a)
{
    return _mm512_andnot_ps(_mm512_set1_ps(-0.0f), a);
}

static inline vec vec_min(vec a, vec b)
{
    return _mm512_min_ps(a, b);
}

static inline vec vec_max(vec a, vec b)
{
    return _mm512_max_ps(a, b);
}

static inline vec vec_round(vec a)
{
    return _mm512_roundscale_ps(a, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC);
}

static inline vec vec_ldexp(vec a, vec n)
{
    return _mm512_scalef_ps(a, n);
}

static inline vec vec_low_byte_to_exponent(vec a)
{
    return _mm512_castsi512_ps(_mm512_slli_epi32(_mm512_castps_si512(a), 23));
}

static inline vec vec_by_sign(vec x, vec negative, vec positive)
{
    return _mm512_mask_blend_ps(_mm512_movepi32_mask(_mm512_castps_si512(x)), positive, negative);
}

static inline float vec_sum(vec a)
{
    __m256 half = _mm256_add_ps(_mm512_castps512_ps256(a), _mm512_extractf32x8_ps(a, 1));
    __m128 s = _mm_add_ps(_mm256_castps256_ps128(half), _mm256_extractf128_ps(half, 1));
    s = _mm_add_ps(s, _mm_movehl_ps(s, s));
    return _mm_cvtss_f32(_mm_add_ss(s, _mm_movehdup_ps(s)));
}

static inline float vec_largest(vec a)
{
    __m256 half = _mm256_max_ps(_mm512_castps512_ps256(a), _mm512_extractf32x8_ps(a, 1));
    __m128 s = _mm_max_ps(_mm256_castps256_ps128(half), _mm256_extractf128_ps(half, 1));
    s = _mm_max_ps(s, _mm_movehl_ps(s, s));
    return _mm_cvtss_f32(_mm_max_ss(s, _mm_movehdup_ps(s)));
}

static inline void vec_store_parts(float *p, size_t stride, vec a)
{
    _mm_storeu_ps(p, _mm512_castps512_ps128(a));
    _mm_storeu_ps(p + stride, _mm512_extractf32x4_ps(a, 1));
    _mm_storeu_ps(p + 2 * stride, _mm512_extractf32x4_ps(a, 2));
    _mm_storeu_ps(p + 3 * stride, _mm512_extractf32x4_ps(a, 3));
}

static inline void vec_transpose4(vec v[4])
{
    vec a = _mm512_unpacklo_ps(v[0], v[2]), b = _mm512_unpacklo_ps(v[1], v[3]);
    vec c = _mm512_unpackhi_ps(v[0], v[2]), d = _mm512_unpackhi_ps(v[1], v[3]);
    v[0] = _mm512_unpacklo_ps(a, b);
    v[1] = _mm512_unpackhi_ps(a, b);
    v[2] = _mm512_unpacklo_ps(c, d);
    v[3] = _mm512_unpackhi_ps(c, d);
}

/* Lanes of 4 bytes, whatever these hold; and 4 bytes in every lane. */
static inline __m512i lanes_load(const void *p)
{
    return _mm512_loadu_si512(p);
}

static inline __m512i lanes_set1(const void *p)
{
    int bits;
    __builtin_memcpy(&bits, p, sizeof bits);
    return _mm512_set1_epi32(bits);
}

/* The two bfloat16 of each lane as floats. */
static inline vec vec_low_half(vec bits)
{
    return _mm512_castsi512_ps(_mm512_slli_epi32(_mm512_castps_si512(bits), 16));
}

static inline vec vec_high_half(vec bits)
{
    const __m512i mask = _mm512_set1_epi32((int)0xffff0000u);
    return _mm512_castsi512_ps(_mm512_and_si512(_mm512_castps_si512(bits), mask));
}

#ifdef __AVX512BF16__
static inline void vec_store_bf16(uint16_t *p, vec a)
{
    _mm256_storeu_si256((__m256i *)p, (__m256i)_mm512_cvtneps_pbh(a));
}
#else
static inline void vec_store_bf16(uint16_t *p, vec a)
{
    __m512i bits = _mm512_castps_si512(a);
    __m512i odd = _mm512_and_si512(_mm512_srli_epi32(bits, 16), _mm512_set1_epi32(1));
    __m512i up = _mm512_add_epi32(_mm512_add_epi32(bits, odd), _mm512_set1_epi32(0x7fff));
    __mmask16 nan = _mm512_cmp_ps_mask(a, a, _CMP_UNORD_Q);
    up = _mm512_mask_or_epi32(up, nan, bits, _mm512_set1_epi32(0x00400000));
    _mm256_storeu_si256((__m256i *)p, _mm512_cvtepi32_epi16(_mm512_srli_epi32(up, 16)));
}
#endif

/* Whole numbers -127 .. 127 as bytes 1 .. 255. */
static inline void vec_store_bytes(uint8_t *p, vec a)
{
    __m512i whole = _mm512_add_epi32(_mm512_cvtps_epi32(a), _mm512_set1_epi32(128));
    _mm_storeu_si128((__m128i *)p, _mm512_cvtepi32_epi8(whole));
}

/* Lanes 2i, 2i + 1 of the 16-bit rows a and b, alternating: a0 b0 a1 b1 ... as VEC lanes. */
static inline vec vec_zip_halves(const uint16_t *a, const uint16_t *b)
{
    __m512i low = _mm512_cvtepu16_epi32(_mm256_loadu_si256((const __m256i *)a));
    __m512i high = _mm512_cvtepu16_epi32(_mm256_loadu_si256((const __m256i *)b));
    return _mm512_castsi512_ps(_mm512_or_si512(low, _mm512_slli_epi32(high, 16)));
}

/* Bytes, widened to 16 bits. */
#define DOTS 32
typedef __m512i dots;

static inline dots dots_zero(void)
{
    return _mm512_setzero_si512();
}

static inline dots dots_add(dots a, dots b)
{
    return _mm512_add_epi32(a, b);
}

static inline int32_t dots_total(dots a)
{
    return _mm512_reduce_add_epi32(a);
}

#endif
