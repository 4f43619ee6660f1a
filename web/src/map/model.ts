// SPDX-License-Identifier: MIT
//
// What the map shows, as numbers. A point is an index into the arrays of one answer; what stays the
// same from answer to answer is the photograph's id, and everything that outlives an answer (what is
// selected, where a point comes from when the layout changes) is kept by id.
import type { MapData } from '../api';
import { categoryColour } from '../categories/model';

export const colourings = ['category', 'group', 'date', 'camera'] as const;
export type Colouring = (typeof colourings)[number];

export interface LegendEntry {
  name: string;
  colour: string;
  count: number;
}

export interface Legend {
  entries: LegendEntry[];
  of: Int16Array; // per point: its entry
}

const NONE_COLOUR = '#a3a3a3';
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

// Where each point of a new answer was before: by id, whatever its index was; a new one begins where
// it belongs.
export function startPositions(
  ids: readonly number[],
  target: Float32Array,
  beforeIds: readonly number[],
  before: Float32Array,
): Float32Array {
  const start = Float32Array.from(target);
  const indexOf = new Map(beforeIds.map((id, i) => [id, i]));
  ids.forEach((id, i) => {
    const j = indexOf.get(id);
    if (j !== undefined) start.set(before.subarray(3 * j, 3 * j + 3), 3 * i);
  });
  return start;
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

// The visible points nearest to one, in the layout, nearest first.
export function nearestPoints(
  positions: Float32Array,
  from: number,
  count: number,
  visible: (index: number) => boolean,
): number[] {
  const [x, y, z] = [
    positions[3 * from] ?? 0,
    positions[3 * from + 1] ?? 0,
    positions[3 * from + 2] ?? 0,
  ];
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
