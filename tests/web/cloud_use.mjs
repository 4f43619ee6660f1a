// SPDX-License-Identifier: MIT
//
// The map in use: by touch, by box and keys, what is saved, the list, and photographs that come while
// one looks.
import { execFileSync } from 'node:child_process';
import { readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import {
  cameraOf,
  chosen,
  dataOf,
  firstFrame,
  madeUp,
  mapBox,
  openCloud,
  paramOf,
  pointedAt,
  projectAll,
  range,
  readPng,
  settled,
} from './cloud.mjs';
import { api, check, openPage, same, until } from './harness.mjs';

const CAMERA = 'camera=0.4,0.7,1.9,0,0,0';
const title = (page) => page.locator('.map-panel .detail-name').innerText();
const phone = { width: 390, height: 780, hasTouch: true, isMobile: true, deviceScaleFactor: 2 };

// Fingers, as the browser has them from a screen.
async function fingers(page) {
  const session = await page.context().newCDPSession(page);
  const send = (type, points) =>
    session.send('Input.dispatchTouchEvent', {
      type,
      touchPoints: points.map(([x, y], id) => ({ x, y, id })),
    });
  return {
    down: (...points) => send('touchStart', points),
    up: () => send('touchEnd', []),
    async drag(from, to) {
      for (let i = 1; i <= 6; i++)
        await send(
          'touchMove',
          from.map(([x, y], k) => [x + ((to[k][0] - x) * i) / 6, y + ((to[k][1] - y) * i) / 6]),
        );
    },
  };
}

async function savedBy(page, act) {
  const download = page.waitForEvent('download');
  await act();
  const file = await download;
  return { name: file.suggestedFilename(), bytes: readFileSync(await file.path()) };
}

const save = (page, item) =>
  savedBy(page, async () => {
    await page.locator('.menu summary').click();
    await page.getByRole('button', { name: item }).click();
  });

export const tests = {
  'by touch: turn, pinch, tap, rest': async (world) => {
    const map = madeUp(range(60), 4);
    const { page, close } = await openCloud(world, map, { hash: `#/map?${CAMERA}`, ...phone });
    const box = await mapBox(page);
    const hand = await fingers(page);
    const [cx, cy] = [box.x + box.width / 2, box.y + box.height / 2];
    const before = await cameraOf(page);
    const written = await paramOf(page, 'camera');
    await hand.down([cx, cy]);
    await hand.drag([[cx, cy]], [[cx + 90, cy + 20]]);
    await hand.up();
    await until(async () => (await paramOf(page, 'camera')) !== written, 'another camera');
    const turned = await cameraOf(page);
    check(Math.abs(turned.distance - before.distance) < 0.01, 'one finger turns, and only that');
    same(await page.evaluate(() => window.scrollY), 0, 'the page stays');
    const apart = [
      [cx - 30, cy],
      [cx + 30, cy],
    ];
    await hand.down(...apart);
    await hand.drag(apart, [
      [cx - 75, cy],
      [cx + 75, cy],
    ]);
    await hand.up();
    await until(
      async () => (await cameraOf(page)).distance < 0.75 * turned.distance,
      'two fingers come closer',
    );
    await page.getByRole('button', { name: 'Everything in sight (0)' }).tap();
    await settled(page);
    await page.waitForTimeout(400); // the address follows
    const seen = await projectAll(page, map);
    const inside = seen.filter(
      ({ x, y }) => x > 10 && y > 30 && x < box.width - 10 && y < box.height - 70,
    );
    const target = inside.reduce((a, b) => (b.depth < a.depth ? b : a));
    const place = [box.x + target.x, box.y + target.y];
    await hand.down(place);
    await page.waitForTimeout(700);
    await page.locator('.map-tip').waitFor();
    same(await page.locator('.map-tip span').innerText(), `photo-${target.id}.jpg`, 'a rest tells');
    await hand.up();
    same(await chosen(page), 0, 'a rest is no tap');
    await hand.down(place);
    await hand.up();
    await until(async () => (await chosen(page)) === target.id, 'a tap chooses');
    // A rest where nothing is, and from there around half of the map.
    const free = [box.x + 4, box.y + 4];
    const round = [
      [box.x + box.width / 2, box.y + 4],
      [box.x + box.width / 2, box.y + box.height - 4],
      [box.x + 4, box.y + box.height - 4],
    ];
    await hand.down(free);
    await page.waitForTimeout(700);
    let last = free;
    for (const corner of round) {
      await hand.drag([last], [corner]);
      last = corner;
    }
    await hand.up();
    const half = seen.filter(({ x }) => x < box.width / 2).length;
    await until(async () => /selected$/.test(await title(page)), 'a lasso');
    check(Math.abs(parseInt(await title(page), 10) - half) <= 2, `${await title(page)}, not ${half}`);
    await close();
  },

  'a box selects what is in it, keys add and take away': async (world) => {
    const map = madeUp(range(800), 6);
    const { page, close } = await openCloud(world, map, { hash: `#/map?${CAMERA}&hide=Kind+2` });
    const box = await mapBox(page);
    const [x0, y0, x1, y1] = [box.width * 0.3, 40, box.width * 0.62, box.height * 0.6];
    await page.getByRole('button', { name: 'Box' }).click();
    await page.mouse.move(box.x + x1, box.y + y1);
    await page.mouse.down();
    await page.mouse.move(box.x + x0, box.y + y0, { steps: 5 });
    await page.mouse.up();
    const shown = (await projectAll(page, map)).filter(({ index }) => index % 6 !== 1);
    const inside = ({ x, y }, grow) =>
      x > x0 - grow && x < x1 + grow && y > y0 - grow && y < y1 + grow;
    const [few, many] = [-0.6, 0.6].map((grow) => shown.filter((one) => inside(one, grow)));
    await until(async () => /selected$/.test(await title(page)), 'a selection');
    const count = parseInt(await title(page), 10);
    check(count >= few.length && count <= many.length && count > 20, `${count} of ${few.length}`);
    const paths = await savedBy(page, () =>
      page.locator('.map-panel').getByRole('button', { name: 'Coordinates' }).click(),
    );
    const rows = JSON.parse(paths.bytes);
    same(rows.length, count, 'rows saved');
    const allowed = new Set(many.map(({ id }) => `photo-${id}.jpg`));
    check(rows.every(({ filename }) => allowed.has(filename)), 'only what is in the box');
    for (const { filename, x, y, z } of rows.slice(0, 20)) {
      const i = Number(/\d+/.exec(filename)) - 1;
      same([x, y, z], [map.x[i], map.y[i], map.z[i]], `the place of ${filename}`);
    }
    await page.locator('.map-box').focus();
    await page.keyboard.press('Escape');
    await page.locator('.map-panel').waitFor({ state: 'hidden' });
    await page.keyboard.press('n');
    const first = await until(() => chosen(page), 'a neighbour');
    await page.keyboard.press(' ');
    await until(async () => /^1 photograph selected/.test(await title(page)), 'one by keys');
    await page.keyboard.press('Escape');
    await page.keyboard.press('n');
    same(await until(() => chosen(page), 'it again'), first, 'nothing selected: from the middle');
    const written = await paramOf(page, 'camera');
    await page.keyboard.press('Shift+ArrowLeft');
    await until(async () => (await paramOf(page, 'camera')) !== written, 'a move aside');
    await page.keyboard.press('/');
    same(
      await page.evaluate(() => document.activeElement.getAttribute('aria-label')),
      'Search in the map',
      'the map has its own search',
    );
    await close();
  },

  'the list holds the same photographs': async (world) => {
    const map = madeUp(range(130), 3);
    const { page, close } = await openCloud(world, map, { hash: '#/map?hide=Kind+3' });
    await page.locator('.map-box').focus();
    await page.keyboard.press('l');
    const list = page.getByRole('region', { name: 'The map as a list' });
    await list.waitFor();
    same(await list.getByRole('status').innerText(), '87 photographs in 2 parts', 'what it says');
    same(await paramOf(page, 'list'), '1', 'the address');
    const ids = () =>
      list.locator('.map-part[open] .map-tile').evaluateAll((all) => all.map((one) => +one.dataset.id));
    await until(async () => (await ids()).length === 24, 'the first few');
    await list.getByRole('button', { name: '20 more' }).press('Enter');
    await until(async () => (await ids()).length === 44, 'the others');
    same(await ids(), range(130).filter((id) => id % 3 === 1), 'those of the first part');
    same(
      await page.evaluate(() => Number(document.activeElement.dataset.id)),
      24 * 3 + 1,
      'the focus is on the first of the new ones',
    );
    await list.getByRole('button', { name: 'photo-4.jpg' }).click();
    await page.locator('.map-panel').getByRole('heading', { name: 'photo-4.jpg' }).waitFor();
    await page.locator('.legend-entry').first().click();
    await until(
      async () => (await list.getByRole('status').innerText()) === '43 photographs in 1 part',
      'the legend filters it, too',
    );
    await page.getByRole('button', { name: 'List', exact: true }).click();
    await page.locator('.map-box').waitFor();
    await close();
  },

  'what is saved is what is shown': async ({ browser, server, fovea, library }) => {
    const { page, go, close } = await openPage(browser, {
      url: server.url,
      reducedMotion: 'reduce',
    });
    await go('#/map');
    await firstFrame(page);
    const coordinates = await save(page, /Coordinates/);
    same(coordinates.name, 'fovea-map.json', 'its name');
    const rows = JSON.parse(coordinates.bytes);
    const args = ['map', '--library', library, '--model', 'demo', '--json', '-'];
    const wanted = JSON.parse(execFileSync(fovea, args, { stdio: ['ignore', 'pipe', 'ignore'] }));
    same(rows.length, wanted.length, 'rows');
    const key = (row) => `${row.filename} ${row.x.toFixed(4)} ${row.y.toFixed(4)}`;
    const byKey = (a, b) => (key(a) < key(b) ? -1 : 1);
    rows.sort(byKey);
    wanted.sort(byKey);
    rows.forEach((row, i) => {
      same(Object.keys(row), Object.keys(wanted[i]), 'the same fields');
      same(
        [row.filename, row.category],
        [wanted[i].filename, wanted[i].category],
        `row ${i} of fovea map --json`,
      );
      for (const axis of ['x', 'y', 'z', 'confidence'])
        check(Math.abs(row[axis] - wanted[i][axis]) < 1e-5, `row ${i}: ${axis}`);
    });
    const entry = page.locator('.legend-entry').first();
    const name = (await entry.locator('.truncate').innerText()).trim();
    await page.getByRole('button', { name: `Only ${name}` }).click();
    const paths = await save(page, /Paths/);
    same(paths.name, 'fovea-selection.txt', 'its name');
    const { photos } = await api(
      server,
      'GET',
      `/api/v1/photos?limit=1000&category=${encodeURIComponent(name)}`,
    );
    const map = await api(server, 'GET', '/api/v1/map?method=umap');
    const first = map.ids.filter((_, i) => map.categories[map.category[i]] === name);
    same(
      paths.bytes.toString().split('\n').filter(Boolean).sort(),
      photos.filter(({ id }) => first.includes(id)).map(({ path }) => path).sort(),
      `the files of ${name}`,
    );
    await page.getByRole('button', { name: 'Show all' }).click();
    await settled(page);
    const picture = await save(page, /Picture/);
    same(picture.name, 'fovea-map.png', 'its name');
    const { width, height, counts } = await readPng(page, picture.bytes);
    same(
      [width, height],
      await page.locator('.map-canvas').evaluate((canvas) => [canvas.width, canvas.height]),
      'its size',
    );
    const swatches = await page.$$eval('.legend-row .swatch', (all) =>
      all.map((one) => getComputedStyle(one).backgroundColor.match(/\d+/g).join(',')),
    );
    for (const colour of swatches)
      check(counts[colour] > 20, `the colour ${colour} is in the picture ${counts[colour]} times`);
    check(Math.max(...Object.values(counts)) < width * height, 'more than the ground');
    await close();
  },

  'new photographs come by transform, and the others stay': async (world) => {
    const { browser, server, fovea, library, scratch, features } = world;
    check(features.includes('map'), 'the server has a map');
    const { page, go, close } = await openPage(browser, { url: server.url });
    await go('#/map');
    await firstFrame(page);
    const before = await api(server, 'GET', '/api/v1/map?method=umap');
    const folder = join(scratch, 'later');
    const run = (...args) => execFileSync(fovea, args, { stdio: 'pipe' });
    run('demo', '--only-pictures', '--pictures', '3', '--seed', '77', '--side', '256', '--repeated', '0', '--out', folder);
    run('index', '--library', library, '--model', 'demo', folder);
    // A slow machine records them in more than one step, and each is told.
    await page.getByText(/[123] new photographs? on the map\./).first().waitFor({ timeout: 60_000 });
    await until(
      async () => (await dataOf(page)).photographs === String(before.count + 3),
      'all three are on the map',
    );
    const after = await api(server, 'GET', '/api/v1/map?method=umap');
    same(after.count, before.count + 3, 'all are there');
    const place = (map, id) => {
      const i = map.ids.indexOf(id);
      return [map.x[i], map.y[i], map.z[i]];
    };
    for (const id of before.ids) same(place(after, id), place(before, id), `${id} stays`);
    await settled(page);
    const added = after.ids.filter((id) => !before.ids.includes(id));
    const { photos } = await api(server, 'GET', '/api/v1/photos?limit=1000');
    const names = added.map((id) => photos.find((photo) => photo.id === id).path);
    check(names.every((path) => path.includes('/later/')), `${names}`);
    // Each is drawn where the server says, or covered there by a nearer one.
    await page.locator('.map-box').focus();
    await page.keyboard.press('ArrowLeft');
    await settled(page);
    await until(() => paramOf(page, 'camera'), 'the camera in the address');
    await page.waitForTimeout(400);
    const seen = await projectAll(page, after);
    const found = await pointedAt(page, seen.filter(({ id }) => added.includes(id)));
    check(found.some((id) => added.includes(id)), `where they are: ${found}, not ${added}`);
    check(Number((await dataOf(page)).calls) <= 2, 'still one call for all points');
    rmSync(folder, { recursive: true });
    await close();
  },
};
