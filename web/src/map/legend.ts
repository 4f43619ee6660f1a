// SPDX-License-Identifier: MIT
//
// The legend: what the colours mean, how many of each there are, and which of them are shown. An
// entry can be switched off, left alone, or gone to.
import { h, replace } from '../dom';
import * as format from '../format';
import { icon, type IconName } from '../icons';
import type { Legend, LegendEntry } from './model';

export interface LegendActions {
  onToggle: (name: string) => void;
  onOnly: (name: string) => void;
  onGo: (name: string) => void;
  onAll: () => void;
}

export class LegendList {
  private readonly list = h('ul', { class: 'map-legend', 'aria-label': 'Legend: what is shown' });
  private readonly all = h(
    'button',
    { type: 'button', class: 'button-quiet mt-2', on: { click: () => this.actions.onAll() } },
    'Show all',
  );
  readonly element = h('div', {}, this.list, this.all);
  private names: string[] = [];
  private buttons: HTMLElement[] = [];

  constructor(private readonly actions: LegendActions) {}

  show({ entries }: Legend, hidden: ReadonlySet<string>): void {
    this.names = entries.map(({ name }) => name);
    this.buttons = entries.map((entry) => this.toggle(entry));
    replace(
      this.list,
      ...entries.map(({ name }, i) =>
        h(
          'li',
          { class: 'legend-row' },
          this.buttons[i],
          this.action('only', `Only ${name}`, () => this.actions.onOnly(name)),
          this.action('target', `Go to ${name}`, () => this.actions.onGo(name)),
        ),
      ),
    );
    this.mark(hidden);
  }

  mark(hidden: ReadonlySet<string>): void {
    this.buttons.forEach((button, i) =>
      button.setAttribute('aria-pressed', String(!hidden.has(this.names[i] ?? ''))),
    );
    this.all.hidden = !this.names.some((name) => hidden.has(name));
  }

  private toggle({ name, colour, count }: LegendEntry): HTMLElement {
    const dot = h('span', { class: 'swatch' });
    dot.style.backgroundColor = colour;
    return h(
      'button',
      {
        type: 'button',
        class: 'legend-entry',
        title: `${name}: show or hide`,
        on: { click: () => this.actions.onToggle(name) },
      },
      dot,
      h('span', { class: 'truncate' }, name),
      h('span', { class: 'ml-auto text-muted tabular-nums' }, format.count(count)),
    );
  }

  private action(name: IconName, label: string, run: () => void): HTMLElement {
    return h(
      'button',
      {
        type: 'button',
        class: 'legend-action',
        'aria-label': label,
        title: label,
        on: { click: run },
      },
      icon(name, 15),
    );
  }
}
