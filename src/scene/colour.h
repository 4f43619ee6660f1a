/* SPDX-License-Identifier: MIT
 *
 * Colours as light: linear, 1 is what a medium exposure shows as nearly white, and more is allowed.
 */
#ifndef FOVEA_SCENE_COLOUR_H
#define FOVEA_SCENE_COLOUR_H

struct rgb {
    float r, g, b;
};

static inline float clampf(float x, float low, float high)
{
    return x < low ? low : x > high ? high : x;
}

static inline float smoothstepf(float from, float to, float x)
{
    float t = clampf((x - from) / (to - from), 0, 1);
    return t * t * (3 - 2 * t);
}

static inline float mixf(float a, float b, float t)
{
    return a + (b - a) * t;
}

static inline struct rgb rgb_mix(struct rgb a, struct rgb b, float t)
{
    return (struct rgb){a.r + (b.r - a.r) * t, a.g + (b.g - a.g) * t, a.b + (b.b - a.b) * t};
}

static inline struct rgb rgb_scale(struct rgb a, float s)
{
    return (struct rgb){a.r * s, a.g * s, a.b * s};
}

static inline struct rgb rgb_add(struct rgb a, struct rgb b)
{
    return (struct rgb){a.r + b.r, a.g + b.g, a.b + b.b};
}

static inline struct rgb rgb_multiply(struct rgb a, struct rgb b)
{
    return (struct rgb){a.r * b.r, a.g * b.g, a.b * b.b};
}

static inline float rgb_luminance(struct rgb a)
{
    return 0.2126f * a.r + 0.7152f * a.g + 0.0722f * a.b;
}

#endif
