/* SPDX-License-Identifier: MIT
 *
 * Least squares over 300 points of [0, 3 spread], by Levenberg and Marquardt's method from (1, 1):
 * two unknowns, so the normal equations are solved by hand.
 */
#include "map/curve.h"

#include <math.h>

enum { POINTS = 300, STEPS = 500 };

struct step { /* JᵀJ and Jᵀr */
    double aa, ab, bb, ra, rb, square;
};

static double wanted(double x, double min_dist, double spread)
{
    return x < min_dist ? 1 : exp(-(x - min_dist) / spread);
}

static struct step at(double a, double b, double min_dist, double spread)
{
    struct step s = {0};
    for (int i = 0; i < POINTS; i++) {
        double x = 3 * spread * i / (POINTS - 1);
        double power = x > 0 ? pow(x, 2 * b) : 0, y = 1 / (1 + a * power);
        double r = wanted(x, min_dist, spread) - y;
        double da = -power * y * y, db = x > 0 ? -2 * a * power * log(x) * y * y : 0;
        s.aa += da * da;
        s.ab += da * db;
        s.bb += db * db;
        s.ra += da * r;
        s.rb += db * r;
        s.square += r * r;
    }
    return s;
}

void curve_fit(double min_dist, double spread, double *a, double *b)
{
    double damping = 1e-3;
    *a = *b = 1;
    struct step s = at(*a, *b, min_dist, spread);
    for (int i = 0; i < STEPS && damping < 1e12; i++) {
        double aa = s.aa * (1 + damping), bb = s.bb * (1 + damping);
        double det = aa * bb - s.ab * s.ab;
        double na = *a + (bb * s.ra - s.ab * s.rb) / det;
        double nb = *b + (aa * s.rb - s.ab * s.ra) / det;
        struct step next = at(na, nb, min_dist, spread);
        if (!(next.square < s.square)) {
            damping *= 10;
            continue;
        }
        damping = fmax(damping / 10, 1e-15);
        *a = na;
        *b = nb;
        s = next;
    }
}
