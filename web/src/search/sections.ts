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

export function sectionHits(
  hits: readonly Hit[],
  floor: number,
  sort: Sort,
): Sectioned & { strong: number } {
  const { strong, weak } = splitHits(hits, floor, sort);
  const items = [...strong, ...weak].map(itemOf);
  const sections: GridSection[] = [];
  let start = strong.length;
  if (start > 0) {
    sections.push({ start: 0, end: start, heading: null, heading_px: 0, weak: false });
  } else if (weak.length > 0) {
    // Nothing reaches the floor: the one that comes closest, and it is said that this is all it is.
    sections.push({
      start: 0,
      end: 1,
      heading: closestHeading(),
      heading_px: CLOSEST_PX,
      weak: false,
    });
    start = 1;
  }
  if (start < items.length)
    sections.push({
      start,
      end: items.length,
      heading: divider(items.length - start, floor),
      heading_px: DIVIDER_PX,
      weak: true,
    });
  return { items, sections, strong: strong.length };
}

function closestHeading(): HTMLElement {
  return h(
    'li',
    { class: 'closest-heading', data: { part: 'no-strong' } },
    h('strong', {}, 'No strong matches found.'),
    h('span', { class: 'text-muted' }, ' This is the closest photograph:'),
  );
}

function divider(count: number, floor: number): HTMLElement {
  return h(
    'li',
    { class: 'divider', data: { part: 'divider' } },
    h('span', {}, `Weaker matches, below ${format.score(floor)}`),
    h('span', { class: 'divider-line' }),
    h('span', {}, format.count(count)),
  );
}

// By month; by year where months would hold but a few pictures each.
const FEW_PER_MONTH = 8;

export function sectionDates(photos: readonly Photo[]): Sectioned {
  const months = new Set(photos.map((photo) => photo.taken_at?.slice(0, 7)));
  const byYear = photos.length / Math.max(1, months.size) < FEW_PER_MONTH;
  const nameOf = byYear
    ? (photo: Photo) => photo.taken_at?.slice(0, 4) ?? 'Without a date'
    : (photo: Photo) => format.month(photo.taken_at);
  const sections: GridSection[] = [];
  let name = '';
  photos.forEach((photo, i) => {
    const own = nameOf(photo);
    const last = sections[sections.length - 1];
    if (last && own === name) {
      last.end = i + 1;
      return;
    }
    name = own;
    const heading = h('li', { class: 'month-heading' }, own);
    sections.push({ start: i, end: i + 1, heading, heading_px: MONTH_PX, weak: false });
  });
  return { items: photos.map((photo) => ({ photo, score: null, collapsed: 0 })), sections };
}
