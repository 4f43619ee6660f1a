/* SPDX-License-Identifier: MIT
 *
 * A shared library in which nothing is that anybody looks for (libvips.sh).
 */
extern const int hollow;
const int hollow = 1;
