// SPDX-License-Identifier: MIT
//
// The full view: opened, moved through by keys, left.
import { api, check, openPage, same, tilesShown, until } from './harness.mjs';

const shown = (page) =>
  page.evaluate(() => Number(new URLSearchParams(location.hash.split('?')[1] ?? '').get('photo')));

export const tests = {
  'arrow keys, details, Escape': async ({ browser, server }) => {
    const { page, go, close } = await openPage(browser, {
      url: server.url,
    });
    await go('#/search?q=waterfall');
    const ids = await tilesShown(page);
    await page.locator('.tile-open').first().focus();
    await page.keyboard.press('Enter');
    const dialog = page.locator('dialog.viewer');
    await dialog.waitFor();
    same(await shown(page), ids[0], 'the first');
    const detail = await api(server, 'GET', `/api/v1/photos/${ids[0]}`);
    await page.getByRole('heading', { name: detail.photo.name, exact: true }).waitFor();
    check((await dialog.innerText()).includes(detail.paths[0]), 'where it lies');
    check(
      (await dialog.innerText()).includes(`${detail.photo.width} × ${detail.photo.height}`),
      'its size',
    );
    await page.keyboard.press('ArrowRight');
    await page.keyboard.press('ArrowRight');
    await until(async () => (await shown(page)) === ids[2], 'the third');
    await page.keyboard.press('ArrowLeft');
    await until(async () => (await shown(page)) === ids[1], 'the second');
    await until(
      async () =>
        dialog
          .locator('.viewer-image')
          .evaluate((image) => image.complete && image.naturalWidth > 0),
      'the picture',
    );
    await page.keyboard.press('i');
    check(await page.locator('.viewer-panel').isHidden(), 'i hides the details');
    await page.keyboard.press('i');
    await page.keyboard.press('Escape');
    await dialog.waitFor({ state: 'hidden' });
    await until(async () => (await shown(page)) === 0, 'the address'); // follows a moment later
    same(
      await page.evaluate(() => Number(document.activeElement.closest('.tile')?.dataset.id)),
      ids[1],
      'the focus is on the photograph that was open',
    );
    await close();
  },

  'back closes it': async ({ browser, server }) => {
    const { page, go, close } = await openPage(browser, {
      url: server.url,
    });
    await go('#/search?q=waterfall');
    await tilesShown(page);
    await page.locator('.tile-open').nth(2).click();
    await page.locator('dialog.viewer').waitFor();
    await page.goBack();
    await page.locator('dialog.viewer').waitFor({ state: 'hidden' });
    check(
      (await page.evaluate(() => location.hash)).includes('q=waterfall'),
      'still at the search',
    );
    await close();
  },

  'a link opens it': async ({ browser, server }) => {
    const { page, go, close } = await openPage(browser, {
      url: server.url,
    });
    const { photos } = await api(server, 'GET', '/api/v1/photos?limit=5');
    await go(`#/search?photo=${photos[3].id}`);
    await page.getByRole('heading', { name: photos[3].name, exact: true }).waitFor();
    await until(
      async () => (await page.locator('.viewer-position').innerText()).startsWith('4 of'),
      'its place in the list',
    );
    await close();
  },

  'more like this, from within': async ({ browser, server }) => {
    const { page, go, close } = await openPage(browser, {
      url: server.url,
    });
    await go('#/search?q=waterfall');
    const [first] = await tilesShown(page);
    await page.locator('.tile-open').first().click();
    await page.locator('.similar-tile').first().waitFor();
    await page.keyboard.press('m');
    await page.locator('dialog.viewer').waitFor({ state: 'hidden' });
    await until(
      async () => (await page.evaluate(() => location.hash)).includes(`like=${first}`),
      'the search for it',
    );
    await close();
  },

  'the grid by keys alone': async ({ browser, server }) => {
    const { page, go, close } = await openPage(browser, {
      url: server.url,
    });
    await go('#/search?q=the+sea');
    const ids = await tilesShown(page);
    await page.locator('.tile-open').first().focus();
    const focused = () =>
      page.evaluate(() => Number(document.activeElement.closest('.tile')?.ariaPosInSet));
    await page.keyboard.press('ArrowRight');
    same(await focused(), 2, 'right');
    await page.keyboard.press('ArrowDown');
    check((await focused()) > 2, 'down');
    await page.keyboard.press('End');
    const last = await focused();
    check(last > ids.length / 2, `end (${last})`);
    check(
      await page.evaluate(
        () => document.activeElement.getBoundingClientRect().bottom <= innerHeight,
      ),
      'in sight',
    );
    await page.keyboard.press('Home');
    same(await focused(), 1, 'home');
    await close();
  },
};
