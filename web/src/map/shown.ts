// SPDX-License-Identifier: MIT
//
// What the map holds, and what of it stands out: the hidden entries of the legend, what a search
// found, what is selected, the one that was clicked. All of it by id, so that it outlives an answer
// (model.ts); every point's state follows from it. Nothing here draws.
import type { MapData } from '../api';
import type { Part } from './list';
import {
  type Colouring,
  type Legend,
  makeLegend,
  nearestPoints,
  positionsOf,
  startPositions,
  STATE,
} from './model';

const VISITED_MAX = 200;

export class Shown {
  data: MapData | null = null;
  positions: Float32Array = new Float32Array(0);
  start: Float32Array = new Float32Array(0); // where they came from
  by: Colouring = 'category';
  legend: Legend = { entries: [], of: new Int16Array(0) };
  hidden = new Set<string>(); // names of legend entries
  hits: Set<number> | null = null;
  selected = new Set<number>();
  current: number | null = null; // the one that was clicked
  private indexOf = new Map<number, number>();
  private visited: number[] = []; // by the walk from neighbour to neighbour

  // A new answer takes the place of the one before, whose points were at `now`. `moved`: there is a
  // way to go; `fresh`: how many photographs were not there before.
  take(data: MapData, now: Float32Array | undefined): { moved: boolean; fresh: number } {
    const end = positionsOf(data);
    const way = this.data
      ? startPositions(data.ids, end, this.data.ids, now ?? this.positions)
      : { start: end, moved: false, fresh: 0 };
    this.data = data;
    this.positions = end;
    this.start = way.start;
    this.indexOf = new Map(data.ids.map((id, i) => [id, i]));
    for (const id of this.selected) if (!this.indexOf.has(id)) this.selected.delete(id);
    return way;
  }

  recolour(): void {
    if (this.data) this.legend = makeLegend(this.data, this.by);
  }

  index(id: number | null): number | undefined {
    return id === null ? undefined : this.indexOf.get(id);
  }

  indices(ids: Iterable<number>): number[] {
    return [...ids].flatMap((id) => this.indexOf.get(id) ?? []);
  }

  ids(indices: readonly number[]): number[] {
    return indices.flatMap((i) => this.data?.ids[i] ?? []);
  }

  indicesOfEntry(name: string): number[] {
    const entry = this.legend.entries.findIndex((one) => one.name === name);
    return [...this.legend.of.keys()].filter((i) => this.legend.of[i] === entry);
  }

  hideAllBut(name: string): void {
    const others = this.legend.entries.filter((entry) => entry.name !== name);
    this.hidden = new Set(others.map((entry) => entry.name));
  }

  isVisible(index: number): boolean {
    return !this.hidden.has(this.legend.entries[this.legend.of[index] ?? -1]?.name ?? '');
  }

  // Something was found or selected, and this is not of it.
  private isDim(id: number): boolean {
    const narrowed = this.hits ?? (this.selected.size > 0 ? this.selected : null);
    return narrowed !== null && !narrowed.has(id) && !this.selected.has(id) && id !== this.current;
  }

  isLit(index: number): boolean {
    return this.isVisible(index) && !this.isDim(this.data?.ids[index] ?? 0);
  }

  litIds(): number[] {
    return this.data?.ids.filter((_, i) => this.isLit(i)) ?? [];
  }

  states(): Uint8Array {
    const visible = this.legend.entries.map(({ name }) => !this.hidden.has(name));
    const narrowed = this.hits !== null || this.selected.size > 0;
    return Uint8Array.from(this.data?.ids ?? [], (id, i) => {
      if (!visible[this.legend.of[i] ?? -1]) return STATE.hidden;
      if (id === this.current) return STATE.chosen;
      if (!narrowed) return STATE.plain;
      return this.isDim(id) ? STATE.dim : STATE.hit;
    });
  }

  // The same as a list: under each entry of the legend what is visible of it (and was found).
  parts(): Part[] {
    const parts: Part[] = this.legend.entries.map(({ name, colour }) => ({ name, colour, ids: [] }));
    this.data?.ids.forEach((id, i) => {
      if (this.isVisible(i) && (!this.hits || this.hits.has(id)))
        parts[this.legend.of[i] ?? -1]?.ids.push(id);
    });
    return parts;
  }

  select(ids: Iterable<number>, current: number | null = null): void {
    this.selected = new Set(ids);
    this.current = current;
  }

  // The nearest lit point that this walk has not been at; the first is the one nearest to what is
  // looked at (`target`).
  next(target: readonly [number, number, number]): number | undefined {
    const from = this.index(this.current);
    if (from !== undefined)
      this.visited = [...this.visited.slice(-VISITED_MAX), this.current as number];
    else this.visited = [];
    const been = new Set(this.visited);
    const fits = (i: number): boolean => this.isLit(i) && !been.has(this.data?.ids[i] ?? 0);
    const [next] = nearestPoints(this.positions, from ?? target, 1, fits);
    return next === undefined ? undefined : this.data?.ids[next];
  }

  previous(): number | undefined {
    return this.visited.pop();
  }
}
