// SPDX-License-Identifier: MIT
//
// The search: what is asked for, the answer, and what is shown of it. The address holds the question
// (search/query.ts), except pictures that were given, which live as long as the page.
//
// Three things happen to a question: typing asks again after a pause, Enter and everything else at
// once; a later one makes an earlier one void (latest.ts); moving the floor asks nobody.
import {
  getPhotos,
  type Hit,
  type Photo,
  search,
  type SearchAnswer,
  type SearchRequest,
  type Sort,
} from '../api';
import type { App, PhotoSource, View } from '../app';
import { h, replace } from '../dom';
import * as format from '../format';
import { Grid, type TileSize } from '../grid/grid';
import { debounce, Latest } from '../latest';
import type { Route } from '../route';
import { failure, notice } from '../states';
import { toast } from '../toast';
import { SearchBar, type UploadedImage } from './bar';
import { FilterPanel } from './filters';
import { FloorSlider } from './floor';
import {
  emptyState,
  onlyUnwanted,
  readState,
  type SearchState,
  toRequest,
  writeState,
} from './query';
import { sectionHits, sectionDates } from './sections';

const TYPING_PAUSE_MS = 220;
const PAGE = 1000;
const REFRESH_PAUSE_MS = 4000; // while the library grows

type Shown =
  | { kind: 'nothing' }
  | { kind: 'hits'; answer: SearchAnswer; hits: Hit[]; request: SearchRequest }
  | { kind: 'library'; photos: Photo[]; total: number };

export class SearchView implements View {
  private state: SearchState = emptyState();
  private images: UploadedImage[] = [];
  private readonly known = new Map<number, Photo>(); // those that "more like this" was asked for
  private shown: Shown = { kind: 'nothing' };
  private askedKey = '';
  private active = false;
  private refreshedAt = 0;
  private readonly latest = new Latest();
  private readonly paging = new Latest();
  private readonly typing = debounce(() => this.ask(), TYPING_PAUSE_MS);
  private readonly later = debounce(() => this.refresh(), REFRESH_PAUSE_MS);

  private readonly bar = new SearchBar({
    onText: (text, done) => this.setText(text, done),
    onImages: (files) => this.addImages(files),
    onWeight: (image, weight) => {
      image.weight = weight;
      this.ask();
    },
    onRemoveImage: (image) => {
      this.dropImages([image]);
      this.changed('replace');
    },
    onRemoveLike: (id) => {
      this.state.like = this.state.like.filter((other) => other !== id);
      this.changed('push');
    },
    onClear: () => this.clear(),
  });
  private readonly filters = new FilterPanel((filters) => {
    this.state.filters = filters;
    this.changed('push');
  });
  private readonly floor = new FloorSlider((floor) => this.setFloor(floor));
  private readonly grid = new Grid({
    onOpen: (index) => this.open(index),
    onSimilar: (photo) => this.moreLike(photo),
    onNearEnd: () => void this.loadMore(),
  });
  private readonly sort = h(
    'select',
    { class: 'field-quiet', 'aria-label': 'Order' },
    h('option', { value: 'score' }, 'Best first'),
    h('option', { value: 'date' }, 'Newest first'),
    h('option', { value: 'path' }, 'By folder'),
  );
  private readonly unique = h('input', { type: 'checkbox', class: 'check' });
  private readonly size = h(
    'select',
    { class: 'field-quiet', 'aria-label': 'Size of the pictures' },
    h('option', { value: 'small' }, 'Small'),
    h('option', { value: 'medium', selected: true }, 'Medium'),
    h('option', { value: 'large' }, 'Large'),
  );
  private readonly summary = h('p', { class: 'summary', role: 'status', 'aria-live': 'polite' });
  private readonly busy = h('div', { class: 'busy', hidden: true, role: 'presentation' });
  private readonly place = h('div', { class: 'min-h-[60vh]' });
  private readonly searchOnly: HTMLElement;
  readonly element: HTMLElement;

  constructor(private readonly app: App) {
    this.searchOnly = h(
      'div',
      { class: 'contents' },
      this.floor.element,
      this.sort,
      h('label', { class: 'check-label' }, this.unique, 'Unique'),
    );
    this.element = h(
      'section',
      { 'aria-label': 'Search' },
      h('div', { class: 'search-head' }, this.bar.element, this.busy),
      h(
        'div',
        { class: 'tools' },
        this.filters.button,
        this.filters.chips,
        h('span', { class: 'grow' }),
        this.searchOnly,
        this.size,
      ),
      this.filters.element,
      this.summary,
      this.place,
    );
    this.sort.addEventListener('change', () => {
      this.state.sort = this.sort.value as Sort;
      this.changed('replace');
    });
    this.unique.addEventListener('change', () => {
      this.state.unique = this.unique.checked;
      this.changed('replace');
    });
    this.size.addEventListener('change', () => this.grid.setSize(this.size.value as TileSize));
    app.live.watch((now, before) => {
      this.onLive(now.status?.library.revision, before.status?.library.revision);
      // What stands in place of no pictures depends on whether some are coming.
      if (this.active && now.status?.indexing.running !== before.status?.indexing.running)
        if (this.listed.length === 0) this.showAnswer();
    });
  }

  enter(route: Route): void {
    this.active = true;
    this.state = readState(route.params);
    this.showControls();
    this.ask();
  }

  leave(): void {
    this.active = false;
    this.typing.cancel();
  }

  refresh(): void {
    this.askedKey = '';
    this.refreshedAt = Date.now();
    if (this.active) this.ask();
  }

  focusInput(): void {
    this.bar.input.focus();
    this.bar.input.select();
  }

  clear(): void {
    this.dropImages(this.images);
    this.state = {
      ...emptyState(),
      filters: this.state.filters,
      sort: this.state.sort,
      unique: this.state.unique,
    };
    this.bar.input.value = '';
    this.changed('push');
  }

  addImages(files: readonly File[]): void {
    const most = this.app.live.state.status?.limits.images ?? 8;
    for (const file of files) {
      if (this.images.length >= most) {
        toast(`A search takes ${most} pictures; the others were left out.`);
        break;
      }
      this.images.push({ file, url: URL.createObjectURL(file), weight: 1 });
    }
    this.changed('replace');
  }

  // A photograph of the library takes the place of everything but the filters.
  moreLike(photo: Photo): void {
    this.known.set(photo.id, photo);
    this.dropImages(this.images);
    this.state = {
      ...emptyState(),
      filters: this.state.filters,
      unique: this.state.unique,
      like: [photo.id],
    };
    window.scrollTo({ top: 0 });
    this.changed('push');
  }

  source(): PhotoSource {
    return {
      photos: () => this.listed,
      nearEnd: () => void this.loadMore(),
      left: (photo) => this.grid.focus(this.listed.findIndex((item) => item.photo.id === photo.id)),
    };
  }

  private listed: readonly { photo: Photo; score: number | null }[] = [];

  private open(index: number): void {
    const item = this.listed[index];
    if (item) this.app.openPhoto(item.photo.id, this.source());
  }

  private setText(text: string, done: boolean): void {
    this.state.text = text;
    if (done) {
      this.typing.cancel();
      this.changed('push');
      return;
    }
    this.showControls();
    this.typing.soon();
  }

  private setFloor(floor: number | null): void {
    this.state.floor = floor ?? 'auto';
    if (this.shown.kind === 'hits') {
      this.floor.move(this.floorNow(this.shown.answer), floor === null);
      this.showHits();
    }
    this.noteAddress('replace');
  }

  private dropImages(images: readonly UploadedImage[]): void {
    const gone = new Set(images);
    for (const image of gone) URL.revokeObjectURL(image.url);
    this.images = this.images.filter((image) => !gone.has(image));
  }

  private changed(how: 'push' | 'replace'): void {
    this.showControls();
    this.noteAddress(how);
    this.ask();
  }

  private noteAddress(how: 'push' | 'replace'): void {
    this.app.router.note({ view: 'search', params: writeState(this.state) }, how);
  }

  private showControls(): void {
    const likes = this.state.like.map((id) => this.known.get(id) ?? id);
    this.bar.show(this.state.text, this.images, likes);
    this.filters.show(this.state.filters);
    this.sort.value = this.state.sort;
    this.unique.checked = this.state.unique;
  }

  private floorNow(answer: SearchAnswer): number {
    return typeof this.state.floor === 'number' ? this.state.floor : answer.floor;
  }

  // Asks what the state says, unless that is what the answer on the page is to.
  private ask(): void {
    this.noteAddress('replace');
    const request = toRequest(this.state, this.images);
    const key = JSON.stringify([
      request ?? this.state.filters,
      this.images.map((image) => image.url),
    ]);
    if (key === this.askedKey) {
      if (this.shown.kind === 'hits') this.showHits();
      return;
    }
    this.askedKey = key;
    if (onlyUnwanted(this.state, this.images.length)) {
      this.latest.cancel();
      this.showNotice(
        notice({
          icon: 'search',
          title: 'Say what you look for, too',
          text: 'A minus only leaves out: “beach -people”.',
        }),
      );
      return;
    }
    void this.load(request);
  }

  private async load(request: SearchRequest | null): Promise<void> {
    this.paging.cancel();
    const slow = setTimeout(() => {
      this.busy.hidden = false;
    }, 120);
    try {
      const result = await this.latest.run((signal) => this.fetch(request, signal));
      if (!result) return;
      this.shown = result.value;
      this.showAnswer();
    } catch (error) {
      this.askedKey = '';
      this.showNotice(failure(error, () => this.refresh()));
    } finally {
      clearTimeout(slow);
      this.busy.hidden = true;
    }
  }

  private async fetch(request: SearchRequest | null, signal: AbortSignal): Promise<Shown> {
    if (!request) {
      const page = await getPhotos(
        this.state.filters,
        { sort: '-date', limit: PAGE, offset: 0 },
        signal,
      );
      return { kind: 'library', photos: page.photos, total: page.total };
    }
    const answer = await search(
      request,
      this.images.map((image) => image.file),
      signal,
    );
    return { kind: 'hits', answer, hits: answer.results, request };
  }

  private async loadMore(): Promise<void> {
    const shown = this.shown;
    const have =
      shown.kind === 'hits'
        ? shown.hits.length
        : shown.kind === 'library'
          ? shown.photos.length
          : 0;
    if (have === 0 || have % PAGE !== 0) return; // the last page was not a full one
    try {
      const files = this.images.map((image) => image.file);
      if (shown.kind === 'hits') {
        const more = await this.paging.run((signal) =>
          search({ ...shown.request, offset: have }, files, signal),
        );
        if (!more || this.shown !== shown) return;
        this.shown = { ...shown, hits: [...shown.hits, ...more.value.results] };
      } else if (shown.kind === 'library') {
        const page = { sort: '-date', limit: PAGE, offset: have } as const;
        const more = await this.paging.run((signal) => getPhotos(this.state.filters, page, signal));
        if (!more || this.shown !== shown) return;
        this.shown = { ...shown, photos: [...shown.photos, ...more.value.photos] };
      }
      this.showAnswer();
    } catch {
      // what is here stays; the status line says that the server is gone
    }
  }

  private showAnswer(): void {
    const shown = this.shown;
    this.searchOnly.hidden = shown.kind !== 'hits';
    this.searchOnly.classList.toggle('contents', shown.kind === 'hits');
    if (shown.kind === 'hits') {
      for (const { photo } of shown.hits)
        if (this.state.like.includes(photo.id)) this.known.set(photo.id, photo);
      this.floor.show(
        shown.hits,
        this.floorNow(shown.answer),
        typeof this.state.floor !== 'number',
      );
      this.showHits();
    } else if (shown.kind === 'library') {
      this.showLibrary(shown.photos, shown.total);
    }
  }

  private showHits(): void {
    if (this.shown.kind !== 'hits') return;
    const { answer, hits } = this.shown;
    if (hits.length === 0) {
      this.showNotice(this.emptyNotice());
      return;
    }
    const floor = this.floorNow(answer);
    const { items, sections, strong } = sectionHits(hits, floor, this.state.sort);
    // The server knows of strong hits that are not here yet, as long as the floor is its own.
    const total =
      typeof this.state.floor === 'number' ? strong : Math.max(strong, answer.strong_total);
    const looked = `of ${format.plural(answer.total, 'photograph')}`;
    this.summary.textContent =
      strong > 0
        ? `${format.plural(total, 'strong match', 'strong matches')} ${looked} · ${answer.elapsed_ms.toFixed(0)} ms`
        : `None ${looked} reaches the floor · ${answer.elapsed_ms.toFixed(0)} ms`;
    this.listed = items;
    this.app.listChanged();
    this.grid.show(items, sections);
    this.showGrid();
  }

  private showLibrary(photos: Photo[], total: number): void {
    if (photos.length === 0) {
      this.showNotice(this.emptyNotice());
      return;
    }
    const { items, sections } = sectionDates(photos);
    this.summary.textContent = format.plural(total, 'photograph');
    this.listed = items;
    this.app.listChanged();
    this.grid.show(items, sections);
    this.showGrid();
  }

  private emptyNotice(): HTMLElement {
    const { status } = this.app.live.state;
    const filtered = Object.keys(this.state.filters).length > 0;
    if (filtered)
      return notice({
        icon: 'filter',
        title: 'No photograph passes these filters',
        action: {
          label: 'Clear filters',
          run: () => {
            this.state.filters = {};
            this.changed('push');
          },
        },
      });
    if (status?.indexing.running)
      return notice({
        icon: 'image',
        title: 'The first photographs are on their way',
        text: 'The library is being indexed; they appear here as they are done.',
      });
    return notice({
      icon: 'image',
      title: 'No photographs yet',
      text: 'Point fovea at a folder of yours. The originals are only read, never changed, and nothing leaves this machine.',
      command: 'fovea index ~/Pictures',
    });
  }

  private showNotice(element: HTMLElement): void {
    this.summary.textContent = '';
    this.listed = [];
    replace(this.place, element);
  }

  private showGrid(): void {
    if (!this.grid.element.isConnected) replace(this.place, this.grid.element);
  }

  private onLive(revision: number | undefined, before: number | undefined): void {
    if (revision === undefined || before === undefined || revision === before || !this.active)
      return;
    // Under somebody's eyes pictures must not move: only at the top of the page, and not too often.
    if (window.scrollY > 80) return;
    if (Date.now() - this.refreshedAt > REFRESH_PAUSE_MS) this.refresh();
    else this.later.soon();
  }
}
