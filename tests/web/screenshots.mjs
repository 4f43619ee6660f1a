// SPDX-License-Identifier: MIT
//
// The pictures in docs/web: the page in each of its states, on the demonstration library.
//
//     node tests/web/run.mjs build/src/cli/fovea data --screenshots docs/web
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { api, openPage, Server, freePort, tilesShown, until } from './harness.mjs';

const settle = (page) =>
  page.waitForLoadState('networkidle', { timeout: 3000 }).catch(() => page.waitForTimeout(700));
const tiles = (page) => tilesShown(page);
const phone = { width: 390, height: 800, hasTouch: true, isMobile: true };
const anything = [/./];

async function emptyLibrary(page, server, running) {
  const real = await api(server, 'GET', '/api/v1/status');
  const library = { ...real.library, photos: 0, files: 0, labelled: 0 };
  const indexing = {
    running,
    photos: 0,
    added: 0,
    per_second: running ? 41.3 : null,
    indexers: [],
    since_s: running ? 3 : null,
  };
  await page.route('**/api/v1/status', (route) =>
    route.fulfill({ json: { ...real, library, indexing } }),
  );
  await page.route('**/api/v1/events', (route) =>
    route.fulfill({
      contentType: 'text/event-stream',
      body: `event: status\ndata: ${JSON.stringify({ library, indexing })}\n\n`,
    }),
  );
  await page.route('**/api/v1/photos?*', (route) =>
    route.fulfill({ json: { total: 0, limit: 1000, offset: 0, photos: [] } }),
  );
}

const mapDrawn = (page) =>
  until(
    async () => Number(await page.locator('.map-box').getAttribute('data-frames')) > 0,
    'the map',
    90_000,
  );

const states = {
  search: { hash: '#/search?q=a+city+and+its+bridge+mirrored+in+a+river+at+dusk', then: tiles },
  divider: {
    hash: '#/search?q=a+lighthouse+above+the+sea&floor=0.35',
    then: async (page) => {
      await tiles(page);
      await page.locator('[data-part=divider]').scrollIntoViewIfNeeded();
    },
  },
  'no-strong-match': { hash: '#/search?q=a+bowl+of+noodle+soup&floor=default', then: tiles },
  library: { hash: '#/search', then: tiles },
  filters: {
    hash: '#/search?q=the+sea&category=Ocean+Whispers',
    then: async (page) => {
      await tiles(page);
      await page.getByRole('button', { name: 'Filters' }).click();
    },
  },
  picture: {
    hash: '#/search',
    then: async (page, { pictures }) => {
      await tiles(page);
      await page.locator('input[type=file]').setInputFiles(pictures[11]);
      await page.locator('.tile-score').first().waitFor();
    },
  },
  'full-view': {
    hash: '#/search?q=a+river+in+autumn',
    then: async (page) => {
      await tiles(page);
      await page.locator('.tile-open').nth(1).click();
      await page.locator('.similar-tile').first().waitFor();
    },
  },
  duplicates: {
    hash: '#/duplicates',
    then: (page) => page.locator('.group-card').first().waitFor({ timeout: 60_000 }),
  },
  categories: {
    hash: '#/categories',
    then: (page) => page.locator('.strip-tile').first().waitFor(),
  },
  map: { hash: '#/map', then: mapDrawn },
  'map-search': { hash: '#/map?q=waterfall', then: mapDrawn },
  light: { hash: '#/search?q=waterfall', light: true, then: tiles },
  'map-light': { hash: '#/map', light: true, then: mapDrawn },
  phone: { hash: '#/search?q=the+sea', options: phone, then: tiles },
  'phone-full-view': {
    hash: '#/search?q=the+sea',
    options: phone,
    then: async (page) => {
      await tiles(page);
      await page.locator('.tile-open').first().tap();
      await page.locator('.similar-tile').first().waitFor();
    },
  },
  empty: {
    hash: '#/search',
    before: (page, { server }) => emptyLibrary(page, server, false),
    then: (page) => page.getByText('No photographs yet').waitFor(),
  },
  indexing: {
    hash: '#/search',
    before: (page, { server }) => emptyLibrary(page, server, true),
    then: (page) => page.getByText('on their way').waitFor(),
  },
  error: {
    hash: '#/search?q=waterfall',
    before: (page) =>
      page.route('**/api/v1/search', (route) =>
        route.fulfill({
          status: 503,
          json: { detail: 'the library cannot be read at present: the disk is full' },
        }),
      ),
    then: (page) => page.getByText('That did not work').waitFor(),
  },
  help: {
    hash: '#/search',
    then: async (page) => {
      await tiles(page);
      await page.keyboard.press('?');
    },
  },
};

export async function takeScreenshots(world, folder, only) {
  mkdirSync(folder, { recursive: true });
  const shoot = async (name, page) => {
    await settle(page);
    await page.screenshot({ path: join(folder, `${name}.jpg`), type: 'jpeg', quality: 74 });
    console.log(`${name}.jpg`);
  };
  for (const [name, { hash, before, then, light, options = {} }] of Object.entries(states)) {
    if (only && name !== only) continue;
    const { page, go, close } = await openPage(world.browser, {
      url: world.server.url,
      width: 1180,
      height: 740,
      quiet: anything,
      ...options,
    });
    if (light) await page.addInitScript(() => localStorage.setItem('fovea.theme', 'light'));
    await before?.(page, world);
    await go(hash);
    await then(page, world);
    await page.waitForTimeout(name.startsWith('map') ? 2000 : 300);
    await shoot(name, page);
    await close();
  }
  if (!only || only === 'offline') await takeOffline(world, shoot);
}

async function takeOffline({ fovea, library, browser }, shoot) {
  const own = new Server(fovea, library, await freePort(), ['--model', 'demo']);
  await own.start();
  const { page, go, close } = await openPage(browser, {
    url: own.url,
    width: 1180,
    height: 740,
    quiet: anything,
  });
  await go('#/search?q=waterfall');
  await tiles(page);
  await settle(page);
  await own.stop();
  await page.locator('.banner').waitFor();
  await shoot('offline', page);
  await close();
}
