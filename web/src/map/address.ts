// SPDX-License-Identifier: MIT
//
// The map's part of the address: layout, colouring, hidden entries, the search, the photograph that
// is looked at, the list, the camera. What is as it is by itself is left out.
import type { MapMethod } from '../api';
import { type CameraPlace, readCamera, writeCamera } from './camera';
import { type Colouring, colourings } from './model';

export const methods: Record<MapMethod, string> = { umap: 'UMAP', tsne: 't-SNE', pca: 'PCA' };
const methodNames = Object.keys(methods) as MapMethod[];

export interface MapAddress {
  method: MapMethod;
  by: Colouring;
  query: string;
  hidden: Set<string>;
  at: number | null; // a photograph's id
  list: boolean;
  camera: CameraPlace | null;
}

export function readAddress(params: URLSearchParams): MapAddress {
  const at = Number(params.get('at'));
  return {
    method: methodNames.find((name) => name === params.get('method')) ?? 'umap',
    by: colourings.find((name) => name === params.get('by')) ?? 'category',
    query: params.get('q') ?? '',
    hidden: new Set(params.getAll('hide')),
    at: at > 0 ? at : null,
    list: params.get('list') === '1',
    camera: readCamera(params.get('camera')),
  };
}

export function writeAddress(address: MapAddress): URLSearchParams {
  const params = new URLSearchParams();
  if (address.method !== 'umap') params.set('method', address.method);
  if (address.by !== 'category') params.set('by', address.by);
  if (address.query.trim()) params.set('q', address.query.trim());
  for (const name of address.hidden) params.append('hide', name);
  if (address.at !== null) params.set('at', String(address.at));
  if (address.list) params.set('list', '1');
  if (address.camera) params.set('camera', writeCamera(address.camera));
  return params;
}
