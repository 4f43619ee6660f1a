// SPDX-License-Identifier: MIT
//
// The map's place on the page: it fetches the coordinates, holds what is coloured, hidden, found and
// selected, and tells the stage. The stage (and with it Three.js) is loaded when the map is first
// looked at. The address restores method, colouring, hidden entries, the search and the camera.
import { getMap, isMaking, type MapData, type MapMethod, type Photo, search } from '../api';
import type { App, View } from '../app';
import { h, replace } from '../dom';
import * as format from '../format';
import { debounce, Latest } from '../latest';
import type { Route } from '../route';
import { failure, notBuilt, notice } from '../states';
import { toast } from '../toast';
import { asJson, asPaths, coordinates, save } from './export';
import { Labels, type Label } from './labels';
import { Marks, type Tool } from './marks';
import {
  type Colouring,
  colourings,
  insidePolygon,
  type Legend,
  makeLegend,
  nearestPoints,
  positionsOf,
  type ScreenPoint,
  sphereOf,
  startPositions,
} from './model';
import { Names } from './names';
import { Panel } from './panel';
import type { CameraPlace, Stage } from './stage';

const methods: Record<MapMethod, string> = { umap: 'UMAP', tsne: 't-SNE', pca: 'PCA' };
const methodNames = Object.keys(methods) as MapMethod[];
const colouringNames: Record<Colouring, string> = {
  category: 'Category',
  group: 'Group',
  date: 'Date',
  camera: 'Camera',
};
const STATE = { hidden: 0, dim: 1, plain: 2, hit: 3, chosen: 4 } as const;
const CLICK_PX = 5;

export class MapView implements View {
  private method: MapMethod = 'umap';
  private by: Colouring = 'category';
  private query = '';
  private hidden = new Set<string>(); // names of legend entries
  private data: MapData | null = null;
  private positions: Float32Array = new Float32Array(0);
  private legend: Legend = { entries: [], of: new Int16Array(0) };
  private indexOf = new Map<number, number>(); // by id
  private hits: Set<number> | null = null; // ids
  private selected = new Set<number>(); // ids
  private current: number | null = null; // the id that was clicked
  private stage: Stage | null = null;
  private broken = false;
  private active = false;
  private timer: ReturnType<typeof setTimeout> | undefined;
  private readonly latest = new Latest();
  private readonly searching = new Latest();
  private readonly names = new Names();
  private readonly typing = debounce(() => void this.find(), 250);
  private readonly noting = debounce(() => this.note(), 300);

  private readonly methodButtons = h('div', {
    class: 'segments',
    role: 'group',
    'aria-label': 'Layout',
  });
  private readonly byField = h(
    'select',
    { class: 'field-quiet', 'aria-label': 'Colour by' },
    ...colourings.map((name) =>
      h('option', { value: name }, `By ${colouringNames[name].toLowerCase()}`),
    ),
  );
  private readonly input = h('input', {
    type: 'search',
    class: 'field max-w-72',
    placeholder: 'light up what matches …',
    'aria-label': 'Search in the map',
    maxlength: 4000,
  });
  private readonly found = h('span', { class: 'text-sm text-muted', role: 'status' });
  private readonly toolButtons = h('div', {
    class: 'segments',
    role: 'group',
    'aria-label': 'What dragging does',
  });
  private readonly legendList = h('ul', {
    class: 'map-legend',
    'aria-label': 'Legend: what is shown',
  });
  private readonly tip = h('div', { class: 'map-tip', hidden: true });
  private readonly box = h('div', {
    class: 'map-box',
    role: 'application',
    tabindex: '0',
    'aria-label': 'Map of the library',
    'aria-description':
      'Arrows turn, plus and minus approach and go away, n goes to the next neighbour, Enter opens it, f flies to what was found, 0 goes home, Escape clears. The list beside holds the same photographs.',
  });
  private readonly cover = h('div', { class: 'map-cover' });
  private readonly labels = new Labels((label) => this.showLabel(label));
  private readonly marks = new Marks(
    this.box,
    (held) => {
      if (this.stage) this.stage.controls.enabled = !held;
    },
    (polygon, add) => this.selectIn(polygon, add),
  );
  private readonly panel = new Panel({
    onOpen: (photo, list) => this.openPhoto(photo, list),
    onGo: (id) => void this.choose(id, true),
    onMoreLike: (photo) => this.app.moreLike(photo),
    onExport: (ids, what) => void this.exportRows(ids, what),
    onClose: () => this.clear(),
  });
  readonly element: HTMLElement;

  constructor(private readonly app: App) {
    this.box.append(this.labels.element, this.marks.element, this.tip, this.cover);
    this.element = h(
      'section',
      { 'aria-label': 'Map', class: 'map' },
      h(
        'div',
        { class: 'tools' },
        this.methodButtons,
        this.byField,
        this.input,
        this.found,
        h('span', { class: 'grow' }),
        this.toolButtons,
        this.tool('List', 'List what is shown', () => void this.listShown()),
        this.tool('Picture', 'Save a picture of the map', () => void this.savePicture()),
        this.tool(
          'Coordinates',
          'Save all coordinates',
          () => void this.exportRows(this.data?.ids ?? [], 'coordinates'),
        ),
      ),
      h(
        'div',
        { class: 'map-row' },
        this.box,
        h('div', { class: 'map-side' }, this.panel.element, this.legendList),
      ),
      h(
        'p',
        { class: 'map-caption' },
        'What lies together looks alike: clusters are honest, exact distances and empty space are not.',
      ),
    );
    this.byField.addEventListener('change', () => {
      this.by = this.byField.value as Colouring;
      this.hidden.clear();
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
    this.installPointer();
    this.showTools();
    new MutationObserver(() =>
      this.stage?.setTheme(document.documentElement.dataset.theme !== 'light'),
    ).observe(document.documentElement, { attributes: true, attributeFilter: ['data-theme'] });
    app.live.watchMade((made) => {
      if (made.what !== 'duplicates' && this.active) void this.load();
    });
    app.live.watch((now, before) => {
      if (
        this.active &&
        before.status &&
        now.status &&
        now.status.library.photos !== before.status.library.photos
      )
        void this.load();
    });
  }

  enter(route: Route): void {
    const { params } = route;
    this.active = true;
    const method = methodNames.find((name) => name === params.get('method')) ?? 'umap';
    this.by = colourings.find((name) => name === params.get('by')) ?? this.by;
    this.hidden = new Set(params.getAll('hide'));
    const query = params.get('q') ?? '';
    const asked = query !== this.query || (query !== '' && !this.hits);
    this.query = query;
    this.input.value = query;
    this.byField.value = this.by;
    const changed = method !== this.method;
    this.method = method;
    this.showMethods();
    void this.load(changed).then(() => {
      const camera = readCamera(params.get('camera'));
      if (camera) this.stage?.place(camera);
      const chosen = Number(params.get('at'));
      if (chosen > 0) void this.choose(chosen, !camera);
      if (asked) void this.find(!camera);
    });
  }

  leave(): void {
    this.active = false;
    clearTimeout(this.timer);
    this.latest.cancel();
  }

  refresh(): void {
    void this.load();
  }

  private tool(text: string, title: string, run: () => void): HTMLElement {
    return h('button', { type: 'button', class: 'button-quiet', title, on: { click: run } }, text);
  }

  private showMethods(): void {
    replace(
      this.methodButtons,
      ...methodNames.map((name) =>
        h(
          'button',
          {
            type: 'button',
            class: 'segment',
            'aria-pressed': String(name === this.method),
            on: {
              click: () => {
                this.method = name;
                this.showMethods();
                this.note();
                void this.load();
              },
            },
          },
          methods[name],
        ),
      ),
    );
  }

  private showTools(): void {
    const tools: [Tool, string][] = [
      ['orbit', 'Turn'],
      ['lasso', 'Lasso'],
      ['box', 'Box'],
    ];
    replace(
      this.toolButtons,
      ...tools.map(([name, text]) =>
        h(
          'button',
          {
            type: 'button',
            class: 'segment',
            'aria-pressed': String(this.marks.tool === name),
            on: {
              click: () => {
                this.marks.tool = name;
                this.box.dataset.tool = name;
                this.showTools();
              },
            },
          },
          text,
        ),
      ),
    );
  }

  private note(): void {
    if (!this.active) return;
    const params = new URLSearchParams();
    if (this.method !== 'umap') params.set('method', this.method);
    if (this.by !== 'category') params.set('by', this.by);
    if (this.query.trim()) params.set('q', this.query.trim());
    for (const name of this.hidden) params.append('hide', name);
    if (this.current !== null) params.set('at', String(this.current));
    if (this.stage) params.set('camera', writeCamera(this.stage.where));
    this.app.router.note({ view: 'map', params }, 'replace');
  }

  private async load(force = false): Promise<void> {
    clearTimeout(this.timer);
    if (!this.data || force)
      replace(this.cover, h('p', { class: 'waiting', role: 'status' }, 'Fetching the map …'));
    this.cover.hidden = this.data !== null && !force;
    try {
      const { features } = await this.app.live.whenKnown();
      if (!features.includes('map')) {
        this.cover.hidden = false;
        replace(this.cover, notBuilt('the map'));
        return;
      }
      const answer = await this.latest.run((signal) => getMap(this.method, signal));
      if (!answer) return;
      if (isMaking(answer.value)) {
        const { detail, elapsed_s, retry_after_s } = answer.value;
        this.cover.hidden = false;
        replace(
          this.cover,
          h('p', { class: 'waiting', role: 'status' }, `${detail} (${format.seconds(elapsed_s)})`),
        );
        this.timer = setTimeout(() => void this.load(), retry_after_s * 1000);
        return;
      }
      await this.showMap(answer.value);
    } catch (error) {
      this.cover.hidden = false;
      replace(
        this.cover,
        failure(error, () => void this.load(true)),
      );
    }
  }

  private async showMap(data: MapData): Promise<void> {
    if (data.count === 0) {
      this.cover.hidden = false;
      replace(
        this.cover,
        notice({
          icon: 'map',
          title: 'Nothing to map yet',
          text: 'The map shows the photographs of the library once there are some.',
        }),
      );
      return;
    }
    const end = positionsOf(data);
    const start = this.data ? startPositions(data.ids, end, this.data.ids, this.positions) : end;
    this.data = data;
    this.positions = end;
    this.indexOf = new Map(data.ids.map((id, i) => [id, i]));
    await this.openStage();
    this.cover.hidden = !this.broken;
    this.stage?.setPoints(
      data.ids,
      start,
      end,
      (i) => this.isVisible(i) && !this.isDim(data.ids[i] ?? 0),
    );
    this.recolour();
  }

  private async openStage(): Promise<void> {
    if (this.stage || this.broken) return;
    const { Stage: Made } = await import('./stage');
    try {
      this.stage = new Made(this.box);
    } catch {
      this.broken = true;
      replace(
        this.cover,
        notice({
          icon: 'map',
          title: 'This browser draws no 3D (WebGL 2)',
          text: 'The legend and the list beside still show what lies together.',
        }),
      );
      return;
    }
    this.stage.onFrame = () => this.afterFrame();
    this.stage.onMoved = () => this.noting.soon();
    this.box.prepend(this.stage.canvas);
  }

  private afterFrame(): void {
    const { stage } = this;
    if (!stage) return;
    this.labels.place((label) => {
      const { centre } = sphereOf(this.positions, label.indices);
      const vector = stage.camera.position.clone().set(...centre);
      return stage.project(vector);
    });
    Object.assign(this.box.dataset, {
      frames: String(stage.frames),
      calls: String(stage.drawCalls),
      pictures: String(stage.pictures),
    });
  }

  private recolour(): void {
    if (!this.data) return;
    this.legend = makeLegend(this.data, this.by);
    this.stage?.cloud.setColours(
      this.legend.entries.map((entry) => entry.colour),
      this.legend.of,
    );
    this.showLegend();
    this.restate();
    this.labels.set(this.by === 'category' || this.by === 'group' ? this.makeLabels() : []);
    this.stage?.invalidate();
  }

  private makeLabels(): Label[] {
    const labels = this.legend.entries.map(({ name, colour, count }) => ({
      name,
      colour,
      count,
      indices: [] as number[],
    }));
    this.legend.of.forEach((entry, i) => labels[entry]?.indices.push(i));
    return labels.filter(({ colour }) => colour !== '#a3a3a3');
  }

  private isVisible(index: number): boolean {
    return !this.hidden.has(this.legend.entries[this.legend.of[index] ?? -1]?.name ?? '');
  }

  // Something was found or selected, and this is not of it.
  private isDim(id: number): boolean {
    const narrowed = this.hits ?? (this.selected.size > 0 ? this.selected : null);
    return narrowed !== null && !narrowed.has(id) && !this.selected.has(id) && id !== this.current;
  }

  // Every point's state follows from what is hidden, found, selected and current.
  private restate(): void {
    const { data } = this;
    if (!data) return;
    const narrowed = this.hits !== null || this.selected.size > 0;
    const states = Uint8Array.from(data.ids, (id, i) => {
      if (!this.isVisible(i)) return STATE.hidden;
      if (id === this.current) return STATE.chosen;
      if (!narrowed) return STATE.plain;
      return this.isDim(id) ? STATE.dim : STATE.hit;
    });
    this.stage?.cloud.setStates(states);
    this.stage?.invalidate();
  }

  private showLegend(): void {
    replace(
      this.legendList,
      ...this.legend.entries.map(({ name, colour, count }) => {
        const dot = h('span', { class: 'swatch' });
        dot.style.backgroundColor = colour;
        return h(
          'li',
          {},
          h(
            'button',
            {
              type: 'button',
              class: 'legend-entry',
              'aria-pressed': String(!this.hidden.has(name)),
              title: 'Click: show or hide. Double click: only this',
              on: { click: () => this.toggle(name), dblclick: () => this.only(name) },
            },
            dot,
            h('span', { class: 'truncate' }, name),
            h('span', { class: 'ml-auto text-muted tabular-nums' }, format.count(count)),
          ),
        );
      }),
    );
  }

  private toggle(name: string): void {
    if (!this.hidden.delete(name)) this.hidden.add(name);
    this.filterChanged();
  }

  private only(name: string): void {
    this.hidden = new Set(
      this.legend.entries.map((entry) => entry.name).filter((other) => other !== name),
    );
    this.filterChanged();
  }

  private filterChanged(): void {
    for (const [i, button] of [...this.legendList.querySelectorAll('button')].entries())
      button.setAttribute(
        'aria-pressed',
        String(!this.hidden.has(this.legend.entries[i]?.name ?? '')),
      );
    this.restate();
    this.note();
  }

  private async find(fly = true): Promise<void> {
    const text = this.query.trim();
    this.note();
    if (!text) {
      this.searching.cancel();
      this.hits = null;
      this.found.textContent = '';
      this.restate();
      return;
    }
    try {
      const answer = await this.searching.run((signal) =>
        search({ texts: [{ text }], floor: 'auto', limit: 1000 }, [], signal),
      );
      if (!answer) return;
      const { results, strong, strong_total } = answer.value;
      this.hits = new Set(results.map((hit) => hit.photo.id));
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
    const ids = this.hits ?? this.selected;
    const indices = [...ids].flatMap((id) => this.indexOf.get(id) ?? []);
    if (indices.length === 0) return;
    const { centre, radius } = sphereOf(this.positions, indices);
    this.stage?.flyTo(centre, radius);
  }

  private showLabel(label: Label): void {
    const { centre, radius } = sphereOf(this.positions, label.indices);
    this.stage?.flyTo(centre, radius);
    const ids = label.indices.flatMap((i) => this.data?.ids[i] ?? []);
    void this.select(ids, `${label.name}, ${format.plural(label.count, 'photograph')}`);
  }

  private selectIn(polygon: ScreenPoint[], add: boolean): void {
    const { stage, data } = this;
    if (!stage || !data) return;
    const ids = data.ids.filter((_, i) => {
      if (!this.isVisible(i)) return false;
      const at = stage.project(stage.positionNow(i));
      return at !== null && insidePolygon(polygon, at.x, at.y);
    });
    const all = add ? [...new Set([...this.selected, ...ids])] : ids;
    void this.select(all, `${format.plural(all.length, 'photograph')} selected`);
  }

  private async select(ids: readonly number[], title: string): Promise<void> {
    this.selected = new Set(ids);
    this.current = null;
    this.restate();
    if (ids.length === 0) {
      this.panel.hide();
      return;
    }
    this.panel.showSelection(ids, [], title);
    const photos = await this.names.all(ids.slice(0, 500)).catch(() => []);
    if (this.selected.size === ids.length) this.panel.showSelection(ids, photos, title);
  }

  private async listShown(): Promise<void> {
    const ids = this.data?.ids.filter((_, i) => this.isVisible(i)) ?? [];
    const wanted = this.hits ? ids.filter((id) => this.hits?.has(id)) : ids;
    await this.select(wanted, `${format.plural(wanted.length, 'photograph')} shown`);
    this.panel.element.querySelector<HTMLElement>('.map-list-item')?.focus();
  }

  private async choose(id: number, fly: boolean): Promise<void> {
    const index = this.indexOf.get(id);
    if (index === undefined) return;
    this.current = id;
    this.selected.clear();
    this.restate();
    this.note();
    if (fly) this.stage?.flyTo(sphereOf(this.positions, [index]).centre, 0.12);
    try {
      const photo = await this.names.get(id);
      if (this.current === id) await this.panel.showPhoto(photo);
    } catch (error) {
      toast((error as Error).message);
    }
  }

  private clear(): void {
    this.current = null;
    this.selected.clear();
    this.panel.hide();
    this.tip.hidden = true;
    this.restate();
    this.note();
  }

  private openPhoto(photo: Photo, list: readonly Photo[]): void {
    const items = list.map((one) => ({ photo: one, score: null }));
    this.app.openPhoto(photo.id, { photos: () => items });
  }

  private async savePicture(): Promise<void> {
    const background = getComputedStyle(document.documentElement).backgroundColor;
    const blob = await this.stage?.picture(background);
    if (blob) save(blob, 'fovea-map.png');
  }

  private async exportRows(ids: readonly number[], what: 'coordinates' | 'paths'): Promise<void> {
    if (!this.data || ids.length === 0) return;
    try {
      const photos = await this.names.all(ids);
      if (what === 'paths') save(asPaths(photos), 'fovea-selection.txt');
      else save(asJson(coordinates(this.data, photos)), 'fovea-map.json');
    } catch (error) {
      toast(`Not saved: ${(error as Error).message}`);
    }
  }

  private installPointer(): void {
    let down: ScreenPoint | null = null;
    let hovering = 0;
    const at = (event: PointerEvent | MouseEvent): ScreenPoint => {
      const box = this.box.getBoundingClientRect();
      return { x: event.clientX - box.left, y: event.clientY - box.top };
    };
    const onCanvas = (event: Event): boolean => event.target === this.stage?.canvas;
    this.box.addEventListener('pointerdown', (event) => {
      down = onCanvas(event) ? at(event) : null;
      this.tip.hidden = true;
    });
    this.box.addEventListener('pointerup', (event) => {
      const place = at(event);
      if (!down || Math.hypot(place.x - down.x, place.y - down.y) > CLICK_PX || !onCanvas(event))
        return;
      const index = this.stage?.pick(place.x, place.y) ?? -1;
      const id = this.data?.ids[index];
      if (id !== undefined) void this.choose(id, false);
      else this.clear();
    });
    this.box.addEventListener('pointermove', (event) => {
      if (event.buttons !== 0 || event.pointerType === 'touch' || !onCanvas(event)) return;
      const place = at(event);
      cancelAnimationFrame(hovering); // one look per frame
      hovering = requestAnimationFrame(() => void this.hover(place));
    });
    this.box.addEventListener('pointerleave', () => {
      cancelAnimationFrame(hovering);
      this.tip.hidden = true;
    });
  }

  private hovered = -1;

  private async hover(place: ScreenPoint): Promise<void> {
    const index = this.stage?.pick(place.x, place.y) ?? -1;
    const id = this.data?.ids[index];
    this.hovered = id ?? -1;
    this.box.classList.toggle('map-pointing', id !== undefined);
    if (id === undefined) {
      this.tip.hidden = true;
      return;
    }
    const left = Math.min(place.x + 14, this.box.clientWidth - 190);
    const top = Math.min(place.y + 14, this.box.clientHeight - 170);
    this.tip.style.transform = `translate(${left}px, ${top}px)`;
    if (this.tip.dataset.id === String(id) && !this.tip.hidden) return;
    const photo = await this.names.get(id).catch(() => null);
    if (!photo || this.hovered !== id) return;
    this.tip.dataset.id = String(id);
    replace(
      this.tip,
      h('img', { src: thumbnailOf(photo), alt: '' }),
      h('span', { class: 'truncate' }, photo.name),
    );
    this.tip.hidden = false;
  }

  private onKey(event: KeyboardEvent): void {
    const { stage } = this;
    if (!stage || event.target !== this.box || event.ctrlKey || event.metaKey || event.altKey)
      return;
    const turn = 0.12;
    const actions: Record<string, () => void> = {
      ArrowLeft: () => stage.orbit(-turn, 0),
      ArrowRight: () => stage.orbit(turn, 0),
      ArrowUp: () => stage.orbit(0, -turn),
      ArrowDown: () => stage.orbit(0, turn),
      '+': () => stage.zoom(0.85),
      '=': () => stage.zoom(0.85),
      '-': () => stage.zoom(1 / 0.85),
      n: () => this.nextNeighbour(),
      f: () => this.flyToHits(),
      '0': () => void import('./stage').then(({ HOME }) => stage.fly(HOME)),
      Escape: () => this.clear(),
      Enter: () => {
        if (this.current !== null)
          void this.names.get(this.current).then((photo) => this.openPhoto(photo, [photo]));
      },
    };
    const action = actions[event.key];
    if (!action) return;
    event.preventDefault();
    action();
  }

  private visited: number[] = [];

  // To the nearest point that this walk has not been at; the first is the one nearest to the middle.
  private nextNeighbour(): void {
    const { data } = this;
    if (!data) return;
    const from = this.current === null ? undefined : this.indexOf.get(this.current);
    if (from === undefined) {
      this.visited = [];
      const first = data.ids.find((_, i) => this.isVisible(i));
      if (first !== undefined) void this.choose(first, true);
      return;
    }
    this.visited = [...this.visited.slice(-200), this.current as number];
    const been = new Set(this.visited);
    const [next] = nearestPoints(
      this.positions,
      from,
      1,
      (i) => this.isVisible(i) && !been.has(data.ids[i] ?? 0),
    );
    const id = next === undefined ? undefined : data.ids[next];
    if (id !== undefined) void this.choose(id, true);
  }
}

const thumbnailOf = (photo: Photo): string => photo.thumbnail;

function writeCamera({ position, target }: CameraPlace): string {
  return [...position, ...target].map((value) => value.toFixed(3)).join(',');
}

function readCamera(text: string | null): CameraPlace | null {
  const n = (text ?? '').split(',').map(Number);
  if (n.length !== 6 || !n.every((value) => Number.isFinite(value) && Math.abs(value) < 100))
    return null;
  const [a = 0, b = 0, c = 0, d = 0, e = 0, f = 0] = n;
  return { position: [a, b, c], target: [d, e, f] };
}
