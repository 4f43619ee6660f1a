// SPDX-License-Identifier: MIT
import { describe, expect, it } from 'vitest';
import {
  emptyState,
  onlyUnwanted,
  parseText,
  readState,
  toRequest,
  writeState,
} from '../src/search/query';

const cases: [string, [string, number?][], [string, number?][]][] = [
  ['', [], []],
  ['   ', [], []],
  ['foggy mountain at dawn', [['foggy mountain at dawn']], []],
  ['beach -people', [['beach']], [['people']]],
  ['-people beach', [['beach']], [['people']]],
  ['beach -"a crowded street" -cars', [['beach']], [['a crowded street'], ['cars']]],
  ['beach -people:0.5', [['beach']], [['people', 0.5]]],
  ['red boat + sunset:0.5', [['red boat'], ['sunset', 0.5]], []],
  ['long-exposure well-known', [['long-exposure well-known']], []],
  ['a + b + c -d', [['a'], ['b'], ['c']], [['d']]],
  ['C++ code', [['C++ code']], []],
  ['at 5:30', [['at 5', 30]], []],
  ['ratio 16:9000', [['ratio 16:9000']], []],
  ['"a: b"', [['a: b']], []],
  ['-', [['-']], []],
  ['- people', [['- people']], []],
  ['+', [], []],
  ['日本 -人', [['日本']], [['人']]],
  ['<img src=x onerror=alert(1)>', [['<img src=x onerror=alert(1)>']], []],
];

describe('parseText', () => {
  it.each(cases)('%j', (line, texts, unwanted) => {
    const pairs = (list: { text: string; weight?: number }[]): [string, number?][] =>
      list.map(({ text, weight }) => (weight === undefined ? [text] : [text, weight]));
    const parsed = parseText(line);
    expect(pairs(parsed.texts)).toEqual(texts);
    expect(pairs(parsed.unwanted)).toEqual(unwanted);
  });
});

describe('the address', () => {
  it('gives back what was put in', () => {
    const state = {
      ...emptyState(),
      text: 'a & b #1 100% -c',
      like: [3, 12],
      sort: 'date' as const,
      unique: true,
      floor: 0.234,
      filters: { since: '2023', camera: 'Canon EOS R5', folder: '/a b/ü?&=' },
    };
    expect(readState(new URLSearchParams(writeState(state).toString()))).toEqual(state);
  });

  it('is empty for nothing', () => expect(writeState(emptyState()).toString()).toBe(''));

  it.each(['like=abc', 'like=-1,0,1.5', 'sort=rubbish', 'floor=rubbish', 'unique=2', 'nosuch=1'])(
    'does not believe %s',
    (text) => expect(readState(new URLSearchParams(text))).toEqual(emptyState()),
  );

  it('keeps a floor within the cosines', () =>
    expect(readState(new URLSearchParams('floor=7')).floor).toBe(1));
});

describe('toRequest', () => {
  it('is nothing without something to look for', () => {
    expect(toRequest(emptyState(), [])).toBeNull();
    expect(toRequest({ ...emptyState(), text: '-people' }, [])).toBeNull();
    expect(onlyUnwanted({ ...emptyState(), text: '-people' }, 0)).toBe(true);
    expect(onlyUnwanted({ ...emptyState(), text: '-people' }, 1)).toBe(false);
  });

  it('joins phrase, photograph, picture and filters', () => {
    const state = {
      ...emptyState(),
      text: 'dawn -fog',
      like: [7],
      filters: { since: '2020' },
      floor: 0.3,
    };
    expect(toRequest(state, [{ weight: 0.5 }])).toMatchObject({
      texts: [{ text: 'dawn' }],
      unwanted: [{ text: 'fog' }],
      photos: [{ id: 7 }],
      images: [{ weight: 0.5 }],
      filters: { since: '2020' },
      floor: 'auto',
    });
  });
});
