// SPDX-License-Identifier: MIT
//
// The names of groups, floating where the groups are. Elements over the canvas: they are text, can be
// selected by a screen reader and clicked; the larger group's name wins where two would overlap.
import { h } from '../dom';
import type { ScreenPoint } from './model';

export interface Label {
  name: string;
  count: number;
  indices: number[];
  colour: string;
}

const LABELS_MAX = 40;
const CHAR_PX = 7.2;
const HEIGHT_PX = 20;

interface Rect {
  left: number;
  top: number;
  right: number;
  bottom: number;
}

const overlap = (a: Rect, b: Rect): boolean =>
  a.left < b.right && b.left < a.right && a.top < b.bottom && b.top < a.bottom;

// Which of some names (best first) can stand where they belong without covering one another.
export function placeLabels(
  wanted: readonly { at: ScreenPoint | null; text: string }[],
  width: number,
  height: number,
): boolean[] {
  const taken: Rect[] = [];
  return wanted.map(({ at, text }) => {
    if (!at) return false;
    const half = (text.length * CHAR_PX) / 2 + 6;
    const rect = {
      left: at.x - half,
      right: at.x + half,
      top: at.y - HEIGHT_PX / 2,
      bottom: at.y + HEIGHT_PX / 2,
    };
    const inside = rect.left >= 0 && rect.right <= width && rect.top >= 0 && rect.bottom <= height;
    if (!inside || taken.some((other) => overlap(rect, other))) return false;
    taken.push(rect);
    return true;
  });
}

export class Labels {
  readonly element = h('div', { class: 'map-labels' });
  private labels: Label[] = [];
  private elements: HTMLElement[] = [];

  constructor(private readonly onPick: (label: Label) => void) {}

  set(labels: Label[]): void {
    this.labels = [...labels].sort((a, b) => b.count - a.count).slice(0, LABELS_MAX);
    this.elements = this.labels.map((label) => {
      const element = h(
        'button',
        {
          type: 'button',
          class: 'map-label',
          tabindex: '-1',
          on: { click: () => this.onPick(label) },
        },
        label.name,
      );
      element.style.setProperty('--dot', label.colour);
      return element;
    });
    this.element.replaceChildren(...this.elements);
  }

  place(where: (label: Label) => ScreenPoint | null): void {
    const { clientWidth, clientHeight } = this.element;
    const wanted = this.labels.map((label) => ({ at: where(label), text: label.name }));
    const shown = placeLabels(wanted, clientWidth, clientHeight);
    this.elements.forEach((element, i) => {
      const at = wanted[i]?.at;
      element.hidden = !shown[i];
      if (at)
        element.style.transform = `translate(-50%, -50%) translate(${at.x.toFixed(1)}px, ${at.y.toFixed(1)}px)`;
    });
  }
}
