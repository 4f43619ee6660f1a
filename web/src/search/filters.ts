// SPDX-License-Identifier: MIT
//
// The filters: fields that narrow down which photographs are looked at, with what the library has to
// offer as suggestions. What is set shows as a chip that takes it off again.
import {
  type Facet,
  type Facets,
  type FilterName,
  type Filters,
  type CategorySet,
  filterNames,
  getCategorySets,
  getFacets,
} from '../api';
import { h, replace } from '../dom';
import * as format from '../format';
import { icon } from '../icons';

const names: Record<FilterName, string> = {
  since: 'From',
  until: 'Until',
  camera: 'Camera',
  lens: 'Lens',
  category: 'Category',
  folder: 'Folder',
  gps: 'Place',
  rating: 'Rating',
  iso: 'ISO',
  format: 'Format',
  keyword: 'Keyword',
};

export function describeFilter(name: FilterName, value: string): string {
  if (name === 'rating')
    return value.endsWith('+')
      ? `${'★'.repeat(Number(value.slice(0, -1)))} or more`
      : `Rating ${value}`;
  if (name === 'folder')
    return `in ${value.split('/').filter(Boolean).slice(-2).join('/') || value}`;
  if (name === 'gps') {
    const [south, west, north, east] = value.split(',').map(Number);
    const corners = [south, west, north, east].every(Number.isFinite);
    return corners ? `Place: ${south}…${north}°, ${west}…${east}°` : `Place: ${value}`;
  }
  return `${names[name]}: ${value}`;
}

// "SET:NAME" as the filter has it; a set's name may hold a colon, so that the sets are needed.
export function splitCategory(
  value: string,
  sets: readonly { name: string }[],
): { set: string; category: string } {
  const set = sets
    .map(({ name }) => name)
    .filter((name) => value.startsWith(`${name}:`))
    .sort((a, b) => b.length - a.length)[0];
  return set === undefined
    ? { set: '', category: value }
    : { set, category: value.slice(set.length + 1) };
}

export class FilterPanel {
  readonly chips = h('div', {
    class: 'flex flex-wrap gap-1.5',
    'aria-label': 'Filters that are set',
  });
  readonly element = h('div', { class: 'filter-panel', id: 'filters', hidden: true });
  readonly button = h(
    'button',
    {
      type: 'button',
      class: 'button-quiet',
      'aria-expanded': 'false',
      'aria-controls': 'filters',
      on: { click: () => this.toggle() },
    },
    icon('filter', 16),
    'Filters',
  );
  private filters: Filters = {};
  private readonly fields = new Map<FilterName, HTMLInputElement | HTMLSelectElement>();
  private sets: CategorySet[] = [];
  private facets: Facets | null = null;
  private readonly setField = h(
    'select',
    { class: 'field', 'aria-label': 'Category set' },
    h('option', { value: '' }, 'The one run last'),
  );

  constructor(private readonly onChange: (filters: Filters) => void) {
    this.build();
    // Another set offers other categories; of which one is looked for is said by the category.
    this.setField.addEventListener('change', () => {
      this.offerCategories();
      this.set('category', '');
    });
  }

  show(filters: Filters): void {
    this.filters = { ...filters };
    for (const [name, field] of this.fields) {
      const value = filters[name] ?? '';
      if (
        field instanceof HTMLSelectElement &&
        value &&
        ![...field.options].some((option) => option.value === value)
      )
        field.append(h('option', { value }, value));
      field.value = value;
    }
    const set = filterNames.filter((name) => filters[name]);
    replace(this.chips, ...set.map((name) => this.chip(name, filters[name] ?? '')));
    this.chips.hidden = set.length === 0;
  }

  private chip(name: FilterName, value: string): HTMLElement {
    const text = describeFilter(name, value);
    return h(
      'span',
      { class: 'chip', title: value },
      h('span', { class: 'truncate' }, text),
      h(
        'button',
        {
          type: 'button',
          class: 'chip-close',
          'aria-label': `Remove filter ${text}`,
          on: { click: () => this.set(name, '') },
        },
        icon('close', 14),
      ),
    );
  }

  private toggle(): void {
    this.element.hidden = !this.element.hidden;
    this.button.setAttribute('aria-expanded', String(!this.element.hidden));
    if (!this.element.hidden) void this.loadFacets();
  }

  private set(name: FilterName, value: string): void {
    const filters = { ...this.filters };
    if (value) filters[name] = value;
    else delete filters[name];
    this.onChange(filters);
  }

  private build(): void {
    const text = (name: FilterName, attributes: Record<string, string>): HTMLElement => {
      const field = h('input', { class: 'field', ...attributes });
      return this.labelled(name, field);
    };
    const select = (name: FilterName, options: [string, string][]): HTMLElement => {
      const field = h(
        'select',
        { class: 'field' },
        ...options.map(([value, label]) => h('option', { value }, label)),
      );
      return this.labelled(name, field);
    };
    const rating: [string, string][] = [
      ['', 'Any'],
      ['1+', '★ or more'],
      ['2+', '★★ or more'],
      ['3+', '★★★ or more'],
      ['4+', '★★★★ or more'],
      ['5', '★★★★★'],
    ];
    replace(
      this.element,
      text('since', { type: 'text', placeholder: '2023, 2023-05 …', inputmode: 'numeric' }),
      text('until', { type: 'text', placeholder: '2024-12-31', inputmode: 'numeric' }),
      select('camera', [['', 'Any']]),
      select('lens', [['', 'Any']]),
      h(
        'label',
        { class: 'grid gap-1 min-w-0' },
        h('span', { class: 'text-xs text-muted' }, 'Category set'),
        this.setField,
      ),
      select('category', [['', 'Any']]),
      select('rating', rating),
      select('format', [['', 'Any']]),
      select('folder', [['', 'Any']]),
      text('keyword', { type: 'text', placeholder: 'family' }),
      text('iso', { type: 'text', placeholder: '800, 800+, 100-400', inputmode: 'numeric' }),
      text('gps', {
        type: 'text',
        placeholder: '45.8,6.8,46.1,7.2',
        title: 'A box in degrees: south, west, north, east',
      }),
      h(
        'button',
        {
          type: 'button',
          class: 'button-quiet self-end justify-center',
          on: { click: () => this.onChange({}) },
        },
        'Clear filters',
      ),
    );
  }

  private labelled(name: FilterName, field: HTMLInputElement | HTMLSelectElement): HTMLElement {
    this.fields.set(name, field);
    field.setAttribute('aria-label', names[name]);
    field.addEventListener('change', () => this.set(name, field.value.trim()));
    return h(
      'label',
      { class: 'grid gap-1 min-w-0' },
      h('span', { class: 'text-xs text-muted' }, names[name]),
      field,
    );
  }

  private async loadFacets(): Promise<void> {
    try {
      const [facets, { sets }] = await Promise.all([getFacets(), getCategorySets()]);
      this.facets = facets;
      this.sets = sets.filter((set) => set.run);
    } catch {
      return; // the fields still take what is typed; the failure is shown by the status line
    }
    const { facets } = this;
    this.offer('camera', facets.cameras);
    this.offer('lens', facets.lenses);
    this.offer('format', facets.formats);
    this.offer('folder', facets.folders);
    replace(
      this.setField,
      h('option', { value: '' }, 'The one run last'),
      ...this.sets.map(({ name, labelled }) =>
        h('option', { value: name }, `${name}  (${format.count(labelled)})`),
      ),
    );
    this.setField.value = splitCategory(this.filters.category ?? '', this.sets).set;
    this.offerCategories();
  }

  private offerCategories(): void {
    const set = this.sets.find(({ name }) => name === this.setField.value);
    const field = this.fields.get('category');
    if (!set || !(field instanceof HTMLSelectElement)) {
      this.offer('category', this.facets?.categories ?? []);
      return;
    }
    const named = [...set.categories, { name: 'None of these', count: set.none }];
    replace(
      field,
      h('option', { value: '' }, 'Any'),
      ...named.map(({ name, count }) =>
        h('option', { value: `${set.name}:${name}` }, `${name}  (${format.count(count)})`),
      ),
    );
    this.show(this.filters);
  }

  private offer(name: FilterName, values: Facet[]): void {
    const field = this.fields.get(name);
    if (!(field instanceof HTMLSelectElement)) return;
    const options = values.map(({ value, count }) => {
      const label = name === 'folder' ? value.split('/').slice(-3).join('/') : value;
      return h('option', { value, title: value }, `${label}  (${format.count(count)})`);
    });
    replace(field, h('option', { value: '' }, 'Any'), ...options);
    this.show(this.filters);
  }
}
