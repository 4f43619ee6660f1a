// SPDX-License-Identifier: MIT
//
// The map of clouds that are made up: every point in its place and colour, picked for what it is,
// its own picture when it is near, on its way to another layout; drawn in one call, and not at all
// when nothing moves.
import {
  cameraOf,
  chosen,
  cloudFrames,
  colourOf,
  coloursAt,
  coreOf,
  dataOf,
  firstFrame,
  hideLabels,
  madeUp,
  mapBox,
  near,
  openCloud,
  pointedAt,
  pointOf,
  projectAll,
  random,
  range,
  settled,
} from './cloud.mjs';
import { check, same, until } from './harness.mjs';

const CAMERA = 'camera=0.4,0.7,1.9,0,0,0';
const SEED = 20261124;

// Points that nothing is near, as they are seen: for looking at their colour.
function alone(seen, { width, height }, most) {
  const inside = seen.filter(
    ({ x, y, depth }) => depth > 0.2 && x > 20 && y > 30 && x < width - 20 && y < height - 70,
  );
  return inside
    .filter((one) =>
      seen.every((other) => other === one || Math.hypot(other.x - one.x, other.y - one.y) > 16),
    )
    .slice(0, most);
}

// At the middles of `many` points chosen by chance: what was picked must be there, and nothing that
// is nearer and certainly covers the place.
async function pickMany(page, map, isShown, many) {
  const { width, height } = await mapBox(page);
  const seen = (await projectAll(page, map)).filter(
    ({ x, y, index }) => isShown(index) && x > 4 && y > 4 && x < width - 4 && y < height - 60,
  );
  const next = random(SEED);
  const tried = Array.from({ length: many }, () => seen[Math.floor(next() * seen.length)]).map(
    ({ id, x, y }) => ({ id, x: Math.floor(x) + 0.5, y: Math.floor(y) + 0.5 }),
  );
  const found = await pointedAt(page, tried);
  const byId = new Map(seen.map((one) => [one.id, one]));
  const radius = (one) => coreOf(map.count, one.depth) / 2;
  const covered = new Set();
  tried.forEach((place, i) => {
    const one = byId.get(found[i]);
    const where = `seed ${SEED}, try ${i}, at ${place.x}, ${place.y}`;
    check(one, `${where}: ${found[i]} was picked, which is not shown`);
    const away = (other) => Math.hypot(other.x - place.x, other.y - place.y);
    check(away(one) <= radius(one) + 1.2, `${where}: ${one.id} is ${away(one)} px away`);
    const before = seen.find(
      (other) => other.depth < one.depth - 1e-4 && away(other) < radius(other) - 1.2,
    );
    check(!before, `${where}: ${one.id} was picked, behind ${before?.id}`);
    if (one.id !== place.id) covered.add(place.id);
  });
  return covered.size;
}

export const tests = {
  'picks exactly what is seen of 4,000 points, filtered or not': async (world) => {
    const map = madeUp(range(4000), 12);
    const { page, close } = await openCloud(world, map, { hash: `#/map?${CAMERA}` });
    const covered = await pickMany(page, map, () => true, 70);
    check(covered > 4, `only ${covered} of those that were tried are behind others: not dense`);
    const hidden = [0, 3, 4, 8];
    for (const kind of hidden) await page.locator('.legend-entry').nth(kind).click();
    same(
      await page.locator('.legend-entry[aria-pressed=false] .truncate').allInnerTexts(),
      hidden.map((kind) => `Kind ${kind + 1}`),
      'hidden by the legend',
    );
    await pickMany(page, map, (i) => !hidden.includes(i % 12), 70);
    // And the photograph that a click shows is that one.
    const [{ x, y }] = alone(
      (await projectAll(page, map)).filter(({ index }) => !hidden.includes(index % 12)),
      await mapBox(page),
      1,
    );
    const [id] = await pointedAt(page, [{ x, y }]);
    const box = await mapBox(page);
    await page.mouse.click(box.x + x, box.y + y);
    same(await chosen(page), id, 'what was clicked');
    await page
      .locator('.map-panel')
      .getByRole('heading', { name: `photo-${id}.jpg`, exact: true })
      .waitFor();
    await close();
  },

  'colours by category, group, date and camera are those of the legend': async (world) => {
    const map = madeUp(range(120), 12);
    const { page, close } = await openCloud(world, map, { hash: `#/map?${CAMERA}` });
    const of = {
      category: (i) => map.categories[map.category[i]],
      group: (i) => map.groups[map.group[i]].name,
      date: (i) => String(new Date(map.taken_at[i] * 1000).getUTCFullYear()),
      camera: (i) => map.cameras[map.camera[i]],
    };
    for (const [by, nameOf] of Object.entries(of)) {
      await page.getByLabel('Colour by').selectOption(by);
      await settled(page);
      const swatches = await page.$$eval('.legend-row', (rows) =>
        Object.fromEntries(
          rows.map((row) => [
            row.querySelector('.truncate').textContent,
            getComputedStyle(row.querySelector('.swatch'))
              .backgroundColor.match(/[\d.]+/g)
              .slice(0, 3)
              .map(Number),
          ]),
        ),
      );
      same(Object.keys(swatches).length, 12, `${by}: entries of the legend`);
      const counts = await page.locator('.legend-entry .tabular-nums').allInnerTexts();
      same(counts, Array(12).fill('10'), `${by}: counts`);
      // Where a name floats, the point is not seen.
      await hideLabels(page);
      const some = alone(await projectAll(page, map), await mapBox(page), 60);
      const names = new Set(some.map(({ index }) => nameOf(index)));
      check(names.size >= 9, `${by}: only ${names.size} of 12 colours can be looked at`);
      const colours = await coloursAt(page, some);
      some.forEach(({ index }, i) =>
        check(
          near(colours[i], swatches[nameOf(index)], 3),
          `${by}: ${nameOf(index)} is ${colours[i]}, its legend ${swatches[nameOf(index)]}`,
        ),
      );
    }
    await close();
  },

  'pictures are those of their points, also after filtering and in another order': async (world) => {
    const map = madeUp(range(300), 6);
    const turned = Object.fromEntries(
      Object.entries(map).map(([name, column]) => [
        name,
        Array.isArray(column) && column.length === 300 ? [...column].reverse() : column,
      ]),
    );
    let answer = map;
    const { page, close } = await openCloud(world, () => answer, {
      hash: '#/map?camera=0.2,0.3,1.1,0,0,0',
      pictures: true,
    });
    await hideLabels(page);
    const compare = async (what, isShown) => {
      await until(async () => Number((await dataOf(page)).pictures) > 30, `${what}: pictures`);
      await page.waitForTimeout(300); // each that comes draws a frame
      await settled(page);
      const { width, height } = await mapBox(page);
      const seen = (await projectAll(page, answer)).filter(({ index }) => isShown(index));
      const some = seen.filter(
        (one) =>
          one.depth < 1 && one.x > 30 && one.y > 30 && one.x < width - 30 && one.y < height - 90 &&
          seen.every(
            (other) =>
              other === one ||
              other.depth > one.depth ||
              Math.max(Math.abs(other.x - one.x), Math.abs(other.y - one.y)) > 95,
          ),
      );
      check(some.length >= 5, `${what}: only ${some.length} can be looked at`);
      const colours = await coloursAt(page, some);
      some.forEach(({ id }, i) =>
        check(
          near(colours[i], colourOf(id), 4),
          `${what}: the picture of ${id} is ${colours[i]}, not ${colourOf(id)}`,
        ),
      );
      const [one] = some;
      // Beside the point's core, but within its picture.
      same(await pointedAt(page, [{ x: one.x + 8, y: one.y }]), [one.id], `${what}: picked`);
      return some.length;
    };
    const all = await compare('all', () => true);
    await page.locator('.legend-entry').nth(1).click();
    await compare('filtered', (i) => i % 6 !== 1);
    await page.getByRole('button', { name: 'Show all' }).click();
    answer = turned;
    await page.getByRole('link', { name: 'Duplicates' }).click();
    await page.evaluate((hash) => {
      location.hash = hash;
    }, '#/map?camera=0.2,0.3,1.1,0,0,0');
    same(await compare('in another order', () => true), all, 'as many as before');
    check(Number((await dataOf(page)).calls) === 2, 'one call for points, one for pictures');
    await close();
  },

  'points travel between layouts': async (world) => {
    const corners = { umap: [-0.7, 0, 0.7], pca: [0.5, -0.6, -0.1] };
    const maps = (method) =>
      madeUp([7, 8, 9], 1, method, { x: corners[method], y: [0.2, -0.3, 0.1], z: [0, 0, 0] });
    const { page, close } = await openCloud(world, maps, {
      reducedMotion: 'no-preference',
      hash: '#/map?camera=0,0,2.2,0,0,0',
      before: (one) => one.clock.install(),
    });
    await page.clock.runFor(500);
    await page.clock.pauseAt(Date.now() + 60_000);
    const camera = await cameraOf(page);
    const clickAt = ({ x, y }) =>
      page.evaluate(
        (place) => {
          const canvas = document.querySelector('.map-canvas');
          const { left, top } = canvas.getBoundingClientRect();
          for (const type of ['pointerdown', 'pointerup'])
            canvas.dispatchEvent(
              new PointerEvent(type, {
                clientX: left + place.x,
                clientY: top + place.y,
                bubbles: true,
                isPrimary: true,
                pointerId: 1,
                pointerType: 'mouse',
              }),
            );
          return Number(new URLSearchParams(location.hash.split('?')[1]).get('at') ?? 0);
        },
        { x, y },
      );
    // How far a point has come, in fortieths of its way.
    const progressOf = async (i) => {
      const [from, to] = [pointOf(maps('umap'), i), pointOf(maps('pca'), i)];
      const hits = [];
      for (let step = 0; step <= 40; step++) {
        const place = from.map((value, k) => value + ((to[k] - value) * step) / 40);
        if ((await clickAt(camera.project(place))) === 7 + i) hits.push(step / 40);
      }
      return hits.length ? (hits[0] + hits[hits.length - 1]) / 2 : -1;
    };
    const progress = async () => [await progressOf(0), await progressOf(1), await progressOf(2)];
    for (const part of await progress()) check(part >= 0 && part < 0.1, `at first ${part}`);
    const { frames } = await dataOf(page);
    await page.getByRole('button', { name: 'PCA' }).click();
    await page.waitForTimeout(300); // the answer is not the clock's
    let way;
    for (let i = 0; i < 12; i++) {
      await page.clock.runFor(90);
      way = await progress();
      if (way[0] > 0.2) break;
    }
    for (const part of way) {
      check(part > 0.15 && part < 0.85, `on its way ${part}`);
      check(Math.abs(part - way[0]) < 0.08, `together: ${way}`);
    }
    await page.clock.runFor(1500);
    for (const part of await progress()) check(part > 0.9, `at last ${part}`);
    check(Number((await dataOf(page)).frames) - frames > 8, 'drawn on the way');
    await close();
  },

  'the screen’s pixels count': async (world) => {
    const map = madeUp(range(120), 6);
    const { page, close } = await openCloud(world, map, {
      hash: `#/map?${CAMERA}`,
      deviceScaleFactor: 2,
      width: 900,
      height: 640,
    });
    const [drawn, shown] = await page
      .locator('.map-canvas')
      .evaluate(({ width, clientWidth }) => [width, clientWidth]);
    same(drawn, 2 * shown, 'pixels across');
    await pickMany(page, map, () => true, 40);
    // A core is as large as on any screen: at half its radius it is still there, beyond it is not.
    await hideLabels(page);
    const some = alone(await projectAll(page, map), await mapBox(page), 12);
    check(some.length >= 4, `only ${some.length} stand alone`);
    const within = some.map(({ x, y, depth }) => ({ x: x + 0.3 * coreOf(120, depth), y }));
    const beyond = some.map(({ x, y, depth }) => ({ x: x + 1.2 * coreOf(120, depth), y }));
    const middle = await coloursAt(page, some, 2);
    (await coloursAt(page, within, 2)).forEach((colour, i) =>
      check(near(colour, middle[i], 6), `within the core ${colour}, its middle ${middle[i]}`),
    );
    (await coloursAt(page, beyond, 2)).forEach((colour, i) =>
      check(!near(colour, middle[i], 40), `beyond the core ${colour}, its middle ${middle[i]}`),
    );
    await close();
  },

  'nothing is drawn while nothing moves': async (world) => {
    const map = madeUp(range(500), 6);
    const { page, close } = await openCloud(world, map, {
      reducedMotion: 'no-preference',
      hash: `#/map?${CAMERA}`,
      before: cloudFrames.install,
    });
    const box = await mapBox(page);
    await page.mouse.move(box.x + 300, box.y + 200);
    await page.mouse.down();
    await page.mouse.move(box.x + 420, box.y + 260, { steps: 4 });
    await page.mouse.up();
    await settled(page);
    check((await cloudFrames.read(page)).length > 4, 'it was drawn while it turned');
    const { frames } = await dataOf(page);
    await page.waitForTimeout(600);
    same((await dataOf(page)).frames, frames, 'frames while nothing moves');
    // The pointer looks, but that is no frame.
    await pointedAt(page, range(20).map((i) => ({ x: 200 + 10 * i, y: 200 })));
    same((await dataOf(page)).frames, frames, 'frames while the pointer looks');
    await page.getByRole('link', { name: 'Duplicates' }).click();
    await page.locator('.map').waitFor({ state: 'detached' });
    const drawn = (await cloudFrames.read(page)).length;
    await page.waitForTimeout(300);
    same((await cloudFrames.read(page)).length, drawn, 'frames while it is not looked at');
    await close();
  },

  'survives the loss of the graphics card': async (world) => {
    const map = madeUp(range(100), 4);
    const { page, close } = await openCloud(world, map, {
      hash: `#/map?${CAMERA}`,
      quiet: [/Context Lost|context lost/i],
    });
    await page.locator('.map-canvas').evaluate(async (canvas) => {
      const lose = canvas.getContext('webgl2').getExtension('WEBGL_lose_context');
      const done = new Promise((resolve) =>
        canvas.addEventListener('webglcontextrestored', resolve, { once: true }),
      );
      lose.loseContext();
      await new Promise((resolve) => setTimeout(resolve, 50));
      lose.restoreContext();
      await done;
    });
    await firstFrame(page);
    await settled(page);
    await pickMany(page, map, () => true, 10);
    await close();
  },

  'frames of many points, and their calls': async (world) => {
    const asked = process.env.FOVEA_WEB_FRAMES_S; // then it is to be measured
    const seconds = Number(asked ?? 1);
    let one = 0;
    for (const count of asked ? [1, 10_000, 100_000] : [1, 10_000]) {
      const { page, close } = await openCloud(world, madeUp(range(count), Math.min(count, 12)), {
        hash: '#/map?camera=0,0.5,2.3,0,0,0',
        before: cloudFrames.install,
        width: 900,
        height: 640,
      });
      await settled(page);
      const measured = await cloudFrames.turn(page, seconds * 1000);
      for (const { calls, points } of measured) {
        same(calls, 1, `${count} points: calls of a frame`);
        same(points, count, 'points of a frame');
      }
      const middle = (values) => values.sort((a, b) => a - b)[values.length >> 1];
      const whole = middle(measured.map((frame) => frame.whole_ms));
      const script = middle(measured.map((frame) => frame.script_ms));
      one ||= whole;
      console.log(
        `      ${count} points: ${whole.toFixed(1)} ms a frame, drawn in software, ` +
          `${(whole / one).toFixed(1)} x a single point's; of it the page's own work ` +
          `${script.toFixed(2)} ms; 1 call (median of ${measured.length})`,
      );
      await close();
    }
  },
};
