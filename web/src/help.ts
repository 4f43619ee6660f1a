// SPDX-License-Identifier: MIT
//
// The keys, and how a query is written.
import { h } from './dom';
import { mapKeys } from './map/keys';

const keys: [string, string][] = [
  ['/', 'to the search (on the map, to its own)'],
  ['Esc', 'clear the search, close what is open'],
  ['← → ↑ ↓', 'from picture to picture'],
  ['Enter', 'open a picture'],
  ['m', 'more like this'],
  ['i', 'details of an open picture, on and off'],
  ['z', 'an open picture at its full size'],
  ['g then s, m, d, c', 'Search, Map, Duplicates, Categories'],
  ['?', 'this help'],
];
const queries: [string, string][] = [
  ['foggy mountain at dawn', 'what it looks like, in a sentence'],
  ['beach -people', 'without people'],
  ['red boat + sunset:0.5', 'both, the second half as much'],
  ['a picture, and “at night”', 'like this one, but at night'],
];

const list = (rows: [string, string][], mono: boolean): HTMLElement =>
  h(
    'dl',
    { class: 'help-list' },
    ...rows.flatMap(([name, text]) => [
      h('dt', { class: mono ? 'kbd' : 'text-accent' }, name),
      h('dd', {}, text),
    ]),
  );

export class Help {
  private readonly dialog = h(
    'dialog',
    { class: 'dialog max-w-xl', 'aria-labelledby': 'help-title' },
    h('h2', { id: 'help-title', class: 'text-lg mb-3' }, 'How it works'),
    h('h3', { class: 'detail-heading' }, 'Searching'),
    list(queries, false),
    h(
      'p',
      { class: 'text-muted text-sm my-3' },
      'Drop or paste a picture anywhere to find photographs like it. It goes to this server only, and is not kept.',
    ),
    h('h3', { class: 'detail-heading' }, 'Keys'),
    list(keys, true),
    h('h3', { class: 'detail-heading' }, 'Keys on the map'),
    list(mapKeys, true),
    h(
      'p',
      { class: 'text-muted text-sm my-3' },
      'By touch: one finger turns, two come closer or move. A tap chooses; a finger that rests says what it is on, and on an empty place begins a lasso.',
    ),
    h(
      'form',
      { method: 'dialog', class: 'mt-4 flex justify-end' },
      h('button', { class: 'button-primary' }, 'Close'),
    ),
  );

  constructor() {
    document.body.append(this.dialog);
  }

  open(): void {
    if (!this.dialog.open) this.dialog.showModal();
  }
}
