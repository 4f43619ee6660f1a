// SPDX-License-Identifier: MIT
//
// The grid of pictures. It scrolls with the page and holds only the tiles near the window; which
// those are is layout.ts' affair. Tiles are made when they come near and dropped when they are far.
//
// One tile can be reached by Tab (roving tabindex); arrows, Home, End and Page keys move among all,
// also those that have no element yet. For a screen reader it is a list that knows its length.
import { type Photo, thumbnail } from '../api';
import { h } from '../dom';
import * as format from '../format';
import { icon } from '../icons';
import {
  aspectOf,
  boxOf,
  type Layout,
  type LayoutSection,
  makeLayout,
  neighbourRow,
  visibleItems,
} from './layout';

export interface GridItem {
  photo: Photo;
  score: number | null;
  collapsed: number;
}

export interface GridSection {
  start: number;
  end: number;
  heading: HTMLElement | null;
  heading_px: number;
  weak: boolean; // shown a little quieter
}

export interface GridOptions {
  onOpen: (index: number) => void;
  onSimilar: (photo: Photo) => void;
  onNearEnd: () => void;
}

const GAP_PX = 4;
const GAP_PHONE_PX = 2;
const OVERSCAN_PX = 600;
const ROW_HEIGHTS = { small: 108, medium: 176, large: 300 } as const;
export type TileSize = keyof typeof ROW_HEIGHTS;

export class Grid {
  readonly element = h('ul', {
    class: 'grid-list relative list-none',
    'aria-label': 'Photographs',
  });
  private items: readonly GridItem[] = [];
  private sections: readonly GridSection[] = [];
  private layout: Layout | null = null;
  private size: TileSize = 'medium';
  private focused = 0;
  private nearEndFor = -1;
  private readonly tiles = new Map<number, HTMLElement>();
  private headings: HTMLElement[] = [];
  private frame = 0;

  constructor(private readonly options: GridOptions) {
    this.element.addEventListener('keydown', (event) => this.onKey(event));
    new ResizeObserver(() => this.relayout()).observe(this.element);
    window.addEventListener('scroll', () => this.schedule(), { passive: true });
    window.addEventListener('resize', () => this.schedule(), { passive: true });
  }

  setSize(size: TileSize): void {
    this.size = size;
    this.relayout();
  }

  // New content. Where the pictures are the ones before with more behind them, the tiles stay.
  show(items: readonly GridItem[], sections: readonly GridSection[]): void {
    const grown =
      items.length >= this.items.length &&
      this.items.every((item, i) => item.photo.id === items[i]?.photo.id);
    this.items = items;
    this.sections = sections;
    if (!grown) {
      this.clearTiles();
      this.focused = 0;
      this.nearEndFor = -1;
    }
    this.relayout();
  }

  focus(index: number): void {
    if (!this.layout || index < 0 || index >= this.items.length) return;
    this.focused = index;
    this.scrollTo(index);
    this.render();
    this.tiles.get(index)?.querySelector<HTMLElement>('.tile-open')?.focus({ preventScroll: true });
  }

  private clearTiles(): void {
    for (const tile of this.tiles.values()) tile.remove();
    this.tiles.clear();
  }

  private relayout(): void {
    const width = this.element.clientWidth;
    if (width <= 0) return;
    const phone = width < 640;
    const aspects = this.items.map((item) => aspectOf(item.photo.width, item.photo.height));
    const sections: LayoutSection[] = this.sections.map(({ start, end, heading_px }) => ({
      start,
      end,
      heading_px,
    }));
    const rowHeight = ROW_HEIGHTS[this.size] * (phone ? 0.72 : 1);
    this.layout = makeLayout(aspects, sections, {
      width,
      rowHeight,
      gap: phone ? GAP_PHONE_PX : GAP_PX,
    });
    this.element.style.height = `${Math.ceil(this.layout.height)}px`;
    this.placeHeadings();
    for (const [index, tile] of this.tiles) this.place(tile, index);
    this.render();
  }

  private placeHeadings(): void {
    for (const heading of this.headings) heading.remove();
    this.headings = [];
    this.sections.forEach((section, i) => {
      if (!section.heading) return;
      section.heading.style.top = `${this.layout?.headingTops[i] ?? 0}px`;
      section.heading.style.height = `${section.heading_px}px`;
      section.heading.classList.add('grid-heading');
      this.headings.push(section.heading);
    });
    this.element.prepend(...this.headings);
  }

  private schedule(): void {
    if (this.frame) return;
    this.frame = requestAnimationFrame(() => {
      this.frame = 0;
      this.render();
    });
  }

  private render(): void {
    if (!this.layout || !this.element.isConnected) return;
    const offset = this.element.getBoundingClientRect().top;
    const from = -offset - OVERSCAN_PX;
    const to = -offset + window.innerHeight + OVERSCAN_PX;
    const { first, end } = visibleItems(this.layout, from, to);
    for (const [index, tile] of this.tiles) {
      const wanted =
        (index >= first && index < end) ||
        (index === this.focused && tile.contains(document.activeElement));
      if (!wanted && (index < first || index >= end)) {
        tile.remove();
        this.tiles.delete(index);
      }
    }
    for (let index = first; index < end; index++) if (!this.tiles.has(index)) this.add(index);
    this.updateTabStop(first, end);
    if (end === this.items.length && end > 0 && this.nearEndFor !== end) {
      this.nearEndFor = end;
      this.options.onNearEnd();
    }
  }

  private updateTabStop(first: number, end: number): void {
    // Tab must find a tile that exists: the focused one, or the first that is near the window.
    const stop = this.tiles.has(this.focused) ? this.focused : Math.min(first, end - 1);
    for (const [index, tile] of this.tiles)
      tile.querySelector('.tile-open')?.setAttribute('tabindex', index === stop ? '0' : '-1');
  }

  private add(index: number): void {
    const item = this.items[index];
    if (!item) return;
    const tile = this.makeTile(item, index);
    this.place(tile, index);
    this.tiles.set(index, tile);
    // In the order of the list, so that reading order and Tab order are what is seen.
    let next: HTMLElement | undefined;
    for (let i = index + 1; i <= index + 40 && !next; i++) next = this.tiles.get(i);
    if (next?.parentElement === this.element) next.before(tile);
    else this.element.append(tile);
  }

  private makeTile(item: GridItem, index: number): HTMLElement {
    const { photo } = item;
    const image = h('img', {
      alt: '',
      decoding: 'async',
      draggable: 'false',
      class: 'tile-image',
    });
    image.addEventListener('error', () => tile.classList.add('tile-broken'));
    const open = h(
      'button',
      {
        class: 'tile-open',
        type: 'button',
        tabindex: '-1',
        'aria-label': this.labelOf(item),
        on: {
          click: () => this.options.onOpen(index),
          focus: () => {
            this.focused = index;
          },
        },
      },
      image,
      h('span', { class: 'tile-name', 'aria-hidden': 'true' }, photo.name),
    );
    const tile = h(
      'li',
      {
        class: 'tile',
        'aria-setsize': this.items.length,
        'aria-posinset': index + 1,
        data: { id: String(photo.id) },
      },
      open,
      item.score !== null &&
        h('span', { class: 'tile-score', 'aria-hidden': 'true' }, format.score(item.score)),
      item.collapsed > 0 &&
        h(
          'span',
          {
            class: 'tile-stack',
            title: `stands for ${format.plural(item.collapsed, 'near-duplicate')}`,
          },
          `+${item.collapsed}`,
        ),
      h(
        'button',
        {
          class: 'tile-similar',
          type: 'button',
          tabindex: '-1',
          title: 'More like this (m)',
          'aria-label': `More like ${photo.name}`,
          on: { click: () => this.options.onSimilar(photo) },
        },
        icon('similar', 16),
      ),
    );
    if (this.sections.some((s) => s.weak && index >= s.start && index < s.end))
      tile.classList.add('tile-weak');
    return tile;
  }

  private labelOf({ photo, score }: GridItem): string {
    const parts = [photo.name];
    if (score !== null) parts.push(`score ${format.score(score)}`);
    if (photo.category) parts.push(photo.category);
    if (photo.taken_at) parts.push(format.dateTime(photo.taken_at));
    return parts.join(', ');
  }

  private place(tile: HTMLElement, index: number): void {
    const item = this.items[index];
    if (!this.layout || !item) return;
    const box = boxOf(this.layout, index);
    Object.assign(tile.style, {
      transform: `translate(${box.left}px, ${box.top}px)`,
      width: `${box.width}px`,
      height: `${box.height}px`,
    });
    tile.setAttribute('aria-setsize', String(this.items.length));
    tile.classList.toggle(
      'tile-weak',
      this.sections.some((s) => s.weak && index >= s.start && index < s.end),
    );
    const image = tile.querySelector('img');
    const needed = Math.max(box.width, box.height) * window.devicePixelRatio;
    // A third more than the pixels there are is not seen; making the larger picture costs.
    const source = thumbnail(item.photo, needed <= 256 * 1.35 ? 256 : 1024);
    if (image && image.getAttribute('src') !== source) image.setAttribute('src', source);
  }

  private scrollTo(index: number): void {
    if (!this.layout) return;
    const box = boxOf(this.layout, index);
    const top = this.element.getBoundingClientRect().top + box.top;
    const margin = 140; // the head of the page stays above
    if (top < margin) window.scrollBy({ top: top - margin });
    else if (top + box.height > window.innerHeight - 80)
      window.scrollBy({ top: top + box.height - window.innerHeight + 80 });
  }

  private onKey(event: KeyboardEvent): void {
    if (!this.layout || event.altKey || event.ctrlKey || event.metaKey) return;
    const at = this.focused;
    const page = Math.max(1, Math.floor(window.innerHeight / ROW_HEIGHTS[this.size]) - 1);
    const rows = (step: -1 | 1, times: number): number => {
      let index = at;
      for (let i = 0; i < times; i++) index = neighbourRow(this.layout as Layout, index, step);
      return index;
    };
    const targets: Record<string, () => number> = {
      ArrowLeft: () => at - 1,
      ArrowRight: () => at + 1,
      ArrowUp: () => rows(-1, 1),
      ArrowDown: () => rows(1, 1),
      PageUp: () => rows(-1, page),
      PageDown: () => rows(1, page),
      Home: () => 0,
      End: () => this.items.length - 1,
    };
    const target = targets[event.key];
    if (target) {
      event.preventDefault();
      this.focus(Math.min(this.items.length - 1, Math.max(0, target())));
    } else if (event.key === 'm' && this.items[at]) {
      event.preventDefault();
      this.options.onSimilar((this.items[at] as GridItem).photo);
    }
  }
}
