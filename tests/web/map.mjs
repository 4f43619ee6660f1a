// SPDX-License-Identifier: MIT
//
// The map of the demonstration library, drawn in software: the pointer, the legend, the search, links.
import { madeUp } from './cloud.mjs';
import { api, check, openPage, same, until } from './harness.mjs';

const dataOf = (page) => page.locator('.map-box').evaluate((box) => ({ ...box.dataset }));
const shownPoint = (page) =>
  page.evaluate(() => Number(new URLSearchParams(location.hash.split('?')[1] ?? '').get('at')));

// The server's map; where it has none yet, one that is made up of its photographs.
async function prepare(page, { server, features }) {
  if (features.includes('map')) return;
  const real = await api(server, 'GET', '/api/v1/status');
  const { photos } = await api(server, 'GET', '/api/v1/photos?limit=1000&sort=path');
  await page.route('**/api/v1/status', (route) =>
    route.fulfill({ json: { ...real, features: ['map'] } }),
  );
  await page.route('**/api/v1/map?*', (route) => {
    const method = new URL(route.request().url()).searchParams.get('method');
    return route.fulfill({
      json: madeUp(
        photos.map((photo) => photo.id),
        6,
        method,
      ),
    });
  });
}

async function openMap(world, hash = '#/map', options = {}) {
  const opened = await openPage(world.browser, {
    url: world.server.url,
    reducedMotion: 'reduce',
    ...options,
  });
  await prepare(opened.page, world);
  await opened.go(hash);
  await until(
    async () => Number((await dataOf(opened.page)).frames) > 0,
    'the first frame',
    60_000,
  );
  return opened;
}

// Where on the screen some point is: found by looking with the pointer.
async function findPoint(page) {
  const box = await page.locator('.map-canvas').boundingBox();
  for (let ring = 0; ring < 60; ring++)
    for (let turn = 0; turn < 6; turn++) {
      const angle = turn * 1.05 + ring;
      const x = box.x + box.width / 2 + Math.cos(angle) * ring * 5;
      const y = box.y + box.height / 2 + Math.sin(angle) * ring * 4;
      await page.mouse.move(x, y);
      await page.evaluate(
        () => new Promise((resolve) => requestAnimationFrame(() => requestAnimationFrame(resolve))),
      );
      if (await page.locator('.map-box[data-pointed]').count()) return { x, y };
    }
  throw new Error('no point under the pointer anywhere');
}

export const tests = {
  'hover, click, panel, keys': async (world) => {
    const { page, close } = await openMap(world);
    const at = await findPoint(page);
    await page.locator('.map-tip').waitFor();
    const name = await page.locator('.map-tip span').innerText();
    await page.mouse.click(at.x, at.y);
    await page.locator('.map-panel').getByRole('heading', { name, exact: true }).waitFor();
    const first = await shownPoint(page);
    check(first > 0, 'the address holds it');
    same(
      (await api(world.server, 'GET', `/api/v1/photos/${first}`)).photo.name,
      name,
      'the photograph that was under the pointer',
    );
    await page.locator('.map-panel .similar-tile').first().waitFor();
    await page.locator('.map-box').focus();
    await page.keyboard.press('n');
    await until(async () => (await shownPoint(page)) !== first, 'the next neighbour');
    await page.keyboard.press('ArrowLeft');
    await page.keyboard.press('+');
    await page.keyboard.press('Enter');
    await page.locator('dialog.viewer').waitFor();
    await page.keyboard.press('Escape');
    await page.locator('.map-box').focus();
    await page.keyboard.press('Escape');
    await page.locator('.map-panel').waitFor({ state: 'hidden' });
    await close();
  },

  'legend, colouring, layouts': async (world) => {
    const { page, close } = await openMap(world);
    const entry = page.locator('.legend-entry').first();
    const name = (await entry.locator('.truncate').innerText()).trim();
    await entry.click();
    same(await entry.getAttribute('aria-pressed'), 'false', 'hidden');
    check(
      (await page.evaluate(() => decodeURIComponent(location.hash))).includes('hide='),
      'in the address',
    );
    const all = await page.locator('.legend-entry .tabular-nums').allInnerTexts();
    const wanted = all.slice(1).reduce((sum, text) => sum + Number(text.replaceAll(',', '')), 0);
    await page.getByRole('button', { name: 'List', exact: true }).click();
    const said = page.locator('.map-list-view [role=status]');
    await until(
      async () => (await said.innerText()).startsWith(`${wanted} photograph`),
      `a list of ${wanted}, without ${name}`,
    );
    await page.getByRole('button', { name: 'List', exact: true }).click();
    await entry.click();
    await page.getByLabel('Colour by').selectOption('camera');
    await until(
      async () =>
        (await page.locator('.legend-entry').first().locator('.truncate').innerText()) !== name,
      'another legend',
    );
    const frames = Number((await dataOf(page)).frames);
    await page.getByRole('button', { name: 'PCA' }).click();
    await until(async () => Number((await dataOf(page)).frames) > frames, 'another layout', 60_000);
    check((await page.evaluate(() => location.hash)).includes('method=pca'), 'in the address');
    await close();
  },

  'search lights up and flies there; the link restores it': async (world) => {
    const { page, close } = await openMap(world);
    await page.getByLabel('Search in the map').fill('waterfall');
    await page.keyboard.press('Enter');
    await until(
      async () => /match/.test(await page.locator('.tools [role=status]').innerText()),
      'the matches',
    );
    await until(
      async () => (await page.evaluate(() => location.hash)).includes('camera='),
      'the camera in the address',
    );
    await page.waitForTimeout(500);
    const hash = await page.evaluate(() => location.hash);
    const again = await openMap(world, hash);
    await until(
      async () => /match/.test(await again.page.locator('.tools [role=status]').innerText()),
      'the matches again',
    );
    await again.page.waitForTimeout(500);
    same(await again.page.evaluate(() => location.hash), hash, 'the same view');
    await again.close();
    await close();
  },

  'a link restores the view of a map that is made first': async (world) => {
    const { page, go, close } = await openPage(world.browser, {
      url: world.server.url,
      reducedMotion: 'reduce',
    });
    let asked = 0;
    await page.route('**/api/v1/map?*', (route) =>
      ++asked > 2
        ? route.continue()
        : route.fulfill({
            status: 202,
            json: { state: 'making', detail: 'being made', elapsed_s: 1, retry_after_s: 0.2 },
          }),
    );
    const camera = '0.300,0.400,1.200,0.100,0.000,0.000';
    await go(`#/map?q=waterfall&camera=${camera}`);
    await until(
      async () => /match/.test(await page.locator('.tools [role=status]').innerText()),
      'the matches',
    );
    await page.waitForTimeout(400);
    const kept = await page.evaluate(() =>
      new URLSearchParams(location.hash.split('?')[1]).get('camera'),
    );
    same(kept, camera, 'the camera of the link');
    check(asked > 2, 'it was made first');
    await close();
  },

  'lasso and box select, and are exported': async (world) => {
    const { page, close } = await openMap(world);
    const box = await page.locator('.map-canvas').boundingBox();
    await page.getByRole('button', { name: 'Box' }).click();
    await page.mouse.move(box.x + 5, box.y + 5);
    await page.mouse.down();
    await page.mouse.move(box.x + box.width - 5, box.y + box.height - 5, { steps: 5 });
    await page.mouse.up();
    const title = page.locator('.map-panel .detail-name');
    const total = (await page.locator('.legend-entry .tabular-nums').allInnerTexts()).reduce(
      (sum, text) => sum + Number(text),
      0,
    );
    await until(
      async () => (await title.innerText()).startsWith(`${total} photographs selected`),
      'all of them',
    );
    const download = page.waitForEvent('download');
    await page.locator('.map-panel').getByRole('button', { name: 'Paths' }).click();
    check((await download).suggestedFilename() === 'fovea-selection.txt', 'a list of files');
    await page.getByRole('button', { name: 'Lasso' }).click();
    const [cx, cy] = [box.x + box.width / 2, box.y + box.height / 2];
    await page.mouse.move(cx, cy - box.height / 2 + 4);
    await page.mouse.down();
    for (const [x, y] of [
      [box.x + box.width - 4, cy],
      [cx, box.y + box.height - 4],
    ])
      await page.mouse.move(x, y, { steps: 6 });
    await page.mouse.up();
    await until(async () => {
      const some = Number(/^(\d+)/.exec(await title.innerText())?.[1]);
      return some > 0 && some < total;
    }, 'some of them');
    await close();
  },
};
