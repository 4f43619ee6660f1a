// SPDX-License-Identifier: MIT
//
// The map as a list: the same photographs under the names of the legend, for whoever cannot see the
// cloud or does not want to. A part is read when it is opened, and then a few more at a time.
import { type Photo, thumbnail } from '../api';
import { append, h, replace } from '../dom';
import * as format from '../format';

export interface Part {
  name: string;
  colour: string;
  ids: number[];
}

export interface ListActions {
  photos: (ids: readonly number[]) => Promise<Photo[]>;
  onChoose: (id: number) => void;
  onSelect: (part: Part) => void;
}

const STEP = 24;

export class MapList {
  readonly element = h('div', {
    class: 'map-list-view',
    role: 'region',
    'aria-label': 'The map as a list',
    tabindex: '-1',
    hidden: true,
  });

  constructor(private readonly actions: ListActions) {}

  show(parts: readonly Part[]): void {
    const filled = parts.filter(({ ids }) => ids.length > 0);
    const total = filled.reduce((sum, { ids }) => sum + ids.length, 0);
    replace(
      this.element,
      h(
        'p',
        { class: 'text-sm text-muted', role: 'status' },
        `${format.plural(total, 'photograph')} in ${format.plural(filled.length, 'part')}`,
      ),
      ...filled.map((part, i) => this.part(part, i === 0)),
    );
  }

  private part(part: Part, open: boolean): HTMLElement {
    const dot = h('span', { class: 'swatch' });
    dot.style.backgroundColor = part.colour;
    const items = h('ul', { class: 'map-tiles' });
    const more = h('button', { type: 'button', class: 'button-quiet' });
    let shown = 0;
    const read = async (): Promise<void> => {
      const ids = part.ids.slice(shown, shown + STEP);
      shown += ids.length;
      const rest = part.ids.length - shown;
      more.hidden = rest === 0;
      more.textContent = `${format.count(Math.min(rest, STEP))} more`;
      const photos = await this.actions.photos(ids).catch(() => []);
      append(items, photos.map((photo) => this.tile(photo)));
    };
    more.addEventListener('click', () => {
      const before = items.childElementCount;
      void read().then(() =>
        items.children[before]?.querySelector('button')?.focus({ preventScroll: true }),
      );
    });
    const details = h(
      'details',
      { class: 'map-part', open },
      h(
        'summary',
        {},
        dot,
        h('h3', { class: 'map-part-name' }, part.name),
        h('span', { class: 'text-muted' }, format.plural(part.ids.length, 'photograph')),
      ),
      items,
      h(
        'div',
        { class: 'flex gap-2' },
        more,
        h(
          'button',
          {
            type: 'button',
            class: 'button-quiet',
            on: { click: () => this.actions.onSelect(part) },
          },
          'Select these',
        ),
      ),
    );
    details.addEventListener('toggle', () => {
      if (details.open && shown === 0) void read();
    });
    if (open) void read();
    return details;
  }

  private tile(photo: Photo): HTMLElement {
    return h(
      'li',
      {},
      h(
        'button',
        {
          type: 'button',
          class: 'map-tile',
          data: { id: String(photo.id) },
          on: { click: () => this.actions.onChoose(photo.id) },
        },
        h('img', { src: thumbnail(photo, 256), alt: '', loading: 'lazy' }),
        h('span', { class: 'truncate' }, photo.name),
      ),
    );
  }
}
