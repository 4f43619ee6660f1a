// SPDX-License-Identifier: MIT
import { describe, expect, it, vi } from 'vitest';
import { debounce, Latest } from '../src/latest';

function later<T>(): {
  promise: Promise<T>;
  resolve: (value: T) => void;
  reject: (error: Error) => void;
} {
  let resolve: (value: T) => void = () => undefined;
  let reject: (error: Error) => void = () => undefined;
  const promise = new Promise<T>((yes, no) => {
    resolve = yes;
    reject = no;
  });
  return { promise, resolve, reject };
}

describe('Latest', () => {
  it('drops the answer to an earlier question that comes later', async () => {
    const latest = new Latest();
    const [slow, fast] = [later<string>(), later<string>()];
    let aborted = false;
    const first = latest.run((signal) => {
      signal.addEventListener('abort', () => {
        aborted = true;
      });
      return slow.promise;
    });
    const second = latest.run(() => fast.promise);
    expect(aborted).toBe(true);
    fast.resolve('second');
    expect(await second).toEqual({ value: 'second' });
    slow.resolve('first');
    expect(await first).toBeNull();
  });

  it('drops the failure of an earlier question, and tells that of the latest', async () => {
    const latest = new Latest();
    const [slow, fast] = [later<string>(), later<string>()];
    const first = latest.run(() => slow.promise);
    const second = latest.run(() => fast.promise);
    slow.reject(new Error('late'));
    expect(await first).toBeNull();
    fast.reject(new Error('now'));
    await expect(second).rejects.toThrow('now');
  });

  it('gives nothing after cancel', async () => {
    const latest = new Latest();
    const slow = later<number>();
    const answer = latest.run(() => slow.promise);
    latest.cancel();
    slow.resolve(1);
    expect(await answer).toBeNull();
  });
});

describe('debounce', () => {
  it('acts once after the pause, or at once', () => {
    vi.useFakeTimers();
    const action = vi.fn();
    const typing = debounce(action, 200);
    typing.soon();
    vi.advanceTimersByTime(150);
    typing.soon();
    vi.advanceTimersByTime(199);
    expect(action).toHaveBeenCalledTimes(0);
    vi.advanceTimersByTime(1);
    expect(action).toHaveBeenCalledTimes(1);
    typing.soon();
    typing.now();
    vi.advanceTimersByTime(1000);
    expect(action).toHaveBeenCalledTimes(2);
    vi.useRealTimers();
  });
});
