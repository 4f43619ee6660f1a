// SPDX-License-Identifier: MIT
//
// Where one is, as the part of the address behind the #: "#/search?q=fog&photo=12". Every state that
// can be linked to is in it; what cannot (an uploaded picture) is not.

export const viewNames = ['search', 'map', 'duplicates', 'categories'] as const;
export type ViewName = (typeof viewNames)[number];

export interface Route {
  view: ViewName;
  params: URLSearchParams;
}

export function parseRoute(hash: string): Route {
  const match = /^#?\/?([a-z]*)(?:\?(.*))?$/s.exec(hash);
  const view = viewNames.find((name) => name === match?.[1]);
  return { view: view ?? 'search', params: new URLSearchParams(view ? (match?.[2] ?? '') : '') };
}

export function formatRoute(route: Route): string {
  const params = route.params.toString();
  return `#/${route.view}${params ? `?${params}` : ''}`;
}

type Watcher = (route: Route) => void;

export class Router {
  private readonly watchers: Watcher[] = [];
  private readonly noters: Watcher[] = [];

  constructor() {
    window.addEventListener('popstate', () => this.tell());
    window.addEventListener('hashchange', () => this.tell());
  }

  get route(): Route {
    return parseRoute(window.location.hash);
  }

  // `push` makes a step that "back" returns from.
  go(route: Route, how: 'push' | 'replace' = 'push'): void {
    const hash = formatRoute(route);
    if (hash === formatRoute(this.route) && window.location.hash) return;
    if (how === 'push') window.history.pushState(null, '', hash);
    else window.history.replaceState(null, '', hash);
    this.tell();
  }

  // Changes the address to follow what the page already shows: nobody has to go anywhere.
  note(route: Route, how: 'push' | 'replace'): void {
    const hash = formatRoute(route);
    if (hash === window.location.hash) return;
    if (how === 'push') window.history.pushState(null, '', hash);
    else window.history.replaceState(null, '', hash);
    for (const noter of this.noters) noter(route);
  }

  watchNotes(noter: Watcher): void {
    this.noters.push(noter);
  }

  watch(watcher: Watcher): void {
    this.watchers.push(watcher);
  }

  tell(): void {
    const route = this.route;
    for (const watcher of this.watchers) watcher(route);
  }
}
