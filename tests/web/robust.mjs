// SPDX-License-Identifier: MIT
//
// Names that try to be more than names, a server that goes and comes, a token, an empty library.
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { api, check, freePort, openPage, same, Server, tilesShown, until } from './harness.mjs';

const gone = [/ERR_|Failed to load resource/];

export const tests = {
  'hostile file names are only names': async ({ browser, server, hostile, hostileNames }) => {
    const { page, go, close } = await openPage(browser, {
      url: server.url,
    });
    const list = await api(
      server,
      'GET',
      `/api/v1/photos?limit=1000&folder=${encodeURIComponent(hostile)}`,
    );
    same(list.total, hostileNames.length, 'in the library');
    await go(`#/search?folder=${encodeURIComponent(hostile)}`);
    await until(async () => (await page.locator('.tile').count()) === list.total, 'all of them');
    const labels = await page.$$eval('.tile-open', (tiles) =>
      tiles.map((tile) => tile.getAttribute('aria-label')),
    );
    for (const photo of list.photos) {
      check(
        labels.some((label) => label.startsWith(photo.name)),
        `${photo.name} is shown as it is`,
      );
      await go(`#/search?folder=${encodeURIComponent(hostile)}&photo=${photo.id}`);
      await until(
        async () => (await page.locator('.detail-name').textContent()) === photo.name,
        photo.name,
      );
      await until(
        async () => page.locator('.viewer-image').evaluate((image) => image.naturalWidth > 0),
        `the picture of ${photo.name}`,
      );
      await page.keyboard.press('Escape');
    }
    same(
      await page.locator('script:not([src]), img[onerror], main b').count(),
      0,
      'markup that came from a name',
    );
    await page.getByRole('searchbox').fill('<img src=x onerror=alert(1)>');
    await page.getByRole('searchbox').press('Enter');
    await until(
      async () => /strong|reaches/.test(await page.locator('.summary').first().innerText()),
      'an answer',
    );
    await close();
  },

  'no script from elsewhere may run': async ({ browser, server }) => {
    const response = await fetch(`${server.url}/`);
    const policy = response.headers.get('content-security-policy') ?? '';
    check(policy.includes("default-src 'none'") && !policy.includes('unsafe'), policy);
    const { page, go, close } = await openPage(browser, {
      url: server.url,
      quiet: [/Content Security Policy|violates/],
    });
    await go('');
    await tilesShown(page);
    const ran = await page.evaluate(async () => {
      const script = document.createElement('script');
      script.textContent = 'window.ran = true';
      document.body.append(script);
      const image = document.createElement('div');
      image.innerHTML = '<img src="data:,x" onerror="window.ran = true">';
      document.body.append(image);
      await new Promise((resolve) => setTimeout(resolve, 200));
      return window.ran ?? false;
    });
    same(ran, false, 'inline scripts');
    await close();
  },

  'the server goes, and comes back': async ({ browser, fovea, library }) => {
    const own = new Server(fovea, library, await freePort(), ['--model', 'demo']);
    await own.start();
    try {
      const { page, go, close } = await openPage(browser, {
        url: own.url,
        quiet: gone,
      });
      await go('#/search?q=waterfall');
      const before = await tilesShown(page);
      await own.stop();
      const banner = page.locator('.banner');
      await banner.waitFor();
      check((await banner.innerText()).includes('does not answer'), 'says so');
      same((await tilesShown(page)).length, before.length, 'what is there stays');
      await own.start();
      await banner.waitFor({ state: 'hidden', timeout: 30_000 });
      await page.getByRole('searchbox').fill('the sea');
      await page.getByRole('searchbox').press('Enter');
      await until(async () => (await tilesShown(page))[0] !== before[0], 'goes on');
      await close();
    } finally {
      await own.stop();
    }
  },

  'asks for the token': async ({ browser, fovea, library, scratch }) => {
    const file = join(scratch, 'token');
    writeFileSync(file, 'correct-horse-battery\n', { mode: 0o600 });
    const own = new Server(fovea, library, await freePort(), [
      '--model',
      'demo',
      '--token-file',
      file,
    ]);
    await own.start();
    try {
      const { page, go, close } = await openPage(browser, {
        url: own.url,
        quiet: [/status of 401/],
      });
      await go('');
      const field = page.getByLabel(/The token/);
      await field.waitFor();
      await field.fill('wrong');
      await page.keyboard.press('Enter');
      await page.getByText('That is not the token.').waitFor();
      same(await page.locator('.tile').count(), 0, 'nothing is seen before');
      await field.fill('correct-horse-battery');
      await page.keyboard.press('Enter');
      await tilesShown(page);
      await until(
        () =>
          page
            .locator('.tile-image')
            .first()
            .evaluate((image) => image.naturalWidth > 0),
        'thumbnails',
      );
      same(await page.evaluate(() => document.cookie), '', 'no script sees the cookie');
      await page.reload();
      await tilesShown(page);
      await close();
    } finally {
      await own.stop();
    }
  },

  'an empty library says what to do, and fills': async ({ browser, server }) => {
    const { page, go, close } = await openPage(browser, {
      url: server.url,
    });
    const real = await api(server, 'GET', '/api/v1/status');
    const status = {
      ...real,
      library: { ...real.library, photos: 0, files: 0, labelled: 0 },
    };
    await page.route('**/api/v1/status', (route) => route.fulfill({ json: status }));
    await page.route('**/api/v1/events', (route) =>
      route.fulfill({
        contentType: 'text/event-stream',
        body: `event: status\ndata: ${JSON.stringify({ library: status.library, indexing: { ...real.indexing, running: true, photos: 0, added: 0, per_second: 12, since_s: 3 } })}\n\n`,
      }),
    );
    await page.route('**/api/v1/photos?*', (route) =>
      route.fulfill({
        json: { total: 0, limit: 1000, offset: 0, photos: [] },
      }),
    );
    await go('');
    await page.getByText(/No photographs yet|on their way/).waitFor();
    await close();
  },

  'who indexes a shared library is shown': async ({ browser, server }) => {
    const { page, go, close } = await openPage(browser, {
      url: server.url,
    });
    const real = await api(server, 'GET', '/api/v1/status');
    same(real.indexing.indexers, [], 'nobody indexes this library');
    const indexer = { since_s: 60, silent_s: 1, in_hand: 8, found: 9000, failed: 0 };
    const indexing = {
      running: true,
      photos: real.library.photos,
      added: 0,
      per_second: null,
      since_s: 3,
      indexers: [
        { ...indexer, host: 'attic', pid: 71, todo: 5000, done: 1200 },
        { ...indexer, host: '<b>nas</b>', pid: 72, todo: 4000, done: 0 },
      ],
    };
    await page.route('**/api/v1/events', (route) =>
      route.fulfill({
        contentType: 'text/event-stream',
        body: `event: status\ndata: ${JSON.stringify({ library: real.library, indexing })}\n\n`,
      }),
    );
    await go('');
    const shown = page.locator('.indexing');
    await shown.filter({ hasText: 'Indexing by 2' }).waitFor();
    same(
      await shown.getAttribute('title'),
      'attic, process 71: 1,200 of its 5,000 files done, 8 in hand\n' +
        '<b>nas</b>, process 72: 0 of its 4,000 files done, 8 in hand',
      'what each has done',
    );
    await close();
  },

  'an error is shown, and can be tried again': async ({ browser, server }) => {
    const { page, go, close } = await openPage(browser, {
      url: server.url,
      quiet: [/status of 503/],
    });
    let fail = true;
    await page.route('**/api/v1/search', (route) =>
      fail
        ? route.fulfill({
            status: 503,
            json: {
              detail: 'the library cannot be read <i>at present</i>',
            },
          })
        : route.continue(),
    );
    await go('#/search?q=waterfall');
    await page.getByText('the library cannot be read <i>at present</i>').waitFor();
    fail = false;
    await page.getByRole('button', { name: 'Try again' }).click();
    await tilesShown(page);
    await close();
  },
};
