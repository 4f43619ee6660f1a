// SPDX-License-Identifier: MIT
//
// What the tests of the map share: clouds that are made up, with their photographs and thumbnails;
// where the viewer must show a point, worked out here once more and independently; what colour a
// place of the page has.
import { deflateSync } from 'node:zlib';
import { api, openPage, until } from './harness.mjs';

export function random(seed) {
  let state = seed >>> 0;
  return () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return state / 2 ** 32;
  };
}

// Points in `clusters` balls, reproducibly; by category they alternate, by the rest they do not.
export function madeUp(ids, clusters, method = 'umap', more = {}) {
  const next = random(method.length * 7919);
  const part = () => next() - 0.5;
  const centres = Array.from({ length: clusters }, () => [0, 1, 2].map(() => part() * 1.3));
  const axis = (k) =>
    ids.map((_, i) => Math.max(-1, Math.min(1, centres[i % clusters][k] + part() * 0.3)));
  const named = (what) => Array.from({ length: clusters }, (_, k) => `${what} ${k + 1}`);
  return {
    method,
    count: ids.length,
    ids,
    x: axis(0),
    y: axis(1),
    z: axis(2),
    categories: named('Kind'),
    category: ids.map((_, i) => i % clusters),
    groups: named('group').map((name, id) => ({ id, name })),
    group: ids.map((_, i) => (i * 5) % clusters),
    cameras: named('Camera'),
    camera: ids.map((_, i) => (i * 7) % clusters),
    taken_at: ids.map((_, i) => Date.UTC(2001 + ((i * 11) % clusters), 5, 5) / 1000),
    ...more,
  };
}

export const range = (count) => Array.from({ length: count }, (_, i) => i + 1);

export const photoOf = (id) => ({
  id,
  hash: 'ab'.repeat(16),
  name: `photo-${id}.jpg`,
  path: `/made/up/photo-${id}.jpg`,
  format: 'jpeg',
  width: 400,
  height: 300,
  size_bytes: 1000,
  taken_at: null,
  camera: null,
  rating: null,
  category: null,
  confidence: null,
  thumbnail: `/api/v1/photos/${id}/thumbnail`,
  original: `/api/v1/photos/${id}/original`,
});

// No two ids below 4000 have the same colour, and near ids have very different ones.
export const colourOf = (id) => [40 + 13 * (id % 16), 40 + 13 * ((id >> 4) % 16), 40 + 13 * (id >> 8)];

function crc(bytes) {
  let c = ~0;
  for (const byte of bytes) {
    c ^= byte;
    for (let k = 0; k < 8; k++) c = (c >>> 1) ^ (c & 1 ? 0xedb88320 : 0);
  }
  return ~c >>> 0;
}

export function solidPng([r, g, b], width = 8, height = 6) {
  const chunk = (type, data) => {
    const body = Buffer.concat([Buffer.from(type), data]);
    const out = Buffer.alloc(body.length + 8);
    out.writeUInt32BE(data.length, 0);
    body.copy(out, 4);
    out.writeUInt32BE(crc(body), body.length + 4);
    return out;
  };
  const head = Buffer.alloc(13);
  head.writeUInt32BE(width, 0);
  head.writeUInt32BE(height, 4);
  head.set([8, 2, 0, 0, 0], 8);
  const row = Buffer.concat([Buffer.from([0]), Buffer.from(Array(width).fill([r, g, b]).flat())]);
  const rows = deflateSync(Buffer.concat(Array(height).fill(row)));
  return Buffer.concat([
    Buffer.from([137, 80, 78, 71, 13, 10, 26, 10]),
    chunk('IHDR', head),
    chunk('IDAT', rows),
    chunk('IEND', Buffer.alloc(0)),
  ]);
}

export const dataOf = (page) => page.locator('.map-box').evaluate((box) => ({ ...box.dataset }));
export const paramOf = (page, name) =>
  page.evaluate((key) => new URLSearchParams(location.hash.split('?')[1] ?? '').get(key), name);
export const chosen = async (page) => Number(await paramOf(page, 'at'));

export const firstFrame = (page) =>
  until(async () => Number((await dataOf(page)).frames) > 0, 'the first frame', 60_000);

// `maps`: a map, or how to make one of a method. Photographs are made up, too; `pictures`: with
// thumbnails of their id's colour, else without any.
export async function openCloud(world, maps, { hash = '#/map', pictures, before, ...options } = {}) {
  const opened = await openPage(world.browser, {
    url: world.server.url,
    reducedMotion: 'reduce',
    ...options,
  });
  const { page } = opened;
  const real = await api(world.server, 'GET', '/api/v1/status');
  const mapOf = typeof maps === 'function' ? maps : () => maps;
  await page.route('**/api/v1/status', (route) =>
    route.fulfill({
      json: {
        ...real,
        features: ['map'],
        library: { ...real.library, photos: mapOf('umap').count },
      },
    }),
  );
  await page.route('**/api/v1/photos?*', (route) => {
    const { searchParams } = new URL(route.request().url());
    const { ids } = mapOf('umap');
    const [limit, offset] = ['limit', 'offset'].map((name) => Number(searchParams.get(name)));
    const photos = ids.slice(offset, offset + limit).map(photoOf);
    return route.fulfill({ json: { total: ids.length, limit, offset, photos } });
  });
  await page.route('**/api/v1/map?*', (route) =>
    route.fulfill({
      json: mapOf(new URL(route.request().url()).searchParams.get('method')),
    }),
  );
  // The server's own events are of its own library.
  await page.route('**/api/v1/events', (route) =>
    route.fulfill({ contentType: 'text/event-stream', body: 'retry: 600000\n\n' }),
  );
  await page.route(/\/api\/v1\/photos\/\d+(\/\w+)?(\?.*)?$/, (route) => {
    const [, id, what] = /photos\/(\d+)(?:\/(\w+))?/.exec(route.request().url());
    if (what === 'thumbnail')
      return pictures
        ? route.fulfill({ contentType: 'image/png', body: solidPng(colourOf(Number(id))) })
        : route.fulfill({ status: 204, body: '' });
    if (what === 'similar') return route.fulfill({ json: { results: [] } });
    return route.fulfill({ json: { photo: photoOf(Number(id)), paths: [], labels: [] } });
  });
  await before?.(page);
  await opened.go(hash);
  await firstFrame(page);
  return opened;
}

export const mapBox = (page) => page.locator('.map-canvas').boundingBox();

// The camera as the address says it, as a way from the cloud to places within the canvas.
export async function cameraOf(page) {
  const written = await until(() => paramOf(page, 'camera'), 'the camera in the address');
  const n = written.split(',').map(Number);
  const [position, target] = [n.slice(0, 3), n.slice(3)];
  const minus = (a, b) => a.map((value, k) => value - b[k]);
  const dot = (a, b) => a.reduce((sum, value, k) => sum + value * b[k], 0);
  const cross = ([a, b, c], [d, e, f]) => [b * f - c * e, c * d - a * f, a * e - b * d];
  const unit = (a) => a.map((value) => value / Math.hypot(...a));
  const ahead = unit(minus(target, position));
  const right = unit(cross(ahead, [0, 1, 0]));
  const up = cross(right, ahead);
  const { width, height } = await mapBox(page);
  return {
    distance: Math.hypot(...minus(target, position)),
    project(point) {
      const from = minus(point, position);
      const depth = dot(from, ahead);
      const scale = height / (2 * Math.tan((25 * Math.PI) / 180) * depth);
      return { x: width / 2 + dot(from, right) * scale, y: height / 2 - dot(from, up) * scale, depth };
    },
  };
}

export const pointOf = (map, i) => [map.x[i], map.y[i], map.z[i]];

// Where all points are on the canvas.
export async function projectAll(page, map) {
  const camera = await cameraOf(page);
  return map.ids.map((id, i) => ({ id, index: i, ...camera.project(pointOf(map, i)) }));
}

// How large a point's core is, across, in CSS pixels.
export function coreOf(count, depth, factor = 1) {
  const size = Math.max(5, Math.min(30, 66 / Math.log10(10 + count)));
  return 0.485 * Math.max(1.5, Math.min(64, (size * factor) / depth));
}

// What the pointer finds at places of the canvas, one after the other, within the page: ids, or 0.
export const pointedAt = (page, places) =>
  page.evaluate(async (list) => {
    const box = document.querySelector('.map-box');
    const canvas = box.querySelector('canvas');
    const frame = () => new Promise((resolve) => requestAnimationFrame(resolve));
    const found = [];
    for (const { x, y } of list) {
      const { left, top } = box.getBoundingClientRect();
      canvas.dispatchEvent(
        new PointerEvent('pointermove', {
          clientX: left + x,
          clientY: top + y,
          bubbles: true,
          pointerType: 'mouse',
        }),
      );
      await frame(); // the look was asked for before this one
      found.push(Number(box.dataset.pointed ?? 0));
    }
    return found;
  }, places);

// The colours of the page at places of the canvas, as one sees them.
export async function coloursAt(page, places, scale = 1) {
  const box = await mapBox(page);
  const shot = await page.screenshot({ clip: box, animations: 'allow' });
  return readPng(
    page,
    shot,
    places.map(({ x, y }) => ({ x: x * scale, y: y * scale })),
  );
}

// Decodes in the browser: the colours of a PNG's pixels at `places`; without any, of all pixels.
export const readPng = (page, bytes, places) =>
  page.evaluate(
    async ({ data, list }) => {
      const image = new Image();
      image.src = `data:image/png;base64,${data}`;
      await image.decode();
      const canvas = document.createElement('canvas');
      canvas.width = image.naturalWidth;
      canvas.height = image.naturalHeight;
      const context = canvas.getContext('2d', { willReadFrequently: true });
      context.drawImage(image, 0, 0);
      if (!list) {
        const { data: all } = context.getImageData(0, 0, canvas.width, canvas.height);
        const counts = {};
        for (let i = 0; i < all.length; i += 4) {
          const key = `${all[i]},${all[i + 1]},${all[i + 2]}`;
          counts[key] = (counts[key] ?? 0) + 1;
        }
        return { width: canvas.width, height: canvas.height, counts };
      }
      return list.map(({ x, y }) => [
        ...context.getImageData(Math.floor(x), Math.floor(y), 1, 1).data.slice(0, 3),
      ]);
    },
    { data: bytes.toString('base64'), list: places },
  );

// Where a name floats, what is behind it is not seen.
export const hideLabels = (page) =>
  page.locator('.map-labels').evaluate((labels) => labels.style.setProperty('display', 'none'));

export const near = (a, b, most) => a.every((value, k) => Math.abs(value - b[k]) <= most);

// Waits until nothing is drawn any more.
export async function settled(page) {
  let before = -1;
  let still = 0;
  await until(async () => {
    const { frames } = await dataOf(page);
    still = frames === before ? still + 1 : 0;
    before = frames;
    return still >= 5;
  }, 'rest', 90_000);
}

// What is drawn, counted where it is drawn, and how long a frame takes: from the page's callback to
// the moment when its pixels are there, which a read of one of them waits for.
export const cloudFrames = {
  install: (page) =>
    page.addInitScript(() => {
      const frames = [];
      let calls = 0;
      let points = 0;
      let context = null;
      window.drawnFrames = frames;
      const { prototype } = WebGL2RenderingContext;
      for (const name of ['drawArrays', 'drawElements', 'drawArraysInstanced', 'drawElementsInstanced']) {
        const draw = prototype[name];
        prototype[name] = function (...args) {
          // Into the page, not into the buffer that is picked from.
          if (this.getParameter(this.DRAW_FRAMEBUFFER_BINDING) === null) {
            calls++;
            if (name === 'drawArrays') points += args[2];
            context = this;
          }
          return draw.apply(this, args);
        };
      }
      const ask = window.requestAnimationFrame.bind(window);
      const pixel = new Uint8Array(4);
      window.requestAnimationFrame = (callback) =>
        ask((now) => {
          calls = 0;
          points = 0;
          const started = performance.now();
          callback(now);
          const scripted = performance.now();
          if (calls === 0) return;
          if (window.measureFrames)
            context.readPixels(0, 0, 1, 1, context.RGBA, context.UNSIGNED_BYTE, pixel);
          frames.push({
            calls,
            points,
            script_ms: scripted - started,
            whole_ms: performance.now() - started,
          });
        });
    }),
  read: (page) => page.evaluate(() => window.drawnFrames),
  // Turns the cloud for a while, one step a frame.
  turn: (page, duration_ms) =>
    page.evaluate(async (most_ms) => {
      const box = document.querySelector('.map-box');
      const rest = () => new Promise((resolve) => setTimeout(resolve, 0));
      window.measureFrames = true;
      window.drawnFrames.length = 0;
      const end = performance.now() + most_ms;
      let waited = 0;
      while (window.drawnFrames.length < 3 || (performance.now() < end && waited < 1e5)) {
        const before = window.drawnFrames.length;
        box.dispatchEvent(new KeyboardEvent('keydown', { key: 'ArrowLeft', bubbles: true }));
        while (window.drawnFrames.length === before && waited++ < 1e5) await rest();
      }
      window.measureFrames = false;
      return window.drawnFrames.slice(1);
    }, duration_ms),
};
