/* SPDX-License-Identifier: MIT
 *
 * AArch64 Advanced SIMD: vectors of 4 floats, 32 registers.
 */
#include <arm_neon.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#define VEC 4
#define ROWS 6
#define COLUMNS 4
#define TABLE_INIT kernels_init_neon

typedef float32x4_t vec;

static inline vec vec_set1(float a)
{
    return vdupq_n_f32(a);
}

static inline vec vec_load(const float *p)
{
    return vld1q_f32(p);
}

static inline void vec_store(float *p, vec a)
{
    vst1q_f32(p, a);
}

static inline vec vec_load_part(const float *p, size_t n, vec fill)
{
    float whole[VEC];
    vst1q_f32(whole, fill);
    memcpy(whole, p, n * sizeof *p);
    return vld1q_f32(whole);
}

static inline void vec_store_part(float *p, vec a, size_t n)
{
    float whole[VEC];
    vst1q_f32(whole, a);
    memcpy(p, whole, n * sizeof *p);
}

static inline vec vec_load_f16(const uint16_t *p)
{
    return vcvt_f32_f16(vreinterpret_f16_u16(vld1_u16(p)));
}

static inline void vec_store_f16(uint16_t *p, vec a)
{
    vst1_u16(p, vreinterpret_u16_f16(vcvt_f16_f32(a)));
}

static inline vec vec_load_bf16(const uint16_t *p)
{
    return vreinterpretq_f32_u32(vshll_n_u16(vld1_u16(p), 16));
}

static inline vec vec_add(vec a, vec b)
{
    return vaddq_f32(a, b);
}

static inline vec vec_sub(vec a, vec b)
{
    return vsubq_f32(a, b);
}

static inline vec vec_mul(vec a, vec b)
{
    return vmulq_f32(a, b);
}

static inline vec vec_div(vec a, vec b)
{
    return vdivq_f32(a, b);
}

static inline vec vec_fma(vec a, vec b, vec c)
{
    return vfmaq_f32(c, a, b);
}

static inline vec vec_fnma(vec a, vec b, vec c)
{
    return vfmsq_f32(c, a, b);
}

static inline vec vec_abs(vec a)
{
    return vabsq_f32(a);
}

static inline vec vec_min(vec a, vec b)
{
    return vminq_f32(a, b);
}

static inline vec vec_max(vec a, vec b)
{
    return vmaxq_f32(a, b);
}

static inline vec vec_round(vec a)
{
    return vrndnq_f32(a);
}

/* 2^n for -126 <= n <= 127, as the bits of its exponent. */
static inline vec power_of_2(int32x4_t n)
{
    return vreinterpretq_f32_s32(vshlq_n_s32(vaddq_s32(n, vdupq_n_s32(127)), 23));
}

/* In two steps, as 2^n itself may not be a float; only the second one can round. */
static inline vec vec_ldexp(vec a, vec n)
{
    int32x4_t all = vcvtq_s32_f32(n), half = vshrq_n_s32(all, 1);
    return vmulq_f32(vmulq_f32(a, power_of_2(half)), power_of_2(vsubq_s32(all, half)));
}

static inline vec vec_low_byte_to_exponent(vec a)
{
    return vreinterpretq_f32_u32(vshlq_n_u32(vreinterpretq_u32_f32(a), 23));
}

static inline vec vec_by_sign(vec x, vec negative, vec positive)
{
    return vbslq_f32(vcltzq_s32(vreinterpretq_s32_f32(x)), negative, positive);
}

static inline float vec_sum(vec a)
{
    return vaddvq_f32(a);
}

static inline float vec_largest(vec a)
{
    return vmaxvq_f32(a);
}

static inline void vec_store_parts(float *p, size_t stride, vec a)
{
    (void)stride;
    vst1q_f32(p, a);
}

static inline void vec_transpose4(vec v[4])
{
    vec a = vzip1q_f32(v[0], v[2]), b = vzip1q_f32(v[1], v[3]);
    vec c = vzip2q_f32(v[0], v[2]), d = vzip2q_f32(v[1], v[3]);
    v[0] = vzip1q_f32(a, b);
    v[1] = vzip2q_f32(a, b);
    v[2] = vzip1q_f32(c, d);
    v[3] = vzip2q_f32(c, d);
}

/* The two bfloat16 of each lane as floats. */
static inline vec vec_low_half(vec bits)
{
    return vreinterpretq_f32_u32(vshlq_n_u32(vreinterpretq_u32_f32(bits), 16));
}

static inline vec vec_high_half(vec bits)
{
    return vreinterpretq_f32_u32(vandq_u32(vreinterpretq_u32_f32(bits), vdupq_n_u32(0xffff0000u)));
}

static inline void vec_store_bf16(uint16_t *p, vec a)
{
    uint32x4_t bits = vreinterpretq_u32_f32(a);
    uint32x4_t odd = vandq_u32(vshrq_n_u32(bits, 16), vdupq_n_u32(1));
    uint32x4_t up = vaddq_u32(vaddq_u32(bits, odd), vdupq_n_u32(0x7fff));
    uint32x4_t quiet = vorrq_u32(bits, vdupq_n_u32(0x00400000));
    up = vbslq_u32(vceqq_f32(a, a), up, quiet);
    vst1_u16(p, vshrn_n_u32(up, 16));
}

/* Whole numbers -127 .. 127 as bytes 1 .. 255. */
static inline void vec_store_bytes(uint8_t *p, vec a)
{
    int32x4_t whole = vaddq_s32(vcvtnq_s32_f32(a), vdupq_n_s32(128));
    uint16x4_t halves = vqmovun_s32(whole);
    uint8x8_t bytes = vqmovn_u16(vcombine_u16(halves, halves));
    uint32_t four = vget_lane_u32(vreinterpret_u32_u8(bytes), 0);
    memcpy(p, &four, sizeof four);
}

static inline vec vec_zip_halves(const uint16_t *a, const uint16_t *b)
{
    uint16x4x2_t both = vzip_u16(vld1_u16(a), vld1_u16(b));
    return vreinterpretq_f32_u16(vcombine_u16(both.val[0], both.val[1]));
}

/* Without the dot product extension: products in 16 bits, added in pairs twice. */
#define BYTES
typedef int32x4_t ivec;
typedef int8x16_t left_bytes;

static inline ivec ivec_zero(void)
{
    return vdupq_n_s32(0);
}

static inline ivec ivec_load(const void *p)
{
    return vreinterpretq_s32_s8(vld1q_s8(p));
}

static inline left_bytes left_set1(const void *p)
{
    uint32_t bits;
    memcpy(&bits, p, sizeof bits);
    return vreinterpretq_s8_u32(vdupq_n_u32(bits ^ 0x80808080u));
}

static inline ivec ivec_dot4(left_bytes left, ivec right, ivec sum)
{
    int8x16_t b = vreinterpretq_s8_s32(right);
    int32x4_t low = vpaddlq_s16(vmull_s8(vget_low_s8(left), vget_low_s8(b)));
    int32x4_t high = vpaddlq_s16(vmull_high_s8(left, b));
    return vaddq_s32(sum, vpaddq_s32(low, high));
}

static inline vec ivec_to_vec(ivec a)
{
    return vcvtq_f32_s32(a);
}

#define DOTS 16
typedef int32x4_t dots;

static inline dots dots_zero(void)
{
    return vdupq_n_s32(0);
}

static inline dots dots_add(dots a, dots b)
{
    return vaddq_s32(a, b);
}

static inline dots dots_step(dots sum, const int8_t *row, const int16_t *query)
{
    int8x16_t bytes = vld1q_s8(row);
    int16x8_t low = vmovl_s8(vget_low_s8(bytes)), high = vmovl_high_s8(bytes);
    int16x8_t a = vld1q_s16(query), b = vld1q_s16(query + 8);
    sum = vmlal_s16(sum, vget_low_s16(low), vget_low_s16(a));
    sum = vmlal_high_s16(sum, low, a);
    sum = vmlal_s16(sum, vget_low_s16(high), vget_low_s16(b));
    return vmlal_high_s16(sum, high, b);
}

static inline int32_t dots_total(dots a)
{
    return vaddvq_s32(a);
}

#include "kern/kernels_tmpl.h"
