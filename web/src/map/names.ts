// SPDX-License-Identifier: MIT
//
// From a point's id to the photograph it stands for: asked once each, remembered, and at most a few
// at a time.
import { getPhoto, getPhotos, type Photo } from '../api';

const KEPT_MAX = 5000;
const PAGE = 1000;

export class Names {
  private readonly known = new Map<number, Promise<Photo>>();

  get(id: number): Promise<Photo> {
    const found = this.known.get(id);
    if (found) return found;
    const asked = getPhoto(id).then((detail) => detail.photo);
    asked.catch(() => this.known.delete(id));
    this.known.set(id, asked);
    if (this.known.size > KEPT_MAX) this.known.delete(this.known.keys().next().value as number);
    return asked;
  }

  // Those of `wanted`, in its order; what the library does not have (any more) is left out.
  async all(wanted: readonly number[]): Promise<Photo[]> {
    if (wanted.length <= 24)
      return (await Promise.allSettled(wanted.map((id) => this.get(id)))).flatMap((result) =>
        result.status === 'fulfilled' ? [result.value] : [],
      );
    const missing = new Set(wanted);
    const found = new Map<number, Photo>();
    for (let offset = 0, total = 1; offset < total && missing.size > 0; offset += PAGE) {
      const page = await getPhotos({}, { sort: 'path', limit: PAGE, offset });
      total = page.total;
      for (const photo of page.photos) if (missing.delete(photo.id)) found.set(photo.id, photo);
    }
    return wanted.flatMap((id) => found.get(id) ?? []);
  }
}
