// SPDX-License-Identifier: MIT
//
// Categories: sets of names with prompts. Whatever is typed is tried on the whole library at once,
// with counts and the surest photographs of each; nothing is kept until "Save and run".
import {
  type CategoriesTried,
  type Category,
  type CategorySet,
  type ClassifyOptions,
  deleteCategories,
  getCategorySets,
  runCategories,
  saveCategories,
  thumbnail,
  tryCategories,
} from '../api';
import type { App, View } from '../app';
import { h, replace } from '../dom';
import * as format from '../format';
import { icon } from '../icons';
import { debounce, Latest } from '../latest';
import type { Route } from '../route';
import { failure } from '../states';
import { toast } from '../toast';
import { categoryColour, complete, type DraftCategory, linesOf, problem, toDraft } from './model';

const EXAMPLES = 12;
const TYPING_PAUSE_MS = 350;

export class CategoriesView implements View {
  private sets: CategorySet[] = [];
  private setName = '';
  private draft: DraftCategory[] = [];
  private tried: CategoriesTried | null = null;
  private loaded = false;
  private readonly latest = new Latest();
  private readonly typing = debounce(() => void this.try(), TYPING_PAUSE_MS);
  private readonly chooser = h('select', {
    class: 'field-quiet max-w-56',
    'aria-label': 'Category set',
  });
  private readonly nameField = h('input', {
    class: 'field max-w-56',
    'aria-label': 'Name of the set',
    maxlength: 64,
    placeholder: 'Name of the set',
  });
  private readonly noneBelow = h('input', {
    class: 'field w-20',
    type: 'number',
    step: '0.01',
    min: '-1',
    max: '1',
    placeholder: 'off',
    'aria-label': 'None of these below this cosine',
  });
  private readonly summary = h('p', { class: 'summary', role: 'status', 'aria-live': 'polite' });
  private readonly message = h('p', { class: 'text-sm text-warn min-h-5', role: 'status' });
  private readonly save = h(
    'button',
    { type: 'button', class: 'button-primary', on: { click: () => void this.saveAndRun() } },
    icon('play', 16),
    'Save and run',
  );
  private readonly remove = h(
    'button',
    { type: 'button', class: 'button-quiet', on: { click: () => void this.forget() } },
    icon('trash', 16),
    'Forget',
  );
  private readonly cards = h('div', { class: 'category-list' });
  private readonly results = new Map<DraftCategory, HTMLElement>();
  readonly element = h(
    'section',
    { 'aria-label': 'Categories', class: 'page' },
    h(
      'div',
      { class: 'tools' },
      this.chooser,
      this.nameField,
      h('label', { class: 'check-label' }, 'None below', this.noneBelow),
      h('span', { class: 'grow' }),
      this.remove,
      this.save,
    ),
    this.summary,
    this.message,
    this.cards,
  );

  constructor(private readonly app: App) {
    this.chooser.addEventListener('change', () =>
      app.router.go({
        view: 'categories',
        params: new URLSearchParams(
          this.chooser.value ? { set: this.chooser.value } : { set: '', new: '1' },
        ),
      }),
    );
    this.nameField.addEventListener('input', () => this.check());
    this.noneBelow.addEventListener('input', () => this.typing.soon());
  }

  enter(route: Route): void {
    void this.load(route);
  }

  leave(): void {
    this.typing.cancel();
    this.latest.cancel();
  }

  refresh(): void {
    this.loaded = false;
    void this.load(this.app.router.route);
  }

  private async load(route: Route): Promise<void> {
    try {
      if (!this.loaded) this.sets = (await getCategorySets()).sets;
    } catch (error) {
      replace(
        this.cards,
        failure(error, () => this.refresh()),
      );
      return;
    }
    const fresh = route.params.get('new') === '1';
    const wanted = route.params.get('set') ?? this.setName;
    const set =
      this.sets.find(({ name }) => name === wanted) ??
      this.sets.find(({ run }) => run) ??
      this.sets[0];
    if (this.loaded && !fresh && set?.name === this.setName && this.draft.length > 0) return;
    this.loaded = true;
    if (fresh || !set)
      this.edit('', [
        { name: '', prompts: '' },
        { name: '', prompts: '' },
      ]);
    else this.edit(set.name, toDraft(set.categories));
  }

  private edit(name: string, draft: DraftCategory[]): void {
    this.setName = name;
    this.draft = draft;
    this.tried = null;
    const label = (set: CategorySet): string =>
      `${set.name}${set.run ? `  (${format.count(set.labelled)})` : ''}`;
    replace(
      this.chooser,
      ...this.sets.map((set) =>
        h('option', { value: set.name, selected: set.name === name }, label(set)),
      ),
      h('option', { value: '', selected: name === '' }, 'New set …'),
    );
    this.nameField.value = name;
    this.showCards();
    this.check();
    this.typing.now();
  }

  private showCards(): void {
    this.results.clear();
    replace(
      this.cards,
      ...this.draft.map((category, i) => this.card(category, i)),
      h(
        'button',
        { type: 'button', class: 'add-category', on: { click: () => this.add() } },
        icon('plus', 20),
        'Add a category',
      ),
    );
  }

  private card(category: DraftCategory, index: number): HTMLElement {
    const name = h('input', {
      class: 'category-name',
      value: category.name,
      placeholder: 'Name',
      'aria-label': `Name of category ${index + 1}`,
      maxlength: 200,
    });
    const prompts = h('textarea', {
      class: 'category-prompts',
      rows: Math.max(3, linesOf(category.prompts).length),
      spellcheck: 'false',
      placeholder: 'a photo of …\none prompt a line',
      'aria-label': `Prompts of category ${index + 1}, one a line`,
    });
    prompts.value = category.prompts;
    name.addEventListener('input', () => {
      category.name = name.value;
      this.changed();
    });
    prompts.addEventListener('input', () => {
      category.prompts = prompts.value;
      this.changed();
    });
    const swatch = h('span', { class: 'swatch' });
    swatch.style.backgroundColor = categoryColour(index);
    const result = h('div', { class: 'category-result' });
    this.results.set(category, result);
    return h(
      'article',
      { class: 'category-card', 'aria-label': category.name || `Category ${index + 1}` },
      h(
        'div',
        { class: 'category-edit' },
        h(
          'div',
          { class: 'flex items-center gap-2' },
          swatch,
          name,
          h(
            'button',
            {
              type: 'button',
              class: 'icon-button',
              'aria-label': `Remove category ${category.name || index + 1}`,
              title: 'Remove',
              on: { click: () => this.drop(category) },
            },
            icon('close', 16),
          ),
        ),
        prompts,
      ),
      result,
    );
  }

  private add(): void {
    this.draft.push({ name: '', prompts: '' });
    this.showCards();
    this.showTried();
    this.cards.querySelectorAll<HTMLInputElement>('.category-name')[this.draft.length - 1]?.focus();
  }

  private drop(category: DraftCategory): void {
    this.draft = this.draft.filter((other) => other !== category);
    this.showCards();
    this.changed();
  }

  private changed(): void {
    this.check();
    this.typing.soon();
  }

  private check(): string | null {
    const wrong = problem(this.nameField.value, this.draft);
    this.save.disabled = wrong !== null;
    this.save.title = wrong ?? 'Keep this set, and give every photograph its category';
    this.remove.hidden = !this.sets.some(
      (set) => set.name === this.setName && set.saved && !set.default,
    );
    return wrong;
  }

  private options(): ClassifyOptions {
    const below = Number.parseFloat(this.noneBelow.value);
    return Number.isFinite(below) && below >= -1 && below <= 1 ? { none_below: below } : {};
  }

  private async try(): Promise<void> {
    const categories = complete(this.draft);
    if (categories.length === 0) {
      this.latest.cancel();
      this.tried = null;
      this.summary.textContent =
        'Give a category a name and a prompt; it is tried on the library as you type.';
      this.showTried();
      return;
    }
    this.element.classList.add('is-trying');
    try {
      const result = await this.latest.run((signal) =>
        tryCategories(categories, this.options(), EXAMPLES, signal),
      );
      if (!result) return;
      this.tried = result.value;
      this.message.textContent = '';
      this.summary.textContent = this.summarise(result.value);
      this.showTried();
    } catch (error) {
      this.message.textContent = (error as Error).message;
    }
    this.element.classList.remove('is-trying');
  }

  private summarise({ total, none, uncertain, elapsed_ms }: CategoriesTried): string {
    const parts = [`Tried on ${format.plural(total, 'photograph')} in ${elapsed_ms.toFixed(0)} ms`];
    if (none > 0) parts.push(`${format.count(none)} none of these`);
    parts.push(`${format.count(uncertain)} uncertain`);
    return parts.join(' · ');
  }

  private showTried(): void {
    const largest = Math.max(1, ...(this.tried?.categories.map(({ count }) => count) ?? []));
    this.draft.forEach((category, i) => {
      const place = this.results.get(category);
      const found = this.tried?.categories.find(({ name }) => name === category.name.trim());
      if (!place) return;
      if (!found) {
        replace(place);
        return;
      }
      const bar = h('span', { class: 'count-bar' });
      bar.style.width = `${(found.count / largest) * 100}%`;
      bar.style.backgroundColor = categoryColour(i);
      replace(
        place,
        h(
          'div',
          { class: 'count-line' },
          h(
            'span',
            { class: 'tabular-nums font-medium', data: { part: 'count' } },
            format.count(found.count),
          ),
          h('span', { class: 'count-track' }, bar),
        ),
        h(
          'div',
          { class: 'strip' },
          ...found.examples.map((example) => this.example(found.examples, example)),
        ),
      );
    });
  }

  private example(
    all: CategoriesTried['categories'][number]['examples'],
    { photo, confidence, cosine }: (typeof all)[number],
  ): HTMLElement {
    const text = `${photo.name}, ${format.percent(confidence)}, cosine ${format.score(cosine)}`;
    const photos = all.map((item) => ({ photo: item.photo, score: item.cosine }));
    return h(
      'button',
      {
        type: 'button',
        class: 'strip-tile',
        title: text,
        'aria-label': text,
        on: { click: () => this.app.openPhoto(photo.id, { photos: () => photos }) },
      },
      h('img', { src: thumbnail(photo, 256), alt: '', loading: 'lazy' }),
    );
  }

  private async saveAndRun(): Promise<void> {
    const wrong = this.check();
    if (wrong) {
      this.message.textContent = wrong;
      return;
    }
    const name = this.nameField.value.trim();
    const categories: Category[] = complete(this.draft);
    this.save.disabled = true;
    try {
      const set = this.sets.find((other) => other.name === name);
      // The set that ships cannot be written over, and needs not to be when nothing was changed.
      const same =
        set &&
        JSON.stringify(set.categories.map(({ name: n, prompts }) => ({ name: n, prompts }))) ===
          JSON.stringify(categories);
      if (!same) await saveCategories(name, categories);
      const ran = await runCategories(name, this.options());
      toast(`${format.plural(ran.total, 'photograph')} classified by “${name}”.`);
      this.sets = (await getCategorySets()).sets;
      this.setName = name;
      this.app.router.note(
        { view: 'categories', params: new URLSearchParams({ set: name }) },
        'replace',
      );
      this.edit(name, this.draft);
    } catch (error) {
      this.message.textContent = (error as Error).message;
    }
    this.check();
  }

  private async forget(): Promise<void> {
    const name = this.setName;
    try {
      await deleteCategories(name);
    } catch (error) {
      this.message.textContent = (error as Error).message;
      return;
    }
    const draft = complete(this.draft);
    this.setName = '';
    toast(`The set “${name}” and its labels are forgotten.`, {
      label: 'Undo',
      run: () => void saveCategories(name, draft).then(() => this.refresh()),
    });
    this.refresh();
  }
}
