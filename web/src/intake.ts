// SPDX-License-Identifier: MIT
//
// Pictures that are dropped or pasted anywhere on the page.
import { h } from './dom';
import { icon } from './icons';
import { toast } from './toast';

export type TakeImages = (files: File[]) => void;

export function pictures(list: Iterable<File>): File[] {
  // Without a type it may still be one (RAW files have none): the server decides.
  return [...list].filter((file) => file.type === '' || file.type.startsWith('image/'));
}

const hasFiles = (event: DragEvent): boolean =>
  event.dataTransfer?.types.includes('Files') ?? false;

export function installIntake(take: TakeImages): void {
  const veil = h(
    'div',
    { class: 'drop-veil', hidden: true },
    h(
      'div',
      { class: 'drop-card' },
      icon('image', 40),
      h('p', {}, 'Drop a picture to find photographs like it'),
      h('p', { class: 'text-muted text-sm' }, 'It goes to this server only, and is not kept.'),
    ),
  );
  document.body.append(veil);
  let depth = 0;
  const leave = (): void => {
    depth = 0;
    veil.hidden = true;
  };
  const accept = (files: File[]): void => {
    if (files.length > 0) take(files);
    else toast('That is not a picture. Drop or paste a JPEG, PNG, HEIC, RAW … file.');
  };
  window.addEventListener('dragenter', (event) => {
    if (!hasFiles(event)) return;
    event.preventDefault();
    depth++;
    veil.hidden = false;
  });
  window.addEventListener('dragover', (event) => {
    if (hasFiles(event)) event.preventDefault();
  });
  window.addEventListener('dragleave', (event) => {
    if (hasFiles(event) && --depth <= 0) leave();
  });
  window.addEventListener('drop', (event) => {
    if (!hasFiles(event)) return;
    event.preventDefault();
    leave();
    accept(pictures(event.dataTransfer?.files ?? []));
  });
  window.addEventListener('paste', (event) => {
    const files = [...(event.clipboardData?.files ?? [])];
    if (files.length === 0) return; // text goes where the cursor is
    event.preventDefault();
    accept(pictures(files));
  });
}
