// SPDX-License-Identifier: MIT
//
// Leaving the map with something: coordinates as `fovea map --json` writes them, or a list of files.
import type { MapData, Photo } from '../api';
import { h } from '../dom';

export function save(blob: Blob, name: string): void {
  const url = URL.createObjectURL(blob);
  const link = h('a', { href: url, download: name });
  document.body.append(link);
  link.click();
  link.remove();
  setTimeout(() => URL.revokeObjectURL(url), 10_000);
}

export interface MapRow {
  filename: string;
  category: string | null;
  confidence: number | null;
  x: number;
  y: number;
  z: number;
}

export function coordinates(data: MapData, photos: readonly Photo[]): MapRow[] {
  const indexOf = new Map(data.ids.map((id, i) => [id, i]));
  return photos
    .flatMap(({ id, name, category, confidence }) => {
      const i = indexOf.get(id);
      return i === undefined
        ? []
        : [
            {
              filename: name,
              category,
              confidence,
              x: data.x[i] ?? 0,
              y: data.y[i] ?? 0,
              z: data.z[i] ?? 0,
            },
          ];
    })
    .sort((a, b) => (a.filename < b.filename ? -1 : a.filename > b.filename ? 1 : 0));
}

export const asJson = (value: unknown): Blob =>
  new Blob([JSON.stringify(value, null, 1)], { type: 'application/json' });

export const asPaths = (photos: readonly Photo[]): Blob =>
  new Blob([photos.map((photo) => `${photo.path}\n`).join('')], {
    type: 'text/plain;charset=utf-8',
  });
