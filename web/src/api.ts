// SPDX-License-Identifier: MIT
//
// The server's contract (data/openapi.json) as types, and one function per request. Everything that
// is not an answer becomes an ApiError whose text is the server's own.

export interface Photo {
  id: number;
  hash: string;
  name: string;
  path: string;
  format: string;
  width: number;
  height: number;
  size_bytes: number;
  taken_at: string | null;
  camera: string | null;
  rating: number | null;
  category: string | null;
  confidence: number | null;
  thumbnail: string;
  original: string;
}

export interface Metadata {
  taken_at: string | null;
  camera: string | null;
  lens: string | null;
  exposure_s: number | null;
  f_number: number | null;
  focal_mm: number | null;
  focal35_mm: number | null;
  iso: number | null;
  latitude: number | null;
  longitude: number | null;
  altitude_m: number | null;
  rating: number | null;
  keywords: string[];
}

export interface Label {
  set: string;
  category: string | null;
  also: string[];
  confidence: number;
  margin: number;
  uncertain: boolean;
}

export interface PhotoDetail {
  photo: Photo;
  paths: string[];
  modified_at: string | null;
  metadata: Metadata;
  labels: Label[];
}

export interface PhotoList {
  total: number;
  limit: number;
  offset: number;
  photos: Photo[];
}

export const filterNames = [
  'since',
  'until',
  'camera',
  'lens',
  'category',
  'folder',
  'gps',
  'rating',
  'iso',
  'format',
  'keyword',
] as const;
export type FilterName = (typeof filterNames)[number];
export type Filters = { [K in FilterName]?: string };

export interface Hit {
  photo: Photo;
  score: number;
  strong: boolean;
  collapsed: number;
}

export type Sort = 'score' | 'date' | 'path';

export interface WeightedText {
  text: string;
  weight?: number;
}

export interface SearchRequest {
  texts?: WeightedText[];
  unwanted?: WeightedText[];
  photos?: { id: number; weight?: number }[];
  images?: { weight?: number }[];
  filters?: Filters;
  floor?: number | 'default' | 'auto';
  weak?: boolean;
  unique?: boolean;
  sort?: Sort;
  limit?: number;
  offset?: number;
}

export interface SearchAnswer {
  model: string;
  strong: boolean;
  message: string | null;
  floor: number;
  floor_mode: 'default' | 'auto' | 'fixed';
  total: number;
  strong_total: number;
  limit: number;
  offset: number;
  elapsed_ms: number;
  encode_ms: number;
  results: Hit[];
}

export interface Facet {
  value: string;
  count: number;
}

export interface Facets {
  cameras: Facet[];
  lenses: Facet[];
  formats: Facet[];
  categories: Facet[];
  folders: Facet[];
  first_taken: string | null;
  last_taken: string | null;
  located: number;
  rated: number;
}

export type Tier = 'same-bytes' | 'same-picture' | 'same-moment' | 'similar';

export interface DuplicateMember {
  photo: Photo;
  path: string;
  size_bytes: number;
  keep: boolean;
  score: number;
  distance: number | null;
  turned: boolean;
  decided: boolean;
}

export interface DuplicateGroup {
  tier: Tier;
  reason: string;
  reclaim_bytes: number;
  members: DuplicateMember[];
}

export interface DuplicateList {
  total: number;
  tiers: Record<Tier, number>;
  limit: number;
  offset: number;
  groups: DuplicateGroup[];
}

export type Decision = 'not-duplicate' | 'duplicate' | 'none';

export interface Category {
  name: string;
  prompts: string[];
}

export interface CategorySet {
  name: string;
  saved: boolean;
  default: boolean;
  run: boolean;
  labelled: number;
  categories: (Category & { count: number })[];
  none: number;
}

export interface ClassifyOptions {
  none_below?: number | null;
  multi?: number | null;
  uncertain_margin?: number;
}

export interface CategoriesTried {
  total: number;
  none: number;
  uncertain: number;
  elapsed_ms: number;
  categories: {
    name: string;
    count: number;
    examples: { photo: Photo; confidence: number; cosine: number }[];
  }[];
}

export interface CategoriesRan {
  set: string;
  total: number;
  none: number;
  uncertain: number;
  elapsed_ms: number;
  categories: { name: string; count: number }[];
}

export type MapMethod = 'umap' | 'tsne' | 'pca';

export interface MapData {
  method: MapMethod;
  count: number;
  ids: number[];
  x: number[];
  y: number[];
  z: number[];
  categories: string[];
  category: number[];
  groups: { id: number; name: string }[];
  group: number[];
  cameras: string[];
  camera: number[];
  taken_at: (number | null)[];
}

export interface Making {
  state: 'making';
  detail: string;
  elapsed_s: number;
  retry_after_s: number;
}

export interface LibraryStatus {
  ok: boolean;
  detail: string | null;
  photos: number;
  files: number;
  failures: number;
  labelled: number;
  file_bytes: number;
  library_bytes: number;
  revision: number;
}

export interface Indexer {
  host: string;
  pid: number;
  since_s: number;
  silent_s: number;
  in_hand: number;
  found: number;
  todo: number;
  done: number;
  failed: number;
}

export interface Indexing {
  running: boolean;
  photos: number;
  added: number;
  per_second: number | null;
  since_s: number | null;
  indexers: Indexer[];
}

export type Feature = 'duplicates' | 'categories' | 'groups' | 'map';

export interface Status {
  version: string;
  model: string;
  dim: number;
  precision: string;
  device: string;
  uptime_s: number;
  library: LibraryStatus;
  indexing: Indexing;
  limits: {
    upload_bytes: number;
    request_bytes: number;
    images: number;
    megapixels: number;
    results: number;
  };
  floors: { text: number; image: number };
  needs_token: boolean;
  features: Feature[];
}

// `status` is HTTP's, 0 when there was no answer at all.
export class ApiError extends Error {
  constructor(
    readonly status: number,
    message: string,
  ) {
    super(message);
  }
}

export const isAbort = (error: unknown): boolean =>
  error instanceof DOMException && error.name === 'AbortError';

type Observer = (error: ApiError) => void;
let observer: Observer = () => undefined;

// Told of every failure: 401 asks for the token, 0 says that the server is gone.
export function observeErrors(watcher: Observer): void {
  observer = watcher;
}

function detailOf(body: unknown, response: Response): string {
  if (
    typeof body === 'object' &&
    body !== null &&
    'detail' in body &&
    typeof body.detail === 'string'
  )
    return body.detail;
  return `the server answered ${response.status} ${response.statusText}`.trimEnd();
}

async function request(method: string, path: string, init: RequestInit = {}): Promise<Response> {
  let response: Response;
  try {
    response = await fetch(path, { method, credentials: 'same-origin', ...init });
  } catch (error) {
    if (isAbort(error)) throw error;
    const gone = new ApiError(0, 'The server does not answer.');
    observer(gone);
    throw gone;
  }
  if (response.ok) return response;
  const body: unknown = await response.json().catch(() => null);
  const error = new ApiError(response.status, detailOf(body, response));
  observer(error);
  throw error;
}

// The answers are the server's own, checked against the same document by its tests.
async function json<T>(method: string, path: string, init: RequestInit = {}): Promise<T> {
  return (await (await request(method, path, init)).json()) as T;
}

function withBody(body: unknown, signal?: AbortSignal): RequestInit {
  return {
    body: JSON.stringify(body),
    headers: { 'Content-Type': 'application/json' },
    ...(signal ? { signal } : {}),
  };
}

const withSignal = (signal?: AbortSignal): RequestInit => (signal ? { signal } : {});

function withFilters(filters: Filters, more: Record<string, string | number>): string {
  const params = new URLSearchParams();
  for (const name of filterNames) if (filters[name]) params.set(name, filters[name]);
  for (const [name, value] of Object.entries(more)) params.set(name, String(value));
  return params.toString();
}

export const getStatus = (signal?: AbortSignal): Promise<Status> =>
  json('GET', '/api/v1/status', withSignal(signal));

export const getFacets = (signal?: AbortSignal): Promise<Facets> =>
  json('GET', '/api/v1/facets', withSignal(signal));

export async function openSession(token: string): Promise<void> {
  await request('POST', '/api/v1/session', withBody({ token }));
}

export function search(
  query: SearchRequest,
  images: Blob[],
  signal?: AbortSignal,
): Promise<SearchAnswer> {
  if (images.length === 0) return json('POST', '/api/v1/search', withBody(query, signal));
  const form = new FormData();
  form.append('query', new Blob([JSON.stringify(query)], { type: 'application/json' }));
  // The name that a file has here is nobody's business.
  for (const image of images) form.append('image', image, 'image');
  return json('POST', '/api/v1/search', { body: form, ...withSignal(signal) });
}

export const getPhotos = (
  filters: Filters,
  page: { sort: 'path' | 'date' | '-date'; limit: number; offset: number },
  signal?: AbortSignal,
): Promise<PhotoList> =>
  json('GET', `/api/v1/photos?${withFilters(filters, page)}`, withSignal(signal));

export const getPhoto = (id: number, signal?: AbortSignal): Promise<PhotoDetail> =>
  json('GET', `/api/v1/photos/${id}`, withSignal(signal));

export const getSimilar = (
  id: number,
  limit: number,
  signal?: AbortSignal,
): Promise<SearchAnswer> =>
  json('GET', `/api/v1/photos/${id}/similar?limit=${limit}&weak=true`, withSignal(signal));

export function isMaking(answer: object): answer is Making {
  return 'state' in answer && answer.state === 'making';
}

export const getDuplicates = (
  page: { tier: Tier | null; limit: number; offset: number },
  signal?: AbortSignal,
): Promise<DuplicateList | Making> => {
  const { tier, ...rest } = page;
  return json(
    'GET',
    `/api/v1/duplicates?${withFilters({}, tier ? { ...rest, tier } : rest)}`,
    withSignal(signal),
  );
};

export const decide = (photos: number[], decision: Decision): Promise<{ pairs: number }> =>
  json('POST', '/api/v1/duplicates/decisions', withBody({ photos, decision }));

export const getCategorySets = (signal?: AbortSignal): Promise<{ sets: CategorySet[] }> =>
  json('GET', '/api/v1/categories', withSignal(signal));

export const tryCategories = (
  categories: Category[],
  options: ClassifyOptions,
  examples: number,
  signal?: AbortSignal,
): Promise<CategoriesTried> =>
  json('POST', '/api/v1/categories/try', withBody({ categories, options, examples }, signal));

const setPath = (set: string): string => `/api/v1/categories/${encodeURIComponent(set)}`;

export const saveCategories = (set: string, categories: Category[]): Promise<CategorySet> =>
  json('PUT', setPath(set), withBody({ categories }));

export async function deleteCategories(set: string): Promise<void> {
  await request('DELETE', setPath(set));
}

export const runCategories = (set: string, options: ClassifyOptions): Promise<CategoriesRan> =>
  json('POST', `${setPath(set)}/run`, withBody(options));

export const getMap = (method: MapMethod, signal?: AbortSignal): Promise<MapData | Making> =>
  json('GET', `/api/v1/map?method=${method}`, withSignal(signal));

export const thumbnail = (photo: Photo, size: 256 | 1024): string =>
  size === 256
    ? photo.thumbnail
    : `${photo.thumbnail}${photo.thumbnail.includes('?') ? '&' : '?'}size=1024`;

export const originalFile = (photo: Photo): string =>
  `${photo.original}${photo.original.includes('?') ? '&' : '?'}as=file`;
