// SPDX-License-Identifier: MIT
//
// What is known of a photograph, as the panel beside it tells it.
import { type Metadata, originalFile, type PhotoDetail } from '../api';
import { type Child, h } from '../dom';
import * as format from '../format';
import { icon } from '../icons';

function row(name: string, value: Child): HTMLElement | null {
  if (value === null || value === undefined || value === '' || value === false) return null;
  return h('div', { class: 'detail-row' }, h('dt', {}, name), h('dd', {}, value));
}

export function exposureLine(meta: Metadata): string {
  const parts: string[] = [];
  if (meta.exposure_s !== null) parts.push(format.exposure(meta.exposure_s));
  if (meta.f_number !== null) parts.push(`f/${Number(meta.f_number.toFixed(1))}`);
  if (meta.focal_mm !== null) parts.push(`${Number(meta.focal_mm.toFixed(0))} mm`);
  if (meta.iso !== null) parts.push(`ISO ${meta.iso}`);
  return parts.join('  ');
}

export function details(detail: PhotoDetail, score: number | null): HTMLElement {
  const { photo, metadata: meta, labels, paths } = detail;
  const size = photo.width > 0 ? `${photo.width} × ${photo.height}` : '';
  return h(
    'div',
    {},
    h('h2', { class: 'detail-name' }, photo.name),
    h(
      'dl',
      { class: 'detail-list' },
      row('Score', score !== null && format.score(score)),
      row('Taken', meta.taken_at && format.dateTime(meta.taken_at)),
      row('Camera', meta.camera),
      row('Lens', meta.lens),
      row('Exposure', exposureLine(meta)),
      row(
        'Rating',
        meta.rating !== null &&
          meta.rating !== 0 &&
          h('span', { 'aria-label': `${meta.rating} of 5` }, format.stars(meta.rating)),
      ),
      row(
        'Place',
        meta.latitude !== null &&
          meta.longitude !== null &&
          format.place(meta.latitude, meta.longitude),
      ),
      row(
        'Keywords',
        meta.keywords.length > 0 &&
          h(
            'span',
            { class: 'flex flex-wrap gap-1' },
            ...meta.keywords.map((keyword) => h('span', { class: 'tag' }, keyword)),
          ),
      ),
      row(
        'File',
        [size, format.bytes(photo.size_bytes), photo.format.toUpperCase()]
          .filter(Boolean)
          .join('  '),
      ),
      ...labels.map((label) =>
        row(
          labels.length > 1 ? label.set : 'Category',
          `${[label.category ?? 'None of these', ...label.also].join(', ')}  ${format.percent(label.confidence)}${label.uncertain ? ', uncertain' : ''}`,
        ),
      ),
    ),
    h(
      'h3',
      { class: 'detail-heading' },
      paths.length > 1 ? `The same file in ${paths.length} places` : 'Where it lies',
    ),
    h(
      'ul',
      { class: 'grid gap-1' },
      ...paths.map((path) => h('li', { class: 'detail-path' }, path)),
    ),
    h(
      'a',
      { href: originalFile(photo), download: photo.name, class: 'button-quiet mt-4' },
      icon('download', 16),
      'Save the original',
    ),
  );
}
