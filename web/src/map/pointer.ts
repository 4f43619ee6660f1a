// SPDX-License-Identifier: MIT
//
// The pointer over the map. A mouse that rests says what it is over; a click or a tap chooses. A
// finger that rests on a point says what it is, and on an empty place begins a lasso.
import type { Marks } from './marks';
import type { ScreenPoint } from './model';

export interface PointerActions {
  pick: (place: ScreenPoint, reach: number) => number | null; // a photograph's id
  over: (id: number | null, place: ScreenPoint) => void;
  choose: (id: number | null, add: boolean) => void;
}

const CLICK_PX = 5;
const TAP_PX = 12;
const REST_MS = 450;
const REACH_PX = { mouse: 5, touch: 14 };

const reachOf = (event: PointerEvent): number =>
  event.pointerType === 'touch' ? REACH_PX.touch : REACH_PX.mouse;

export class Pointer {
  private down: { at: ScreenPoint; event: PointerEvent } | null = null;
  private looking = 0;
  private resting: ReturnType<typeof setTimeout> | undefined;

  constructor(
    private readonly box: HTMLElement,
    private readonly marks: Marks,
    private readonly actions: PointerActions,
  ) {
    box.addEventListener('pointerdown', (event) => this.pressed(event));
    box.addEventListener('pointerup', (event) => this.released(event));
    box.addEventListener('pointercancel', () => this.forget());
    box.addEventListener('pointermove', (event) => this.moved(event));
    box.addEventListener('wheel', () => this.away(), { passive: true });
    box.addEventListener('pointerleave', (event) => {
      if (event.pointerType !== 'touch') this.away();
    });
    // A long press is ours, not the browser's.
    box.addEventListener('contextmenu', (event) => event.preventDefault());
  }

  private at(event: PointerEvent): ScreenPoint {
    const box = this.box.getBoundingClientRect();
    return { x: event.clientX - box.left, y: event.clientY - box.top };
  }

  private forget(): void {
    this.down = null;
    clearTimeout(this.resting);
  }

  private away(): void {
    cancelAnimationFrame(this.looking);
    this.actions.over(null, { x: 0, y: 0 });
  }

  private pressed(event: PointerEvent): void {
    this.forget();
    this.away();
    if (!(event.target instanceof HTMLCanvasElement) || event.button !== 0 || !event.isPrimary)
      return;
    this.down = { at: this.at(event), event };
    if (event.pointerType === 'touch')
      this.resting = setTimeout(() => this.rested(event), REST_MS);
  }

  private rested(event: PointerEvent): void {
    const place = this.at(event);
    const id = this.actions.pick(place, reachOf(event));
    this.down = null; // no tap any more
    if (id === null) this.marks.begin('lasso', event);
    else this.actions.over(id, place);
  }

  private released(event: PointerEvent): void {
    const down = this.down;
    this.forget();
    const place = this.at(event);
    if (!down || down.event.pointerId !== event.pointerId || this.wentFrom(down.at, event)) return;
    this.actions.choose(
      this.actions.pick(place, reachOf(event)),
      event.ctrlKey || event.metaKey,
    );
  }

  private wentFrom(from: ScreenPoint, event: PointerEvent): boolean {
    const place = this.at(event);
    const still = event.pointerType === 'touch' ? TAP_PX : CLICK_PX;
    return Math.hypot(place.x - from.x, place.y - from.y) > still;
  }

  private moved(event: PointerEvent): void {
    if (this.down && this.wentFrom(this.down.at, event)) this.forget();
    if (event.buttons !== 0 || event.pointerType === 'touch') return;
    if (!(event.target instanceof HTMLCanvasElement)) {
      this.away();
      return;
    }
    const place = this.at(event);
    cancelAnimationFrame(this.looking); // one look per frame
    this.looking = requestAnimationFrame(() =>
      this.actions.over(this.actions.pick(place, reachOf(event)), place),
    );
  }
}
