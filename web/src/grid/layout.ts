// SPDX-License-Identifier: MIT
//
// Where each picture lies: rows of equal height that fill the width exactly, pictures uncropped, and
// before each section a strip for its heading. Pure arithmetic in one pass; the grid asks it what is
// visible, by bisection, so that 10,000 pictures cost as much as 50.

export interface LayoutSection {
  start: number; // first item
  end: number; // one past the last
  heading_px: number; // height of what stands above it, 0: nothing
}

export interface Row {
  top: number;
  height: number;
  first: number;
  end: number;
}

export interface Box {
  left: number;
  top: number;
  width: number;
  height: number;
}

export interface LayoutOptions {
  width: number;
  rowHeight: number; // what is aimed at; rows become up to 1.5 times as high
  gap: number;
}

export interface Layout {
  rows: Row[];
  headingTops: number[]; // per section
  lefts: Float64Array; // per item
  widths: Float64Array;
  rowOf: Uint32Array;
  height: number;
}

// Panoramas and slivers keep their proportions up to here, beyond it they are cut in the grid.
const ASPECT_MIN = 0.4;
const ASPECT_MAX = 3.2;

export function aspectOf(width: number, height: number): number {
  if (!(width > 0 && height > 0)) return 1.5; // as most cameras have it
  return Math.min(ASPECT_MAX, Math.max(ASPECT_MIN, width / height));
}

export function makeLayout(
  aspects: ArrayLike<number>,
  sections: LayoutSection[],
  options: LayoutOptions,
): Layout {
  const { width, rowHeight, gap } = options;
  const layout: Layout = {
    rows: [],
    headingTops: [],
    lefts: new Float64Array(aspects.length),
    widths: new Float64Array(aspects.length),
    rowOf: new Uint32Array(aspects.length),
    height: 0,
  };
  let top = 0;
  for (const section of sections) {
    layout.headingTops.push(top);
    top += section.heading_px;
    let first = section.start;
    let sum = 0; // of the aspects from `first` on
    for (let item = section.start; item < section.end; item++) {
      sum += aspects[item] ?? 1.5;
      const filled = sum * rowHeight + gap * (item - first) >= width;
      const last = item + 1 === section.end;
      if (!filled && !last) continue;
      const gaps = gap * (item - first);
      // A last row that is not full keeps the height that is aimed at.
      const height = filled ? Math.max(1, (width - gaps) / sum) : rowHeight;
      top = placeRow(layout, aspects, { top, height, first, end: item + 1 }, gap);
      first = item + 1;
      sum = 0;
    }
  }
  layout.height = Math.max(0, top - gap);
  return layout;
}

function placeRow(layout: Layout, aspects: ArrayLike<number>, row: Row, gap: number): number {
  let left = 0;
  for (let item = row.first; item < row.end; item++) {
    const width = (aspects[item] ?? 1.5) * row.height;
    layout.lefts[item] = left;
    layout.widths[item] = width;
    layout.rowOf[item] = layout.rows.length;
    left += width + gap;
  }
  layout.rows.push(row);
  return row.top + row.height + gap;
}

export function boxOf(layout: Layout, item: number): Box {
  const row = layout.rows[layout.rowOf[item] ?? 0];
  if (!row) return { left: 0, top: 0, width: 0, height: 0 };
  return {
    left: layout.lefts[item] ?? 0,
    top: row.top,
    width: layout.widths[item] ?? 0,
    height: row.height,
  };
}

// The items of the rows that touch [from, to).
export function visibleItems(
  layout: Layout,
  from: number,
  to: number,
): { first: number; end: number } {
  const rows = layout.rows;
  let low = 0;
  let high = rows.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    const row = rows[middle] as Row;
    if (row.top + row.height <= from) low = middle + 1;
    else high = middle;
  }
  let end = low;
  while (end < rows.length && (rows[end] as Row).top < to) end++;
  if (end === low) return { first: 0, end: 0 };
  return { first: (rows[low] as Row).first, end: (rows[end - 1] as Row).end };
}

// The item above or below: of the neighbouring row the one whose middle is nearest.
export function neighbourRow(layout: Layout, item: number, step: -1 | 1): number {
  const row = layout.rows[(layout.rowOf[item] ?? 0) + step];
  if (!row) return item;
  const middleOf = (i: number): number => (layout.lefts[i] ?? 0) + (layout.widths[i] ?? 0) / 2;
  const middle = middleOf(item);
  let best = row.first;
  for (let i = row.first; i < row.end; i++)
    if (Math.abs(middleOf(i) - middle) < Math.abs(middleOf(best) - middle)) best = i;
  return best;
}
