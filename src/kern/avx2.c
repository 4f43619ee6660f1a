/* SPDX-License-Identifier: MIT
 *
 * AVX2 with FMA and F16C: vectors of 8 floats, 16 registers (a tile of 6 x 2 uses 15).
 */
#include <immintrin.h>
#include <stddef.h>
#include <stdint.h>

#define VEC 8
#define ROWS 6
#define COLUMNS 2
#define TABLE_INIT kernels_init_avx2

typedef __m256 vec;

static inline vec vec_set1(float a)
{
    return _mm256_set1_ps(a);
}

static inline vec vec_load(const float *p)
{
    return _mm256_loadu_ps(p);
}

static inline void vec_store(float *p, vec a)
{
    _mm256_storeu_ps(p, a);
}

static inline __m256i first_lanes(size_t n)
{
    return _mm256_cmpgt_epi32(_mm256_set1_epi32((int)n), _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7));
}

static inline vec vec_load_part(const float *p, size_t n, vec fill)
{
    __m256i lanes = first_lanes(n);
    return _mm256_blendv_ps(fill, _mm256_maskload_ps(p, lanes), _mm256_castsi256_ps(lanes));
}

static inline void vec_store_part(float *p, vec a, size_t n)
{
    _mm256_maskstore_ps(p, first_lanes(n), a);
}

static inline vec vec_load_f16(const uint16_t *p)
{
    return _mm256_cvtph_ps(_mm_loadu_si128((const __m128i *)p));
}

static inline void vec_store_f16(uint16_t *p, vec a)
{
    _mm_storeu_si128((__m128i *)p,
                     _mm256_cvtps_ph(a, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC));
}

static inline vec vec_load_bf16(const uint16_t *p)
{
    __m256i bits = _mm256_cvtepu16_epi32(_mm_loadu_si128((const __m128i *)p));
    return _mm256_castsi256_ps(_mm256_slli_epi32(bits, 16));
}

static inline vec vec_add(vec a, vec b)
{
    return _mm256_add_ps(a, b);
}

static inline vec vec_sub(vec a, vec b)
{
    return _mm256_sub_ps(a, b);
}

static inline vec vec_mul(vec a, vec b)
{
    return _mm256_mul_ps(a, b);
}

static inline vec vec_div(vec a, vec b)
{
    return _mm256_div_ps(a, b);
}

static inline vec vec_fma(vec a, vec b, vec c)
{
    return _mm256_fmadd_ps(a, b, c);
}

static inline vec vec_fnma(vec a, vec b, vec c)
{
    return _mm256_fnmadd_ps(a, b, c);
}

static inline vec vec_abs(vec a)
{
    return _mm256_andnot_ps(_mm256_set1_ps(-0.0f), a);
}

static inline vec vec_min(vec a, vec b)
{
    return _mm256_min_ps(a, b);
}

static inline vec vec_max(vec a, vec b)
{
    return _mm256_max_ps(a, b);
}

static inline vec vec_round(vec a)
{
    return _mm256_round_ps(a, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC);
}

/* 2^n for -126 <= n <= 127, as the bits of its exponent. */
static inline vec power_of_2(__m256i n)
{
    return _mm256_castsi256_ps(_mm256_slli_epi32(_mm256_add_epi32(n, _mm256_set1_epi32(127)), 23));
}

/* In two steps, as 2^n itself may not be a float; only the second one can round. */
static inline vec vec_ldexp(vec a, vec n)
{
    __m256i all = _mm256_cvtps_epi32(n), half = _mm256_srai_epi32(all, 1);
    a = _mm256_mul_ps(a, power_of_2(half));
    return _mm256_mul_ps(a, power_of_2(_mm256_sub_epi32(all, half)));
}

static inline vec vec_low_byte_to_exponent(vec a)
{
    return _mm256_castsi256_ps(_mm256_slli_epi32(_mm256_castps_si256(a), 23));
}

static inline vec vec_by_sign(vec x, vec negative, vec positive)
{
    return _mm256_blendv_ps(positive, negative, x);
}

static inline float vec_sum(vec a)
{
    __m128 s = _mm_add_ps(_mm256_castps256_ps128(a), _mm256_extractf128_ps(a, 1));
    s = _mm_add_ps(s, _mm_movehl_ps(s, s));
    return _mm_cvtss_f32(_mm_add_ss(s, _mm_movehdup_ps(s)));
}

static inline float vec_largest(vec a)
{
    __m128 s = _mm_max_ps(_mm256_castps256_ps128(a), _mm256_extractf128_ps(a, 1));
    s = _mm_max_ps(s, _mm_movehl_ps(s, s));
    return _mm_cvtss_f32(_mm_max_ss(s, _mm_movehdup_ps(s)));
}

static inline void vec_store_parts(float *p, size_t stride, vec a)
{
    _mm_storeu_ps(p, _mm256_castps256_ps128(a));
    _mm_storeu_ps(p + stride, _mm256_extractf128_ps(a, 1));
}

static inline void vec_transpose4(vec v[4])
{
    vec a = _mm256_unpacklo_ps(v[0], v[2]), b = _mm256_unpacklo_ps(v[1], v[3]);
    vec c = _mm256_unpackhi_ps(v[0], v[2]), d = _mm256_unpackhi_ps(v[1], v[3]);
    v[0] = _mm256_unpacklo_ps(a, b);
    v[1] = _mm256_unpackhi_ps(a, b);
    v[2] = _mm256_unpacklo_ps(c, d);
    v[3] = _mm256_unpackhi_ps(c, d);
}

/* The two bfloat16 of each lane as floats. */
static inline vec vec_low_half(vec bits)
{
    return _mm256_castsi256_ps(_mm256_slli_epi32(_mm256_castps_si256(bits), 16));
}

static inline vec vec_high_half(vec bits)
{
    return _mm256_and_ps(bits, _mm256_castsi256_ps(_mm256_set1_epi32((int)0xffff0000u)));
}

/* The low 16 bits of each lane. */
static inline __m128i low_halves(__m256i a)
{
    a = _mm256_packus_epi32(a, a);
    return _mm256_castsi256_si128(_mm256_permute4x64_epi64(a, 0x08));
}

static inline void vec_store_bf16(uint16_t *p, vec a)
{
    __m256i bits = _mm256_castps_si256(a);
    __m256i odd = _mm256_and_si256(_mm256_srli_epi32(bits, 16), _mm256_set1_epi32(1));
    __m256i up = _mm256_add_epi32(_mm256_add_epi32(bits, odd), _mm256_set1_epi32(0x7fff));
    __m256i quiet = _mm256_or_si256(bits, _mm256_set1_epi32(0x00400000));
    vec nan = _mm256_cmp_ps(a, a, _CMP_UNORD_Q);
    up = _mm256_castps_si256(
        _mm256_blendv_ps(_mm256_castsi256_ps(up), _mm256_castsi256_ps(quiet), nan));
    _mm_storeu_si128((__m128i *)p, low_halves(_mm256_srli_epi32(up, 16)));
}

/* Whole numbers -127 .. 127 as bytes 1 .. 255. */
static inline void vec_store_bytes(uint8_t *p, vec a)
{
    __m256i whole = _mm256_add_epi32(_mm256_cvtps_epi32(a), _mm256_set1_epi32(128));
    __m128i halves = low_halves(whole);
    _mm_storel_epi64((__m128i *)p, _mm_packus_epi16(halves, halves));
}

static inline vec vec_zip_halves(const uint16_t *a, const uint16_t *b)
{
    __m256i low = _mm256_cvtepu16_epi32(_mm_loadu_si128((const __m128i *)a));
    __m256i high = _mm256_cvtepu16_epi32(_mm_loadu_si128((const __m128i *)b));
    return _mm256_castsi256_ps(_mm256_or_si256(low, _mm256_slli_epi32(high, 16)));
}

/* AVX2 multiplies unsigned by signed bytes and adds two products in 16 bits, which saturates: so
 * |x| times the weight with the sign of x, at most 2 * 127 * 127. */
#define BYTES
typedef __m256i ivec;
typedef struct {
    __m256i value, magnitude;
} left_bytes;

static inline ivec ivec_zero(void)
{
    return _mm256_setzero_si256();
}

static inline ivec ivec_load(const void *p)
{
    return _mm256_loadu_si256(p);
}

static inline left_bytes left_set1(const void *p)
{
    int bits;
    __builtin_memcpy(&bits, p, sizeof bits);
    __m256i value = _mm256_xor_si256(_mm256_set1_epi32(bits), _mm256_set1_epi8((char)0x80));
    return (left_bytes){value, _mm256_abs_epi8(value)};
}

static inline ivec ivec_dot4(left_bytes left, ivec right, ivec sum)
{
    __m256i two = _mm256_maddubs_epi16(left.magnitude, _mm256_sign_epi8(right, left.value));
    return _mm256_add_epi32(sum, _mm256_madd_epi16(two, _mm256_set1_epi16(1)));
}

static inline vec ivec_to_vec(ivec a)
{
    return _mm256_cvtepi32_ps(a);
}

#define DOTS 16
typedef __m256i dots;

static inline dots dots_zero(void)
{
    return _mm256_setzero_si256();
}

static inline dots dots_add(dots a, dots b)
{
    return _mm256_add_epi32(a, b);
}

static inline dots dots_step(dots sum, const int8_t *row, const int16_t *query)
{
    __m256i wide = _mm256_cvtepi8_epi16(_mm_loadu_si128((const __m128i *)row));
    __m256i by = _mm256_loadu_si256((const __m256i *)query);
    return _mm256_add_epi32(sum, _mm256_madd_epi16(wide, by));
}

static inline int32_t dots_total(dots a)
{
    __m128i s = _mm_add_epi32(_mm256_castsi256_si128(a), _mm256_extracti128_si256(a, 1));
    s = _mm_add_epi32(s, _mm_shuffle_epi32(s, 0x4e));
    return _mm_cvtsi128_si32(_mm_add_epi32(s, _mm_shuffle_epi32(s, 0xb1)));
}

#include "kern/kernels_tmpl.h"
