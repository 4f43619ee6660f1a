// SPDX-License-Identifier: MIT
//
// Beside the map: the photograph that was clicked with what is like it, or what was selected.
import { getSimilar, type Photo, thumbnail } from '../api';
import { h, replace } from '../dom';
import * as format from '../format';
import { icon } from '../icons';
import { Latest } from '../latest';

export interface PanelActions {
  onOpen: (photo: Photo, list: readonly Photo[]) => void;
  onGo: (id: number) => void; // to that point
  onMoreLike: (photo: Photo) => void;
  onExport: (ids: readonly number[], what: 'coordinates' | 'paths') => void;
  onClose: () => void;
}

const NEIGHBOURS = 9;
const LISTED = 60;

export class Panel {
  readonly element = h('aside', {
    class: 'map-panel',
    'aria-label': 'About what is selected',
    hidden: true,
  });
  private readonly latest = new Latest();

  constructor(private readonly actions: PanelActions) {}

  hide(): void {
    this.latest.cancel();
    this.element.hidden = true;
    replace(this.element);
  }

  private close(): HTMLElement {
    return h(
      'button',
      {
        type: 'button',
        class: 'icon-button ml-auto',
        'aria-label': 'Close',
        on: { click: () => this.actions.onClose() },
      },
      icon('close'),
    );
  }

  async showPhoto(photo: Photo): Promise<void> {
    const similar = h('div', { class: 'similar-strip' });
    this.element.hidden = false;
    replace(
      this.element,
      h(
        'div',
        { class: 'flex items-start gap-2' },
        h('h2', { class: 'detail-name' }, photo.name),
        this.close(),
      ),
      h(
        'button',
        {
          type: 'button',
          class: 'block w-full',
          'aria-label': `Open ${photo.name}`,
          on: { click: () => this.actions.onOpen(photo, [photo]) },
        },
        h('img', { src: thumbnail(photo, 256), alt: '', class: 'map-panel-image' }),
      ),
      h(
        'p',
        { class: 'my-2 text-sm text-muted' },
        [
          photo.category
            ? `${photo.category}${photo.confidence === null ? '' : `  ${format.percent(photo.confidence)}`}`
            : 'No category',
          photo.taken_at ? format.dateTime(photo.taken_at) : '',
          photo.camera ?? '',
        ]
          .filter(Boolean)
          .join(' · '),
      ),
      h(
        'button',
        {
          type: 'button',
          class: 'button-quiet',
          on: { click: () => this.actions.onMoreLike(photo) },
        },
        icon('similar', 16),
        'More like this',
      ),
      h('h3', { class: 'detail-heading' }, 'Nearest by what is in the picture'),
      similar,
    );
    try {
      const answer = await this.latest.run((signal) => getSimilar(photo.id, NEIGHBOURS, signal));
      if (!answer) return;
      replace(
        similar,
        ...answer.value.results
          .slice(0, NEIGHBOURS)
          .map((hit) => this.tile(hit.photo, `${hit.photo.name}, ${format.score(hit.score)}`)),
      );
    } catch {
      replace(
        similar,
        h('p', { class: 'text-sm text-muted' }, 'What is like it cannot be asked for at present.'),
      );
    }
  }

  showSelection(ids: readonly number[], photos: readonly Photo[], title: string): void {
    this.latest.cancel();
    this.element.hidden = false;
    replace(
      this.element,
      h(
        'div',
        { class: 'flex items-start gap-2' },
        h('h2', { class: 'detail-name', role: 'status' }, title),
        this.close(),
      ),
      h(
        'div',
        { class: 'mb-3 flex flex-wrap gap-2' },
        h(
          'button',
          {
            type: 'button',
            class: 'button-quiet',
            on: { click: () => this.actions.onExport(ids, 'paths') },
          },
          icon('download', 16),
          'Paths',
        ),
        h(
          'button',
          {
            type: 'button',
            class: 'button-quiet',
            on: { click: () => this.actions.onExport(ids, 'coordinates') },
          },
          icon('download', 16),
          'Coordinates',
        ),
      ),
      h(
        'ul',
        { class: 'map-list' },
        ...photos.slice(0, LISTED).map((photo) =>
          h(
            'li',
            {},
            h(
              'button',
              {
                type: 'button',
                class: 'map-list-item',
                on: { click: () => this.actions.onOpen(photo, photos) },
              },
              h('img', { src: thumbnail(photo, 256), alt: '', loading: 'lazy' }),
              h('span', { class: 'truncate' }, photo.name),
            ),
          ),
        ),
      ),
      ids.length > LISTED &&
        h(
          'p',
          { class: 'mt-2 text-sm text-muted' },
          `and ${format.count(ids.length - LISTED)} more`,
        ),
    );
  }

  private tile(photo: Photo, label: string): HTMLElement {
    return h(
      'button',
      {
        type: 'button',
        class: 'similar-tile',
        title: label,
        'aria-label': label,
        on: { click: () => this.actions.onGo(photo.id) },
      },
      h('img', { src: thumbnail(photo, 256), alt: '', loading: 'lazy' }),
    );
  }
}
