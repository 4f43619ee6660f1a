// SPDX-License-Identifier: MIT
//
// From an answer to the sections of the grid: strong and weak hits with the divider between them, or
// the whole library by month.
import type { Hit, Photo, Sort } from '../api';
import { h } from '../dom';
import * as format from '../format';
import type { GridItem, GridSection } from '../grid/grid';
import { splitHits } from './floor';

export interface Sectioned {
  items: GridItem[];
  sections: GridSection[];
}

const DIVIDER_PX = 56;
const MONTH_PX = 44;
const CLOSEST_PX = 76;

const itemOf = ({ photo, score, collapsed }: Hit): GridItem => ({ photo, score, collapsed });

export function sectionHits(hits: readonly Hit[], floor: number, sort: Sort): Sectioned & { strong: number } {
  const { strong, weak } = splitHits(hits, floor, sort);
  const items = [...strong, ...weak].map(itemOf);
  const sections: GridSection[] = [];
  let start = strong.length;
  if (start > 0) {
    sections.push({ start: 0, end: start, heading: null, heading_px: 0, weak: false });
  } else if (weak.length > 0) {
    // Nothing reaches the floor: the one that comes closest, and it is said that this is all it is.
    sections.push({ start: 0, end: 1, heading: closestHeading(), heading_px: CLOSEST_PX, weak: false });
    start = 1;
  }
  if (start < items.length)
    sections.push({ start, end: items.length, heading: divider(items.length - start, floor), heading_px: DIVIDER_PX, weak: true });
  return { items, sections, strong: strong.length };
}

function closestHeading(): HTMLElement {
  return h(
    'li', { class: 'closest-heading', data: { part: 'no-strong' } },
    h('strong', {}, 'No strong matches found.'), h('span', { class: 'text-muted' }, ' This is the closest photograph:'),
  );
}

function divider(count: number, floor: number): HTMLElement {
  return h(
    'li', { class: 'divider', data: { part: 'divider' } },
    h('span', {}, `Weaker matches, below ${format.score(floor)}`), h('span', { class: 'divider-line' }), h('span', {}, format.count(count)),
  );
}

export function sectionMonths(photos: readonly Photo[]): Sectioned {
  const sections: GridSection[] = [];
  let name = '';
  photos.forEach((photo, i) => {
    const month = format.month(photo.taken_at);
    const last = sections[sections.length - 1];
    if (last && month === name) {
      last.end = i + 1;
      return;
    }
    name = month;
    const heading = h('li', { class: 'month-heading' }, month);
    sections.push({ start: i, end: i + 1, heading, heading_px: MONTH_PX, weak: false });
  });
  return { items: photos.map((photo) => ({ photo, score: null, collapsed: 0 })), sections };
}
