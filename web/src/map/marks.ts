// SPDX-License-Identifier: MIT
//
// Selecting by drawing over the map: a lasso or a box. While one of them is chosen, or Shift is held,
// dragging draws; otherwise it orbits.
import { svg } from '../dom';
import type { ScreenPoint } from './model';

export type Tool = 'orbit' | 'lasso' | 'box';

export class Marks {
  readonly element = svg('svg', { class: 'map-marks', 'aria-hidden': 'true' });
  private readonly shape = svg('polygon', { class: 'map-mark' });
  private points: ScreenPoint[] = [];
  private drawing: Tool | null = null;
  tool: Tool = 'orbit';

  constructor(
    private readonly surface: HTMLElement,
    private readonly hold: (held: boolean) => void,
    private readonly onDrawn: (polygon: ScreenPoint[], add: boolean) => void,
  ) {
    this.element.append(this.shape);
    // Before the camera's own handlers, which stand on the canvas inside.
    surface.addEventListener('pointerdown', (event) => this.down(event), true);
    surface.addEventListener('pointermove', (event) => this.moved(event), true);
    surface.addEventListener('pointerup', (event) => this.up(event), true);
    surface.addEventListener('pointercancel', () => this.stop(), true);
  }

  private at(event: PointerEvent): ScreenPoint {
    const box = this.surface.getBoundingClientRect();
    return { x: event.clientX - box.left, y: event.clientY - box.top };
  }

  private down(event: PointerEvent): void {
    if (event.button !== 0 || !(event.target instanceof HTMLCanvasElement)) return;
    this.drawing = event.shiftKey ? 'lasso' : this.tool === 'orbit' ? null : this.tool;
    if (!this.drawing) return;
    event.stopPropagation();
    event.preventDefault();
    this.surface.setPointerCapture(event.pointerId);
    this.hold(true);
    this.points = [this.at(event)];
  }

  private moved(event: PointerEvent): void {
    if (!this.drawing) return;
    event.stopPropagation();
    const point = this.at(event);
    const first = this.points[0] ?? point;
    if (this.drawing === 'box')
      this.points = [first, { x: point.x, y: first.y }, point, { x: first.x, y: point.y }];
    else this.points.push(point);
    this.shape.setAttribute('points', this.points.map(({ x, y }) => `${x},${y}`).join(' '));
  }

  private up(event: PointerEvent): void {
    if (!this.drawing) return;
    event.stopPropagation();
    const polygon = this.points;
    this.stop();
    if (polygon.length >= 3) this.onDrawn(polygon, event.ctrlKey || event.metaKey);
  }

  private stop(): void {
    if (this.drawing) this.hold(false);
    this.drawing = null;
    this.points = [];
    this.shape.setAttribute('points', '');
  }
}
