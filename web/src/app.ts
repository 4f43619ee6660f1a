// SPDX-License-Identifier: MIT
//
// What the views share, and what a view is.
import type { Photo } from './api';
import type { Live } from './live';
import type { Route, Router } from './route';

// Where the full view gets its neighbours from: the list as it is when an arrow key is pressed.
export interface PhotoSource {
  photos: () => readonly { photo: Photo; score: number | null }[];
  nearEnd?: () => void;
  left?: (photo: Photo) => void; // the full view was closed at this one
}

export interface App {
  router: Router;
  live: Live;
  openPhoto: (id: number, source: PhotoSource) => void;
  moreLike: (photo: Photo) => void;
  listChanged: () => void; // of a PhotoSource that was given
  remember: (route: Route) => void; // where its tab leads, for a view that is being left
}

export interface View {
  readonly element: HTMLElement;
  enter: (route: Route) => void; // also when its part of the address changes
  leave: () => void;
  refresh: () => void; // the library or the server is another one than it was
  source?: () => PhotoSource;
  focusInput?: () => void; // of its own search
}
