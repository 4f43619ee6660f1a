// SPDX-License-Identifier: MIT
//
// Where the parts of the page come together.
import { observeErrors, type Photo } from './api';
import type { App, View } from './app';
import { CategoriesView } from './categories/view';
import { isTyping } from './dom';
import { DuplicatesView } from './duplicates/view';
import { Help } from './help';
import { installIntake } from './intake';
import { Live } from './live';
import { Login } from './login';
import { MapView } from './map/view';
import { Viewer } from './photo/viewer';
import { formatRoute, type Route, Router, type ViewName } from './route';
import { SearchView } from './search/view';
import { Shell } from './shell';
import { mountToasts } from './toast';

const router = new Router();
const live = new Live();
const help = new Help();
const root = document.getElementById('app');
if (!root) throw new Error('the page has no place for the application');
const shell = new Shell(root, live, () => help.open());

const withoutPhoto = (route: Route): Route => {
  const params = new URLSearchParams(route.params);
  params.delete('photo');
  return { view: route.view, params };
};

const withPhoto = (id: number): Route => {
  const { view, params } = withoutPhoto(router.route);
  params.set('photo', String(id));
  return { view, params };
};

const remember = (route: Route): void =>
  shell.remember(route.view, formatRoute(withoutPhoto(route)));

const viewer = new Viewer({
  onShow: (id) => router.note(withPhoto(id), 'replace'),
  onClose: () => router.note(withoutPhoto(router.route), 'replace'),
  onSimilar: (photo) => app.moreLike(photo),
});

const app: App = {
  router,
  live,
  openPhoto: (id, source) => {
    router.note(withPhoto(id), 'push');
    void viewer.open(id, source);
  },
  listChanged: () => viewer.placeInList(),
  remember,
  moreLike: (photo: Photo) => {
    if (current !== 'search')
      router.go({ view: 'search', params: new URLSearchParams({ like: String(photo.id) }) });
    searchView.moreLike(photo);
  },
};

const searchView = new SearchView(app);
const views: Record<ViewName, View> = {
  search: searchView,
  map: new MapView(app),
  duplicates: new DuplicatesView(app),
  categories: new CategoriesView(app),
};
let current: ViewName | null = null;

router.watchNotes(remember);
router.watch((route) => {
  const view = views[route.view];
  if (current && current !== route.view) views[current].leave();
  if (current !== route.view) window.scrollTo({ top: 0 });
  current = route.view;
  shell.show(route.view, view.element);
  remember(route);
  view.enter(withoutPhoto(route));
  const id = Number(route.params.get('photo'));
  if (id > 0 && viewer.shownId !== id) {
    router.note(withPhoto(id), 'replace');
    void viewer.open(id, view.source?.() ?? { photos: () => [] });
  } else if (!(id > 0) && viewer.shownId !== null) viewer.close();
});

const login = new Login(() => {
  void live.connect().then(() => {
    if (current) views[current].refresh();
  });
});
observeErrors((error) => {
  if (error.status === 401) {
    live.lock();
    login.ask();
  } else if (error.status === 0) live.lost();
});
live.watch((now, before) => {
  if (now.link === 'online' && before.link === 'offline' && current) views[current].refresh();
});

installIntake((files) => {
  if (current !== 'search') router.go({ view: 'search', params: new URLSearchParams() });
  if (viewer.shownId !== null) viewer.close();
  searchView.addImages(files);
});

let leader = false; // "g" was pressed: the next key names a view
window.addEventListener(
  'keydown',
  (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || isTyping(event.target)) return;
    if (document.querySelector('dialog[open]')) return;
    const goals: Record<string, ViewName> = {
      s: 'search',
      m: 'map',
      d: 'duplicates',
      c: 'categories',
    };
    const goal = leader ? goals[event.key] : undefined;
    leader = event.key === 'g';
    if (goal) {
      event.preventDefault();
      event.stopPropagation();
      router.go(shell.remembered(goal));
    } else if (event.key === '/') {
      event.preventDefault();
      const own = current && views[current].focusInput;
      if (!own) router.go(shell.remembered('search'));
      (current ? views[current] : searchView).focusInput?.();
    } else if (event.key === '?') help.open();
  },
  true,
);

mountToasts();
router.tell();
void live.connect();
