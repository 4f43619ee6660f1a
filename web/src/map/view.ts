// SPDX-License-Identifier: MIT
//
// The map's place on the page: it fetches the coordinates, changes what is shown of them (shown.ts)
// by what people do, and tells the stage. The stage (and with it Three.js) is loaded when the map is
// first looked at. The address (address.ts) restores what one looked at.
import { getMap, isMaking, type MapData, type MapMethod, type Photo, search } from '../api';
import type { App, View } from '../app';
import { h, replace } from '../dom';
import * as format from '../format';
import { debounce, Latest } from '../latest';
import type { Route } from '../route';
import { parseText } from '../search/query';
import { failure, notBuilt, notice } from '../states';
import { toast } from '../toast';
import { methods, readAddress, writeAddress } from './address';
import { asJson, asPaths, coordinates, save } from './export';
import { Groups } from './groups';
import { keyTable } from './keys';
import { type Label, Labels } from './labels';
import { LegendList } from './legend';
import { MapList } from './list';
import { Marks, type Tool } from './marks';
import {
  type Colouring,
  colourings,
  insidePolygon,
  nearestPoints,
  type ScreenPoint,
  sphereOf,
} from './model';
import { Names } from './names';
import { Panel } from './panel';
import { Pointer } from './pointer';
import { Shown } from './shown';
import type { Stage } from './stage';
import { Tip } from './tip';
import { iconButton, menu, Segments } from './tools';

const colouringNames: Record<Colouring, string> = {
  category: 'Category',
  group: 'Group',
  date: 'Date',
  camera: 'Camera',
};
const tools: Record<Tool, string> = { orbit: 'Turn', lasso: 'Lasso', box: 'Box' };
const HITS_MAX = 1000;
const LISTED_MAX = 500;
const AROUND = 8; // neighbours that a flight to a photograph brings into sight
const ZOOM = 0.7;
// The server makes a map anew at most so often; one that is behind the library is asked for again.
const BEHIND_MS = 3000;
const BEHIND_TRIES = 12;

export class MapView implements View {
  private method: MapMethod = 'umap';
  private query = '';
  private readonly shown = new Shown();
  private stage: Stage | null = null;
  private broken = false;
  private active = false;
  private timer: ReturnType<typeof setTimeout> | undefined;
  private arrive: (() => void) | null = null; // what the address asks for, once there is a map
  private behind = 0; // how often the map was asked for and lacked photographs
  private readonly latest = new Latest();
  private readonly searching = new Latest();
  private readonly names = new Names();
  private readonly typing = debounce(() => void this.find(), 250);
  private readonly noting = debounce(() => this.note(), 300);

  private readonly methodButtons = new Segments('Layout', methods, (name) => {
    this.method = name;
    this.methodButtons.show(name);
    this.note();
    void this.load();
  });
  private readonly toolButtons = new Segments(
    'What dragging does',
    tools,
    (name) => {
      this.marks.tool = name;
      this.box.dataset.tool = name;
      this.toolButtons.show(name);
    },
    'map-tools',
  );
  private readonly byField = h(
    'select',
    { class: 'field-quiet', 'aria-label': 'Colour by' },
    ...colourings.map((name) =>
      h('option', { value: name }, `By ${colouringNames[name].toLowerCase()}`),
    ),
  );
  private readonly input = h('input', {
    type: 'search',
    class: 'field map-search',
    placeholder: 'light up what matches …',
    'aria-label': 'Search in the map',
    maxlength: 4000,
  });
  private readonly found = h('span', { class: 'text-sm text-muted', role: 'status' });
  private readonly listButton = h(
    'button',
    {
      type: 'button',
      class: 'button-quiet',
      title: 'The same photographs as a list (l)',
      'aria-pressed': 'false',
      on: { click: () => this.showList(this.list.element.hidden) },
    },
    'List',
  );
  private readonly box = h('div', {
    class: 'map-box',
    role: 'application',
    tabindex: '0',
    'aria-label': 'Map of the library',
    'aria-description':
      'Arrows turn, with Shift they move; plus and minus approach and go away, 0 shows everything. n goes to the next neighbour, p back, Enter opens it, Space selects it, a selects what is lit, f flies to what was found, Escape clears. l shows the same photographs as a list.',
  });
  private readonly cover = h('div', { class: 'map-cover' });
  private readonly badge = h('p', { class: 'map-badge', role: 'status', hidden: true });
  private readonly labels = new Labels((label) => this.goToLabel(label));
  private readonly groups = new Groups(this.labels);
  private readonly marks = new Marks(
    this.box,
    (held) => {
      if (this.stage) this.stage.controls.enabled = !held;
    },
    (polygon, add) => this.selectIn(polygon, add),
  );
  private readonly tip = new Tip(this.box, (id) => this.names.get(id));
  private readonly legendList = new LegendList({
    onToggle: (name) => {
      if (!this.shown.hidden.delete(name)) this.shown.hidden.add(name);
      this.filterChanged();
    },
    onOnly: (name) => {
      this.shown.hideAllBut(name);
      this.filterChanged();
    },
    onAll: () => {
      this.shown.hidden.clear();
      this.filterChanged();
    },
    onGo: (name) => this.goToEntry(name),
  });
  private readonly list = new MapList({
    photos: (ids) => this.names.all(ids),
    onChoose: (id) => void this.choose(id, true),
    onSelect: ({ name, ids }) => void this.select(ids, titleOf(name, ids.length)),
  });
  private readonly panel = new Panel({
    onOpen: (photo, list) => this.openPhoto(photo, list),
    onGo: (id) => void this.choose(id, true),
    onMoreLike: (photo) => this.app.moreLike(photo),
    onExport: (ids, what) => void this.exportRows(ids, what),
    onClose: () => this.clear(),
  });
  readonly element: HTMLElement;

  constructor(private readonly app: App) {
    this.box.append(
      this.labels.element,
      this.marks.element,
      this.tip.element,
      this.toolButtons.element,
      h(
        'div',
        { class: 'map-zoom', role: 'group', 'aria-label': 'View' },
        iconButton('plus', 'Come closer (+)', () => this.stage?.zoom(ZOOM)),
        iconButton('minus', 'Go away (−)', () => this.stage?.zoom(1 / ZOOM)),
        iconButton('home', 'Everything in sight (0)', () => this.stage?.goHome()),
      ),
      this.badge,
      this.cover,
    );
    this.element = h(
      'section',
      { 'aria-label': 'Map', class: 'map' },
      h(
        'div',
        { class: 'tools' },
        this.methodButtons.element,
        this.byField,
        h('span', { class: 'map-find' }, this.input, this.found),
        h('span', { class: 'grow' }),
        this.listButton,
        menu('Save', 'download', [
          ['Picture of the map (PNG)', () => this.savePicture()],
          [
            'Coordinates of all (JSON)',
            () => void this.exportRows(this.shown.data?.ids ?? [], 'coordinates'),
          ],
          ['Paths of what is lit (text)', () => void this.exportRows(this.shown.litIds(), 'paths')],
        ]),
      ),
      h(
        'div',
        { class: 'map-row' },
        h('div', { class: 'map-stage' }, this.box, this.list.element),
        h('div', { class: 'map-side' }, this.panel.element, this.legendList.element),
      ),
      h(
        'p',
        { class: 'map-caption' },
        'What lies together looks alike: clusters are honest, exact distances and empty space are not.',
      ),
    );
    this.methodButtons.show(this.method);
    this.toolButtons.show(this.marks.tool);
    this.listen();
  }

  private listen(): void {
    this.byField.addEventListener('change', () => {
      this.shown.by = this.byField.value as Colouring;
      this.shown.hidden.clear();
      this.recolour();
      this.note();
    });
    this.input.addEventListener('input', () => {
      this.query = this.input.value;
      this.typing.soon();
    });
    this.input.addEventListener('keydown', (event) => {
      if (event.key === 'Enter') this.typing.now();
    });
    this.box.addEventListener('keydown', (event) => this.onKey(event));
    new Pointer(this.box, this.marks, {
      pick: ({ x, y }, reach) => this.shown.data?.ids[this.stage?.pick(x, y, reach) ?? -1] ?? null,
      over: (id, place) => this.point(id, place),
      choose: (id, add) => {
        if (id === null) this.clear();
        else if (add) this.toggleSelected(id);
        else void this.choose(id, false);
      },
    });
    new MutationObserver(() => this.stage?.showTheme()).observe(document.documentElement, {
      attributes: true,
      attributeFilter: ['data-theme'],
    });
    this.app.live.watchMade((made) => {
      if (made.what !== 'duplicates' && this.active) void this.load();
    });
    this.app.live.watch((now, before) => {
      if (this.active && now.status?.library.revision !== before.status?.library.revision)
        if (before.status) {
          this.behind = 0;
          void this.load();
        }
    });
  }

  enter(route: Route): void {
    this.active = true;
    this.stage?.rest(false);
    const { method, by, query, hidden, at, list, camera } = readAddress(route.params);
    const asked = query !== this.query || (query !== '' && !this.shown.hits);
    this.query = query;
    this.input.value = query;
    this.shown.by = by;
    this.byField.value = by;
    this.shown.hidden = hidden;
    this.method = method;
    this.methodButtons.show(method);
    this.arrive = () => {
      if (camera) this.stage?.restore(camera);
      if (at !== null && at !== this.shown.current) void this.choose(at, !camera);
      if (asked) void this.find(!camera);
      this.showList(list);
    };
    void this.load();
  }

  leave(): void {
    this.active = false;
    clearTimeout(this.timer);
    this.noting.cancel();
    this.app.remember(this.route()); // with what was still to be noted
    this.typing.cancel();
    this.latest.cancel();
    this.tip.hide();
    this.stage?.rest(true);
  }

  refresh(): void {
    void this.load();
  }

  focusInput(): void {
    this.input.focus();
    this.input.select();
  }

  private route(): Route {
    const params = writeAddress({
      method: this.method,
      by: this.shown.by,
      query: this.query,
      hidden: this.shown.hidden,
      at: this.shown.current,
      list: !this.list.element.hidden,
      camera: this.stage?.where ?? null,
    });
    return { view: 'map', params };
  }

  private note(): void {
    if (this.active) this.app.router.note(this.route(), 'replace');
  }

  // Over an empty place, or in a corner of the map that is here already.
  private say(text: string): void {
    this.badge.hidden = text === '' || this.shown.data === null;
    this.badge.textContent = text;
    if (this.shown.data) return;
    this.cover.hidden = false;
    replace(this.cover, h('p', { class: 'waiting', role: 'status' }, text));
  }

  private coverWith(element: HTMLElement): void {
    this.badge.hidden = true;
    this.cover.hidden = false;
    replace(this.cover, element);
  }

  private async load(): Promise<void> {
    clearTimeout(this.timer);
    if (!this.shown.data || this.shown.data.method !== this.method) this.say('Fetching the map …');
    try {
      const { features } = await this.app.live.whenKnown();
      if (!features.includes('map')) {
        this.coverWith(notBuilt('the map'));
        return;
      }
      const answer = await this.latest.run((signal) => getMap(this.method, signal));
      if (!answer) return;
      if (isMaking(answer.value)) {
        const { detail, elapsed_s, retry_after_s } = answer.value;
        this.say(`${methods[this.method]}: ${detail} (${format.seconds(elapsed_s)})`);
        this.timer = setTimeout(() => void this.load(), retry_after_s * 1000);
        return;
      }
      await this.showMap(answer.value);
      this.catchUp(answer.value.count);
    } catch (error) {
      this.coverWith(failure(error, () => void this.load()));
    }
  }

  private catchUp(count: number): void {
    const photos = this.app.live.state.status?.library.photos ?? count;
    if (photos === count) this.behind = 0;
    else if (this.active && this.behind < BEHIND_TRIES)
      this.timer = setTimeout(() => void this.load(), BEHIND_MS * 1.3 ** this.behind++);
  }

  private async showMap(data: MapData): Promise<void> {
    if (data.count === 0) {
      this.coverWith(
        notice({
          icon: 'map',
          title: 'Nothing to map yet',
          text: 'The map shows the photographs of the library once there are some.',
        }),
      );
      return;
    }
    await this.openStage();
    const { stage } = this;
    const known = this.shown.data !== null;
    const { moved, fresh } = this.shown.take(data, stage?.positionsNow());
    this.cover.hidden = !this.broken;
    this.say('');
    stage?.setPoints(data.ids, this.shown.start, this.shown.positions, moved);
    if (known && fresh > 0) toast(`${format.plural(fresh, 'new photograph')} on the map.`);
    this.recolour();
    const { arrive } = this;
    this.arrive = null;
    arrive?.();
  }

  private async openStage(): Promise<void> {
    if (this.stage || this.broken) return;
    const { Stage: Made } = await import('./stage');
    if (this.stage) return; // two asked for it
    try {
      this.stage = new Made(this.box);
    } catch {
      this.broken = true;
      this.coverWith(
        notice({
          icon: 'map',
          title: 'This browser draws no 3D (WebGL 2)',
          text: 'The list shows the same photographs, and what lies together.',
          action: { label: 'List', run: () => this.showList(true) },
        }),
      );
      return;
    }
    this.stage.onFrame = () => this.afterFrame();
    this.stage.onMoved = () => this.noting.soon();
  }

  private afterFrame(): void {
    const { stage } = this;
    if (!stage) return;
    this.groups.place(stage);
    Object.assign(this.box.dataset, {
      frames: String(stage.frames),
      calls: String(stage.drawCalls),
      pictures: String(stage.pictures),
      photographs: String(this.shown.data?.ids.length ?? 0),
    });
  }

  private recolour(): void {
    const { shown, stage } = this;
    if (!shown.data) return;
    shown.recolour();
    stage?.cloud.setColours(
      shown.legend.entries.map((entry) => entry.colour),
      shown.legend.of,
    );
    this.legendList.show(shown.legend, shown.hidden);
    this.restate();
    this.relabel();
  }

  private relabel(): void {
    const { data, by, legend, hidden, start, positions } = this.shown;
    if (data)
      this.groups.set(data, by, legend, (name) => hidden.has(name), { start, end: positions });
    this.stage?.invalidate();
  }

  private restate(): void {
    if (!this.shown.data) return;
    this.stage?.cloud.setStates(this.shown.states());
    this.stage?.invalidate();
    if (!this.list.element.hidden) this.list.show(this.shown.parts());
  }

  private filterChanged(): void {
    this.legendList.mark(this.shown.hidden);
    this.restate();
    this.relabel();
    this.note();
  }

  private async find(fly = true): Promise<void> {
    const { texts, unwanted } = parseText(this.query);
    this.note();
    if (texts.length === 0) {
      this.searching.cancel();
      this.shown.hits = null;
      this.found.textContent = unwanted.length > 0 ? 'What should it look like?' : '';
      this.restate();
      return;
    }
    try {
      const answer = await this.searching.run((signal) =>
        search({ texts, unwanted, floor: 'auto', limit: HITS_MAX }, [], signal),
      );
      if (!answer) return;
      const { results, strong, strong_total } = answer.value;
      this.shown.hits = new Set(results.map((hit) => hit.photo.id));
      this.found.textContent = strong
        ? format.plural(strong_total, 'match', 'matches')
        : 'no strong match; the closest one';
      this.restate();
      if (fly) this.flyToHits();
    } catch (error) {
      this.found.textContent = (error as Error).message;
    }
  }

  private flyToHits(): void {
    const indices = this.shown.indices(this.shown.hits ?? this.shown.selected);
    if (indices.length === 0) return;
    const { centre, radius } = sphereOf(this.shown.positions, indices);
    this.stage?.flyTo(centre, radius);
  }

  private goToLabel(label: Label): void {
    const { centre, radius } = sphereOf(this.shown.positions, label.indices);
    this.stage?.flyTo(centre, radius);
    const ids = this.shown.ids(label.indices);
    void this.select(ids, titleOf(label.name, ids.length));
  }

  private goToEntry(name: string): void {
    if (this.shown.hidden.delete(name)) this.filterChanged();
    const indices = this.shown.indicesOfEntry(name);
    this.goToLabel({ name, count: indices.length, indices, colour: null });
  }

  private selectIn(polygon: ScreenPoint[], add: boolean): void {
    const { stage } = this;
    const { data } = this.shown;
    if (!stage || !data) return;
    const now = stage.positionsNow();
    const ids = data.ids.filter((_, i) => {
      if (!this.shown.isVisible(i)) return false;
      const at = stage.project(now[3 * i] ?? 0, now[3 * i + 1] ?? 0, now[3 * i + 2] ?? 0);
      return at !== null && insidePolygon(polygon, at.x, at.y);
    });
    this.selectIds(add ? [...new Set([...this.shown.selected, ...ids])] : ids);
  }

  private selectIds(ids: readonly number[]): void {
    void this.select(ids, `${format.plural(ids.length, 'photograph')} selected`);
  }

  private async select(ids: readonly number[], title: string): Promise<void> {
    this.shown.select(ids);
    const { selected } = this.shown;
    this.restate();
    if (ids.length === 0) {
      this.panel.hide();
      return;
    }
    this.panel.showSelection(ids, [], title);
    const photos = await this.names.all(ids.slice(0, LISTED_MAX)).catch(() => []);
    if (this.shown.selected === selected) this.panel.showSelection(ids, photos, title);
  }

  // The walk by `n` goes on from there.
  private toggleSelected(id: number): void {
    const selected = new Set(this.shown.selected);
    if (!selected.delete(id)) selected.add(id);
    this.selectIds([...selected]);
    this.shown.current = id;
    this.restate();
    this.note();
  }

  private showList(shown: boolean): void {
    const was = !this.list.element.hidden;
    this.list.element.hidden = !shown;
    this.box.hidden = shown;
    this.listButton.setAttribute('aria-pressed', String(shown));
    if (shown === was) return;
    if (shown) {
      this.list.show(this.shown.parts());
      this.list.element.focus({ preventScroll: true });
    } else {
      this.stage?.invalidate();
      this.box.focus({ preventScroll: true });
    }
    this.note();
  }

  private async choose(id: number, fly: boolean): Promise<void> {
    const index = this.shown.index(id);
    if (index === undefined) return;
    this.shown.select([], id);
    this.restate();
    this.note();
    if (fly) {
      const { positions } = this.shown;
      const around = nearestPoints(positions, index, AROUND, (i) => this.shown.isVisible(i));
      const [far] = around.slice(-1);
      const { centre } = sphereOf(positions, [index]);
      const radius = far === undefined ? 0.12 : distanceBetween(positions, index, far);
      this.stage?.flyTo(centre, Math.min(0.5, Math.max(0.06, radius)));
    }
    try {
      const photo = await this.names.get(id);
      if (this.shown.current === id) await this.panel.showPhoto(photo);
    } catch (error) {
      toast((error as Error).message);
    }
  }

  private clear(): void {
    this.shown.select([]);
    this.panel.hide();
    this.tip.hide();
    this.restate();
    this.note();
  }

  private openPhoto(photo: Photo, list: readonly Photo[]): void {
    const items = list.map((one) => ({ photo: one, score: null }));
    this.app.openPhoto(photo.id, { photos: () => items });
  }

  private savePicture(): void {
    const { stage } = this;
    if (!stage) return;
    const style = getComputedStyle(this.box);
    const picture = stage.copy(style.backgroundColor);
    const context = picture.getContext('2d');
    if (context) this.labels.draw(context, picture.width / Math.max(1, this.box.clientWidth));
    picture.toBlob((blob) => {
      if (blob) save(blob, 'fovea-map.png');
      else toast('Not saved: the browser made no picture.');
    }, 'image/png');
  }

  private async exportRows(ids: readonly number[], what: 'coordinates' | 'paths'): Promise<void> {
    const { data } = this.shown;
    if (!data || ids.length === 0) return;
    if (ids.length > LISTED_MAX) toast(`Collecting ${format.plural(ids.length, 'name')} …`);
    try {
      const photos = await this.names.all(ids);
      if (what === 'paths') save(asPaths(photos), 'fovea-selection.txt');
      else save(asJson(coordinates(data, photos)), 'fovea-map.json');
    } catch (error) {
      toast(`Not saved: ${(error as Error).message}`);
    }
  }

  private point(id: number | null, place: ScreenPoint): void {
    if (id === null) {
      delete this.box.dataset.pointed;
      this.tip.hide();
      return;
    }
    this.box.dataset.pointed = String(id);
    void this.tip.show(id, place);
  }

  private onKey(event: KeyboardEvent): void {
    const { stage } = this;
    if (!stage || event.target !== this.box || event.ctrlKey || event.metaKey || event.altKey)
      return;
    const arrow = event.shiftKey && event.key.startsWith('Arrow');
    const table = keyTable(stage, {
      next: () => this.walkTo(this.shown.next(stage.where.target)),
      previous: () => this.walkTo(this.shown.previous()),
      flyToHits: () => this.flyToHits(),
      toggleSelected: () => {
        if (this.shown.current !== null) this.toggleSelected(this.shown.current);
      },
      selectLit: () => this.selectIds(this.shown.litIds()),
      open: () => {
        if (this.shown.current !== null)
          void this.names.get(this.shown.current).then((photo) => this.openPhoto(photo, [photo]));
      },
      clear: () => this.clear(),
      list: () => this.showList(true),
    });
    const action = table[arrow ? `Shift+${event.key}` : event.key];
    if (!action) return;
    event.preventDefault();
    this.tip.hide();
    action();
  }

  // Going from one to the next keeps what was selected by the way.
  private walkTo(id: number | undefined): void {
    if (id === undefined) return;
    const { selected } = this.shown;
    void this.choose(id, true);
    this.shown.selected = selected;
    this.restate();
  }
}

const titleOf = (name: string, count: number): string =>
  `${name}, ${format.plural(count, 'photograph')}`;

function distanceBetween(positions: Float32Array, a: number, b: number): number {
  const axis = (k: number): number => (positions[3 * a + k] ?? 0) - (positions[3 * b + k] ?? 0);
  return Math.hypot(axis(0), axis(1), axis(2));
}
