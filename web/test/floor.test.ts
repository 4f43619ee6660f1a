// SPDX-License-Identifier: MIT
import { describe, expect, it } from 'vitest';
import type { Hit, Photo } from '../src/api';
import { floorRange, histogram, splitHits } from '../src/search/floor';

const photo = (id: number, taken_at: string | null, path: string): Photo => ({
  id,
  hash: '',
  name: path,
  path,
  format: 'jpeg',
  width: 3,
  height: 2,
  size_bytes: 1,
  taken_at,
  camera: null,
  rating: null,
  category: null,
  confidence: null,
  thumbnail: '',
  original: '',
});
const hits: Hit[] = [
  { photo: photo(1, '2020-01-01T00:00:00', 'c'), score: 0.5, strong: true, collapsed: 0 },
  { photo: photo(2, '2022-01-01T00:00:00', 'b'), score: 0.4, strong: true, collapsed: 0 },
  { photo: photo(3, null, 'a'), score: 0.3, strong: false, collapsed: 0 },
  { photo: photo(4, '2021-01-01T00:00:00', 'd'), score: -0.1, strong: false, collapsed: 0 },
];
const ids = (list: Hit[]): number[] => list.map((hit) => hit.photo.id);

describe('splitHits', () => {
  it.each([
    [-1, [1, 2, 3, 4], []],
    [0.3, [1, 2, 3], [4]], // a score that equals the floor reaches it
    [0.30001, [1, 2], [3, 4]],
    [0.45, [1], [2, 3, 4]],
    [1, [], [1, 2, 3, 4]],
  ])('at %d', (floor, strong, weak) => {
    const split = splitHits(hits, floor, 'score');
    expect(ids(split.strong)).toEqual(strong);
    expect(ids(split.weak)).toEqual(weak);
  });

  it('orders what became strong by moving the floor', () => {
    expect(ids(splitHits(hits, 0.2, 'date').strong)).toEqual([2, 1, 3]);
    expect(ids(splitHits(hits, 0.2, 'path').strong)).toEqual([3, 2, 1]);
    expect(ids(splitHits(hits, 0.45, 'date').weak)).toEqual([2, 3, 4]);
  });
});

describe('floorRange', () => {
  it('holds all scores and the floor', () => {
    expect(floorRange(hits, 0.2)).toEqual({ min: -0.1, max: 0.5 });
    expect(floorRange([], 0.2)).toEqual({ min: 0.2, max: 0.2 });
    const { min, max } = floorRange(hits, 0.7);
    expect(min).toBeLessThanOrEqual(-0.1);
    expect(max).toBeGreaterThanOrEqual(0.7);
  });
});

describe('histogram', () => {
  it('counts each hit once', () => {
    const counts = histogram(hits, floorRange(hits, 0.2), 7);
    expect(counts.reduce((a, b) => a + b, 0)).toBe(hits.length);
    expect(counts[0]).toBe(1);
    expect(counts[6]).toBe(1);
  });
});
