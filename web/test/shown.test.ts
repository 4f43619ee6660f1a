// SPDX-License-Identifier: MIT
//
// The map's state and its address, without a canvas.
import { beforeEach, describe, expect, it } from 'vitest';
import type { MapData } from '../src/api';
import { readAddress, writeAddress } from '../src/map/address';
import { STATE } from '../src/map/model';
import { Shown } from '../src/map/shown';

// Photographs in a row along x, ever further apart; 12 and 14 are waterfalls.
const row = (ids: number[]): MapData => ({
  method: 'umap',
  count: ids.length,
  ids,
  x: ids.map((_, i) => (i * i) / 10),
  y: ids.map(() => 0),
  z: ids.map(() => 0),
  categories: ['stars', 'falls'],
  category: ids.map((id) => (id === 12 || id === 14 ? 1 : 0)),
  groups: [],
  group: ids.map(() => -1),
  cameras: [],
  camera: ids.map(() => -1),
  taken_at: ids.map(() => null),
});

const { hidden, dim, plain, hit, chosen } = STATE;

describe('what is shown', () => {
  let shown: Shown;
  beforeEach(() => {
    shown = new Shown();
    shown.take(row([10, 11, 12, 13, 14]), undefined);
    shown.recolour();
  });

  it('is plain until something stands out', () => {
    expect([...shown.states()]).toEqual([plain, plain, plain, plain, plain]);
    expect(shown.litIds()).toEqual([10, 11, 12, 13, 14]);
  });

  it('dims what was neither found nor selected nor clicked', () => {
    shown.hits = new Set([11, 12]);
    shown.select([13], 14);
    expect([...shown.states()]).toEqual([dim, hit, hit, hit, chosen]);
    expect(shown.litIds()).toEqual([11, 12, 13, 14]);
    expect(shown.parts().map(({ name, ids }) => [name, ids])).toEqual([
      ['stars', [11]],
      ['falls', [12]],
    ]);
  });

  it('hides entries of the legend', () => {
    shown.hideAllBut('falls');
    expect([...shown.states()]).toEqual([hidden, hidden, plain, hidden, plain]);
    expect(shown.indicesOfEntry('falls')).toEqual([2, 4]);
    shown.hidden.clear();
    expect(shown.litIds()).toHaveLength(5);
  });

  it('keeps by id what outlives an answer', () => {
    shown.select([12, 13], 12);
    const { moved, fresh } = shown.take(row([14, 13, 15]), undefined);
    shown.recolour();
    expect([moved, fresh]).toEqual([true, 1]);
    expect([...shown.selected]).toEqual([13]);
    expect(shown.index(13)).toBe(1);
    expect(shown.index(12)).toBeUndefined();
    expect([...shown.start.subarray(0, 1)][0]).toBeCloseTo(1.6); // 14 comes from where it was
  });

  it('walks from neighbour to neighbour, and back', () => {
    const way: (number | undefined)[] = [];
    for (let step = 0; step < 5; step++) {
      const next = shown.next([0.41, 0, 0]);
      if (next !== undefined) shown.select([], next);
      way.push(next);
    }
    expect(way).toEqual([12, 11, 10, 13, 14]);
    expect(shown.previous()).toBe(13);
    expect(shown.previous()).toBe(10);
  });
});

describe('the address of the map', () => {
  it.each([
    '',
    'method=tsne&by=date',
    'q=fog&hide=stars&hide=falls&at=12&list=1',
    'camera=0.000%2C0.500%2C2.300%2C0.000%2C0.000%2C0.000',
  ])('%s', (text) => {
    expect(writeAddress(readAddress(new URLSearchParams(text))).toString()).toBe(text);
  });

  it.each(['method=nosuch', 'by=<b>', 'at=-1', 'at=x', 'camera=1,2', 'list=yes', 'q=%20'])(
    'leaves out what is none: %s',
    (text) => {
      expect(writeAddress(readAddress(new URLSearchParams(text))).toString()).toBe('');
    },
  );
});
