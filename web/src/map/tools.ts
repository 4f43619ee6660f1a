// SPDX-License-Identifier: MIT
//
// The controls around the map, as elements.
import { h, replace } from '../dom';
import { icon, type IconName } from '../icons';

// One of a few, as buttons that show which.
export class Segments<Name extends string> {
  readonly element: HTMLElement;

  constructor(
    label: string,
    private readonly choices: Record<Name, string>,
    private readonly onPick: (name: Name) => void,
    more = '',
  ) {
    this.element = h('div', { class: `segments ${more}`, role: 'group', 'aria-label': label });
  }

  show(current: Name): void {
    const had = this.element.contains(document.activeElement);
    replace(
      this.element,
      ...(Object.keys(this.choices) as Name[]).map((name) =>
        h(
          'button',
          {
            type: 'button',
            class: 'segment',
            'aria-pressed': String(name === current),
            on: { click: () => this.onPick(name) },
          },
          this.choices[name],
        ),
      ),
    );
    if (had) this.element.querySelector<HTMLElement>('[aria-pressed=true]')?.focus();
  }
}

export const iconButton = (name: IconName, label: string, run: () => void): HTMLButtonElement =>
  h(
    'button',
    { type: 'button', class: 'icon-button', 'aria-label': label, title: label, on: { click: run } },
    icon(name),
  );

// What it opens closes with a choice, with Escape, and when the focus goes elsewhere.
export function menu(label: string, name: IconName, items: [string, () => void][]): HTMLElement {
  const details = h(
    'details',
    { class: 'menu' },
    h('summary', { class: 'button-quiet' }, icon(name, 16), label),
    h(
      'div',
      { class: 'menu-items' },
      ...items.map(([text, run]) =>
        h(
          'button',
          {
            type: 'button',
            class: 'menu-item',
            on: {
              click: () => {
                close();
                run();
              },
            },
          },
          text,
        ),
      ),
    ),
  );
  const close = (): void => {
    const inside = details.contains(document.activeElement);
    details.open = false;
    if (inside) details.querySelector('summary')?.focus();
  };
  details.addEventListener('keydown', (event) => {
    if (event.key !== 'Escape' || !details.open) return;
    event.stopPropagation();
    close();
  });
  details.addEventListener('focusout', (event) => {
    if (event.relatedTarget && !details.contains(event.relatedTarget as Node))
      details.open = false;
  });
  document.addEventListener('pointerdown', (event) => {
    if (!details.contains(event.target as Node)) details.open = false;
  });
  return details;
}
