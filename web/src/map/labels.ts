// SPDX-License-Identifier: MIT
//
// The names of groups, floating above where the groups are. Elements over the canvas: they are text
// and can be clicked; the larger group's name wins where two would overlap.
import { h } from '../dom';
import type { ScreenPoint } from './model';

export interface Label {
  name: string;
  count: number;
  indices: number[];
  colour: string | null; // null: that of text
}

const LABELS_MAX = 40;
const CHAR_PX = 7.2;
const HEIGHT_PX = 20;
const ABOVE_MAX_PX = 70;

interface Rect {
  left: number;
  top: number;
  right: number;
  bottom: number;
}

const overlap = (a: Rect, b: Rect): boolean =>
  a.left < b.right && b.left < a.right && a.top < b.bottom && b.top < a.bottom;

const halfWidth = (text: string): number => (text.length * CHAR_PX) / 2 + 6;

// Which of some names (best first) can stand where they belong without covering one another.
export function placeLabels(
  wanted: readonly { at: ScreenPoint | null; text: string }[],
  width: number,
  height: number,
): boolean[] {
  const taken: Rect[] = [];
  return wanted.map(({ at, text }) => {
    if (!at) return false;
    const half = halfWidth(text);
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

// A group's middle on the screen, and how far it reaches there.
export type Seen = (ScreenPoint & { reach: number }) | null;

// Above the group, moved inwards where it would stick out of the map.
function beside(
  { x, y, reach }: NonNullable<Seen>,
  text: string,
  width: number,
  height: number,
): ScreenPoint | null {
  if (x < 0 || x > width || y < 0 || y > height) return null;
  const half = halfWidth(text);
  const above = y - Math.min(reach, ABOVE_MAX_PX) - HEIGHT_PX / 2 - 4;
  return {
    x: Math.max(half, Math.min(width - half, x)),
    y: Math.max(HEIGHT_PX / 2, above),
  };
}

export class Labels {
  readonly element = h('div', { class: 'map-labels' });
  private labels: Label[] = [];
  private elements: HTMLElement[] = [];
  private places: { at: ScreenPoint; label: Label }[] = [];

  constructor(private readonly onPick: (label: Label) => void) {}

  set(labels: Label[]): void {
    this.labels = [...labels].sort((a, b) => b.count - a.count).slice(0, LABELS_MAX);
    this.elements = this.labels.map((label) => {
      const element = h(
        'button',
        {
          type: 'button',
          class: 'map-label',
          tabindex: '-1', // by keys, the legend leads to the same
          title: `Go to ${label.name}`,
          on: { click: () => this.onPick(label) },
        },
        label.name,
      );
      if (label.colour) element.style.setProperty('--dot', label.colour);
      return element;
    });
    this.element.replaceChildren(...this.elements);
  }

  place(where: (label: Label) => Seen): void {
    const { clientWidth, clientHeight } = this.element;
    const wanted = this.labels.map((label) => {
      const seen = where(label);
      return { at: seen && beside(seen, label.name, clientWidth, clientHeight), text: label.name };
    });
    const shown = placeLabels(wanted, clientWidth, clientHeight);
    this.places = [];
    this.elements.forEach((element, i) => {
      const at = wanted[i]?.at;
      const label = this.labels[i];
      element.hidden = !shown[i];
      if (!at || !label || !shown[i]) return;
      this.places.push({ at, label });
      element.style.transform = `translate(-50%, -50%) translate(${at.x.toFixed(1)}px, ${at.y.toFixed(1)}px)`;
    });
  }

  // Into a picture of the map; `ratio`: its pixels to one of the screen's.
  draw(context: CanvasRenderingContext2D, ratio: number): void {
    const style = getComputedStyle(this.element);
    const ink = style.getPropertyValue('--ink');
    const ground = style.getPropertyValue('--bg');
    context.font = `${12 * ratio}px ${style.fontFamily}`;
    context.textAlign = 'center';
    context.textBaseline = 'middle';
    for (const { at, label } of this.places) {
      const half = context.measureText(label.name).width / 2 + 6 * ratio;
      const [x, y] = [at.x * ratio, at.y * ratio];
      context.globalAlpha = 0.72;
      context.fillStyle = ground;
      context.fillRect(x - half, y - 9 * ratio, 2 * half, 18 * ratio);
      context.globalAlpha = 1;
      context.fillStyle = ink;
      context.fillText(label.name, x, y);
    }
  }
}
