// SPDX-License-Identifier: MIT
//
// Which points become pictures: the nearest few hundred of those that are lit and in sight. Asked
// every frame of all points, so it makes nothing per point: one pass sorts depths into buckets, the
// next takes what lies before the bucket where there are enough.
import { STATE } from './model';

const BUCKETS = 128;
const NEAREST = 0.03;

export interface Sight {
  reach: number; // what is further away stays a point
  across: number; // half the width of what is seen, at distance 1
  along: number; // half the height
  margin: number; // beyond, in the cloud's units
}

const counts = new Uint32Array(BUCKETS + 1);
let depths = new Float32Array(0);

// view: the matrix from the cloud to the camera, by columns. Nearest first.
export function nearest(
  positions: Float32Array,
  states: Uint8Array,
  view: ArrayLike<number>,
  { reach, across, along, margin }: Sight,
  most: number,
): number[] {
  const count = states.length;
  if (depths.length < count) depths = new Float32Array(count);
  counts.fill(0);
  const v = (k: number): number => view[k] as number;
  const [ax, ay, az, aw] = [v(0), v(4), v(8), v(12)];
  const [bx, by, bz, bw] = [v(1), v(5), v(9), v(13)];
  const [cx, cy, cz, cw] = [v(2), v(6), v(10), v(14)];
  for (let i = 0; i < count; i++) {
    depths[i] = Infinity;
    if ((states[i] as number) < STATE.plain) continue;
    const x = positions[3 * i] as number;
    const y = positions[3 * i + 1] as number;
    const z = positions[3 * i + 2] as number;
    const depth = -(cx * x + cy * y + cz * z + cw);
    if (depth < NEAREST || depth > reach) continue;
    if (Math.abs(ax * x + ay * y + az * z + aw) > across * depth + margin) continue;
    if (Math.abs(bx * x + by * y + bz * z + bw) > along * depth + margin) continue;
    depths[i] = depth;
    const bucket = Math.min(BUCKETS - 1, Math.floor((depth / reach) * BUCKETS));
    counts[bucket] = (counts[bucket] as number) + 1;
  }
  let last = 0;
  for (let sum = counts[0] as number; last < BUCKETS - 1 && sum < most; )
    sum += counts[++last] as number;
  const limit = last === BUCKETS - 1 ? reach : ((last + 1) / BUCKETS) * reach;
  const found: number[] = [];
  for (let i = 0; i < count; i++) if ((depths[i] as number) <= limit) found.push(i);
  found.sort((a, b) => (depths[a] as number) - (depths[b] as number) || a - b);
  return found.slice(0, most);
}
