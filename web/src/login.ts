// SPDX-License-Identifier: MIT
//
// The question for the token, when the server needs one. The token is traded for a cookie that no
// script can read; it is not kept here.
import { ApiError, openSession } from './api';
import { h } from './dom';

export class Login {
  private readonly input = h('input', {
    type: 'password',
    class: 'field',
    autocomplete: 'current-password',
    id: 'token',
    required: true,
    maxlength: 512,
  });
  private readonly error = h('p', { class: 'text-bad text-sm min-h-5', role: 'alert' });
  private readonly dialog = h(
    'dialog',
    { class: 'dialog', 'aria-labelledby': 'login-title' },
    h(
      'form',
      {
        class: 'grid gap-3',
        on: {
          submit: (event) => {
            event.preventDefault();
            void this.submit();
          },
        },
      },
      h('h2', { id: 'login-title', class: 'text-lg' }, 'This library is protected'),
      h(
        'label',
        { for: 'token', class: 'text-muted text-sm' },
        'The token that fovea serve was started with:',
      ),
      this.input,
      this.error,
      h('button', { type: 'submit', class: 'button-primary justify-self-end' }, 'Open the library'),
    ),
  );

  constructor(private readonly onDone: () => void) {
    // Behind it there is nothing to see: Escape does not help.
    this.dialog.addEventListener('cancel', (event) => event.preventDefault());
    document.body.append(this.dialog);
  }

  ask(): void {
    if (this.dialog.open) return;
    this.error.textContent = '';
    this.dialog.showModal();
    this.input.focus();
  }

  private async submit(): Promise<void> {
    try {
      await openSession(this.input.value);
      this.input.value = '';
      this.dialog.close();
      this.onDone();
    } catch (error) {
      this.error.textContent =
        error instanceof ApiError && error.status === 401
          ? 'That is not the token.'
          : String((error as Error).message);
      this.input.select();
    }
  }
}
