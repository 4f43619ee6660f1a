// SPDX-License-Identifier: MIT
//
// What the server and the library are doing: one status, fetched once, kept up to date by server-sent
// events. When the server goes, this notices, tries again at growing intervals, and tells everyone
// when it is back.
import { type Indexing, getStatus, isAbort, type LibraryStatus, type Status } from './api';

export type Link = 'connecting' | 'online' | 'offline' | 'locked';

export interface LiveState {
  link: Link;
  status: Status | null;
}

export interface MadeEvent {
  what: 'map' | 'groups' | 'duplicates';
  method?: string;
}

const STREAM_PAUSE_MS = 700;
const RETRY_MS = [500, 1000, 2000, 4000, 8000];

export class Live {
  state: LiveState = { link: 'connecting', status: null };
  private readonly watchers: ((state: LiveState, before: LiveState) => void)[] = [];
  private readonly madeWatchers: ((event: MadeEvent) => void)[] = [];
  private events: EventSource | null = null;
  private attempt = 0;
  private readonly waiting: ((status: Status) => void)[] = [];
  private timer: ReturnType<typeof setTimeout> | undefined;

  watch(watcher: (state: LiveState, before: LiveState) => void): void {
    this.watchers.push(watcher);
  }

  watchMade(watcher: (event: MadeEvent) => void): void {
    this.madeWatchers.push(watcher);
  }

  // The status, as soon as there is one.
  whenKnown(): Promise<Status> {
    const { status } = this.state;
    return status ? Promise.resolve(status) : new Promise((resolve) => this.waiting.push(resolve));
  }

  // Also what the token dialog calls when the token was right.
  async connect(): Promise<void> {
    clearTimeout(this.timer);
    try {
      const status = await getStatus();
      this.attempt = 0;
      this.set({ link: 'online', status });
      this.listen();
    } catch (error) {
      if (!isAbort(error) && this.state.link !== 'locked') this.lost();
    }
  }

  // A request found that the server is gone, before the event stream did.
  lost(): void {
    this.events?.close();
    this.events = null;
    if (this.state.link !== 'offline') this.set({ ...this.state, link: 'offline' });
    clearTimeout(this.timer);
    const wait = RETRY_MS[Math.min(this.attempt++, RETRY_MS.length - 1)] ?? 8000;
    this.timer = setTimeout(() => void this.connect(), wait);
  }

  lock(): void {
    this.events?.close();
    this.events = null;
    clearTimeout(this.timer);
    if (this.state.link !== 'locked') this.set({ ...this.state, link: 'locked' });
  }

  retryNow(): void {
    this.attempt = 0;
    void this.connect();
  }

  private listen(): void {
    this.events?.close();
    const events = new EventSource('/api/v1/events');
    this.events = events;
    events.addEventListener('status', (event) => {
      const { library, indexing } = JSON.parse(String(event.data)) as {
        library: LibraryStatus;
        indexing: Indexing;
      };
      if (this.state.status)
        this.set({ link: 'online', status: { ...this.state.status, library, indexing } });
    });
    events.addEventListener('made', (event) => {
      const made = JSON.parse(String(event.data)) as MadeEvent;
      for (const watcher of this.madeWatchers) watcher(made);
    });
    events.addEventListener('error', () => {
      if (this.events !== events) return;
      // The stream may end and the server be well: it is asked before anything is said.
      events.close();
      this.events = null;
      clearTimeout(this.timer);
      this.timer = setTimeout(() => void this.connect(), STREAM_PAUSE_MS);
    });
  }

  private set(state: LiveState): void {
    const before = this.state;
    this.state = state;
    if (state.status) for (const resolve of this.waiting.splice(0)) resolve(state.status);
    for (const watcher of this.watchers) watcher(state, before);
  }
}
