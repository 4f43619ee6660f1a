// SPDX-License-Identifier: MIT
//
// The latest request wins: starting one gives up the one before, and an answer that arrives all the
// same, late, is dropped.

export class Latest {
  private current: AbortController | null = null;

  // What `work` gives, or null when another one was started meanwhile (or all were cancelled).
  // Errors of a work that is no longer wanted are dropped, too.
  async run<T>(work: (signal: AbortSignal) => Promise<T>): Promise<{ value: T } | null> {
    this.current?.abort();
    const mine = new AbortController();
    this.current = mine;
    try {
      const value = await work(mine.signal);
      return this.current === mine ? { value } : null;
    } catch (error) {
      if (this.current !== mine) return null;
      throw error;
    }
  }

  cancel(): void {
    this.current?.abort();
    this.current = null;
  }
}

// Calls `action` when nothing has called for `wait_ms`; `now` does it at once.
export function debounce(
  action: () => void,
  wait_ms: number,
): { soon: () => void; now: () => void; cancel: () => void } {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const cancel = (): void => clearTimeout(timer);
  return {
    soon: () => {
      cancel();
      timer = setTimeout(action, wait_ms);
    },
    now: () => {
      cancel();
      action();
    },
    cancel,
  };
}
