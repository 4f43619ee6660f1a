// SPDX-License-Identifier: MIT
//
// What is being looked for, apart from the pictures that were dropped: a line of text, photographs
// of the library, filters. The text has the little syntax that the command line has as options:
//
//     beach at dusk + sailing boat:0.5 -people -"crowded street"
//
// is two phrases, the second at half the weight, and two things it should not look like. A hyphen
// inside a word is a hyphen, and a colon is only a weight when a number follows it at the end.
import {
  type Filters,
  filterNames,
  type SearchRequest,
  type Sort,
  type WeightedText,
} from '../api';

export interface TextQuery {
  texts: WeightedText[];
  unwanted: WeightedText[];
}

const WEIGHT_MAX = 100;

function weighted(part: string): WeightedText | null {
  const match = /^(.*?)\s*:\s*(\d+(?:\.\d+)?|\.\d+)$/s.exec(part.trim());
  const text = unquote((match?.[1] ?? part).trim());
  if (!text) return null;
  const weight = match ? Number(match[2]) : 1;
  return match && weight > 0 && weight <= WEIGHT_MAX
    ? { text, weight }
    : { text: match ? unquote(part.trim()) : text };
}

function unquote(text: string): string {
  return /^".*"$/s.test(text) && text.length >= 2 ? text.slice(1, -1).trim() : text;
}

export function parseText(line: string): TextQuery {
  const unwanted: WeightedText[] = [];
  const rest = line.replace(
    /(^|\s)-("[^"]*"(?::[\d.]+)?|[^\s"+-][^\s+]*)/gu,
    (_whole, before: string, term: string) => {
      const found = weighted(term);
      if (found) unwanted.push(found);
      return before;
    },
  );
  const texts = rest
    .split(/\s\+\s|^\+\s|\s\+$/u)
    .map(weighted)
    .filter((text): text is WeightedText => text !== null && text.text !== '+');
  return { texts, unwanted };
}

export type FloorMode = 'auto' | 'default' | number;

export interface SearchState {
  text: string;
  like: number[]; // photographs of the library
  filters: Filters;
  sort: Sort;
  unique: boolean;
  floor: FloorMode;
}

export const emptyState = (): SearchState => ({
  text: '',
  like: [],
  filters: {},
  sort: 'score',
  unique: false,
  floor: 'auto',
});

export function readState(params: URLSearchParams): SearchState {
  const state = emptyState();
  state.text = params.get('q') ?? '';
  state.like = (params.get('like') ?? '')
    .split(',')
    .map(Number)
    .filter((id) => Number.isSafeInteger(id) && id > 0);
  for (const name of filterNames) {
    const value = params.get(name);
    if (value) state.filters[name] = value;
  }
  const sort = params.get('sort');
  if (sort === 'date' || sort === 'path') state.sort = sort;
  state.unique = params.get('unique') === '1';
  const floor = params.get('floor');
  if (floor === 'default') state.floor = 'default';
  else if (floor && Number.isFinite(Number(floor)))
    state.floor = Math.min(1, Math.max(-1, Number(floor)));
  return state;
}

export function writeState(state: SearchState): URLSearchParams {
  const params = new URLSearchParams();
  if (state.text.trim()) params.set('q', state.text.trim());
  if (state.like.length > 0) params.set('like', state.like.join(','));
  for (const name of filterNames) if (state.filters[name]) params.set(name, state.filters[name]);
  if (state.sort !== 'score') params.set('sort', state.sort);
  if (state.unique) params.set('unique', '1');
  if (state.floor !== 'auto') params.set('floor', String(state.floor));
  return params;
}

// null: there is nothing to look for, only (perhaps) something to look through.
export function toRequest(state: SearchState, images: { weight: number }[]): SearchRequest | null {
  const { texts, unwanted } = parseText(state.text);
  if (texts.length === 0 && state.like.length === 0 && images.length === 0) return null;
  return {
    ...(texts.length > 0 ? { texts } : {}),
    ...(unwanted.length > 0 ? { unwanted } : {}),
    ...(state.like.length > 0 ? { photos: state.like.map((id) => ({ id })) } : {}),
    ...(images.length > 0 ? { images: images.map(({ weight }) => ({ weight })) } : {}),
    ...(Object.keys(state.filters).length > 0 ? { filters: state.filters } : {}),
    // The slider moves what is strong without asking again, so that weak ones come along.
    floor: state.floor === 'default' ? 'default' : 'auto',
    weak: true,
    unique: state.unique,
    sort: state.sort,
    limit: 1000,
    offset: 0,
  };
}

// Something is unwanted, but nothing is wanted.
export function onlyUnwanted(state: SearchState, images: number): boolean {
  const { texts, unwanted } = parseText(state.text);
  return unwanted.length > 0 && texts.length === 0 && state.like.length === 0 && images === 0;
}
