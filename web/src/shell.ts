// SPDX-License-Identifier: MIT
//
// The frame around the views: the name, the four views, what the library is doing, the theme, help.
import type { Indexing } from './api';
import { h, replace } from './dom';
import * as format from './format';
import { icon, type IconName } from './icons';
import type { Live, LiveState } from './live';
import { formatRoute, parseRoute, type Route, type ViewName, viewNames } from './route';
import { themeButton } from './theme';

const tabs: Record<ViewName, { label: string; icon: IconName }> = {
  search: { label: 'Search', icon: 'search' },
  map: { label: 'Map', icon: 'map' },
  duplicates: { label: 'Duplicates', icon: 'layers' },
  categories: { label: 'Categories', icon: 'tag' },
};

// A line for each, where several may be at it.
const whoIndexes = (indexing: Indexing): string =>
  indexing.indexers
    .map(
      (one) =>
        `${one.host}, process ${one.pid}: ${format.count(one.done)} of its ${format.count(one.todo)} files done, ${format.count(one.in_hand)} in hand`,
    )
    .join('\n') || 'fovea index is running';

export class Shell {
  readonly main = h('main', { id: 'main', class: 'main', tabindex: '-1' });
  private readonly links = new Map<ViewName, HTMLAnchorElement>();
  private readonly status = h('div', { class: 'status', role: 'status', 'aria-live': 'off' });
  private readonly banner = h('div', { class: 'banner', role: 'alert', hidden: true });

  constructor(
    root: HTMLElement,
    private readonly live: Live,
    onHelp: () => void,
  ) {
    const nav = h(
      'nav',
      { class: 'nav', 'aria-label': 'Views' },
      ...viewNames.map((name) => this.link(name)),
    );
    replace(
      root,
      h(
        'a',
        {
          href: '#main',
          class: 'skip',
          on: {
            click: (event) => {
              event.preventDefault();
              this.main.focus();
            },
          },
        },
        'Skip to the content',
      ),
      h(
        'header',
        { class: 'head' },
        h(
          'a',
          { href: '#/search', class: 'brand', 'aria-label': 'fovea: the whole library' },
          h('img', { src: '/icon.svg', alt: '', width: 24, height: 24 }),
          h('span', { class: 'hidden sm:inline' }, 'fovea'),
        ),
        nav,
        this.status,
        h(
          'button',
          {
            type: 'button',
            class: 'icon-button hidden sm:inline-flex',
            'aria-label': 'Keys and help',
            title: 'Keys and help (?)',
            on: { click: onHelp },
          },
          icon('help'),
        ),
        themeButton(),
      ),
      this.banner,
      this.main,
    );
    live.watch((state) => this.showLive(state));
    this.showLive(live.state);
  }

  show(name: ViewName, element: HTMLElement): void {
    for (const [other, link] of this.links)
      link.setAttribute('aria-current', other === name ? 'page' : 'false');
    document.title = `${tabs[name].label} · fovea`;
    if (this.main.firstElementChild !== element) replace(this.main, element);
  }

  // A view keeps its place in the address, so that coming back finds it as it was left.
  remember(name: ViewName, hash: string): void {
    this.links.get(name)?.setAttribute('href', hash);
  }

  remembered(name: ViewName): Route {
    return parseRoute(this.links.get(name)?.getAttribute('href') ?? `#/${name}`);
  }

  private link(name: ViewName): HTMLElement {
    const tab = tabs[name];
    const link = h(
      'a',
      { href: formatRoute({ view: name, params: new URLSearchParams() }), class: 'tab' },
      icon(tab.icon),
      h('span', {}, tab.label),
    );
    this.links.set(name, link);
    return link;
  }

  private showLive({ link, status }: LiveState): void {
    this.banner.hidden = link !== 'offline' && (status?.library.ok ?? true);
    if (link === 'offline')
      replace(
        this.banner,
        icon('offline', 16),
        'The server does not answer. What is here stays; it goes on by itself when the server is back.',
        h(
          'button',
          {
            type: 'button',
            class: 'banner-action',
            on: { click: () => this.live.retryNow() },
          },
          'Try now',
        ),
      );
    else if (status && !status.library.ok)
      replace(
        this.banner,
        icon('info', 16),
        `The library cannot be read: ${status.library.detail ?? 'no reason given'}`,
      );
    this.main.classList.toggle('is-offline', link === 'offline');
    if (!status) {
      replace(this.status);
      return;
    }
    const { library, indexing } = status;
    const speed = indexing.per_second
      ? ` · ${indexing.per_second.toFixed(indexing.per_second < 10 ? 1 : 0)}/s`
      : '';
    const several = indexing.indexers.length > 1 ? ` by ${indexing.indexers.length}` : '';
    replace(
      this.status,
      indexing.running
        ? h(
            'span',
            { class: 'indexing', title: whoIndexes(indexing) },
            h('span', { class: 'indexing-dot' }),
            `Indexing${several} · ${format.count(library.photos)}${speed}`,
          )
        : h(
            'span',
            { title: `${status.model}, ${status.precision}` },
            format.plural(library.photos, 'photograph'),
          ),
      library.failures > 0 &&
        h(
          'span',
          {
            class: 'text-warn',
            title: 'Files that could not be used; fovea status --errors lists them',
          },
          `${format.plural(library.failures, 'file')} failed`,
        ),
    );
  }
}
