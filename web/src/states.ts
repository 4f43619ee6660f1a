// SPDX-License-Identifier: MIT
//
// What stands where pictures would: an empty library, nothing found, an error.
import { h } from './dom';
import { icon, type IconName } from './icons';

export interface Notice {
  icon: IconName;
  title: string;
  text?: string;
  command?: string; // to be typed into a terminal
  action?: { label: string; run: () => void };
  alert?: boolean;
}

export function notice(what: Notice): HTMLElement {
  const command = what.command;
  return h(
    'div',
    { class: 'notice', role: what.alert ? 'alert' : null },
    h('span', { class: 'text-muted' }, icon(what.icon, 44)),
    h('h2', { class: 'text-lg' }, what.title),
    what.text && h('p', { class: 'text-muted max-w-prose' }, what.text),
    command &&
      h(
        'div',
        { class: 'command' },
        h('code', {}, command),
        h(
          'button',
          {
            type: 'button',
            class: 'icon-button',
            'aria-label': 'Copy the command',
            on: { click: () => void navigator.clipboard?.writeText(command) },
          },
          icon('copy', 16),
        ),
      ),
    what.action &&
      h(
        'button',
        { type: 'button', class: 'button-primary', on: { click: what.action.run } },
        what.action.label,
      ),
  );
}

export const notBuilt = (what: string): HTMLElement =>
  notice({ icon: 'info', title: `This fovea was built without ${what}` });

export function failure(error: unknown, retry: () => void): HTMLElement {
  const text = error instanceof Error ? error.message : String(error);
  return notice({
    icon: 'info',
    title: 'That did not work',
    text,
    action: { label: 'Try again', run: retry },
    alert: true,
  });
}
