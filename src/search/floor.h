/* SPDX-License-Identifier: MIT
 *
 * The adaptive floor: where a query's matches begin, seen from its similarities to the whole
 * library. docs/search.md tells the method with what it measured.
 */
#ifndef FOVEA_SEARCH_FLOOR_H
#define FOVEA_SEARCH_FLOOR_H

#include <stddef.h>

/* With fewer photographs than this there is no distribution to speak of: the usual floor. */
enum { FLOOR_PHOTOS_LEAST = 30 };

/* scores: [count], cosines of the whole library in any order; usual: the fixed floor of the query's
 * kind. A photograph is a match if its score is at least the answer. */
float floor_find(const float *scores, size_t count, float usual);

/* What a match of an unwanted phrase scores, among the photographs that match what is wanted: the
 * upper group of these scores, split in two where that explains most, as far as it reaches the
 * usual floor. scores: [count]; with few of them the usual floor. */
float floor_split(const float *scores, size_t count, float usual);

#endif
