// SPDX-License-Identifier: MIT
//
// What is written: addresses, numbers and dates, sets of categories.
import { describe, expect, it } from 'vitest';
import { categoryColour, complete, problem } from '../src/categories/model';
import * as format from '../src/format';
import { formatRoute, parseRoute } from '../src/route';

describe('routes', () => {
  it.each([
    ['', 'search', ''],
    ['#/search', 'search', ''],
    ['#/map?by=date', 'map', 'by=date'],
    ['#/nosuch?q=1', 'search', ''],
    ['#/search?q=a%23b%3Fc%26d', 'search', 'q=a%23b%3Fc%26d'],
    ['#javascript:alert(1)', 'search', ''],
  ])('%s', (hash, view, params) => {
    const route = parseRoute(hash);
    expect(route.view).toBe(view);
    expect(route.params.toString()).toBe(params);
    expect(parseRoute(formatRoute(route))).toEqual(route);
  });
});

describe('format', () => {
  it.each([
    [0, '0 B'],
    [999, '999 B'],
    [1000, '1.0 kB'],
    [9_812_331, '9.8 MB'],
    [999_999, '1.0 MB'],
    [1.5e12, '1.5 TB'],
  ])('bytes %d', (n, text) => expect(format.bytes(n)).toBe(text));
  it.each([
    [0.004, '1/250 s'],
    [0.5, '0.5 s'],
    [30, '30 s'],
    [1 / 3, '0.3 s'],
  ])('exposure %d', (n, text) => expect(format.exposure(n)).toBe(text));
  it('leaves the camera’s clock alone', () => {
    expect(format.dateTime('2024-05-01T05:42:10+02:00')).toBe('1 May 2024, 05:42');
    expect(format.dateTime('2024-12-31T23:59:59')).toBe('31 December 2024, 23:59');
    expect(format.dateTime('rubbish')).toBe('rubbish');
    expect(format.month('2024-01-01T00:00:00-11:00')).toBe('January 2024');
    expect(format.month(null)).toBe('Without a date');
  });
  it('counts', () => {
    expect(format.plural(1, 'photograph')).toBe('1 photograph');
    expect(format.plural(12_345, 'match', 'matches')).toBe('12,345 matches');
    expect(format.score(-0.0805)).toBe('−0.081');
  });
});

describe('a set of categories', () => {
  const sea = { name: ' Sea ', prompts: 'a photo of the sea\n\n  waves ' };
  it('is tried as far as it is complete', () => {
    expect(complete([sea, { name: '', prompts: 'x' }, { name: 'Wood', prompts: ' \n' }])).toEqual([
      { name: 'Sea', prompts: ['a photo of the sea', 'waves'] },
    ]);
  });
  it.each([
    ['', [sea], 'Give the set a name.'],
    ['x'.repeat(65), [sea], 'The name of a set may have 64 bytes.'],
    ['ü'.repeat(33), [sea], 'The name of a set may have 64 bytes.'],
    ['mine', [], 'A set needs a category with a name and a prompt.'],
    ['mine', [sea, { name: 'Wood', prompts: '' }], '“Wood” has no prompt.'],
    ['mine', [sea, { name: '', prompts: 'x' }], 'A category has no name.'],
    ['mine', [sea, { name: 'Sea', prompts: 'x' }], '“Sea” is there twice.'],
    ['mine', [sea, { name: '', prompts: '' }], null],
  ])('%j can be saved, or it says why not', (name, draft, wrong) =>
    expect(problem(name, draft)).toBe(wrong),
  );
  it('has a colour for every category', () => {
    const colours = Array.from({ length: 40 }, (_, i) => categoryColour(i));
    expect(colours[0]).toBe('#8b5cf6');
    expect(new Set(colours).size).toBe(40);
  });
});
