// SPDX-License-Identifier: MIT
//
// Dark unless somebody chose light here: pictures are judged against dark grey.
import { h, replace } from './dom';
import { icon } from './icons';

type Theme = 'dark' | 'light';
const KEY = 'fovea.theme';

function stored(): Theme {
  try {
    return localStorage.getItem(KEY) === 'light' ? 'light' : 'dark';
  } catch {
    return 'dark'; // storage may be switched off
  }
}

function apply(theme: Theme): void {
  document.documentElement.dataset.theme = theme;
}

export function themeButton(): HTMLElement {
  let theme = stored();
  const button = h('button', { type: 'button', class: 'icon-button' });
  const show = (): void => {
    const label = theme === 'dark' ? 'Light theme' : 'Dark theme';
    button.setAttribute('aria-label', label);
    button.title = label;
    replace(button, icon(theme === 'dark' ? 'sun' : 'moon'));
    apply(theme);
  };
  button.addEventListener('click', () => {
    theme = theme === 'dark' ? 'light' : 'dark';
    try {
      localStorage.setItem(KEY, theme);
    } catch {
      // then it holds until the page is left
    }
    show();
  });
  show();
  return button;
}
