// SPDX-License-Identifier: MIT
//
// Where the viewer stands: places as the address writes them, the place that everything can be seen
// from, and the ways between places. Numbers only, so that it can be tested without a canvas.

export type Vec3 = [number, number, number];

export interface CameraPlace {
  position: Vec3;
  target: Vec3;
}

export const FIELD_OF_VIEW = 50; // degrees, from top to bottom
export const NEAREST = 0.03; // between the viewer and what is looked at
export const FURTHEST = 8;
const MARGIN = 0.88; // of the canvas, for the points' middles
const LEFT_OUT = 0.005; // the part of the points that may stray out of sight

export const tanHalf = Math.tan((FIELD_OF_VIEW * Math.PI) / 360);

// From slightly above, as one looks at something on a table.
const UP_TILT = 0.21;
const back: Vec3 = [0, Math.sin(UP_TILT), Math.cos(UP_TILT)];
const up: Vec3 = [0, Math.cos(UP_TILT), -Math.sin(UP_TILT)];

const middleOf = (sorted: Float32Array): number => {
  const skip = Math.floor(sorted.length * LEFT_OUT);
  return ((sorted[skip] ?? 0) + (sorted[sorted.length - 1 - skip] ?? 0)) / 2;
};

// The nearest place from which all points (but a few strays) are within a canvas of this shape.
export function homeOf(positions: Float32Array, aspect: number): CameraPlace {
  const count = positions.length / 3;
  if (count === 0) return { position: [0, 0.5, 2.3], target: [0, 0, 0] };
  // In the viewer's axes: right is x.
  const rights = new Float32Array(count);
  const ups = new Float32Array(count);
  const backs = new Float32Array(count);
  for (let i = 0; i < count; i++) {
    const [x, y, z] = [positions[3 * i] ?? 0, positions[3 * i + 1] ?? 0, positions[3 * i + 2] ?? 0];
    rights[i] = x;
    ups[i] = y * up[1] + z * up[2];
    backs[i] = y * back[1] + z * back[2];
  }
  const right = middleOf(Float32Array.from(rights).sort());
  const high = middleOf(Float32Array.from(ups).sort());
  const far = middleOf(Float32Array.from(backs).sort());
  const needed = Float32Array.from(rights, (x, i) => {
    const across = Math.abs(x - right) / (tanHalf * Math.max(0.2, aspect));
    const along = Math.abs((ups[i] ?? 0) - high) / tanHalf;
    return (backs[i] ?? 0) - far + Math.max(across, along) / MARGIN;
  }).sort();
  const distance = Math.min(
    FURTHEST,
    Math.max(0.4, needed[Math.floor((count - 1) * (1 - LEFT_OUT))] ?? 2.3),
  );
  const target: Vec3 = [right, high * up[1] + far * back[1], high * up[2] + far * back[2]];
  const position = target.map((value, k) => value + distance * (back[k] ?? 0)) as Vec3;
  return { position, target };
}

const mix = (a: Vec3, b: Vec3, t: number): Vec3 => [
  a[0] + (b[0] - a[0]) * t,
  a[1] + (b[1] - a[1]) * t,
  a[2] + (b[2] - a[2]) * t,
];

export const between = (from: CameraPlace, to: CameraPlace, t: number): CameraPlace => ({
  position: mix(from.position, to.position, t),
  target: mix(from.target, to.target, t),
});

export function writeCamera({ position, target }: CameraPlace): string {
  return [...position, ...target].map((value) => value.toFixed(3)).join(',');
}

// null: that is none. The address is the user's, so anything may be in it.
export function readCamera(text: string | null): CameraPlace | null {
  const parts = (text ?? '').split(',');
  const n = parts.map(Number);
  if (n.length !== 6 || parts.some((part) => part.trim() === '')) return null;
  if (!n.every((value) => Number.isFinite(value) && Math.abs(value) < 100)) return null;
  const [a = 0, b = 0, c = 0, d = 0, e = 0, f = 0] = n;
  const distance = Math.hypot(a - d, b - e, c - f);
  if (distance < NEAREST / 2 || distance > 2 * FURTHEST) return null;
  return { position: [a, b, c], target: [d, e, f] };
}
