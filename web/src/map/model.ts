// SPDX-License-Identifier: MIT
//
// What the map shows, as numbers. A point is an index into the arrays of one answer; what stays the
// same from answer to answer is the photograph's id, and everything that outlives an answer (what is
// selected, where a point comes from when the layout changes) is kept by id.
import type { MapData } from '../api';
import { categoryColour } from '../categories/model';

export const colourings = ['category', 'group', 'date', 'camera'] as const;
export type Colouring = (typeof colourings)[number];

// What a point is at present; the shaders know these numbers.
export const STATE = { hidden: 0, dim: 1, plain: 2, hit: 3, chosen: 4 } as const;

export interface LegendEntry {
  name: string;
  colour: string;
  count: number;
}

export interface Legend {
  entries: LegendEntry[];
  of: Int16Array; // per point: its entry
}

export const NONE_COLOUR = '#a3a3a3';
const ENTRIES_MAX = 60;

export function positionsOf(data: MapData): Float32Array {
  const positions = new Float32Array(data.count * 3);
  for (let i = 0; i < data.count; i++) {
    positions[3 * i] = data.x[i] ?? 0;
    positions[3 * i + 1] = data.y[i] ?? 0;
    positions[3 * i + 2] = data.z[i] ?? 0;
  }
  return positions;
}

// From blue for the oldest over green to amber for the newest.
export function dateColour(part: number): string {
  return `hsl(${Math.round(235 - 195 * part)} 62% ${Math.round(58 + 6 * part)}%)`;
}

function yearOf(seconds: number | null | undefined): number | null {
  return seconds === null || seconds === undefined
    ? null
    : new Date(seconds * 1000).getUTCFullYear();
}

// What the legend's swatch shows is what the point must have, so the notations used here are read
// here: #rrggbb, and hsl(H S% L%) with spaces. Components 0 to 255.
export function rgbOf(colour: string): [number, number, number] {
  const hex = /^#([0-9a-f]{2})([0-9a-f]{2})([0-9a-f]{2})$/i.exec(colour);
  if (hex) return [parseInt(hex[1] ?? '', 16), parseInt(hex[2] ?? '', 16), parseInt(hex[3] ?? '', 16)];
  const hsl = /^hsl\(([\d.]+) ([\d.]+)% ([\d.]+)%\)$/.exec(colour);
  if (!hsl) throw new Error(`not a colour of the legend: ${colour}`);
  const [hue, saturation, lightness] = [Number(hsl[1]), Number(hsl[2]) / 100, Number(hsl[3]) / 100];
  const chroma = saturation * Math.min(lightness, 1 - lightness);
  const channel = (n: number): number => {
    const k = (n + hue / 30) % 12;
    return Math.round(255 * (lightness - chroma * Math.max(-1, Math.min(k - 3, 9 - k, 1))));
  };
  return [channel(0), channel(8), channel(4)];
}

// Each point's name, or null, and in which order names stand in the legend.
function naming(data: MapData, by: Colouring): { names: (string | null)[]; order: string[] } {
  const names = new Array<string | null>(data.count).fill(null);
  if (by === 'date') {
    const years = new Set<number>();
    for (let i = 0; i < data.count; i++) {
      const year = yearOf(data.taken_at[i]);
      if (year === null) continue;
      years.add(year);
      names[i] = String(year);
    }
    return { names, order: [...years].sort((a, b) => a - b).map(String) };
  }
  const table = {
    category: data.categories,
    group: data.groups.map((g) => g.name),
    camera: data.cameras,
  }[by];
  const column = { category: data.category, group: data.group, camera: data.camera }[by];
  for (let i = 0; i < data.count; i++) names[i] = table[column[i] ?? -1] ?? null;
  return { names, order: [...new Set(table)] };
}

const noneNames: Record<Colouring, string> = {
  category: 'No category',
  group: 'In no group',
  date: 'Without a date',
  camera: 'Camera not told',
};

// Beyond what a legend can hold, the rarest share one entry.
export function makeLegend(data: MapData, by: Colouring): Legend {
  const { names, order } = naming(data, by);
  const counts = new Map<string, number>();
  for (const name of names) if (name !== null) counts.set(name, (counts.get(name) ?? 0) + 1);
  let shown = order.filter((name) => counts.has(name));
  if (by === 'camera' || by === 'group')
    shown.sort((a, b) => (counts.get(b) ?? 0) - (counts.get(a) ?? 0));
  shown = shown.slice(0, ENTRIES_MAX);
  const entries: LegendEntry[] = shown.map((name, i) => ({
    name,
    count: counts.get(name) ?? 0,
    colour:
      by === 'date'
        ? dateColour(shown.length > 1 ? i / (shown.length - 1) : 1)
        : categoryColour(by === 'category' ? order.indexOf(name) : i),
  }));
  const index = new Map(shown.map((name, i) => [name, i]));
  const of = new Int16Array(data.count);
  let rest = 0;
  names.forEach((name, i) => {
    const entry = name === null ? undefined : index.get(name);
    if (entry === undefined) rest++;
    of[i] = entry ?? entries.length;
  });
  if (rest > 0) {
    const name = shown.length < ENTRIES_MAX ? noneNames[by] : 'Others';
    entries.push({ name, count: rest, colour: NONE_COLOUR });
  }
  return { entries, of };
}

const ARRIVAL = 1.6; // new ones come from outside, this many times as far from the middle

// Where each point of a new answer was before: by id, whatever its index was. `moved`: whether there
// is a way to go for any of them; `fresh`: how many were not there before.
export function startPositions(
  ids: readonly number[],
  target: Float32Array,
  beforeIds: readonly number[],
  before: Float32Array,
): { start: Float32Array; moved: boolean; fresh: number } {
  const start = new Float32Array(target.length);
  const indexOf = new Map(beforeIds.map((id, i) => [id, i]));
  let moved = false;
  let fresh = 0;
  ids.forEach((id, i) => {
    const j = indexOf.get(id);
    if (j === undefined) fresh++;
    for (let k = 0; k < 3; k++) {
      const end = target[3 * i + k] ?? 0;
      const from = j === undefined ? end * ARRIVAL : (before[3 * j + k] ?? 0);
      start[3 * i + k] = from;
      if (from !== end) moved = true;
    }
  });
  return { start, moved, fresh };
}

const SPACING_SAMPLE = 200;

// How far a point is from its nearest neighbour, in the middle: what size pictures can have here.
export function spacing(positions: Float32Array): number {
  const count = positions.length / 3;
  if (count < 2) return 1;
  const step = Math.max(1, Math.floor(count / SPACING_SAMPLE));
  const found: number[] = [];
  for (let i = 0; i < count; i += step) {
    const [x, y, z] = [positions[3 * i] ?? 0, positions[3 * i + 1] ?? 0, positions[3 * i + 2] ?? 0];
    let best = Infinity;
    for (let j = 0; j < positions.length; j += 3) {
      if (j === 3 * i) continue;
      const dx = (positions[j] as number) - x;
      const dy = (positions[j + 1] as number) - y;
      const dz = (positions[j + 2] as number) - z;
      best = Math.min(best, dx * dx + dy * dy + dz * dz);
    }
    found.push(best);
  }
  found.sort((a, b) => a - b);
  return Math.sqrt(found[found.length >> 1] ?? 1);
}

export interface ScreenPoint {
  x: number;
  y: number;
}

export function insidePolygon(polygon: readonly ScreenPoint[], x: number, y: number): boolean {
  let inside = false;
  for (let i = 0, j = polygon.length - 1; i < polygon.length; j = i++) {
    const a = polygon[i] as ScreenPoint;
    const b = polygon[j] as ScreenPoint;
    if (a.y > y !== b.y > y && x < ((b.x - a.x) * (y - a.y)) / (b.y - a.y) + a.x) inside = !inside;
  }
  return inside;
}

// The visible points nearest to one (its index; it is not among them) or to a place, in the layout,
// nearest first.
export function nearestPoints(
  positions: Float32Array,
  from: number | readonly [number, number, number],
  count: number,
  visible: (index: number) => boolean,
): number[] {
  const [x = 0, y = 0, z = 0] =
    typeof from === 'number' ? positions.subarray(3 * from, 3 * from + 3) : from;
  const best: { index: number; distance: number }[] = [];
  for (let i = 0; 3 * i < positions.length; i++) {
    if (i === from || !visible(i)) continue;
    const distance =
      ((positions[3 * i] ?? 0) - x) ** 2 +
      ((positions[3 * i + 1] ?? 0) - y) ** 2 +
      ((positions[3 * i + 2] ?? 0) - z) ** 2;
    const last = best[best.length - 1];
    if (best.length === count && last && distance >= last.distance) continue;
    const at = best.findIndex((other) => distance < other.distance);
    best.splice(at < 0 ? best.length : at, 0, { index: i, distance });
    if (best.length > count) best.pop();
  }
  return best.map(({ index }) => index);
}

// Middle and reach of some points: what a flight to them has to show.
export function sphereOf(
  positions: Float32Array,
  indices: readonly number[],
): { centre: [number, number, number]; radius: number } {
  const centre: [number, number, number] = [0, 0, 0];
  if (indices.length === 0) return { centre, radius: 1 };
  for (const i of indices)
    for (let k = 0; k < 3; k++)
      centre[k] = (centre[k] ?? 0) + (positions[3 * i + k] ?? 0) / indices.length;
  const distances = indices.map((i) =>
    Math.hypot(...centre.map((value, k) => (positions[3 * i + k] ?? 0) - value)),
  );
  // A single stray hit must not carry the view far out: nine of ten are enough.
  distances.sort((a, b) => a - b);
  const radius = distances[Math.floor((distances.length - 1) * 0.9)] ?? 0;
  return { centre, radius: Math.max(radius, 0.08) };
}
