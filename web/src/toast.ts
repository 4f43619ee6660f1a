// SPDX-License-Identifier: MIT
//
// Short notes at the foot of the page: read out by screen readers, gone after a while, with at most
// one thing to do about them.
import { h } from './dom';

const SHOWN_MS = 6000;
const region = h('div', { class: 'toasts', role: 'status', 'aria-live': 'polite' });

export function mountToasts(): void {
  document.body.append(region);
}

export function toast(text: string, action?: { label: string; run: () => void }): void {
  const note = h('div', { class: 'toast' }, text);
  const remove = (): void => note.remove();
  if (action) {
    const run = (): void => {
      remove();
      action.run();
    };
    note.append(
      h('button', { type: 'button', class: 'toast-action', on: { click: run } }, action.label),
    );
  }
  region.append(note);
  while (region.childElementCount > 3) region.firstElementChild?.remove();
  setTimeout(remove, SHOWN_MS);
}
