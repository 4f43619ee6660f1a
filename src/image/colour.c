/* SPDX-License-Identifier: MIT
 *
 * Colour: profiles, depths and models to 8-bit sRGB.
 *
 * A profile is applied when it says something (icc.h: it is not sRGB already) and fits the picture.
 * Intent: relative colorimetric with black point compensation, what browsers and Photoshop do. For
 * profiles of primaries and curves, that is nearly every photograph, all intents are this one; for
 * the tables of a print profile, perceptual is each maker's own taste, while this maps paper to
 * white and the deepest ink to black. Where a profile has no other table than the perceptual one,
 * that is taken: libvips would pass over the profile. A profile that lcms does not take is ignored,
 * as viewers do: the picture is then read as if it had none.
 *
 * Without a profile: what the camera says it meant (Adobe RGB is told by EXIF alone, as DCF 2.0 has
 * it), else sRGB. 16 bits are cut to the upper 8 (as Pillow's "RGB;16B"), CMYK is converted by
 * Pillow's formula, Lab and linear floats by libvips.
 */
#include "image/colour.h"
#include "image/icc.h"
#include "image/vips_library.h"

static bool holds_profile_samples(const VipsImage *im)
{
    if (im->BandFmt != VIPS_FORMAT_UCHAR && im->BandFmt != VIPS_FORMAT_USHORT)
        return false;
    switch (im->Type) {
    case VIPS_INTERPRETATION_sRGB:
    case VIPS_INTERPRETATION_RGB:
    case VIPS_INTERPRETATION_RGB16:
    case VIPS_INTERPRETATION_B_W:
    case VIPS_INTERPRETATION_GREY16:
    case VIPS_INTERPRETATION_CMYK:
    case VIPS_INTERPRETATION_MULTIBAND:
        return true;
    default:
        return false;
    }
}

/* im is the caller's own. */
static void set_meant(VipsImage *im, enum meta_colour meant)
{
    uint8_t profile[ICC_MADE_BYTES];
    if ((meant != META_COLOUR_ADOBE_RGB && meant != META_COLOUR_PROPHOTO) ||
        vips.image_get_typeof(im, VIPS_META_ICC_NAME))
        return;
    size_t size = icc_make(profile, meant == META_COLOUR_PROPHOTO ? ICC_PROPHOTO : ICC_ADOBE_RGB);
    vips.image_set_blob_copy(im, VIPS_META_ICC_NAME, profile, size);
}

/* *out is NULL if there is no profile to apply, or none that can be. */
static void apply_profile(VipsImage *in, VipsImage **out)
{
    const void *profile;
    size_t size;
    *out = NULL;
    if (!holds_profile_samples(in) || !vips.image_get_typeof(in, VIPS_META_ICC_NAME) ||
        vips.image_get_blob(in, VIPS_META_ICC_NAME, &profile, &size))
        return;
    struct icc icc = icc_read(profile, size);
    if (icc.channels != in->Bands || icc.srgb)
        return;
    if (vips.icc_transform(in, out, "srgb", "embedded", TRUE, "intent",
                           icc.perceptual ? VIPS_INTENT_PERCEPTUAL : VIPS_INTENT_RELATIVE,
                           "black_point_compensation", TRUE, "depth", 8, NULL)) {
        vips.error_clear();
        *out = NULL;
    }
}

static int reduce_depth(VipsImage *in, VipsImage **out)
{
    gboolean whole = vips.band_format_isint(in->BandFmt);
    switch (in->Type) {
    case VIPS_INTERPRETATION_LAB:
    case VIPS_INTERPRETATION_LABS:
    case VIPS_INTERPRETATION_LABQ:
    case VIPS_INTERPRETATION_XYZ:
    case VIPS_INTERPRETATION_scRGB:
    case VIPS_INTERPRETATION_HSV:
        return vips.colourspace(in, out, VIPS_INTERPRETATION_sRGB, NULL);
    default:
        return vips.cast(in, out, VIPS_FORMAT_UCHAR, "shift", whole, NULL);
    }
}

int colour_to_bytes(VipsImage *in, enum meta_colour meant, VipsImage **out, struct colour *c)
{
    VipsImage *owner = vips.image_new(); /* its end releases what is made on the way */
    VipsImage **t = (VipsImage **)vips.object_local_array((VipsObject *)owner, 6);
    if (in->Coding == VIPS_CODING_LABQ) { /* how libvips holds a TIFF's 8-bit Lab */
        if (vips.LabQ2Lab(in, &t[5], NULL)) {
            g_object_unref(owner);
            return -1;
        }
        in = t[5];
    }
    c->cmyk = in->Type == VIPS_INTERPRETATION_CMYK && in->Bands >= 4;
    c->channels = c->cmyk ? 4 : in->Bands >= 3 ? 3 : 1;
    c->alpha = in->Bands == c->channels + 1;
    int status = vips.extract_band(in, &t[0], 0, "n", c->channels, NULL);
    if (status == 0) {
        set_meant(t[0], meant);
        apply_profile(t[0], &t[1]);
        if (t[1])
            c->channels = 3;
        else
            status = reduce_depth(t[0], &t[1]);
    }
    if (status == 0 && c->alpha) {
        gboolean whole = vips.band_format_isint(in->BandFmt);
        status = vips.extract_band(in, &t[2], in->Bands - 1, NULL) ||
                 vips.cast(t[2], &t[3], VIPS_FORMAT_UCHAR, "shift", whole, NULL) ||
                 vips.bandjoin2(t[1], t[3], &t[4], NULL);
    }
    if (status == 0) {
        VipsImage *last = c->alpha ? t[4] : t[1];
        c->channels = last->Bands - c->alpha; /* a Lab gray becomes sRGB, with three */
        g_object_ref(last);
        *out = last;
    }
    g_object_unref(owner);
    return status ? -1 : 0;
}

void colour_cmyk_row(uint8_t *rgb, const uint8_t *cmyk, int n, int step)
{
    for (int i = 0; i < n; i++, rgb += 3, cmyk += step) {
        unsigned light = 255u - cmyk[3];
        for (int c = 0; c < 3; c++) {
            unsigned t = cmyk[c] * light + 128;
            int v = (int)light - (int)(((t >> 8) + t) >> 8);
            rgb[c] = (uint8_t)(v < 0 ? 0 : v);
        }
    }
}
