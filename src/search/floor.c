/* SPDX-License-Identifier: MIT
 *
 * See floor.h. Most of a library has nothing to do with a query, and what such photographs score is
 * much the same, whatever that is for this query and this model: the background. Matches are what
 * the background does not explain.
 *
 *   1. The background is taken to be normal, with the centre and the spread that the lower half of
 *      all scores has (the median, and its distance from the 16th percentile, one deviation below
 *      it): matches are above, and move these little. An empirical null (Efron 2004).
 *   2. The lowest floor at which the background would contribute at most one in ten of what reaches
 *      it: the false discovery rate (Benjamini and Hochberg 1995). Few matches thus have to stand
 *      out more than many.
 *   3. If what is left falls into two clear groups, it is the upper one: a phrase of several things
 *      leaves photographs of some of them above the background, too. Clear: the best split in two
 *      (Otsu 1979) explains so much of the variance as it does neither of a normal distribution
 *      (0.64) nor of the tail of one.
 *
 * Two cases have no such floor. Nothing stands out, and the centre is below the usual floor:
 * nothing matches, and the floor is above what a background of this size reaches. Nothing stands
 * out above a centre that reaches the usual floor: everything matches, and the usual floor decides;
 * there, what is to count as standing out has to be less of an accident.
 *
 * Scores are counted in bins, so that a million take a millisecond and their order does not matter.
 */
#include "search/floor.h"

#include <math.h>
#include <stdbool.h>
#include <stdint.h>

enum { BINS = 1 << 14, SPLIT_LEAST = 16 };

#define FALSE_RATE 0.1
#define FALSE_RATE_ABOVE 0.01 /* where the background itself reaches the usual floor */
#define SPLIT_EXPLAINS 0.75
#define LEAST_PART 0.5f /* of the usual floor: below it nothing matches */

struct histogram {
    uint32_t counts[BINS]; /* of cosines -1 .. 1 */
    size_t count;
};

static size_t bin_of(float score)
{
    float at = (score + 1) * 0.5f * BINS;
    return !(at > 0) ? 0 : at < BINS - 1 ? (size_t)at : BINS - 1; /* NaN: the least */
}

/* The least score of a bin. */
static double bin_edge(size_t bin)
{
    return 2.0 * (double)bin / BINS - 1;
}

/* The bin of the score that `rank` others are below. */
static size_t bin_at(const struct histogram *h, size_t rank)
{
    size_t below = 0, bin = 0;
    while (bin < BINS - 1 && (below += h->counts[bin]) <= rank)
        bin++;
    return bin;
}

/* The part of a normal distribution above z deviations. */
static double upper_tail(double z)
{
    return 0.5 * erfc(z * M_SQRT1_2);
}

/* The least bin from which on at most `rate` of the scores are to be expected of the background;
 * BINS: there is none. Only above one deviation: within it is the background. */
static size_t discover(const struct histogram *h, double centre, double spread, double rate)
{
    size_t found = BINS, above = 0;
    for (size_t bin = BINS; bin-- > 0 && bin_edge(bin) > centre + spread;) {
        above += h->counts[bin];
        double expected = (double)h->count * upper_tail((bin_edge(bin) - centre) / spread);
        if (h->counts[bin] && expected <= rate * (double)above)
            found = bin;
    }
    return found;
}

/* Where the bins from `first` on are best split in two; `first` if that explains less than this
 * part of the variance. Otsu's criterion: the variance between the groups. */
static size_t split(const struct histogram *h, size_t first, double explains)
{
    double count = 0, sum = 0, squares = 0, lower = 0, lower_sum = 0, best = 0;
    size_t at = first;
    for (size_t bin = first; bin < BINS; bin++) {
        double n = h->counts[bin], x = bin_edge(bin);
        count += n;
        sum += n * x;
        squares += n * x * x;
    }
    if (count < SPLIT_LEAST)
        return first;
    const double mean = sum / count, variance = squares / count - mean * mean;
    for (size_t bin = first; bin + 1 < BINS; bin++) {
        lower += h->counts[bin];
        lower_sum += h->counts[bin] * bin_edge(bin);
        if (lower == 0 || lower == count || !h->counts[bin + 1])
            continue;
        double part = lower / count;
        double apart = lower_sum / lower - (sum - lower_sum) / (count - lower);
        double between = part * (1 - part) * apart * apart;
        if (between > best) {
            best = between;
            at = bin + 1;
        }
    }
    return variance > 0 && best > explains * variance ? at : first;
}

float floor_find(const float *scores, size_t count, float usual)
{
    struct histogram h = {.count = count};
    if (count < FLOOR_PHOTOS_LEAST)
        return usual;
    for (size_t i = 0; i < count; i++)
        h.counts[bin_of(scores[i])]++;
    const double centre = bin_edge(bin_at(&h, count / 2));
    const double spread = centre - bin_edge(bin_at(&h, (size_t)(0.16 * (double)count)));
    if (spread < 4.0 / BINS) /* all the same */
        return usual;
    const bool high = centre >= (double)usual;
    const float least = LEAST_PART * usual;
    size_t bin = discover(&h, centre, spread, high ? FALSE_RATE_ABOVE : FALSE_RATE);
    if (bin == BINS) {
        if (high)
            return usual;
        double reach = centre + spread * (sqrt(2 * log((double)count)) + 1);
        return fmaxf(usual, (float)reach);
    }
    return fmaxf(least, (float)bin_edge(split(&h, bin, SPLIT_EXPLAINS)));
}

float floor_split(const float *scores, size_t count, float usual)
{
    struct histogram h = {.count = count};
    for (size_t i = 0; i < count; i++)
        h.counts[bin_of(scores[i])]++;
    return fmaxf(usual, (float)bin_edge(split(&h, 0, 0)));
}
