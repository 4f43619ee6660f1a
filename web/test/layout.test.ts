// SPDX-License-Identifier: MIT
import { describe, expect, it } from 'vitest';
import { aspectOf, boxOf, makeLayout, neighbourRow, visibleItems } from '../src/grid/layout';

// Any 32 bits; printed with a failure, so that it can be had again.
const SEED = 0x5eed1234;

function random(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return state / 2 ** 32;
  };
}

function someAspects(count: number, seed = SEED): number[] {
  const next = random(seed);
  return Array.from({ length: count }, () => aspectOf(1 + next() * 4000, 1 + next() * 4000));
}

const options = { width: 1237, rowHeight: 176, gap: 4 };

describe('makeLayout', () => {
  it.each([0, 1, 2, 7, 1000, 10_000])(
    'fills the width with every row but the last, %i pictures',
    (count) => {
      const layout = makeLayout(
        someAspects(count),
        [{ start: 0, end: count, heading_px: 0 }],
        options,
      );
      layout.rows.forEach((row, i) => {
        const last = boxOf(layout, row.end - 1);
        const right = last.left + last.width;
        if (i < layout.rows.length - 1)
          expect(right, `seed ${SEED}, row ${i}`).toBeCloseTo(options.width, 6);
        else expect(right).toBeLessThanOrEqual(options.width + 1e-6);
        expect(row.height).toBeLessThanOrEqual(options.rowHeight * 1.0001);
      });
    },
  );

  it('places every picture once, without overlap, in order', () => {
    const count = 3000;
    const sections = [
      { start: 0, end: 1, heading_px: 76 },
      { start: 1, end: 800, heading_px: 0 },
      { start: 800, end: count, heading_px: 56 },
    ];
    const aspects = someAspects(count, SEED + 1);
    const layout = makeLayout(aspects, sections, options);
    expect(layout.rows.flatMap((row) => row.end - row.first).reduce((a, b) => a + b, 0)).toBe(
      count,
    );
    for (let i = 1; i < count; i++) {
      const before = boxOf(layout, i - 1);
      const box = boxOf(layout, i);
      if (layout.rowOf[i] === layout.rowOf[i - 1])
        expect(box.left).toBeCloseTo(before.left + before.width + options.gap, 6);
      else expect(box.top).toBeGreaterThanOrEqual(before.top + before.height + options.gap - 1e-6);
      expect(box.width / box.height).toBeCloseTo(aspects[i] ?? 0, 6);
    }
  });

  it('leaves room for headings and begins a row after each', () => {
    const layout = makeLayout(
      new Array<number>(10).fill(1.5),
      [
        { start: 0, end: 2, heading_px: 30 },
        { start: 2, end: 10, heading_px: 50 },
      ],
      options,
    );
    expect(layout.headingTops).toEqual([0, 30 + 176 + 4]);
    expect(boxOf(layout, 0).top).toBe(30);
    expect(boxOf(layout, 2)).toMatchObject({ left: 0, top: 30 + 176 + 4 + 50 });
  });
});

describe('visibleItems', () => {
  it('is what looking at every row would give', () => {
    const layout = makeLayout(
      someAspects(10_000),
      [{ start: 0, end: 10_000, heading_px: 40 }],
      options,
    );
    const next = random(SEED + 2);
    for (let round = 0; round < 200; round++) {
      const from = next() * layout.height * 1.1 - 500;
      const to = from + next() * 2000;
      const rows = layout.rows.filter((row) => row.top + row.height > from && row.top < to);
      const wanted =
        rows.length > 0
          ? { first: rows[0]?.first, end: rows[rows.length - 1]?.end }
          : { first: 0, end: 0 };
      expect(visibleItems(layout, from, to), `seed ${SEED}, round ${round}`).toEqual(wanted);
    }
  });

  it('is a few of many', () => {
    const layout = makeLayout(
      someAspects(10_000),
      [{ start: 0, end: 10_000, heading_px: 0 }],
      options,
    );
    const { first, end } = visibleItems(layout, 50_000, 51_000);
    expect(end - first).toBeGreaterThan(0);
    expect(end - first).toBeLessThan(100);
  });
});

describe('neighbourRow', () => {
  it('goes to the picture whose middle is nearest, and stays at the ends', () => {
    const layout = makeLayout([1, 1, 1, 2, 1], [{ start: 0, end: 5, heading_px: 0 }], {
      width: 300,
      rowHeight: 100,
      gap: 0,
    });
    expect(neighbourRow(layout, 0, -1)).toBe(0);
    expect(neighbourRow(layout, 2, 1)).toBe(4);
    expect(neighbourRow(layout, 0, 1)).toBe(3);
    expect(neighbourRow(layout, 4, 1)).toBe(4);
  });
});

describe('aspectOf', () => {
  it.each([
    [0, 0, 1.5],
    [100, 0, 1.5],
    [10_000, 10, 3.2],
    [10, 10_000, 0.4],
    [3000, 2000, 1.5],
    [Number.NaN, 3, 1.5],
  ])('%d × %d', (width, height, aspect) => expect(aspectOf(width, height)).toBe(aspect));
});
