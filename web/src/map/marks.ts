// SPDX-License-Identifier: MIT
//
// Selecting by drawing over the map: a lasso or a box. While one of them is chosen, Shift is held, or
// a finger has rested on an empty place, dragging draws; otherwise it turns the cloud. A second finger
// gives the drawing up.
import { svg } from '../dom';
import type { ScreenPoint } from './model';

export type Tool = 'orbit' | 'lasso' | 'box';

export class Marks {
  readonly element = svg('svg', { class: 'map-marks', 'aria-hidden': 'true' });
  private readonly shape = svg('polygon', { class: 'map-mark' });
  private points: ScreenPoint[] = [];
  private drawing: Tool | null = null;
  private pointer = -1;
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

  get busy(): boolean {
    return this.drawing !== null;
  }

  private at(event: PointerEvent): ScreenPoint {
    const box = this.surface.getBoundingClientRect();
    return { x: event.clientX - box.left, y: event.clientY - box.top };
  }

  begin(tool: 'lasso' | 'box', event: PointerEvent): void {
    this.drawing = tool;
    this.pointer = event.pointerId;
    this.hold(true);
    this.points = [this.at(event)];
  }

  private down(event: PointerEvent): void {
    if (this.drawing && event.pointerId !== this.pointer) this.stop();
    if (event.button !== 0 || !(event.target instanceof HTMLCanvasElement) || !event.isPrimary)
      return;
    const tool = event.shiftKey ? 'lasso' : this.tool;
    if (tool === 'orbit') return;
    event.stopPropagation();
    event.preventDefault();
    this.surface.setPointerCapture(event.pointerId);
    this.begin(tool, event);
  }

  private moved(event: PointerEvent): void {
    if (!this.drawing || event.pointerId !== this.pointer) return;
    event.stopPropagation();
    const point = this.at(event);
    const first = this.points[0] ?? point;
    if (this.drawing === 'box')
      this.points = [first, { x: point.x, y: first.y }, point, { x: first.x, y: point.y }];
    else this.points.push(point);
    this.shape.setAttribute('points', this.points.map(({ x, y }) => `${x},${y}`).join(' '));
  }

  // Goes on to whoever else follows the pointer: a lasso that a resting finger began was a turn.
  private up(event: PointerEvent): void {
    if (!this.drawing || event.pointerId !== this.pointer) return;
    const polygon = this.points;
    this.stop();
    if (polygon.length >= 3) this.onDrawn(polygon, event.ctrlKey || event.metaKey);
  }

  private stop(): void {
    if (this.drawing) this.hold(false);
    this.drawing = null;
    this.pointer = -1;
    this.points = [];
    this.shape.setAttribute('points', '');
  }
}
