// SPDX-License-Identifier: MIT
//
// The full view of one photograph: the picture, what is known of it, and what is like it. Its
// neighbours are those of the list it was opened from, as that list is at the moment of asking.
//
// First the thumbnail that the grid has already, then the picture itself over it; the two next to it
// are fetched beforehand.
import { getPhoto, getSimilar, type Photo, type PhotoDetail, thumbnail } from '../api';
import type { PhotoSource } from '../app';
import { h, isTyping, replace } from '../dom';
import * as format from '../format';
import { icon, type IconName } from '../icons';
import { Latest } from '../latest';
import { details } from './details';

export interface ViewerActions {
  onShow: (id: number) => void;
  onClose: () => void;
  onSimilar: (photo: Photo) => void;
}

const SIMILAR = 12;
const SWIPE_PX = 60;

export class Viewer {
  private source: PhotoSource = { photos: () => [] };
  private photo: Photo | null = null;
  private readonly latest = new Latest();
  private readonly image = h('img', { class: 'viewer-image', alt: '', draggable: 'false' });
  private readonly stage = h('div', { class: 'viewer-stage', tabindex: '-1' }, this.image);
  private readonly panel = h('aside', {
    class: 'viewer-panel',
    'aria-label': 'About this photograph',
  });
  private readonly position = h('span', {
    class: 'viewer-position tabular-nums',
    role: 'status',
  });
  private readonly previous = this.button(
    'left',
    'Previous (←)',
    () => this.step(-1),
    'viewer-previous',
  );
  private readonly next = this.button('right', 'Next (→)', () => this.step(1), 'viewer-next');
  readonly dialog = h(
    'dialog',
    { class: 'viewer', 'aria-label': 'Photograph' },
    h(
      'div',
      { class: 'viewer-main' },
      this.stage,
      this.previous,
      this.next,
      h(
        'div',
        { class: 'viewer-bar' },
        this.position,
        h('span', { class: 'grow' }),
        this.button('similar', 'More like this (m)', () => this.similar()),
        this.button('info', 'Details (i)', () => this.dialog.classList.toggle('viewer-bare')),
        this.button('close', 'Close (Esc)', () => this.close()),
      ),
    ),
    this.panel,
  );

  constructor(private readonly actions: ViewerActions) {
    document.body.append(this.dialog);
    this.dialog.addEventListener('close', () => this.closed());
    this.dialog.addEventListener('keydown', (event) => this.onKey(event));
    this.stage.addEventListener('dblclick', () => this.zoom());
    this.image.addEventListener('error', () => this.stage.classList.add('viewer-broken'));
    this.installSwipe();
  }

  get shownId(): number | null {
    return this.dialog.open ? (this.photo?.id ?? null) : null;
  }

  async open(id: number, source: PhotoSource): Promise<void> {
    this.source = source;
    const photo = source.photos().find((item) => item.photo.id === id)?.photo ?? null;
    if (!this.dialog.open) this.dialog.showModal();
    this.stage.focus();
    if (photo) this.paint(photo);
    await this.load(id);
  }

  close(): void {
    this.dialog.close(); // the event tells
  }

  private button(name: IconName, label: string, run: () => void, extra = ''): HTMLButtonElement {
    return h(
      'button',
      {
        type: 'button',
        class: `icon-button viewer-button ${extra}`,
        'aria-label': label,
        title: label,
        on: { click: run },
      },
      icon(name, 20),
    );
  }

  private closed(): void {
    if (this.dialog.open) return; // opened again before this was told
    this.latest.cancel();
    const { photo } = this;
    this.photo = null;
    this.image.removeAttribute('src');
    this.actions.onClose();
    if (photo) this.source.left?.(photo);
  }

  private get index(): number {
    return this.source.photos().findIndex((item) => item.photo.id === this.photo?.id);
  }

  private step(by: -1 | 1): void {
    const list = this.source.photos();
    const at = this.index;
    const item = at < 0 ? undefined : list[at + by];
    if (!item) return;
    this.paint(item.photo);
    this.actions.onShow(item.photo.id);
    void this.load(item.photo.id);
    if (at + by > list.length - 20) this.source.nearEnd?.();
  }

  private paint(photo: Photo): void {
    this.photo = photo;
    this.stage.classList.remove('viewer-broken', 'viewer-zoomed');
    this.image.alt = photo.name;
    if (photo.width > 0) {
      this.image.width = photo.width;
      this.image.height = photo.height;
    } else {
      this.image.removeAttribute('width');
      this.image.removeAttribute('height');
    }
    // The small one fills the place while the large one comes.
    this.image.style.backgroundImage = `url("${encodeURI(photo.thumbnail)}")`;
    this.image.src = thumbnail(photo, 1024);
    void this.sharpen(photo);
    this.placeInList();
  }

  // Also when the list came, or grew, after the photograph.
  placeInList(): void {
    if (!this.photo) return;
    const list = this.source.photos();
    const at = this.index;
    this.position.textContent =
      at < 0 ? '' : `${format.count(at + 1)} of ${format.count(list.length)}`;
    this.previous.disabled = at <= 0;
    this.next.disabled = at < 0 || at >= list.length - 1;
    // A button that is switched off drops the focus, and with it the keys.
    if (!this.dialog.contains(document.activeElement)) this.stage.focus();
    for (const neighbour of [list[at + 1], list[at - 1]])
      if (at >= 0 && neighbour) new Image().src = thumbnail(neighbour.photo, 1024);
  }

  // The original, once it is decoded, so that there is no blank in between.
  private async sharpen(photo: Photo): Promise<void> {
    const whole = new Image();
    whole.src = photo.original;
    try {
      await whole.decode();
      if (this.photo?.id === photo.id) this.image.src = photo.original;
    } catch {
      // the thumbnail stays
    }
  }

  private async load(id: number): Promise<void> {
    try {
      const result = await this.latest.run((signal) => getPhoto(id, signal));
      if (!result) return;
      if (this.photo?.id !== id) this.paint(result.value.photo);
      this.showDetails(result.value);
      const similar = await this.latest.run((signal) => getSimilar(id, SIMILAR, signal));
      if (similar) this.showSimilar(similar.value.results);
    } catch (error) {
      replace(this.panel, h('p', { class: 'text-muted', role: 'alert' }, (error as Error).message));
    }
  }

  private showDetails(detail: PhotoDetail): void {
    const score = this.source.photos()[this.index]?.score ?? null;
    replace(this.panel, details(detail, score), h('div', { class: 'viewer-similar' }));
    this.panel.scrollTop = 0;
  }

  private showSimilar(hits: readonly { photo: Photo; score: number }[]): void {
    const place = this.panel.querySelector('.viewer-similar');
    if (!place || hits.length === 0) return;
    replace(
      place,
      h('h3', { class: 'detail-heading' }, 'More like this'),
      h(
        'div',
        { class: 'similar-strip' },
        ...hits.slice(0, SIMILAR).map(({ photo, score }) =>
          h(
            'button',
            {
              type: 'button',
              class: 'similar-tile',
              title: `${photo.name}, ${format.score(score)}`,
              'aria-label': `${photo.name}, score ${format.score(score)}`,
              on: { click: () => this.jump(photo) },
            },
            h('img', { src: thumbnail(photo, 256), alt: '', loading: 'lazy' }),
          ),
        ),
      ),
      h(
        'button',
        { type: 'button', class: 'button-quiet mt-2', on: { click: () => this.similar() } },
        icon('similar', 16),
        'All of them',
      ),
    );
  }

  private jump(photo: Photo): void {
    this.paint(photo);
    this.actions.onShow(photo.id);
    void this.load(photo.id);
  }

  private similar(): void {
    const { photo } = this;
    if (!photo) return;
    this.source = { photos: () => [] };
    this.close();
    this.actions.onSimilar(photo);
  }

  private zoom(): void {
    this.stage.classList.toggle('viewer-zoomed');
  }

  private onKey(event: KeyboardEvent): void {
    if (event.altKey || event.ctrlKey || event.metaKey || isTyping(event.target)) return;
    const actions: Record<string, () => void> = {
      ArrowLeft: () => this.step(-1),
      ArrowRight: () => this.step(1),
      i: () => this.dialog.classList.toggle('viewer-bare'),
      m: () => this.similar(),
      z: () => this.zoom(),
    };
    const action = actions[event.key];
    if (!action) return;
    event.preventDefault();
    event.stopPropagation();
    action();
  }

  private installSwipe(): void {
    let start: { x: number; y: number } | null = null;
    this.stage.addEventListener('pointerdown', (event) => {
      start =
        event.pointerType === 'touch' && !this.stage.classList.contains('viewer-zoomed')
          ? { x: event.clientX, y: event.clientY }
          : null;
    });
    this.stage.addEventListener('pointerup', (event) => {
      if (!start) return;
      const x = event.clientX - start.x;
      if (Math.abs(x) > SWIPE_PX && Math.abs(x) > 2 * Math.abs(event.clientY - start.y))
        this.step(x > 0 ? -1 : 1);
      start = null;
    });
  }
}
