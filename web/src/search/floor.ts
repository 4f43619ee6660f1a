// SPDX-License-Identifier: MIT
//
// The floor: from which score on a result counts as strong. The slider parts the hits that are here
// already, so it answers at once; behind it stands how many hits have which score, because where to
// part them is a question of their distribution.
import type { Hit, Sort } from '../api';
import { h, replace, svg } from '../dom';
import * as format from '../format';

// Strong ones first. Between the server's floor and the slider's lie hits that came in another order
// than the strong ones did, so the part that is strong now is put in order again.
export function splitHits(
  hits: readonly Hit[],
  floor: number,
  sort: Sort,
): { strong: Hit[]; weak: Hit[] } {
  const strong: Hit[] = [];
  const weak: Hit[] = [];
  for (const hit of hits) (hit.score >= floor ? strong : weak).push(hit);
  const byScore = (a: Hit, b: Hit): number => b.score - a.score;
  const orders: Record<Sort, (a: Hit, b: Hit) => number> = {
    score: byScore,
    date: (a, b) =>
      compare(b.photo.taken_at ?? '', a.photo.taken_at ?? '') ||
      compare(a.photo.path, b.photo.path),
    path: (a, b) => compare(a.photo.path, b.photo.path),
  };
  strong.sort(orders[sort]);
  weak.sort(byScore);
  return { strong, weak };
}

const compare = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0);

export interface FloorRange {
  min: number;
  max: number;
}

// A range for the slider that holds all scores, in steps of a hundredth.
export function floorRange(hits: readonly Hit[], floor: number): FloorRange {
  let min = floor;
  let max = floor;
  for (const { score } of hits) {
    min = Math.min(min, score);
    max = Math.max(max, score);
  }
  return { min: Math.floor(min * 100 + 1e-9) / 100, max: Math.ceil(max * 100 - 1e-9) / 100 };
}

export function histogram(hits: readonly Hit[], { min, max }: FloorRange, bins: number): number[] {
  const counts = new Array<number>(bins).fill(0);
  const width = Math.max(1e-6, max - min);
  for (const { score } of hits) {
    const bin = Math.min(bins - 1, Math.max(0, Math.floor(((score - min) / width) * bins)));
    counts[bin] = (counts[bin] ?? 0) + 1;
  }
  return counts;
}

const BINS = 48;

export class FloorSlider {
  private readonly bars = svg('svg', {
    class: 'floor-bars',
    viewBox: `0 0 ${BINS} 20`,
    preserveAspectRatio: 'none',
    'aria-hidden': 'true',
  });
  private readonly input = h('input', {
    type: 'range',
    step: '0.001',
    class: 'floor-input',
    'aria-label': 'Floor: the score from which a result is strong',
  });
  private readonly value = h('output', { class: 'floor-value tabular-nums' });
  private readonly reset = h(
    'button',
    { type: 'button', class: 'chip-quiet', title: 'Let the scores of this query decide' },
    'auto',
  );
  readonly element = h(
    'div',
    { class: 'floor' },
    h('span', { class: 'text-muted' }, 'Floor'),
    h('span', { class: 'floor-track' }, this.bars, this.input),
    this.value,
    this.reset,
  );
  private range: FloorRange = { min: 0, max: 1 };
  private counts: number[] = [];

  // `onChange`: a value, or null for the server's own.
  constructor(onChange: (floor: number | null) => void) {
    this.input.addEventListener('input', () => {
      this.paint();
      onChange(Number(this.input.value));
    });
    this.reset.addEventListener('click', () => onChange(null));
  }

  show(hits: readonly Hit[], floor: number, automatic: boolean): void {
    this.range = floorRange(hits, floor);
    this.input.min = String(this.range.min);
    this.input.max = String(this.range.max);
    this.input.value = String(floor);
    this.counts = histogram(hits, this.range, BINS);
    this.reset.setAttribute('aria-pressed', String(automatic));
    this.paint();
  }

  move(floor: number, automatic: boolean): void {
    this.input.value = String(floor);
    this.reset.setAttribute('aria-pressed', String(automatic));
    this.paint();
  }

  private paint(): void {
    const floor = Number(this.input.value);
    this.value.textContent = format.score(floor);
    this.input.setAttribute('aria-valuetext', format.score(floor));
    const highest = Math.max(1, ...this.counts);
    const at = ((floor - this.range.min) / Math.max(1e-6, this.range.max - this.range.min)) * BINS;
    replace(this.bars);
    this.counts.forEach((n, i) => {
      if (n === 0) return;
      const height = 2 + 18 * Math.sqrt(n / highest);
      this.bars.append(
        svg('rect', {
          x: i + 0.1,
          width: 0.8,
          y: 20 - height,
          height,
          class: i + 0.5 >= at ? 'floor-bar-strong' : 'floor-bar',
        }),
      );
    });
  }
}
