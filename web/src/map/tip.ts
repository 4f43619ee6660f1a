// SPDX-License-Identifier: MIT
//
// What is under the pointer: its picture and its name, beside it and within the map.
import { type Photo, thumbnail } from '../api';
import { h, replace } from '../dom';
import type { ScreenPoint } from './model';

const WIDTH_PX = 190;
const HEIGHT_PX = 170;
const BESIDE_PX = 14;

export class Tip {
  readonly element = h('div', { class: 'map-tip', hidden: true });
  private wanted: number | null = null;

  constructor(
    private readonly box: HTMLElement,
    private readonly photo: (id: number) => Promise<Photo>,
  ) {}

  hide(): void {
    this.wanted = null;
    this.element.hidden = true;
  }

  async show(id: number, place: ScreenPoint): Promise<void> {
    this.wanted = id;
    const { clientWidth, clientHeight } = this.box;
    const left = Math.max(4, Math.min(place.x + BESIDE_PX, clientWidth - WIDTH_PX));
    const top = Math.max(4, Math.min(place.y + BESIDE_PX, clientHeight - HEIGHT_PX));
    this.element.style.transform = `translate(${left}px, ${top}px)`;
    if (this.element.dataset.id === String(id) && !this.element.hidden) return;
    const photo = await this.photo(id).catch(() => null);
    if (!photo || this.wanted !== id) return;
    this.element.dataset.id = String(id);
    replace(
      this.element,
      h('img', { src: thumbnail(photo, 256), alt: '' }),
      h('span', { class: 'truncate' }, photo.name),
    );
    this.element.hidden = false;
  }
}
